#!/usr/bin/env python3
"""Write ``base/prometheusrule.yaml`` from the rules of ``deploy/prometheus``.

``--check`` says whether it is current.
"""

import argparse
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
RULES = HERE.parent / "prometheus"
MADE = HERE / "base" / "prometheusrule.yaml"
_BANNER = (
    "# Made by deploy/kubernetes/build.py from deploy/prometheus/*.rules.yaml; change those.\n"
)
_HEAD = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule"}


def render() -> str:
    """Give the manifest."""
    groups = [
        group
        for name in ("recording", "alerts")
        for group in yaml.safe_load((RULES / f"{name}.rules.yaml").read_text("utf-8"))["groups"]
    ]
    made = {**_HEAD, "metadata": {"name": "bbu-agent"}, "spec": {"groups": groups}}
    return _BANNER + yaml.safe_dump(made, sort_keys=False, width=100)


def main() -> int:
    """Write or check the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 if the file is not current")
    if parser.parse_args().check:
        if MADE.exists() and MADE.read_text("utf-8") == render():
            return 0
        sys.stderr.write(f"{MADE} is not current; run {__file__}\n")
        return 1
    MADE.write_text(render(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
