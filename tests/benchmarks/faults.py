"""Finds the faults of ``faults.yaml`` in simulated modules: what, when, and what else.

Run ``python tests/benchmarks/faults.py`` from the checkout; two minutes on one core.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from agent.health.engine import HealthEngine
from agent.health.verdict import Raised
from agent.replay.meta import read_meta
from agent.replay.telemetry import read_telemetry

SCENARIO = Path(__file__).with_name("faults.yaml")
YEARS = 4
DAY_S = 86400.0


def raised(folder: Path) -> Iterator[Raised]:
    """Run one recorded module through the engine and give its alarms."""
    meta = read_meta(folder / "meta.json")
    telemetry = read_telemetry(next(folder.glob("telemetry*")), meta.charge_sign)
    engine = HealthEngine(meta.battery, cells=telemetry.cells)
    for number, observation in enumerate(telemetry.observations):
        if number == 0:
            engine.commission(observation.time_s)
        engine.observe(observation)
    yield from engine.raised


def main() -> None:
    """Print a table of what was found."""
    click.echo("| module | fault | reasons, days after its onset |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as out:
        command = [str(Path(sys.executable).parent / "bbu-sim"), "history", str(SCENARIO)]
        arguments = ["--years", str(YEARS), "--out", out]
        subprocess.run([*command, *arguments], check=True, capture_output=True)
        for folder in sorted(path.parent for path in Path(out).glob("*/meta.json")):
            faults = json.loads((folder / "truth_faults.json").read_text())
            onset_s = faults[0]["onset_time_s"] if faults else 0.0
            truth = ", ".join(f"{f['kind']} {f['cell'] or ''}".strip() for f in faults) or "none"
            found = ", ".join(
                f"{one.code} {one.cell or ''}".strip()
                + (f" {(one.time_s - onset_s) / DAY_S:.0f}" if faults else "")
                for one in raised(folder)
            )
            click.echo(f"| {folder.name} | {truth} | {found or 'none'} |")


if __name__ == "__main__":
    main()
