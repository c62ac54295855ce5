"""The charts of a replayed unit: every cell's course, ride-through, forecast."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from agent.health.engine import HealthEngine
from agent.health.forecast import END_OF_LIFE
from agent.health.report import Estimate
from agent.model import Health
from agent.replay.chart import Frame, Line, Mark, chart, span_of
from agent.replay.markup import date
from agent.replay.run import FORECAST_YEARS, Tables

_SMALL = (230, 120)
_WORN = f"{END_OF_LIFE * 100:.0f} %: end of life"
_STYLES = 6
_SHOWN = 3
_YEAR_S = 365.25 * 86400.0
_AHEAD_S = 5.0 * _YEAR_S

Row = list[float]


class _Each(NamedTuple):
    """What small charts show: their title, each cell's value now, the limit if there is one."""

    title: str
    now: Mapping[str, str]
    level: float | None


def numbers(rows: Sequence[tuple[object, ...]]) -> list[Row]:
    """Give rows of a table of nothing but numbers as such."""
    return [[float(str(value)) for value in row] for row in rows]


def by_cell(tables: Tables) -> dict[int, list[Row]]:
    """Give the rows of soh.csv by the number of the cell."""
    found: dict[int, list[Row]] = {}
    for row in numbers(tables.soh):
        found.setdefault(int(row[1]), []).append(row)
    return found


def marks_of(tables: Tables, cell: int | None = None) -> list[Mark]:
    """Give the alarms, those of one cell if asked, as marks with the name of their cell."""
    return [
        Mark(float(str(row[0])), str(row[3]), str(row[1]))
        for row in tables.alarms
        if cell is None or row[1] == cell
    ]


def _line(label: str, style: str, rows: Sequence[Row], first: int) -> Line:
    columns = [[row[n] for row in rows] for n in (0, first, first + 1, first + 2)]
    return Line(label, style, *columns)


def capacities(tables: Tables, health: Health, events: Sequence[float]) -> str:
    """Give one small chart of the state of health of each cell, all to one scale."""
    now = {cell.cell: f"{cell.state_of_health.estimate * 100:.1f} %" for cell in health.cells}
    lines = {cell: _line("estimate", "s0", rows, 2) for cell, rows in by_cell(tables).items()}
    return _each(tables, lines, events, _Each("State of health", now, END_OF_LIFE))


def growths(tables: Tables, health: Health, events: Sequence[float]) -> str:
    """Give one small chart of the resistance of each cell, all to one scale."""
    now = {cell.cell: f"&times; {cell.resistance_growth.estimate:.2f}" for cell in health.cells}
    lines = {cell: _line("estimate", "s0", rows, 5) for cell, rows in by_cell(tables).items()}
    return _each(tables, lines, events, _Each("Resistance growth", now, None))


def _each(tables: Tables, lines: Mapping[int, Line], events: Sequence[float], what: _Each) -> str:
    span = span_of(list(lines.values()), what.level)
    drawn = []
    for cell, line in sorted(lines.items()):
        frame = Frame(
            f"{what.title} of cell {cell} with its 90 % interval",
            *_SMALL,
            percent=what.level is not None,
            ticks=3,
            level=what.level,
            span=span,
        )
        caption = f"<b>Cell {cell}</b>, now {what.now.get(str(cell), 'unknown')}"
        picture = chart([line], frame, marks_of(tables, cell), events)
        drawn.append(f"<figure><figcaption>{caption}</figcaption>{picture}</figure>")
    return f"<div class='small'>{''.join(drawn)}</div>"


