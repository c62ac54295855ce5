"""Writes what ``replay`` found. Every function raises ConfigError when a file cannot be written."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path

from agent.errors import ConfigError
from agent.health.engine import HealthEngine
from agent.replay.loads import LoadLog
from agent.replay.run import Row, Tables, course


def write_tables(tables: Tables, out: Path, required_s: float) -> None:
    """Write the CSV files into ``out``."""
    soh = "time_s cell soh_q soh_q_lo soh_q_hi soh_r soh_r_lo soh_r_hi"
    ride = f"time_s power_w p_ok_{required_s:.0f}s t_med_s t_lo_s t_hi_s"
    forecast = "time_s cell target_time_s soh_q lo hi"
    make_folder(out)
    write_csv(out / "soh.csv", soh.split(), tables.soh)
    write_csv(out / "alarms.csv", ["time_s", "cell", "kind", "text"], tables.alarms)
    write_csv(out / "ride.csv", ride.split(), tables.ride)
    write_csv(out / "forecast.csv", forecast.split(), tables.forecast)


def write_state(
    state_dir: Path, unit: str, engine: HealthEngine, loads: LoadLog, tables: Tables
) -> None:
    """Leave the engine's state, its course and the unit's events for the agent to import."""
    content = {
        "unit": unit,
        "saved_at": engine.now_s,
        "state": engine.state(),
        "events": loads.events,
        "course": course(tables),
    }
    folder = state_dir / "import"
    make_folder(folder)
    # Whole or not at all: the agent may look at any moment.
    part = folder / f".{unit}.json.part"
    write_text(part, json.dumps(content, allow_nan=False) + "\n")
    try:
        part.replace(folder / f"{unit}.json")
    except OSError as error:
        raise _refused(folder / f"{unit}.json", "written", error) from error


def make_folder(folder: Path) -> None:
    """Make ``folder`` with what leads to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(folder, "made", error) from error


def write_csv(path: Path, names: list[str], rows: Iterable[Row]) -> None:
    """Write a table with its names on top."""
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(names)
            writer.writerows(rows)
    except OSError as error:
        raise _refused(path, "written", error) from error


def write_text(path: Path, text: str) -> None:
    """Write a text."""
    try:
        # A file's name may be no text.
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise _refused(path, "written", error) from error


def _refused(path: Path, what: str, error: OSError) -> ConfigError:
    return ConfigError(f"{path}: cannot be {what}: {error.strerror}; name another folder")
