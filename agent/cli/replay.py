"""``bbu-agent replay``: the daemon's estimator over a recorded file."""

import csv
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from agent.errors import ConfigError
from agent.health.engine import HealthEngine
from agent.replay.meta import read_meta
from agent.replay.run import Row, Tables
from agent.replay.run import replay as run_replay
from agent.replay.telemetry import read_telemetry

_UNITS_S = {"h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([hd])$")


def duration_s(_ctx: click.Context, _param: click.Parameter, value: str) -> float:
    """Seconds of a time like 15d or 12h."""
    found = _DURATION.match(value.strip())
    if found is None or float(found[1]) <= 0.0:
        raise click.BadParameter(f"{value!r} is no duration such as 15d or 12h")
    return float(found[1]) * _UNITS_S[found[2]]


@click.command(name="replay")
@click.argument("telemetry", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--meta", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--every", callback=duration_s, default="15d", show_default=True)
@click.option("--prior-only", is_flag=True, help="Ignore all evidence (a benchmark).")
def replay(
    telemetry: Path, meta: Path | None, out: Path, every: float, *, prior_only: bool
) -> None:
    """Estimate the health of a recorded unit, strictly from past to future."""
    try:
        about = read_meta(meta)
        recorded = read_telemetry(telemetry, about.charge_sign)
        engine = HealthEngine(about.battery, cells=recorded.cells, prior_only=prior_only)
        tables = run_replay(engine, recorded.observations, every_s=every)
        write_tables(tables, out, about.battery.required_seconds)
    except ConfigError as error:
        click.echo(f"bbu-agent replay: {error}", err=True)
        sys.exit(2)


def write_tables(tables: Tables, out: Path, required_s: float) -> None:
    """Write the CSV files into ``out``."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        soh = "time_s cell soh_q soh_q_lo soh_q_hi soh_r soh_r_lo soh_r_hi"
        _write(out / "soh.csv", soh.split(), tables.soh)
        _write(out / "alarms.csv", ["time_s", "cell", "kind", "text"], tables.alarms)
        ok = f"p_ok_{required_s:.0f}s"
        _write(
            out / "ride.csv", ["time_s", "power_w", ok, "t_med_s", "t_lo_s", "t_hi_s"], tables.ride
        )
        forecast = ["time_s", "cell", "target_time_s", "soh_q", "lo", "hi"]
        _write(out / "forecast.csv", forecast, tables.forecast)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error}") from error


def _write(path: Path, names: list[str], rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)
