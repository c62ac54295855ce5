"""What the screen says of units, cells and events, as plain texts. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from agent.quantities import IDENTITY

Shown = dict[str, Any]
WORST_FIRST = ("replace", "degraded", "unknown", "watch", "ok")
_MARKS = {"replace": "!!", "degraded": "! ", "unknown": "? ", "watch": "~ ", "ok": "  "}
_LONGEST = 600
_ENDS = {"end_of_life": "end of life", "end_of_life_by_ride_through": "by ride-through"}
BAR = 32
"""Columns of a bar: state of health from 40 to 120 %."""
_LOW, _HIGH = 0.4, 1.2
_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86400.0


def plain(text: object) -> str:
    """Give ``text`` on one line without control characters: devices have a say in it."""
    kept = str(text)[:_LONGEST]
    return "".join(mark if mark.isprintable() else " " for mark in kept)


def marked(verdict: str) -> str:
    """Give a verdict with a mark, so that it is told without its colour."""
    return f"{_MARKS.get(verdict, '? ')} {plain(verdict)}"


def order(unit: Shown) -> tuple[int, float, str]:
    """Give the place of a unit among others: worst first, then by health, then by name.

    Whole per cents: the last digits move with every poll, and rows should stay where they are.
    """
    verdict, health = unit["verdict"], unit["state_of_health"]
    place = WORST_FIRST.index(verdict) if verdict in WORST_FIRST else 0
    return place, round(health["estimate"], 2) if health else 2.0, unit["name"]


def percent(interval: Shown | None) -> str:
    """Give a ratio with its 90 % interval: ``78 % (74..83)``."""
    if interval is None or interval["estimate"] is None:
        return ""
    ends = [interval["lower"], interval["upper"]]
    band = "" if None in ends else f" ({ends[0] * 100:.0f}..{ends[1] * 100:.0f})"
    return f"{interval['estimate'] * 100:.0f} %{band}"


def span(seconds: float | None) -> str:
    """Give a duration in seconds as people say it: ``42 s``, ``3.5 min``, ``12 d``."""
    if seconds is None:
        return ""
    for limit, divisor, unit in ((90, 1, "s"), (5400, _MINUTE_S, "min"), (172800, _HOUR_S, "h")):
        if abs(seconds) < limit:
            return f"{seconds / divisor:.2g} {unit}"  # a third figure moves with every poll
    return f"{seconds / _DAY_S:.0f} d"


def ride(interval: Shown | None) -> str:
    """Give a ride-through with what is certain of it."""
    if interval is None or interval["estimate"] is None:
        return ""
    least = interval["lower"]
    return span(interval["estimate"]) + ("" if least is None else f" (>{span(least)})")


def place(unit: Shown) -> str:
    """Give rack, shelf and slot, as far as they are configured."""
    return plain("/".join(str(part) for part in unit["location"].values() if part is not None))


def state(unit: Shown) -> str:
    """Say how the unit answers; one that does not, since when."""
    if unit["up"]:
        return "answers"
    last = unit["last_success"]
    return "never answered" if last is None else f"silent since {clock(last)}"


def clock(moment: str | None) -> str:
    """Give a time of the API (``2026-11-22T09:41:07Z``) without its date's year."""
    return "" if moment is None else plain(moment)[5:].replace("T", " ")


def reasons(unit: Shown) -> str:
    """Give the reasons of a verdict on one line."""
    return "; ".join(plain(reason["text"]) for reason in unit["reasons"])


def why(unit: Shown) -> str:
    """Give the reasons of a verdict, after since when the unit is silent."""
    silent = state(unit) if not unit["up"] and unit["last_success"] is not None else ""
    return "; ".join(filter(None, (silent, reasons(unit))))


def tally(units: Iterable[Shown]) -> str:
    """Count units by verdict, the worst first."""
    counts = Counter(unit["verdict"] for unit in units)
    parts = [f"{counts[verdict]} {verdict}" for verdict in WORST_FIRST if counts[verdict]]
    return f"{counts.total()} units: {', '.join(parts) or 'none'}"


def fits(unit: Shown, wanted: str) -> bool:
    """Whether every word of ``wanted`` is in the name, place, verdict, state or reasons."""
    texts = (unit["name"], place(unit), unit["verdict"], state(unit), reasons(unit))
    text = " ".join(texts).casefold()
    return all(word in text for word in wanted.casefold().split())


