"""Scores the estimator on the development data beside the checkout, as Markdown tables.

Run ``python tests/benchmarks/accuracy.py`` from the checkout. Every module is replayed twice:
by the filter, and by the ageing prior alone. The truth goes to the scorer only.
"""

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

ROOT = Path(__file__).parents[2]
DATA = ROOT / ".." / "shared" / "soh"
COLUMNS = {
    "soh_q_mae_pp": "SoH MAE",
    "soh_q_p95_pp": "p95",
    "soh_q_cov90": "cover %",
    "soh_q_width_pp": "width",
    "soh_r_mae_pct": "R MAE %",
    "soh_r_cov90": "R cover %",
    "ride_mape_pct": "ride MAPE %",
    "ride_cov90": "ride cover %",
    "false_alarm_cells": "false alarms",
}


def score(module: Path, out: Path, *flags: str) -> dict[str, object]:
    """Replay ``module`` into ``out`` and give what the scorer says."""
    start = "from agent.cli.replay import replay; replay()"
    command = [sys.executable, "-c", start, str(module / "telemetry.parquet")]
    arguments = ["--meta", str(module / "meta.json"), "--out", str(out), *flags]
    subprocess.run([*command, *arguments], check=True, cwd=ROOT)
    scorer = [sys.executable, str(DATA / "score.py"), str(module), str(out)]
    found = subprocess.run(scorer, check=True, capture_output=True, text=True)
    answer: dict[str, object] = json.loads(found.stdout)
    return answer


def print_table(title: str, rows: dict[str, dict[str, object]]) -> None:
    """Print one Markdown table with the mean of every column below."""
    click.echo(f"\n{title}\n")
    click.echo(f"| module | {' | '.join(COLUMNS.values())} | faults: days to the alarm |")
    click.echo("|---|" + "---|" * (len(COLUMNS) + 1))
    for name, row in rows.items():
        faults = row["faults"] if isinstance(row["faults"], list) else []
        text = ", ".join(
            f"{f['kind']} {f['cell']}: {'missed' if f['delay_d'] is None else f['delay_d']}"
            for f in faults
        )
        numbers = " | ".join(str(row.get(k, "")) for k in COLUMNS)
        click.echo(f"| {name} | {numbers} | {text} |")
    means = []
    for key in COLUMNS:
        values = [v for r in rows.values() if isinstance(v := r.get(key), int | float)]
        means.append(f"{sum(values) / len(values):.2f}" if values else "")
    click.echo(f"| **mean** | {' | '.join(means)} | |")


def main() -> None:
    """Replay and score every development module."""
    folder = DATA / "dev" / "bbusim"
    if not folder.is_dir():
        sys.exit(f"{folder} is not there: the development data is optional")
    modules = sorted(path for path in folder.iterdir() if path.is_dir())
    for title, flags in (("The filter", ()), ("The prior alone", ("--prior-only",))):
        with tempfile.TemporaryDirectory() as out, ThreadPoolExecutor(2) as pool:
            jobs = {
                module.name: pool.submit(score, module, Path(out) / module.name, *flags)
                for module in modules
            }
            print_table(title, {name: job.result() for name, job in jobs.items()})


if __name__ == "__main__":
    main()
