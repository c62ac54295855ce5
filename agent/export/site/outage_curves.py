"""The curves of an outage: power, voltage and charge of the units that carried it."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from agent.export.site.charts import Axis, Line, chart
from agent.export.site.markup import Html, h
from agent.store.records import Point

_NAMED = 3
_REST_S = 5.0
"""How much of the time before is drawn."""
_MOST_STEPS = 600
_CELLS = "cell_voltage"
WHOLE = ("battery_voltage", "battery_current", "state_of_charge")
"""The quantities that are drawn of each unit; of one alone its cells beside them."""
ALONE = (*WHOLE, _CELLS)


class Curve(NamedTuple):
    """Values of one quantity over time (unix seconds)."""

    times: list[float]
    values: list[float]

    def at(self, time_s: float) -> float | None:
        """Give the value that held at a time; None before the first."""
        place = bisect_right(self.times, time_s + 1e-6)
        return self.values[place - 1] if place else None


class Course(NamedTuple):
    """What one unit read in the outage. Watts are positive when delivered."""

    unit: str
    volts: Curve
    watts: Curve
    charge: Curve
    lowest_v: Curve


def course(unit: str, points: Sequence[Point], start_s: float) -> Course:
    """Sort what was read of a unit into curves; until ``start_s`` all stays as it was at rest.

    ``points`` are in the order of time.
    """
    found: dict[str, Curve] = {}
    numbers = [
        point
        for point in points
        if isinstance(point.value, int | float) and not isinstance(point.value, bool)
    ]
    for point in numbers:
        if not point.part:
            curve = found.setdefault(point.quantity, Curve([], []))
            curve.times.append(point.time_s)
            curve.values.append(float(point.value))
    lowest_v = _lowest([point for point in numbers if point.quantity == _CELLS])
    for curve in (*found.values(), lowest_v):
        _rest_until(curve, start_s)
    none = Curve([], [])
    volts, amperes = found.get("battery_voltage", none), found.get("battery_current", none)
    return Course(
        unit,
        volts,
        _power(volts, amperes),
        found.get("state_of_charge", none),
        lowest_v,
    )


def _lowest(points: Sequence[Point]) -> Curve:
    """Give the lowest of all cells at each time; one whose voltage stays is recorded once."""
    held: dict[str, float] = {}
    lowest = Curve([], [])
    for time_s, rows in groupby(points, key=lambda point: point.time_s):
        held |= {point.part: float(point.value) for point in rows}
        lowest.times.append(time_s)
        lowest.values.append(min(held.values()))
    return lowest


def _rest_until(curve: Curve, start_s: float) -> None:
    """Let the last reading at rest, which may be minutes old, stand for the time before."""
    place = bisect_right(curve.times, start_s)
    if place == 0:
        return
    rest = curve.values[place - 1]
    curve.times[:place] = [start_s - _REST_S, start_s]
    curve.values[:place] = [rest, rest]


def _power(volts: Curve, amperes: Curve) -> Curve:
    """Multiply; a value that stayed the same was recorded once and holds on."""
    times = sorted({*volts.times, *amperes.times})
    rows = [(t, volts.at(t), amperes.at(t)) for t in times]
    known = [(t, -v * a) for t, v, a in rows if v is not None and a is not None]
    return Curve([t for t, _ in known], [w for _, w in known])


def curves(found: Sequence[Course], start_s: float, weakest: Sequence[str]) -> Html:
    """Draw the three charts; ``weakest`` names the units to tell apart, the weakest first."""
    since = Axis(clock=lambda time_s, _span_s: f"{time_s - start_s:.0f} s")
    power = Axis(0.001, "kW", clock=since.clock)
    share = Axis(100.0, "%", clock=since.clock)
    alone = len(found) == 1
    by_unit = {one.unit: one for one in found}
    drawings = [chart("Power delivered", [_total(found, alone=alone)], power)]
    if alone:
        volts = [Line("battery", 1, *found[0].volts)]
        lowest = [Line("lowest cell", 2, *found[0].lowest_v)]
        drawings.append(chart("Battery voltage", volts, Axis(1.0, "V", clock=since.clock)))
        drawings.append(chart("Lowest cell voltage", lowest, Axis(1.0, "V", clock=since.clock)))
    else:
        voltages = {name: _relative(one.volts) for name, one in by_unit.items()}
        lines = _told_apart(voltages, weakest)
        drawings.append(chart("Voltage, of that before", lines, share))
    charges = {name: one.charge for name, one in by_unit.items()}
    title = "State of charge, by the device"
    drawings.append(chart(title, _told_apart(charges, weakest), share))
    return h("div", drawings, class_="charts")


def _total(found: Sequence[Course], *, alone: bool) -> Line:
    times = sorted({time_s for one in found for time_s in one.watts.times})
    times = times[:: max(1, len(times) // _MOST_STEPS)]
    sums = [sum(one.watts.at(time_s) or 0.0 for one in found) for time_s in times]
    return Line("delivered" if alone else "all units together", 1, times, sums)


def _relative(curve: Curve) -> Curve:
    first = next((value for value in curve.values if value > 0), None)
    if first is None:
        return Curve([], [])
    return Curve(curve.times, [value / first for value in curve.values])


def _told_apart(by_unit: Mapping[str, Curve], weakest: Sequence[str]) -> list[Line]:
    named = [name for name in weakest if name in by_unit][:_NAMED]
    lines = [Line(name, tone, *by_unit[name]) for tone, name in enumerate(named, start=1)]
    rest = [name for name in by_unit if name not in named]
    return lines + [Line(name, 4, *by_unit[name], thin=True) for name in rest]
