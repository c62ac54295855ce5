"""The top of a unit's page: the verdict, why, what to do, and the figures that matter."""

import math
from collections.abc import Iterable, Iterator

from agent.export.lives import end_of_life_unknown
from agent.export.site.advice import advice
from agent.export.site.charts import bar
from agent.export.site.layout import facts, panel, verdict_badge
from agent.export.site.markup import NOTHING, Child, Html, h
from agent.export.site.words import (
    NONE,
    between,
    clock,
    date,
    dates,
    percent,
    since,
    span,
    time_between,
)
from agent.export.verdicts import judge
from agent.health.forecast import END_OF_LIFE
from agent.model import Health, Interval, Reading, Reason, Shelf
from agent.store.live import UnitView

_SHOWN_EVIDENCE = 40
_WIDER = 1.15


def verdict(view: UnitView) -> Html:
    """Give the verdict with its reasons in words, and what to do."""
    judged, reasons = judge(view)
    why = [
        h("li", verdict_badge(reason.verdict), " ", reason.text, _since(reason), class_="reason")
        for reason in reasons
    ]
    calm = "Nothing speaks against it." if judged == "ok" else "Nothing is known of it yet."
    return panel(
        "Verdict",
        h("h3", "Why"),
        h("ul", why, class_="reasons") if why else h("p", calm),
        h("h3", "What to do"),
        h("ul", [h("li", line) for line in advice(judged, reasons)]),
        _evidence(view),
        id_="verdict",
    )


def _since(reason: Reason) -> Child:
    if reason.since_s is None:
        return None
    return h("small", f" (believed since {date(reason.since_s)})")


def _evidence(view: UnitView) -> Html:
    if view.health is None or not view.health.evidence:
        return NOTHING
    lines = view.health.evidence
    more = len(lines) - _SHOWN_EVIDENCE
    return h(
        "details",
        h("summary", f"Evidence ({len(lines)})"),
        h("ul", [h("li", line) for line in lines[:_SHOWN_EVIDENCE]]),
        more > 0 and h("p", f"and {more} more in the JSON", class_="note"),
    )


def figures(view: UnitView, shelf: Shelf | None, now_s: float) -> Html:
    """Give ride-through, state of health and end of life with their intervals, and the rest."""
    health = view.health
    last = view.status.last_ok
    known = {row.quantity: row for row in view.readings if row.index is None}
    return panel(
        "Now",
        None if health is None else _ride(view, shelf),
        None if health is None else _capacity(health.state_of_health),
        facts(
            [
                *([] if health is None else _ends_of_life(health)),
                ("Charge", _number(known.get("state_of_charge"), 100, "%", 0)),
                ("Battery voltage", _number(known.get("battery_voltage"), 1, "V", 2)),
                ("Current", _current(known.get("battery_current"))),
                ("Warmest sensor", _warmest(view.readings)),
                ("Doing", _doing(known)),
                ("Estimate rests on", None if health is None else str(health.basis)),
                ("Last evidence", None if health is None else clock(health.evidence_at)),
                ("Last answer", since(last, now_s)),
            ]
        ),
        id_="now",
    )


def _ends_of_life(health: Health) -> Iterator[tuple[str, Child]]:
    """Give both ends of life, or why there is none."""
    by_capacity = end_of_life_unknown(health)
    if health.end_of_life_s is not None:
        by_capacity = dates(health.end_of_life_s, health.updated_at)
    yield f"End of life by capacity ({END_OF_LIFE * 100:.0f} %)", by_capacity
    by_ride = health.ride_end_of_life_unknown
    if health.ride_end_of_life_s is not None:
        by_ride = dates(health.ride_end_of_life_s, health.updated_at)
    yield "End of life by ride-through", by_ride


def required_s(view: UnitView, shelf: Shelf | None) -> float | None:
    """Give how long the unit must last, in seconds, if anybody has said so."""
    if shelf is not None and shelf.required_seconds is not None:
        return shelf.required_seconds
    return None if view.ledger.outlook is None else view.ledger.outlook.required_s


def _ride(view: UnitView, shelf: Shelf | None) -> Html:
    health, needed_s = view.health, required_s(view, shelf)
    if health is None or health.ride_through_s is None or not view.up:
        return h("p", "Ride-through at rated power: not known now", class_="note")
    chance = health.ride_through_probability
    enough: Child = None
    if needed_s is not None:
        enough = f"needed: {span(needed_s)}"
        if chance is not None and math.isfinite(chance):
            enough += f", reached with probability {chance:.2f}"
    return _gauge(
        "Ride-through at rated power",
        time_between(health.ride_through_s),
        health.ride_through_s,
        health.ride_through_s.upper * _WIDER,
        needed_s,
        enough,
    )


def _capacity(interval: Interval | None) -> Html:
    if interval is None:
        return h("p", "State of health: no estimate", class_="note")
    shown = between(interval, 100, "%")
    line = f"line: {END_OF_LIFE * 100:.0f} %, end of life by capacity"
    return _gauge("State of health, weakest cell", shown, interval, 1.1, END_OF_LIFE, line)


def _gauge(
    title: str, shown: str, interval: Interval, most: float, limit: float | None, note: Child
) -> Html:
    if not all(map(math.isfinite, interval)):
        return NOTHING
    top = max(most, (limit or 0.0) * _WIDER, 1e-9)
    return h(
        "div",
        h("p", h("span", title), h("strong", shown), class_="gauge-words"),
        bar(interval, 0.0, top, limit=limit),
        note and h("p", note, class_="note"),
        class_="gauge",
    )


def _number(reading: Reading | None, factor: float, unit: str, digits: int) -> Child:
    if reading is None or not isinstance(reading.value, float):
        return None
    return percent(reading.value) if unit == "%" else f"{reading.value * factor:.{digits}f} {unit}"


def _current(reading: Reading | None) -> Child:
    if reading is None or not isinstance(reading.value, float):
        return None
    way = "charging" if reading.value > 0 else "discharging" if reading.value < 0 else "at rest"
    return f"{abs(reading.value):.1f} A, {way}"


def _warmest(readings: Iterable[Reading]) -> Child:
    found = [
        row.value
        for row in readings
        if row.quantity in ("temperature", "cell_temperature") and isinstance(row.value, float)
    ]
    return f"{max(found):.1f} °C" if found else None


def _doing(known: dict[str, Reading]) -> str:
    names = {
        "on_battery": "on battery",
        "discharging": "discharging",
        "self_test_running": "testing itself",
        "charging": "charging",
        "balancing": "balancing",
    }
    said = [word for key, word in names.items() if key in known and known[key].value is True]
    status = known.get("battery_status")
    if status is not None:
        said.append(str(status.value))
    return ", ".join(dict.fromkeys(said)) or NONE
