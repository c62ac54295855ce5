#!/usr/bin/env python3
"""Build the rule files for Prometheus from ``source/`` and ``thresholds.yaml``.

In the sources ``@name@`` stands for a threshold, a setting, or a piece of text or PromQL
under ``pieces``. Every alert gets its severity as a label and the link to its runbook.

Without options it writes the committed files; ``--check`` says whether they are current.
``--out`` and ``--times`` make a copy with all waiting times multiplied, for tests.
"""

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
ALERTS_PAGE = HERE.parents[1] / "docs" / "alerts.md"
RULES = {"recording": "recording.rules.yaml", "alerts": "alerts.rules.yaml"}

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")
_WINDOW = re.compile(r"\[(\d+(?:ms|s|m|h|d))\]")
_NAME = re.compile(r"@(\w+)@")
_LINE = 90
# A window over less than a few scrapes of a test holds nothing to compare.
_LEAST_WINDOW_S, _LEAST_WAIT_S = 4.0, 1.0
_BANNER = "# Made by deploy/prometheus/build.py from source/ and thresholds.yaml; change those.\n"

Rule = dict[str, Any]


class _Folded(yaml.SafeDumper):
    """Writes long texts as blocks, so that expressions can be read."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = "|" if "\n" in value else ">" if len(value) > _LINE else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Folded.add_representer(str, _text)


def read(path: Path) -> Any:  # noqa: ANN401 - YAML of ours
    """Read a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def words(runbooks: str | None, pieces: Mapping[str, str]) -> dict[str, str]:
    """Give what every ``@name@`` stands for."""
    constants = read(HERE / "thresholds.yaml")
    found = {name: str(entry["value"]) for name, entry in constants["thresholds"].items()}
    found |= {name: str(value) for name, value in constants["settings"].items()}
    if runbooks is not None:
        found["runbooks"] = runbooks
    return found | {name: text.strip() for name, text in pieces.items()}


def filled(text: str, known: Mapping[str, str]) -> str:
    """Put in what the names in ``text`` stand for; an unknown name is a ``KeyError``."""
    while _NAME.search(text):
        text = _NAME.sub(lambda found: known[found[1]], text)
    return text.strip()


def shortened(duration: str, times: float, least_s: float) -> str:
    """Multiply a duration; what was not 0 stays at least ``least_s`` seconds."""
    number, unit = _DURATION.fullmatch(duration).groups()  # type: ignore[union-attr]
    if times == 1 or number == "0":
        return duration
    return f"{max(least_s, int(number) * _SECONDS[unit] * times) * 1000:.0f}ms"


def _expression(text: str, known: Mapping[str, str], times: float) -> str:
    return _WINDOW.sub(
        lambda found: f"[{shortened(found[1], times, _LEAST_WINDOW_S)}]", filled(text, known)
    )


def alert(source: Rule, known: Mapping[str, str], times: float) -> Rule:
    """Make one alert: waiting times, labels, texts and the link to its runbook."""
    made: Rule = {
        "alert": source["alert"],
        "expr": _expression(source["expr"], known, times),
    }
    for key in ("for", "keep_firing_for"):
        if key in source:
            made[key] = shortened(source[key], times, _LEAST_WAIT_S)
    made["labels"] = {"severity": source["severity"]}
    made["annotations"] = {
        "summary": source["summary"],
        "description": " ".join(filled(source["description"], known).split()),
        "runbook_url": f"{known['runbooks']}{source['alert']}.md",
    }
    return made


def record(source: Rule, known: Mapping[str, str], times: float) -> Rule:
    """Make one recording rule."""
    return {"record": source["record"], "expr": _expression(source["expr"], known, times)}


def render(kind: str, times: float = 1.0, runbooks: str | None = None) -> str:
    """Give the rule file of ``kind``, "recording" or "alerts"."""
    content = read(HERE / "source" / f"{kind}.yaml")
    known = words(runbooks, content.get("pieces", {}))
    make = alert if kind == "alerts" else record
    groups = [
        {"name": name, "rules": [make(rule, known, times) for rule in rules]}
        for name, rules in content["groups"].items()
    ]
    return _BANNER + yaml.dump({"groups": groups}, Dumper=_Folded, sort_keys=False, width=100)


def page() -> str:
    """Give ``docs/alerts.md``: what every alert is about, with its threshold in words."""
    constants = read(HERE / "thresholds.yaml")["thresholds"]
    lines = [
        "# Alerts\n",
        "Made by `deploy/prometheus/build.py`; a test checks that it is current. What to do",
        "stands in the runbook of each alert. `critical` pages somebody at any hour, `warning`",
        "opens a ticket, `info` goes into a digest; see",
        "[alertmanager.yml](../deploy/alertmanager/alertmanager.yml).\n",
    ]
    content = read(HERE / "source" / "alerts.yaml")
    for name, rules in content["groups"].items():
        lines += [f"## {name.removeprefix('bbu-').capitalize()}\n"]
        lines += ["| alert | severity | after | meaning |", "|---|---|---|---|"]
        lines += [
            f"| [{rule['alert']}](runbooks/{rule['alert']}.md) | {rule['severity']} "
            f"| {rule.get('for', 'at once')} | {rule['summary']} |"
            for rule in rules
        ]
        lines.append("")
    lines += ["## Thresholds\n", "From `deploy/prometheus/thresholds.yaml`.\n"]
    lines += ["| threshold | value | why |", "|---|---|---|"]
    lines += [
        f"| `{name}` | {entry['value']} | {entry['why']} |" for name, entry in constants.items()
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write or check the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 if a file is not current")
    parser.add_argument("--out", type=Path, help="folder for the rule files instead of this one")
    parser.add_argument("--times", type=float, default=1.0, help="factor on all waiting times")
    parser.add_argument("--runbooks", help="URL under which the runbooks are, with a slash")
    wanted = parser.parse_args()
    folder = HERE if wanted.out is None else wanted.out
    files = {
        folder / name: render(kind, wanted.times, wanted.runbooks) for kind, name in RULES.items()
    }
    if wanted.out is None:
        files[ALERTS_PAGE] = page()
    if wanted.check:
        stale = [path for path, text in files.items() if path.read_text("utf-8") != text]
        sys.stderr.writelines(f"{path} is not current; run {__file__}\n" for path in stale)
        return 1 if stale else 0
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
