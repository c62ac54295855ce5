"""Reads recorded telemetry (CSV, CSV in gzip, Parquet) as observations in file order."""

import csv
import gzip
import importlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import ConfigError
from agent.health.engine import Observation

_CELL = re.compile(r"v\d+$")
_SENSOR = re.compile(r"t.+_c$")
_AMBIENT = "tamb_c"
_BATCH = 8192
_ROW_BYTES, _ROW_BYTES_GZ = 160, 30
_PHASES = frozenset({"standby", "charge", "discharge", "selftest", "rest"})

Column = list[Any]


@dataclass(frozen=True, slots=True)
class Telemetry:
    """A recorded file: its cells in order, its number of rows if known, and its rows.

    ``guessed_rows`` serves a progress bar where the number is not known.
    """

    cells: tuple[str, ...]
    rows: int | None
    observations: Iterator[Observation]
    guessed_rows: int


def read_telemetry(path: Path, charge_sign: float) -> Telemetry:
    """Open ``path``; ``charge_sign`` makes its current positive when charging.

    Raises ConfigError when the file cannot be read or lacks a column.
    """
    try:
        if path.suffix == ".parquet":
            names, rows, batches = _parquet(path)
        else:
            names, rows, batches = _csv(path)
        columns = _columns(path, names)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    cells = tuple(str(int(name[1:])) for name in columns.cells)
    guess = path.stat().st_size // (_ROW_BYTES_GZ if path.suffix == ".gz" else _ROW_BYTES)
    return Telemetry(cells, rows, _observations(batches, columns, charge_sign), guess)


@dataclass(frozen=True, slots=True)
class _Columns:
    cells: list[str]
    sensors: list[str]
    names: frozenset[str]


def _columns(path: Path, names: list[str]) -> _Columns:
    cells = sorted((n for n in names if _CELL.match(n)), key=lambda n: int(n[1:]))
    missing = [n for n in ("time_s", "current_a") if n not in names]
    if missing or not cells:
        lacking = ", ".join([*missing, *([] if cells else ["v01"])])
        raise ConfigError(
            f"{path}: lacks the columns {lacking}; docs/replay.md names those of a recording"
        )
    sensors = [n for n in names if _SENSOR.match(n) and n != _AMBIENT]
    return _Columns(cells, sensors, frozenset(names))


def _csv(path: Path) -> tuple[list[str], int | None, Iterator[dict[str, Column]]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        names = next(csv.reader(file), [])
    return names, None, _csv_batches(path, names)


def _csv_batches(path: Path, names: list[str]) -> Iterator[dict[str, Column]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader, None)
        batch: list[list[str]] = []
        for row in reader:
            if row:
                # A row that was cut has no time that could be trusted; it is counted as such.
                batch.append(row if len(row) == len(names) else [""] * len(names))
            if len(batch) == _BATCH:
                yield _as_columns(names, batch)
                batch = []
        if batch:
            yield _as_columns(names, batch)


def _as_columns(names: list[str], rows: list[list[str]]) -> dict[str, Column]:
    return {
        name: list(column) if name == "state" else [_parse(text) for text in column]
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }


def _parse(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _parquet(path: Path) -> tuple[list[str], int | None, Iterator[dict[str, Column]]]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise ConfigError(
            f"{path}: Parquet files need the extra 'parquet': pip install 'bbu-agent[parquet]'"
        ) from error
    arrow = importlib.import_module("pyarrow")
    try:
        file = parquet.ParquetFile(path)
    except arrow.ArrowInvalid as error:
        raise ConfigError(
            f"{path}: is no Parquet file: {error}; CSV is named .csv or .csv.gz"
        ) from error
    batches = (batch.to_pydict() for batch in file.iter_batches(batch_size=_BATCH))
    return list(file.schema_arrow.names), file.metadata.num_rows, batches


def _observations(
    batches: Iterator[dict[str, Column]], columns: _Columns, charge_sign: float
) -> Iterator[Observation]:
    for batch in batches:
        count = len(batch["time_s"])
        nothing = [None] * count
        volts = list(zip(*(batch[name] for name in columns.cells), strict=True))
        heat = list(zip(*(batch[name] for name in columns.sensors), strict=True))
        get = batch.get
        states = get("state", nothing)
        masks = get("bal_mask", nothing)
        bleeding = get("bleeding", nothing)
        ambient, socs, sohs = (
            get(_AMBIENT, nothing),
            get("bms_soc", nothing),
            get("bms_soh", nothing),
        )
        for row, time_s in enumerate(batch["time_s"]):
            amperes = batch["current_a"][row]
            yield Observation(
                time_s=math.nan if time_s is None else float(time_s),
                current_a=None if amperes is None else charge_sign * amperes,
                cells_v=volts[row],
                temperatures_c=_told(heat[row]) if heat else (),
                ambient_c=ambient[row],
                phase=states[row] if states[row] in _PHASES else None,
                bleeding=bleeding[row] == 1,
                balancing=_mask(masks[row]),
                reported_soc=_share(socs[row]),
                reported_soh=_share(sohs[row]),
            )


def _told(sensors: tuple[Any, ...]) -> tuple[Any, ...]:
    """Leave out the sensors at the end that tell nothing, as a device without them would."""
    count = len(sensors)
    while count and (sensors[count - 1] is None or math.isnan(sensors[count - 1])):
        count -= 1
    return sensors[:count]


def _mask(told: float | None) -> int | None:
    """The cells being balanced as a bit mask, absent when it is no number that could be one."""
    return None if told is None or not math.isfinite(told) or told < 0.0 else int(told)


def _share(percent: float | None) -> float | None:
    """The file's percent as a ratio, absent when it is no number."""
    if percent is None or math.isnan(percent):
        return None
    return percent / 100.0
