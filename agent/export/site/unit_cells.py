"""The cells of a unit: as a heat map, and as bars with their 90 % bands."""

import math
from collections.abc import Sequence
from statistics import median

from agent.export.order import natural
from agent.export.site.charts import bar
from agent.export.site.layout import panel
from agent.export.site.markup import NOTHING, Html, h
from agent.export.site.words import NONE, amount, between, percent
from agent.health.forecast import END_OF_LIFE
from agent.model import CellHealth, Interval, Verdict
from agent.store.live import UnitView

_STEPS = (0.70, 0.75, 0.80, 0.85, 0.90, 0.95)
"""Where the colour of the map changes: state of health."""
_SPREAD_STEPS_V = (-0.05, -0.02, -0.01, -0.005, 0.0, 0.005)
"""The same for a cell of which no health is known: volts off the middle of its neighbours."""
_MOST_BARS = 48
_WIDER = 0.05


def cells(view: UnitView) -> Html:
    """Give the panel of the cells; nothing where the unit tells of none."""
    health = {} if view.health is None else {cell.cell: cell for cell in view.health.cells}
    volts = {
        row.index: row.value
        for row in view.readings
        if row.quantity == "cell_voltage" and row.index and isinstance(row.value, float)
    }
    names = sorted({*health, *volts}, key=natural)
    if not names:
        return NOTHING
    limiting = None if view.health is None else view.health.limiting_cell
    middle = median(volts.values()) if volts else None
    tiles = [
        _tile(name, health.get(name), volts.get(name), middle, limiting=name == limiting)
        for name in names
    ]
    return panel(
        "Cells",
        h("ol", tiles, class_="heat", aria_label="Heat map of the cells"),
        _scale(by_health=bool(health)),
        _bars([health[name] for name in names if name in health]),
        id_="cells",
        class_="wide",
        note="State of health is capacity over rated capacity; resistance is over what it was "
        "at commissioning.",
    )


def _tile(
    name: str,
    cell: CellHealth | None,
    volts: float | None,
    middle_v: float | None,
    *,
    limiting: bool,
) -> Html:
    heat = _level(cell, volts, middle_v)
    bad = cell is not None and cell.verdict not in (Verdict.OK, Verdict.UNKNOWN)
    growth = None if cell is None else cell.resistance_growth.estimate
    return h(
        "li",
        h("b", f"{name}", class_="cell-name"),
        bad and cell is not None and h("span", cell.verdict, class_=f"shape {cell.verdict}"),
        limiting and not bad and h("span", "weakest", class_="weakest"),
        h("span", NONE if cell is None else percent(cell.state_of_health.estimate), class_="big"),
        h("span", NONE if growth is None else _growth(growth), class_="small"),
        h("span", amount(volts, 1.0, "V", 3), class_="small"),
        class_=f"heat-{heat}{' bad' if bad else ''}",
    )


def _growth(factor: float) -> str:
    return f"R {amount(factor - 1.0, 100.0, '%') if factor < 1 else '+' + percent(factor - 1.0)}"


def _level(cell: CellHealth | None, volts: float | None, middle_v: float | None) -> str:
    if cell is not None:
        value, steps = cell.state_of_health.estimate, _STEPS
    elif volts is not None and middle_v is not None:
        value, steps = volts - middle_v, _SPREAD_STEPS_V
    else:
        return "none"
    return str(sum(value >= step for step in steps)) if math.isfinite(value) else "none"


def _scale(*, by_health: bool) -> Html:
    steps = _STEPS if by_health else _SPREAD_STEPS_V
    words = [f"{step:.0%}" if by_health else f"{step * 1000:+.0f} mV" for step in steps]
    parts = [h("span", f"below {words[0]}", class_="heat-0")]
    parts += [h("span", f"from {word}", class_=f"heat-{n + 1}") for n, word in enumerate(words)]
    return h("p", "Colour: ", parts, class_="scale")


def _bars(found: Sequence[CellHealth]) -> Html:
    if not found:
        return h("p", "No estimate yet: the cells have not been seen under load.", class_="note")
    chosen = found
    if len(found) > _MOST_BARS:
        worst = sorted(found, key=lambda cell: cell.state_of_health.estimate)[:_MOST_BARS]
        chosen = [cell for cell in found if cell in worst]
    left = _column(
        "State of health", chosen, [c.state_of_health for c in chosen], 100.0, "%", END_OF_LIFE
    )
    right = _column("Resistance, times new", chosen, [c.resistance_growth for c in chosen], 1)
    more = len(found) - len(chosen)
    note = more > 0 and h("p", f"The weakest {len(chosen)} of {len(found)} cells.", class_="note")
    return h("div", left, right, note, class_="bar-columns")


def _column(
    title: str,
    found: Sequence[CellHealth],
    intervals: Sequence[Interval],
    factor: float,
    unit: str = "",
    limit: float | None = None,
) -> Html:
    ends = [v for one in intervals for v in one if math.isfinite(v)]
    if not ends:
        return NOTHING
    low, high = min(ends), max(ends)
    if limit is not None:
        low = min(low, limit)
    low, high = low - _WIDER * (high - low or 1), high + _WIDER * (high - low or 1)
    digits = 0 if factor > 1 else 2
    rows = [
        h(
            "li",
            h("span", cell.cell, class_="bar-name"),
            bar(one, low, high, limit=limit),
            h("span", between(one, factor, unit, digits), class_="bar-value"),
            class_=cell.verdict if cell.verdict not in (Verdict.OK, Verdict.UNKNOWN) else None,
        )
        for cell, one in zip(found, intervals, strict=True)
        if all(map(math.isfinite, one))
    ]
    note = limit is not None and h(
        "span", f" line: {limit * 100:.0f} %, end of life", class_="note"
    )
    return h("div", h("h3", title, note), h("ol", rows, class_="bars"))