def ride(engine: HealthEngine, tables: Tables, events: Sequence[float]) -> str:
    """Draw the time to cut-off at each power, and at rated power in the next years."""
    rows = numbers(tables.ride)
    powers = sorted({row[1] for row in rows})
    rated_w = engine.battery.rated_power_w or math.inf
    lines = [
        _line(
            f"{power:.0f} W, {power / rated_w * 100:.0f} % of rated",
            f"s{n % _STYLES}",
            [r for r in rows if r[1] == power],
            3,
        )
        for n, power in enumerate(powers)
    ]
    foretold = engine.lives(engine.now_s).rides
    if foretold and rated_w in powers:
        style = lines[powers.index(rated_w)].style
        told = [[at_s, *ride] for at_s, ride in foretold if at_s <= foretold[0][0] + _AHEAD_S]
        columns = [[row[n] for row in told] for n in range(4)]
        lines.append(Line("foretold", style, *columns, dashed=True))
    required_s = engine.battery.required_seconds
    frame = Frame(
        "Ride-through in seconds, by power",
        level=required_s,
        level_text=f"{required_s:.0f} s required",
    )
    title = "Ride-through: seconds to cut-off of the weakest cell"
    return _figure(title, lines, frame, marks_of(tables), events)


def forecast(engine: HealthEngine, tables: Tables, events: Sequence[float]) -> str:
    """Draw what is foretold of the weakest cell and of the middle one behind their past."""
    held = by_cell(tables)
    if not held:
        return ""
    now_s = engine.now_s
    # The tables look ahead now and then only; what is drawn begins where the recording ends.
    years = (0.0, *FORECAST_YEARS)
    told = [
        (now_s + year * _YEAR_S, one) for year, one in zip(years, _futures(engine), strict=True)
    ]
    weakest = sorted(held, key=lambda cell: held[cell][-1][2])
    chosen = list(dict.fromkeys([weakest[0], weakest[len(weakest) // 2]]))
    lines: list[Line] = []
    for style, cell in zip(("s1", "s0"), chosen, strict=False):
        which = "the weakest" if cell == weakest[0] else "in the middle"
        lines.append(_line(f"cell {cell}, {which}", style, held[cell], 2))
        place = engine.cells.index(str(cell))
        ahead = [[at_s, *one.capacity(place)] for at_s, one in told]
        columns = [[row[n] for row in ahead] for n in range(4)]
        lines.append(Line(f"cell {cell}, foretold", style, *columns, dashed=True))
    frame = Frame(
        "State of health, estimated and foretold",
        percent=True,
        level=END_OF_LIFE,
        level_text=_WORN,
    )
    title = f"State of health; foretold from {date(now_s)} on (dashed)"
    return _figure(title, lines, frame, marks_of(tables), events)


def _futures(engine: HealthEngine) -> list[Estimate]:
    now_s = engine.now_s
    return [engine.estimate(now_s), *engine.forecast(now_s, list(FORECAST_YEARS))]


def together(tables: Tables, events: Sequence[float]) -> str:
    """Draw all cells in one chart; the weakest are named, the others are thin company."""
    held = by_cell(tables)
    ordered = sorted(held, key=lambda cell: held[cell][-1][2])
    lines = [
        Line(
            f"cell {cell}",
            f"s{n + 1 if n < _SHOWN else 0}",
            [row[0] for row in held[cell]],
            [row[2] for row in held[cell]],
        )
        for n, cell in enumerate(ordered)
    ]
    title = "State of health of all cells"
    frame = Frame(title, percent=True, ticks=5, level=END_OF_LIFE, level_text=_WORN)
    named = [*lines[:_SHOWN], *([Line("the others", "s0", [], [])] if lines[_SHOWN:] else [])]
    return _figure(title, lines[::-1], frame, marks_of(tables), events, named=named)


def _figure(
    title: str,
    lines: Sequence[Line],
    frame: Frame,
    marks: Sequence[Mark],
    events: Sequence[float],
    *,
    named: Sequence[Line] | None = None,
) -> str:
    keys = "".join(
        f"<span class='key'><i class='{line.style}'></i>{escape(line.label)}</span>"
        for line in (lines if named is None else named)
        if not line.dashed
    )
    return (
        f"<figure><h3>{escape(title)}</h3>{chart(lines, frame, marks, events)}"
        f"<figcaption>{keys}</figcaption></figure>"
    )
