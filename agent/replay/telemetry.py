"""Reads recorded telemetry as observations in file order."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.config.problems import did_you_mean, shown
from agent.errors import ConfigError
from agent.health.engine import Observation
from agent.replay.sources import Batches, Source, read_source

MOST_CELLS = 1000
"""The most cells in series, in a configuration, too."""
_CELL = re.compile(r"v[0-9]{1,6}")
_SENSOR = re.compile(r"t.+_c")
_AMBIENT = "tamb_c"
_MORE = ("state", "bal_mask", "bleeding", "bms_soc", "bms_soh", _AMBIENT)
_SHOWN = 12
_ROW_BYTES, _ROW_BYTES_GZ = 160, 30
_PHASES = frozenset({"standby", "charge", "discharge", "selftest", "rest"})


@dataclass(frozen=True, slots=True)
class Telemetry:
    """A recorded file: its cells in order, its number of rows if known, and its rows.

    ``guessed_rows`` serves a progress bar where the number is not known. ``notes`` say what is
    strange about the columns; ``faults`` counts rows that were cut, while they are read.
    """

    cells: tuple[str, ...]
    rows: int | None
    observations: Iterator[Observation]
    guessed_rows: int
    notes: tuple[str, ...] = ()
    faults: Counter[str] = field(default_factory=Counter)


def read_telemetry(path: Path, charge_sign: float, series: int | None = None) -> Telemetry:
    """Open ``path``; ``charge_sign`` makes its current positive when charging.

    A cell without a column of its own among others, or with an empty one, is there and never
    read. ``series`` is how many cells there have to be, where that is known.

    Raises ConfigError when the file cannot be read or lacks a column, here or while it is read.
    """
    source = read_source(path)
    columns = _columns(path, source, series)
    guess = path.stat().st_size // (_ROW_BYTES_GZ if path.suffix == ".gz" else _ROW_BYTES)
    absent = [f"v{n:02d}" for n, name in enumerate(columns.cells, start=1) if name is None]
    notes = (
        [f"{path}: has no column {', '.join(absent)}: such a cell counts as never read"]
        if absent
        else []
    )
    return Telemetry(
        tuple(str(n) for n in range(1, len(columns.cells) + 1)),
        source.rows,
        _observations(source.read(columns.used), columns, charge_sign),
        guess,
        tuple(notes),
        source.faults,
    )


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns in use; ``cells`` has the name of each cell's, None where it has none."""

    cells: list[str | None]
    sensors: list[str]
    used: list[str]


def _columns(path: Path, source: Source, series: int | None) -> _Columns:
    names = source.names
    cells = [name for name in names if _CELL.fullmatch(name)]
    missing = [n for n in ("time_s", "current_a") if n not in names]
    if missing or not cells:
        lacking = [*missing, *([] if cells else ["v01"])]
        raise ConfigError(
            f"{path}: lacks the columns {', '.join(lacking)}; docs/replay.md names those of a "
            f"recording; {_instead(names, lacking[0])}"
        )
    sensors = [n for n in names if _SENSOR.fullmatch(n) and n != _AMBIENT]
    used = [n for n in names if n in {"time_s", "current_a", *_MORE, *cells, *sensors}]
    twice = [name for name, count in Counter(used).items() if count > 1]
    if twice:
        raise ConfigError(f"{path}: has the column {twice[0]} twice; remove or rename one")
    return _Columns(_in_series(path, cells, series), sensors, used)


def _instead(names: list[str], lacking: str) -> str:
    """Say what the file has in place of the column that it lacks."""
    for separator, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(names) == 1 and separator in names[0]:
            return f"its fields stand between {word}: save it with commas, and points in numbers"
    has = ", ".join(shown(name) for name in names[:_SHOWN])
    more = ", ..." if len(names) > _SHOWN else ""
    return f"it has {has}{more}{did_you_mean(lacking, names)}"


def _in_series(path: Path, names: list[str], series: int | None) -> list[str | None]:
    """Give the column of each cell by the cell's own number, None where there is none."""
    held: dict[int, str] = {}
    for name in names:
        number = int(name[1:])
        if not 1 <= number <= MOST_CELLS:
            raise ConfigError(
                f"{path}: has the column {name}; cells count from v01 to v{MOST_CELLS}: rename it"
            )
        if number in held:
            raise ConfigError(
                f"{path}: has two columns of cell {number}, {held[number]} and {name}; remove one"
            )
        held[number] = name
    first, last = min(held), max(held)
    spans = f"has v{first:02d}..v{last:02d}"
    if series is not None and series != last:
        raise ConfigError(
            f"{path}: {spans}, META says n_series {series}; correct n_series, or the columns "
            "(that of a cell that nobody reads may be empty)"
        )
    if 2 * len(held) < last:
        raise ConfigError(
            f"{path}: {spans} and only {len(held)} of these {last} columns; "
            "name them v01, v02, ... cell by cell"
        )
    return [held.get(number) for number in range(1, last + 1)]


def _observations(batches: Batches, columns: _Columns, charge_sign: float) -> Iterator[Observation]:
    for batch in batches:
        count = len(batch["time_s"])
        nothing = [None] * count
        get = batch.get
        volts = list(zip(*(nothing if n is None else batch[n] for n in columns.cells), strict=True))
        heat = list(zip(*(batch[name] for name in columns.sensors), strict=True))
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
    if percent is None or not math.isfinite(percent):
        return None
    return percent / 100.0
