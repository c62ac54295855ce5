"""The charts of a replayed unit: every cell's course, ride-through, forecast."""

from collections.abc import Sequence
from html import escape

from agent.health.engine import HealthEngine
from agent.replay.chart import Frame, Line, Mark, chart, span_of
from agent.replay.run import Tables

END_OF_LIFE = 0.7
"""State of health at which a cell is worn out."""
_SMALL = (230, 120)
_STYLES = 6
_SHOWN = 3

Row = list[float]


def _numbers(rows: Sequence[tuple[object, ...]]) -> list[Row]:
    return [[float(str(value)) for value in row] for row in rows]


def by_cell(tables: Tables) -> dict[int, list[Row]]:
    """Give the rows of soh.csv by cell, counted from 1."""
    found: dict[int, list[Row]] = {}
    for row in _numbers(tables.soh):
        found.setdefault(int(row[1]), []).append(row)
    return found


def marks_of(tables: Tables, cell: int | None = None) -> list[Mark]:
    """Give the alarms, those of one cell if asked, as marks."""
    rows = [row for row in tables.alarms if cell is None or row[1] == cell]
    return [Mark(float(str(row[0])), str(row[3])) for row in rows]


def _line(label: str, style: str, rows: Sequence[Row], first: int) -> Line:
    columns = [[row[n] for row in rows] for n in (0, first, first + 1, first + 2)]
    return Line(label, style, *columns)


def cells(engine: HealthEngine, tables: Tables, *, growth: bool) -> str:
    """Give one small chart for each cell, all to one scale."""
    first, title = (5, "Resistance growth") if growth else (2, "State of health")
    held = by_cell(tables)
    lines = {cell: _line("estimate", "s0", rows, first) for cell, rows in held.items()}
    level = None if growth else END_OF_LIFE
    span = span_of(list(lines.values()), level)
    drawn = []
    for cell, line in sorted(lines.items()):
        name = engine.cells[cell - 1]
        frame = Frame(
            f"{title} of cell {name} with its 90 % interval",
            *_SMALL,
            percent=not growth,
            ticks=3,
            level=level,
            span=span,
        )
        last = f"&times; {line.values[-1]:.2f}" if growth else f"{line.values[-1]:.1%}"
        caption = f"<figcaption><b>Cell {escape(name)}</b>, now {last}</figcaption>"
        drawn.append(f"<figure>{caption}{chart([line], frame, marks_of(tables, cell))}</figure>")
    return f"<div class='small'>{''.join(drawn)}</div>"


def ride(engine: HealthEngine, tables: Tables) -> str:
    """Draw the time to cut-off at each power."""
    rows = _numbers(tables.ride)
    powers = sorted({row[1] for row in rows})
    lines = [
        _line(f"{power:.0f} W", f"s{n % _STYLES}", [r for r in rows if r[1] == power], 3)
        for n, power in enumerate(powers)
    ]
    required_s = engine.battery.required_seconds
    frame = Frame(
        "Ride-through in seconds, by power",
        level=required_s,
        level_text=f"{required_s:.0f} s required",
    )
    return _figure("Ride-through, seconds to cut-off of the weakest cell", lines, frame, [])


def forecast(engine: HealthEngine, tables: Tables) -> str:
    """Draw the last forecast of the weakest cells behind what was estimated until now."""
    rows, held = _numbers(tables.forecast), by_cell(tables)
    if not rows or not held:
        return ""
    newest_s = max(row[0] for row in rows)
    weakest = sorted(held, key=lambda cell: held[cell][-1][2])
    chosen = list(dict.fromkeys([weakest[0], weakest[len(weakest) // 2]]))
    lines: list[Line] = []
    for style, cell in zip(("s1", "s0"), chosen, strict=False):
        name = engine.cells[cell - 1]
        lines.append(_line(f"cell {name}", style, held[cell], 2))
        until = [row for row in held[cell] if row[0] <= newest_s]
        now = (until or held[cell])[-1]
        ahead = [row[2:] for row in rows if row[0] == newest_s and int(row[1]) == cell]
        told = [[now[0], *now[2:5]], *ahead]
        columns = [[row[n] for row in told] for n in range(4)]
        lines.append(Line(f"cell {name}, foretold", style, *columns, dashed=True))
    frame = Frame(
        "State of health, estimated and foretold",
        percent=True,
        level=END_OF_LIFE,
        level_text="worn out",
    )
    return _figure("State of health and forecast (dashed)", lines, frame, marks_of(tables))


def together(engine: HealthEngine, tables: Tables) -> str:
    """Draw all cells in one chart; the weakest are named, the others are thin company."""
    held = by_cell(tables)
    ordered = sorted(held, key=lambda cell: held[cell][-1][2])
    lines = [
        Line(
            f"cell {engine.cells[cell - 1]}",
            f"s{n + 1 if n < _SHOWN else 0}",
            [row[0] for row in held[cell]],
            [row[2] for row in held[cell]],
        )
        for n, cell in enumerate(ordered)
    ]
    frame = Frame("State of health of all cells", percent=True, ticks=5)
    named = [*lines[:_SHOWN], Line("the others", "s0", [], [])]
    return _figure("State of health of all cells", lines[::-1], frame, marks_of(tables), named)


def _figure(
    title: str,
    lines: Sequence[Line],
    frame: Frame,
    marks: Sequence[Mark],
    named: Sequence[Line] | None = None,
) -> str:
    keys = "".join(
        f"<span class='key'><i class='{line.style}'></i>{escape(line.label)}</span>"
        for line in (lines if named is None else named)
        if not line.dashed
    )
    return (
        f"<figure><h3>{escape(title)}</h3>{chart(lines, frame, marks)}"
        f"<figcaption>{keys}</figcaption></figure>"
    )
