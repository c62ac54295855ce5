"""Numbers, times and intervals as people read them. What is not known is a dash."""

import math
from datetime import UTC, datetime

from agent.export.json import moment
from agent.export.site.markup import Html, h
from agent.model import Interval, Location, Reading
from agent.quantities import QUANTITIES, Kind

NONE = "—"
_MINUTE_S, _HOUR_S, _DAY_S, _YEAR_S = 60.0, 3600.0, 86400.0, 365.25 * 86400.0
_SHOWN = {
    "ratio": (100.0, "%", 0),
    "V": (1.0, "V", 2),
    "A": (1.0, "A", 1),
    "W": (1.0, "W", 0),
    "degC": (1.0, "°C", 1),
    "Ah": (1.0, "Ah", 2),
    "ohm": (1000.0, "mΩ", 2),
}
_CELL_DIGITS = 3


def amount(value: float | None, factor: float = 1.0, unit: str = "", digits: int = 0) -> str:
    """Give ``value`` times ``factor`` with ``digits`` decimals and its unit."""
    if value is None or not math.isfinite(value):
        return NONE
    shown = f"{value * factor:.{digits}f}"
    if shown.lstrip("-").strip("0.") == "":
        shown = shown.removeprefix("-")
    return f"{shown} {unit}" if unit else shown


def percent(value: float | None, digits: int = 0) -> str:
    """Give a ratio in percent."""
    return amount(value, 100.0, "%", digits)


def span(seconds: float | None) -> str:
    """Give a length of time in its two largest units."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    seconds = abs(seconds)
    if seconds < 2 * _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    if seconds < 2 * _DAY_S:
        return f"{seconds / _HOUR_S:.0f} h"
    if seconds < 2 * _YEAR_S:
        return f"{seconds / _DAY_S:.0f} days"
    return f"{seconds / _YEAR_S:.1f} years"


def between(interval: Interval | None, factor: float, unit: str, digits: int = 0) -> str:
    """Give an estimate with its 90 % interval: "78 % (76 to 80)"."""
    if interval is None or not all(map(math.isfinite, interval)):
        return NONE
    low, high = (amount(v, factor, "", digits) for v in (interval.lower, interval.upper))
    return f"{amount(interval.estimate, factor, unit, digits)} ({low} to {high})"


def time_between(interval: Interval | None) -> str:
    """Give a length of time in seconds with its 90 % interval."""
    return between(interval, 1.0, "s")


def date(unix_s: float | None) -> str:
    """Give the day of a unix time (UTC)."""
    shown = moment(unix_s)
    return NONE if shown is None else shown[:10]


def dates(interval: Interval | None, now_s: float) -> str:
    """Give a date with its 90 % interval, to the month: nobody knows a day of 2031.

    What has come at ``now_s``, the unix time of the estimate, has no date.
    """
    if interval is None:
        return NONE
    estimate, low, high = (
        "already" if one <= now_s + _DAY_S else date(one)[:7] for one in interval
    )
    return estimate if low == estimate == high else f"{estimate} ({low} to {high})"


def clock(unix_s: float | None) -> Html:
    """Give a moment, readable without scripts; scripts show it in the reader's own time."""
    shown = moment(unix_s)
    if shown is None:
        return Html(NONE)
    words = f"{shown[:10]} {shown[11:19]} UTC"
    return h("time", words, datetime=shown, data_clock=True)


def since(unix_s: float | None, now_s: float) -> Html:
    """Give how long ago a moment was; scripts keep it current."""
    shown = moment(unix_s)
    if shown is None or unix_s is None:
        return Html(NONE)
    return h("time", f"{span(max(0.0, now_s - unix_s))} ago", datetime=shown, data_ago=True)


def place(location: Location) -> str:
    """Give rack, shelf and slot as far as they are known."""
    return " / ".join(p for p in (location.rack, location.shelf, location.slot) if p) or NONE


def title(quantity: str) -> str:
    """Give a quantity's name in words."""
    return quantity.replace("_", " ").capitalize()


def measured(reading: Reading) -> str:
    """Give the value of a reading with its unit, as people write it."""
    value = reading.value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value if reading.text is None else f"{value} ({reading.text})"
    quantity = QUANTITIES[reading.quantity]
    if quantity.kind is Kind.TIMESTAMP:
        return date(value) if quantity.key.endswith("_date") else stamp(value)
    if quantity.unit == "s":
        return span(value)
    factor, unit, digits = _SHOWN.get(quantity.unit, (1.0, quantity.unit, 3))
    if quantity.key in {"cell_voltage", "highest_cell_voltage", "lowest_cell_voltage"}:
        digits = _CELL_DIGITS
    if quantity.unit == "":
        digits = 0 if math.isfinite(value) and value == int(value) else 2
    return amount(value, factor, unit, digits)


def stamp(unix_s: float) -> str:
    """Give a moment as a text in UTC."""
    shown = moment(unix_s)
    return NONE if shown is None else f"{shown[:10]} {shown[11:16]} UTC"


def hour(unix_s: float) -> str:
    """Give the time of the day (UTC)."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%H:%M:%S")
