"""Capacity and resistance of a unit's cells over the years, with what happened to it."""

from collections.abc import Sequence
from statistics import median

from agent.export.site.charts import Axis, Line, Mark, chart
from agent.export.site.layout import panel
from agent.export.site.markup import Html, h
from agent.export.site.words import amount, date, span
from agent.health.forecast import END_OF_LIFE
from agent.model import Event
from agent.store.course import Course

_CAPACITY, _GROWTH = 0, 3
_MARKED = ("discharge", "self_test", "replaced")
_MOST_MARKS = 80
_MIDDLE_TONE = 3


def ageing(course: Sequence[Course], events: Sequence[Event]) -> Html:
    """Give the panel of the two charts."""
    replaced_s = max((e.start_s for e in events if e.kind == "replaced"), default=0.0)
    course = [one for one in course if one.time_s >= replaced_s]
    marks = [
        Mark(event.start_s, event.kind, told(event)) for event in events if event.kind in _MARKED
    ][:_MOST_MARKS]
    capacity = Axis(100.0, "%", END_OF_LIFE, f"{END_OF_LIFE * 100:.0f} %: end of life")
    return panel(
        "Ageing",
        h(
            "div",
            chart("State of health", _lines(course, _CAPACITY, highest=False), capacity, marks),
            chart("Resistance, times new", _lines(course, _GROWTH, highest=True), Axis(), marks),
            class_="charts",
        ),
        id_="ageing",
        class_="wide",
        note="What was believed at each time; the band holds the truth in 90 of 100 cases.",
    )


def _lines(course: Sequence[Course], column: int, *, highest: bool) -> list[Line]:
    """Give the worst cell with its band, the next worst, and the middle of all."""
    if not course:
        return []
    last = course[-1].cells
    ranked = sorted(last, key=lambda cell: last[cell][column], reverse=highest)
    lines = [
        _line(f"cell {cell}" + (", the worst" if tone == 1 else ""), tone, course, cell, column)
        for tone, cell in enumerate(ranked[:2], start=1)
    ]
    times = [one.time_s for one in course if one.cells]
    middles = [median(row[column] for row in one.cells.values()) for one in course if one.cells]
    return [*lines, Line("middle of all cells", _MIDDLE_TONE, times, middles)]


def _line(label: str, tone: int, course: Sequence[Course], cell: str, column: int) -> Line:
    rows = [(one.time_s, one.cells[cell]) for one in course if cell in one.cells]
    middle, low, high = ([row[column + n] for _, row in rows] for n in range(3))
    times = [time_s for time_s, _ in rows]
    if tone > 1:
        return Line(label, tone, times, middle)
    return Line(label, tone, times, middle, low, high)


def told(event: Event) -> str:
    """Tell of an event in a few words."""
    kind = event.kind.replace("_", "-")
    length = event.detail.get("duration_s")
    depth = event.detail.get("depth")
    parts = [f"{date(event.start_s)}: {kind}"]
    if isinstance(length, float):
        parts.append(span(length))
    if isinstance(depth, float):
        parts.append(f"{amount(depth, 100.0, '%')} deep")
    return ", ".join(parts)
