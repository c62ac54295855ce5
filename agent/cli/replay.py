"""``bbu-agent replay``: the daemon's estimator over a recorded file."""

import csv
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from agent.config.cells import read_cells
from agent.errors import ConfigError
from agent.health.engine import HealthEngine
from agent.replay.loads import LoadLog
from agent.replay.meta import Meta, read_meta
from agent.replay.page import page
from agent.replay.run import Row, Tables, course
from agent.replay.run import replay as run_replay
from agent.replay.telemetry import Telemetry, read_telemetry

_UNITS_S = {"h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([hd])$")
_UNIT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*$")
_EACH = 500


def duration_s(_ctx: click.Context, _param: click.Parameter, value: str) -> float:
    """Seconds of a time like 15d or 12h."""
    found = _DURATION.match(value.strip())
    if found is None or float(found[1]) <= 0.0:
        raise click.BadParameter(f"{value!r} is no duration such as 15d or 12h")
    return float(found[1]) * _UNITS_S[found[2]]


def unit_name(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """A unit's name that can be a file's name."""
    if value is not None and not _UNIT_NAME.match(value):
        raise click.BadParameter(f"{value!r}: letters, digits, dot, dash and underscore only")
    return value


@click.command(name="replay")
@click.argument("telemetry", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--meta",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What is known of the unit, as JSON.",
)
@click.option(
    "--cells",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file with the types of cells that META names, such as a configuration.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for soh.csv, alarms.csv, ride.csv, forecast.csv and report.html.",
)
@click.option(
    "--every",
    callback=duration_s,
    default="15d",
    show_default=True,
    help="Time between two rows of a cell.",
)
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Leave what was learnt where the agent of this state directory takes it in.",
)
@click.option("--unit", callback=unit_name, help="The unit's name there.")
@click.option("--prior-only", is_flag=True, help="Ignore all evidence (a benchmark).")
def replay(
    telemetry: Path,
    meta: Path | None,
    cells: Path | None,
    out: Path,
    every: float,
    state_dir: Path | None,
    unit: str | None,
    *,
    prior_only: bool,
) -> None:
    """Estimate the health of a recorded unit, strictly from past to future.

    TELEMETRY is CSV (also in gzip) or Parquet, one row for each instant.
    """
    if (state_dir is None) != (unit is None):
        raise click.UsageError("--state-dir and --unit belong together")
    try:
        about = read_meta(meta, read_cells(cells))
        recorded = read_telemetry(telemetry, about.charge_sign)
        engine = HealthEngine(about.battery, cells=recorded.cells, prior_only=prior_only)
        loads = LoadLog(engine.capacity_ah)
        with progress_bar(recorded) as progress:
            tables = run_replay(
                engine, recorded.observations, every_s=every, loads=loads, progress=progress
            )
        _write_all(out, about, engine, tables)
        if state_dir is not None and unit is not None:
            write_state(state_dir, unit, engine, loads, tables)
    except ConfigError as error:
        click.echo(f"bbu-agent replay: {error}", err=True)
        sys.exit(2)


@contextmanager
def progress_bar(recorded: Telemetry) -> Iterator[Callable[[int], None]]:
    """Show progress on stderr when that is a terminal; give what to call with the rows done."""
    if not sys.stderr.isatty():
        yield lambda _rows: None
        return
    length = recorded.rows or recorded.guessed_rows
    with click.progressbar(length=length, label="replay", file=sys.stderr) as bar:

        def show(rows: int) -> None:
            if rows % _EACH == 0:
                bar.update(_EACH)

        yield show


def _write_all(out: Path, about: Meta, engine: HealthEngine, tables: Tables) -> None:
    write_tables(tables, out, about.battery.required_seconds)
    health = engine.health(engine.now_s)
    _write_text(out / "report.html", page(about.name, engine, tables, health))


def write_tables(tables: Tables, out: Path, required_s: float) -> None:
    """Write the CSV files into ``out``. Raises ConfigError when that cannot be done."""
    soh = "time_s cell soh_q soh_q_lo soh_q_hi soh_r soh_r_lo soh_r_hi"
    ride = f"time_s power_w p_ok_{required_s:.0f}s t_med_s t_lo_s t_hi_s"
    forecast = "time_s cell target_time_s soh_q lo hi"
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write_csv(out / "soh.csv", soh.split(), tables.soh)
        _write_csv(out / "alarms.csv", ["time_s", "cell", "kind", "text"], tables.alarms)
        _write_csv(out / "ride.csv", ride.split(), tables.ride)
        _write_csv(out / "forecast.csv", forecast.split(), tables.forecast)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error}") from error


def write_state(
    state_dir: Path, unit: str, engine: HealthEngine, loads: LoadLog, tables: Tables
) -> None:
    """Leave the engine's state, its course and the unit's events for the agent to import."""
    content = {
        "unit": unit,
        "saved_at": engine.now_s,
        "state": engine.state(),
        "events": loads.events,
        "course": course(tables, engine.cells),
    }
    folder = state_dir / "import"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made: {error}") from error
    # Whole or not at all: the agent may look at any moment.
    part = folder / f".{unit}.json.part"
    _write_text(part, json.dumps(content, allow_nan=False) + "\n")
    part.replace(folder / f"{unit}.json")


def _write_csv(path: Path, names: list[str], rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)


def _write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error}") from error
