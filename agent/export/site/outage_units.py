"""An outage unit by unit: the weakest cells, before and after, prediction against outcome."""

from collections.abc import Sequence
from urllib.parse import quote

from agent.events.tally import number
from agent.export.site.charts import bar
from agent.export.site.layout import panel, table
from agent.export.site.markup import NOTHING, Html, h
from agent.export.site.outage_curves import Course, Curve
from agent.export.site.words import NONE, amount, percent, span
from agent.model import Event, Interval

_WIDER = 1.1


def weakest_first(parts: Sequence[Event]) -> list[Event]:
    """Sort units by how long they were expected to last, then by their lowest cell."""
    return sorted(parts, key=_strength)


def _strength(part: Event) -> tuple[float, float, str]:
    last_s, cell_v = number(part.detail, "predicted_s"), number(part.detail, "lowest_cell_v")
    never = float("inf")
    return (
        never if last_s is None else last_s,
        never if cell_v is None else cell_v,
        part.unit,
    )


def predictions(parts: Sequence[Event]) -> Html:
    """Show for each unit what was predicted before, and what the event has shown."""
    known = [
        (part, interval, shown_s)
        for part in parts
        if (interval := _predicted(part)) is not None
        and (shown_s := number(part.detail, "shown_s")) is not None
    ]
    if not known:
        return NOTHING
    most_s = max(max(interval.upper, shown_s) for _, interval, shown_s in known) * _WIDER
    inside = sum(part.detail.get("prediction_covered") is True for part, _, _ in known)
    rows = [
        h(
            "li",
            h("span", part.unit, class_="bar-name"),
            bar(interval, 0.0, most_s, limit=shown_s),
            h("span", f"{interval.estimate:.0f} s → {shown_s:.0f} s", class_="bar-value"),
        )
        for part, interval, shown_s in known
    ]
    return panel(
        "Prediction and outcome",
        h("ol", rows, class_="bars wide-names"),
        id_="predictions",
        class_="wide",
        note=f"How long each would have lasted at this load: the 90 % band and the tick were "
        f"believed before, the orange line is what the outage has shown. "
        f"{inside} of {len(known)} fell inside.",
    )


def _predicted(part: Event) -> Interval | None:
    keys = ("predicted_s", "predicted_lower_s", "predicted_upper_s")
    estimate, lower, upper = (number(part.detail, key) for key in keys)
    if estimate is None or lower is None or upper is None:
        return None
    return Interval(estimate, lower, upper)


def units_table(parts: Sequence[Event], found: Sequence[Course], until_s: float) -> Html:
    """List the units, the weakest first: lowest cell, sag, charge before and after.

    ``found`` reaches until ``until_s`` (unix seconds).
    """
    charges = {one.unit: one.charge for one in found}
    rows = [_row(part, charges.get(part.unit), until_s) for part in parts]
    heads = (
        *("Unit", "Weakest cell", "Sag after 10 s", "Energy", "Charge before → after"),
        *("Warmed by", "Charging again", "Full again"),
    )
    return panel(
        "Units, the weakest first",
        table(heads, rows, class_="cards", label="Units of the event"),
        id_="units",
        class_="wide",
    )


def _row(part: Event, charge: Curve | None, until_s: float) -> Html:
    detail = part.detail
    cell, cell_v = detail.get("lowest_cell"), number(detail, "lowest_cell_v")
    before = None if charge is None else charge.at(part.start_s)
    after = None
    if charge is not None and part.end_s is not None and part.end_s <= until_s:
        after = charge.at(part.end_s)
    if before is None and after is not None and charge is not None and charge.values:
        before = charge.values[0]
    weakest = NONE if cell is None else f"cell {cell}: {amount(cell_v, 1, 'V', 3)}"
    moved = NONE if after is None else f"{percent(before)} → {percent(after)}"
    return h(
        "tr",
        h("th", h("a", part.unit, href=f"units/{quote(part.unit, safe='')}"), scope="row"),
        h("td", weakest, data_name="Weakest cell"),
        h("td", amount(number(detail, "sag_10s_v"), 1, "V", 2), data_name="Sag after 10 s"),
        h("td", amount(number(detail, "energy_wh"), 1, "Wh", 1), data_name="Energy"),
        h("td", moved, data_name="Charge before → after"),
        h("td", amount(number(detail, "temperature_rise_c"), 1, "K", 1), data_name="Warmed by"),
        h("td", _after(number(detail, "recharge_delay_s")), data_name="Charging again"),
        h("td", _after(number(detail, "recharge_s")), data_name="Full again"),
    )


def _after(seconds: float | None) -> str:
    return NONE if seconds is None else f"after {span(seconds)}"
