"""One recorded unit from its files to a report."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path

from agent import __version__
from agent.config.cells import CellFacts
from agent.errors import ConfigError
from agent.health.engine import HealthEngine, Observation
from agent.model import Battery
from agent.replay.loads import LoadLog
from agent.replay.markup import date
from agent.replay.meta import Meta, read_meta
from agent.replay.page import Report
from agent.replay.quality import Quality
from agent.replay.run import replay
from agent.replay.telemetry import Telemetry, read_telemetry

Progress = Callable[[Telemetry], AbstractContextManager[Callable[[int], None]]]

_CHUNK = 1 << 20
_WORDS = {
    "chemistry": "Chemistry",
    "series": "Cells in series",
    "parallel": "Cells in parallel",
    "rated_capacity_ah": "Rated capacity, Ah",
    "rated_power_w": "Rated power, W",
    "required_seconds": "Required time, s",
    "cell_cutoff_v": "Cell at cut-off, V",
    "cell_float_v": "Cell in standby, V",
    "cell_max_v": "Cell at most, V",
    "resistance_ohm": "Resistance of a new series cell, ohm",
    "ocv": "Open-circuit curve",
    "balance_current_a": "Current of the balancer, A",
    "voltage_step_v": "Step of the voltages, V",
    "current_step_a": "Step of the current, A",
    "temperature_step_c": "Step of the temperatures, K",
    "commissioned_s": "Commissioned",
    "lot": "Lot",
    "cell": "Type of the library",
    "resistance_by_soc": "Resistance over charge",
}
_SHOWN_HASH = 16


def replay_once(
    telemetry: Path,
    meta: Path | None,
    cells: Mapping[str, CellFacts],
    *,
    every_s: float,
    progress: Progress,
    prior_only: bool = False,
) -> Report:
    """Run the engine over ``telemetry``. Raises ConfigError with what is wrong with the files."""
    about = read_meta(meta, cells)
    recorded = read_telemetry(telemetry, about.charge_sign)
    engine = HealthEngine(about.battery, cells=recorded.cells, prior_only=prior_only)
    loads, quality = LoadLog(engine.capacity_ah), Quality()
    with progress(recorded) as show:
        rows = _watched(recorded.observations, quality)
        tables = replay(engine, rows, every_s=every_s, loads=loads, progress=show)
    health = engine.health(engine.now_s)
    inputs = [*_files(telemetry, meta), *_facts(about, engine)]
    return Report(about.name, engine, tables, health, quality, loads, inputs)


def _watched(rows: Iterator[Observation], quality: Quality) -> Iterator[Observation]:
    for row in rows:
        quality.watch(row)
        yield row


def _files(telemetry: Path, meta: Path | None) -> list[tuple[str, str]]:
    """Name the files so that anybody can tell that they are the same."""
    told = "none: nothing is known of the unit" if meta is None else f"{meta.name}, {_hash(meta)}"
    return [
        ("Telemetry", f"{telemetry.name}, {_hash(telemetry)}"),
        ("META", told),
        ("Made by", f"bbu-agent {__version__}"),
    ]


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    return f"SHA-256 {digest.hexdigest()[:_SHOWN_HASH]}…"


def _facts(about: Meta, engine: HealthEngine) -> list[tuple[str, str]]:
    """Tell what the estimator was told of the battery, and what it took by itself."""
    sign = "charge positive" if about.charge_sign > 0 else "discharge positive"
    known = [("Current in the file", sign), ("Cell type", engine.kind.name)]
    for field in fields(Battery):
        value = getattr(about.battery, field.name)
        if value is None:
            text = "not told"
        elif isinstance(value, tuple):
            text = f"{len(value)} points"
        elif field.name == "commissioned_s":
            text = date(value)
        else:
            text = f"{value:g}" if isinstance(value, float) else str(value)
        if value is None and field.name == "commissioned_s":
            text = "not told: held for new at the first row"
        known.append((_WORDS.get(field.name, field.name), text))
    return known
