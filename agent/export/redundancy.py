"""What a shelf can count on: who is there, who is ready, and what one more failure leaves."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, TypeVar

from agent.events.outlook import aged, shelf_interval
from agent.export.verdicts import is_ready, judge, units_of
from agent.model import Group, Interval, Outlook, Shelf, Verdict
from agent.store.live import UnitView

CHARGED = 0.9
"""Charge from which a unit counts as charged. A unit recharges from any discharge within
hours, and until then it carries less than its rating."""
_STALE_S = 30.0
_BAD = {
    Verdict.REPLACE: 4,
    Verdict.DEGRADED: 3,
    Verdict.WATCH: 2,
    Verdict.UNKNOWN: 1,
    Verdict.OK: 0,
}


Counted = TypeVar("Counted", Shelf, Group)
_Place = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Redundancy(Generic[Counted]):
    """A shelf or a group just now. ``absent`` says for each unit that is not ready why.

    ``margin`` is how many more than required are ready; ``swap_first`` the unit to exchange
    first, if any should be. ``left`` is the projected time left while it carries load. ``lasts``
    is how long the ready units of a shelf at rest would carry its rated power, each its share,
    and ``lasts_with_one_less`` the same without the one of them that has most to give.
    """

    of: Counted
    units: int
    present: int
    ready: int
    on_battery: int
    absent: tuple[tuple[str, str], ...]
    swap_first: str | None
    left: Interval | None
    lasts: Interval | None = None
    lasts_with_one_less: Interval | None = None

    @property
    def margin(self) -> int:
        """Units ready beyond those required; negative where some are missing."""
        return self.ready - self.of.required

    @property
    def margin_after_failure(self) -> int:
        """The same when one more ready unit fails."""
        return max(0, self.ready - 1) - self.of.required


def why_not_ready(view: UnitView) -> str | None:
    """Say why the unit cannot be counted on for an outage now; None where it can."""
    if not view.up:
        return "does not answer"
    flags = {row.quantity: row.value for row in view.readings if row.index is None}
    alarms = {row.index for row in view.readings if row.quantity == "alarm" and row.value is True}
    if not is_ready(view):
        return "due for replacement or faulty"
    if flags.get("self_test_running") is True or "self_test_relaxation" in alarms:
        return "tests itself"
    if "discharge_not_allowed" in alarms:
        return "may not discharge"
    charge = flags.get("state_of_charge")
    if isinstance(charge, float) and charge < CHARGED and not _running(view):
        return f"charged to {charge:.0%} only"
    return None


def redundancy(shelf: Shelf, views: Iterable[UnitView], *, wall_s: float) -> Redundancy[Shelf]:
    """Judge one shelf by its units' views at the unix time ``wall_s``."""
    units = units_of(shelf, views)
    outlooks = [
        aged(view.ledger.outlook, wall_s)
        for view in units
        if _running(view) and view.ledger.outlook is not None and _fresh(view, wall_s)
    ]
    counted = [_unit(view) for view in units]
    found = _judged(shelf, counted, _left(shelf, outlooks))
    both = zip(units, counted, strict=True)
    rides = [_at_rest(view) for view, unit in both if unit.why_not is None]
    if found.on_battery or None in rides:
        return found
    known = sorted((ride for ride in rides if ride is not None), key=_energy)
    lasts, less = _lasts(shelf, known), _lasts(shelf, known[:-1])
    return replace(found, lasts=lasts, lasts_with_one_less=less)


@dataclass(frozen=True, slots=True)
class Standings:
    """Everything configured that units are counted by."""

    shelves: tuple[Redundancy[Shelf], ...]
    groups: tuple[Redundancy[Group], ...]


