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
from agent.replay.sources import CUT
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
    warn: Callable[[str], None] = lambda _text: None,
) -> Report:
    """Run the engine over ``telemetry``; ``warn`` takes what is strange about the files.

    Raises ConfigError with what is wrong with them.
    """
    about = read_meta(meta, cells)
    recorded = read_telemetry(telemetry, about.charge_sign, about.battery.series)
    for note in (*about.notes, *recorded.notes):
        warn(note)
    engine = HealthEngine(about.battery, cells=recorded.cells, prior_only=prior_only)
    if meta is None:
        warn(_assumed(telemetry, engine))
    loads, quality = LoadLog(engine.capacity_ah), Quality(engine.capacity_ah)
    with progress(recorded) as show:
        rows = _watched(recorded.observations, quality)
        tables = replay(engine, rows, every_s=every_s, loads=loads, progress=show)
    refused = quality.refused()
    if refused is not None:
        raise ConfigError(f"{telemetry}: {refused}{_cut(recorded)}")
    complaint = quality.complaint(recorded.faults[CUT])
    if complaint is not None:
        warn(f"{telemetry}: {complaint}")
    health = engine.health(engine.now_s)
    inputs = [*_files(telemetry, meta), *_facts(about, engine)]
    return Report(about.name, engine, tables, health, quality, loads, inputs)


def _assumed(telemetry: Path, engine: HealthEngine) -> str:
    """Say what stands for what META would have told."""
    battery = engine.battery
    near = telemetry.parent / "meta.json"
    beside = f" ({near} is read with --meta only)" if near.is_file() else ""
    return (
        f"{telemetry}: no META{beside}: assumed are current positive when charging, "
        f"{engine.capacity_ah:g} Ah, cells of the type {engine.kind.name} that were new at the "
        f"first row, {battery.required_seconds:g} s required; no rated power, so no ride-through"
    )


def _cut(recorded: Telemetry) -> str:
    cut = recorded.faults[CUT]
    return f"; {cut:,} rows have more or fewer fields than the header" if cut else ""


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
