"""``report.html``: one page that a person can read, complete in itself."""

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape

from agent.health.engine import HealthEngine
from agent.model import Health, Interval
from agent.replay.chart import Line, Mark, chart
from agent.replay.run import Tables

_STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { margin-bottom: 0 } table { border-collapse: collapse; width: 100% }
td, th { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid var(--line) }
td:first-child, th:first-child, td.text { text-align: left }
.verdict { display: inline-block; padding: .1rem .7rem; border-radius: 1rem; color: #fff }
.ok { background: #2a7d46 } .watch { background: #a67c00 } .degraded { background: #c25a12 }
.replace { background: #b3261e } .unknown { background: #667 }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1rem }
svg { width: 100% } svg text { font-size: 10px; fill: currentColor } svg .y { text-anchor: end }
svg .x { text-anchor: middle } svg .grid { stroke: var(--line) } svg .mark { stroke-dasharray: 2 2 }
small { opacity: .75 }
"""
_COLOURS = ("#2a6fb0", "#b3261e", "#2a7d46", "#a67c00", "#7b4fa3", "#0f7c80")
_SHOWN = 4
_FOOT = (
    "<p><small>Intervals are 90 %. State of health is capacity over rated capacity; "
    "resistance growth is the 10 s resistance at 25 degC over its value at commissioning. "
    "Without a discharge of 80 % depth a capacity is inferred, never measured."
    "</small></p></html>"
)


def page(name: str, engine: HealthEngine, tables: Tables, health: Health) -> str:
    """Write the report of one replayed unit."""
    battery = engine.battery
    facts = [
        engine.kind.name,
        f"{len(engine.cells)} cells in series",
        f"{engine.capacity_ah:.1f} Ah",
        "" if battery.rated_power_w is None else f"{battery.rated_power_w:.0f} W rated",
        f"{battery.required_seconds:.0f} s required",
    ]
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width'>",
        f"<title>{escape(name)}: battery health</title><style>{_STYLE}</style>",
        f"<h1>{escape(name)}</h1><p>{escape(', '.join(f for f in facts if f))}</p>",
        _verdict(health),
        _list(reason.text for reason in health.reasons),
        _outlook(health),
        _cells(health),
        _charts(engine, tables),
        _alarms(tables),
        "<h2>Evidence</h2>",
        _list(health.evidence),
        _FOOT,
    ]
    return "\n".join(parts) + "\n"


def _verdict(health: Health) -> str:
    badge = f"<span class='verdict {health.verdict}'>{health.verdict}</span>"
    return f"<p>{badge} on {_date(health.updated_at)}, by {health.basis}</p>"


def _list(texts: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else "<p>No reason for concern.</p>"


def _outlook(health: Health) -> str:
    rows = []
    if health.ride_through_s is not None:
        chance = health.ride_through_probability or 0.0
        text = f"{_range(health.ride_through_s, 1.0, 0)} s"
        rows.append(("Ride-through at rated power", f"{text}, enough with {chance:.0%}"))
    if health.limiting_cell is not None:
        rows.append(("Limiting cell", health.limiting_cell))
    if health.end_of_life_s is not None:
        estimate, lower, upper = (_date(t) for t in health.end_of_life_s)
        rows.append(("End of life by capacity", f"{estimate} ({lower} to {upper})"))
    body = "".join(
        f"<tr><td>{escape(k)}</td><td class='text'>{escape(v)}</td></tr>" for k, v in rows
    )
    return f"<h2>Outlook</h2><table>{body}</table>"


def _cells(health: Health) -> str:
    head = "<tr><th>Cell</th><th>State of health</th><th>Resistance</th><th>Verdict</th></tr>"
    body = "".join(
        f"<tr><td>{escape(cell.cell)}</td><td>{_range(cell.state_of_health, 100.0, 1)} %</td>"
        f"<td>&times; {_range(cell.resistance_growth, 1.0, 2)}</td><td>{cell.verdict}</td></tr>"
        for cell in health.cells
    )
    return f"<h2>Cells</h2><table>{head}{body}</table>"


def _charts(engine: HealthEngine, tables: Tables) -> str:
    marks = [Mark(float(str(row[0])), "#b3261e", str(row[3])) for row in tables.alarms]
    by_cell: dict[int, list[list[float]]] = {}
    for row in tables.soh:
        numbers = [float(str(value)) for value in row]
        by_cell.setdefault(int(numbers[1]), []).append(numbers)
    if not by_cell:
        return ""
    ordered = sorted(by_cell, key=lambda cell: by_cell[cell][-1][2])
    # The weakest cells and the middle one: more would hide what matters.
    chosen = list(dict.fromkeys([*ordered[: _SHOWN - 1], ordered[len(ordered) // 2]]))
    drawings = []
    for title, first in (("State of health", 2), ("Resistance growth", 5)):
        lines = [
            Line(
                f"cell {engine.cells[cell - 1]}",
                _COLOURS[index % len(_COLOURS)],
                *(
                    [row[column] for row in by_cell[cell]]
                    for column in (0, *range(first, first + 3))
                ),
            )
            for index, cell in enumerate(chosen)
        ]
        key = ", ".join(
            f"<span style='color:{line.colour}'>{escape(line.label)}</span>" for line in lines
        )
        drawn = chart(lines, marks, percent=first == 2)  # noqa: PLR2004 - column of soh_q
        drawings.append(f"<div><h3>{title}</h3>{drawn}<p><small>{key}</small></p></div>")
    drawings.append(f"<div><h3>Ride-through (s)</h3>{_ride_chart(engine, tables, marks)}</div>")
    return f"<h2>Course</h2><div class='charts'>{''.join(drawings)}</div>"


def _ride_chart(engine: HealthEngine, tables: Tables, marks: list[Mark]) -> str:
    rated = engine.battery.rated_power_w or 0.0
    rows = [[float(str(v)) for v in row] for row in tables.ride]
    rows = [row for row in rows if abs(row[1] - rated) < 1.0]
    columns = [[row[i] for row in rows] for i in (0, 3, 4, 5)]
    return chart([Line("rated power", _COLOURS[0], *columns)], marks)


def _alarms(tables: Tables) -> str:
    items = [f"{_date(float(str(row[0])))}: {row[3]}" for row in tables.alarms]
    return f"<h2>Alarms</h2>{_list(items)}" if items else "<h2>Alarms</h2><p>None.</p>"


def _range(interval: Interval, scale: float, digits: int) -> str:
    estimate, lower, upper = (f"{value * scale:.{digits}f}" for value in interval)
    return (
        f"{estimate} <small>({lower} to {upper})</small>"
        if digits
        else (f"{estimate} ({lower} to {upper})")
    )


def _date(time_s: float) -> str:
    return datetime.fromtimestamp(min(max(time_s, 0.0), 4.0e9), tz=UTC).date().isoformat()