def unit_row(unit: Shown) -> list[str]:
    """Give the row of a unit in the fleet."""
    return [
        plain(unit["name"]),
        marked(unit["verdict"]),
        place(unit),
        percent(unit["state_of_health"]),
        span(unit["ride_through_s"]["estimate"]) if unit["ride_through_s"] else "",
        why(unit),
    ]


def bar(interval: Shown | None) -> str:
    """Draw a state of health from 40 to 120 %: ``-`` the 90 % interval, ``O`` the estimate."""
    if interval is None or None in interval.values():
        return ""
    low, middle, high = (_column(interval[key]) for key in ("lower", "estimate", "upper"))
    marks = ["-" if low <= n <= high else "." for n in range(BAR)]
    marks[middle] = "O"
    return "".join(marks)


def _column(ratio: float) -> int:
    return min(BAR - 1, max(0, int((ratio - _LOW) / (_HIGH - _LOW) * BAR)))


def cell_rows(unit: Shown) -> list[list[str]]:
    """Give a row for each cell, in the device's order."""
    health = unit["health"]
    now = {row["index"]: row for row in unit["readings"] if row["quantity"] == "cell_voltage"}
    found = []
    for cell in [] if health is None else health["cells"]:
        growth = cell["resistance_growth"]["estimate"] if cell["resistance_growth"] else None
        volts = now.get(cell["cell"], {}).get("value")
        found.append(
            [
                plain(cell["cell"]),
                marked(cell["verdict"]),
                percent(cell["state_of_health"]),
                bar(cell["state_of_health"]),
                "" if growth is None else f"{(growth - 1) * 100:+.0f} %",
                "" if volts is None else f"{volts:.2f} V",
                plain(cell["basis"]),
            ]
        )
    return found


def reading_rows(unit: Shown) -> list[list[str]]:
    """Give a row for each reading but those told above, and alarms that are off."""
    return [
        [row["quantity"], plain(row["index"] or ""), _value(row), row["unit"], plain(row["source"])]
        for row in unit["readings"]
        if row["quantity"] not in {"cell_voltage", *IDENTITY}
        and not (row["quantity"] == "alarm" and row["value"] is False)
    ]


def _value(row: Shown) -> str:
    # Three figures: the noise of a sensor would have a slow line drawn all the time.
    value = row["value"]
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"  # noqa: PLR2004 - figures
    return plain(row.get("text") or value)


def event_row(event: Shown) -> list[str]:
    """Give the row of an event."""
    detail = event["detail"]
    lowest = ""
    if detail.get("lowest_cell") is not None and detail.get("lowest_cell_v") is not None:
        lowest = f"{plain(detail['lowest_cell'])} at {detail['lowest_cell_v']:.2f} V"
    under_way = event["end"] is None and event["kind"] != "flicker"
    length = "under way" if under_way else span(detail.get("duration_s"))
    energy = detail.get("energy_wh")
    return [
        clock(event["start"]),
        plain(event["unit"]),
        plain(event["kind"]),
        length,
        "" if energy is None else f"{energy:.1f} Wh",
        lowest,
    ]


def headline(unit: Shown) -> Sequence[str]:
    """Say what there is to say of a unit in a few lines: verdict, reasons, what to do."""
    identity = ", ".join(f"{plain(key)} {plain(value)}" for key, value in unit["identity"].items())
    health = unit["health"]
    lines = [
        f"{marked(unit['verdict'])}   {state(unit)}   {place(unit)}   {plain(unit['profile'])}",
        identity,
        *(f"  - {plain(reason['text'])}" for reason in unit["reasons"]),
    ]
    if unit["last_error"] and not unit["up"]:
        lines.append(f"  last error: {plain(unit['last_error'])}")
    if health is not None:
        facts = [f"health {percent(health['state_of_health'])}".strip()]
        if ride(unit["ride_through_s"]):
            facts.append(f"ride-through {ride(unit['ride_through_s'])}")
        for key, what in _ENDS.items():
            if health.get(key):
                facts.append(f"{what} {plain(health[key]['estimate'])[:7]}")
        lines.append("   ".join(facts))
        advice = health["next_test_advice"]
        if advice is not None:
            lines.append(f"  next: {plain(advice['text'])}")
    return [line for line in lines if line.strip()]