def standings(
    shelves: Iterable[Shelf],
    groups: Sequence[Group],
    views: Iterable[UnitView],
    *,
    wall_s: float,
) -> Standings:
    """Judge all ``shelves``, and the ``groups`` beyond them, at the unix time ``wall_s``.

    A group lasts as long as the weakest of the shelves that its units sit in.
    """
    places: dict[_Place, list[UnitView]] = {}
    racks: dict[str | None, dict[str, _Unit]] = {}
    for view in views:
        where = view.info.location
        places.setdefault((where.rack, where.shelf), []).append(view)
        if groups:
            # Worked out once, however many groups a unit is of.
            racks.setdefault(where.rack, {})[view.info.name] = _unit(view)
    found = {
        (one.rack, one.shelf): redundancy(one, places.get((one.rack, one.shelf), ()), wall_s=wall_s)
        for one in shelves
    }
    wider = []
    everybody = {name: unit for one in racks.values() for name, unit in one.items()}
    for group in groups:
        held = {
            name: unit
            for rack in racks
            if rack in group.racks
            for name, unit in racks[rack].items()
        }
        held |= {name: unit for name, unit in everybody.items() if name in group.units}
        sitting = dict.fromkeys(unit.place for unit in held.values())
        ends = [found[at].left for at in sitting if at in found]
        known = [left for left in ends if left is not None]
        weakest = min(known, key=lambda left: left.estimate, default=None)
        wider.append(_judged(group, list(held.values()), weakest))
    return Standings(tuple(found.values()), tuple(wider))


class _Unit(NamedTuple):
    """What one unit adds to whatever it is counted in."""

    name: str
    place: _Place
    up: bool
    why_not: str | None
    running: bool
    rank: tuple[int, float]


def _unit(view: UnitView) -> _Unit:
    where = view.info.location
    return _Unit(
        view.info.name,
        (where.rack, where.shelf),
        view.up,
        why_not_ready(view),
        _running(view),
        _rank(view),
    )


def _judged(of: Counted, units: Sequence[_Unit], left: Interval | None) -> Redundancy[Counted]:
    return Redundancy(
        of,
        units=len(units),
        present=sum(unit.up for unit in units),
        ready=sum(unit.why_not is None for unit in units),
        on_battery=sum(unit.running for unit in units),
        absent=tuple((unit.name, unit.why_not) for unit in units if unit.why_not is not None),
        swap_first=_worst(units),
        left=left,
    )


def _left(shelf: Shelf, outlooks: list[Outlook]) -> Interval | None:
    if not outlooks:
        return None
    each_w = None
    if shelf.rated_power_w is not None:
        each_w = shelf.rated_power_w / shelf.required
    return shelf_interval(outlooks, rated_w=each_w)


def _at_rest(view: UnitView) -> Outlook | None:
    """Say how long the unit would carry its own rated power, where that is known."""
    health = view.health
    if health is None or health.ride_through_s is None or not health.ride_through_power_w:
        return None
    return Outlook(health.updated_at, health.ride_through_power_w, health.ride_through_s, 0.0)


def _energy(one: Outlook) -> float:
    return one.power_w * one.seconds.estimate


def _lasts(shelf: Shelf, rides: list[Outlook]) -> Interval | None:
    """Let ``rides`` share the shelf's rated power, of which each can carry its part of required."""
    load_w = shelf.rated_power_w
    if load_w is None:
        return None
    return shelf_interval(rides, rated_w=load_w / shelf.required, load_w=load_w)


def _running(view: UnitView) -> bool:
    last = view.ledger.last.get("discharge")
    return last is not None and last.end_s is None


def _fresh(view: UnitView, wall_s: float) -> bool:
    outlook = view.ledger.outlook
    return (
        outlook is not None and outlook.elapsed_s is not None and wall_s - outlook.at_s < _STALE_S
    )


def _worst(units: Sequence[_Unit]) -> str | None:
    """Name the unit that weakens the shelf most: the worst verdict, then the least time."""
    bad = [(unit.rank, unit.name) for unit in units if unit.rank[0] >= _BAD[Verdict.DEGRADED]]
    return max(bad)[1] if bad else None


def _rank(view: UnitView) -> tuple[int, float]:
    ride = None if view.health is None else view.health.ride_through_s
    return _BAD[judge(view)[0]], 0.0 if ride is None else -ride.estimate
