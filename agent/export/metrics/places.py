"""The series of shelves, racks and groups: what they can count on, and racks' outages."""

from collections.abc import Mapping, Sequence

from agent.events.kinds import OF_RACK
from agent.export.metrics.bands import make_band
from agent.export.metrics.exposition import Page
from agent.export.metrics.families import Family, Shape
from agent.export.redundancy import Redundancy, standings
from agent.model import Group, Shelf
from agent.store.ledger import Ledger, Totals
from agent.store.live import UnitView

_GAUGE, _COUNTER, _INFO = Shape.GAUGE, Shape.COUNTER, Shape.INFO
_PLACE, _GROUP = ("rack", "shelf"), ("group",)

SHELF_PRESENT = Family("bbu_shelf_present_units", _GAUGE, "Units of the shelf that answer.", _PLACE)
SHELF_READY = Family(
    "bbu_shelf_ready_units",
    _GAUGE,
    "Units of the shelf that answer, are charged, report no fault, are not due for replacement "
    "and do not test themselves.",
    _PLACE,
)
SHELF_REQUIRED = Family(
    "bbu_shelf_required_units",
    _GAUGE,
    "Units that the shelf needs to carry its load, as configured.",
    _PLACE,
)
SHELF_MARGIN = Family(
    "bbu_shelf_margin_units",
    _GAUGE,
    "Ready units beyond those required; negative where the shelf cannot carry its load.",
    _PLACE,
)
SHELF_NEEDED = Family(
    "bbu_shelf_required_seconds",
    _GAUGE,
    "How long the shelf has to carry its load, as configured.",
    _PLACE,
    "seconds",
)
SHELF_ON_BATTERY = Family(
    "bbu_shelf_on_battery_units", _GAUGE, "Units of the shelf that carry load now.", _PLACE
)
SHELF_NOT_READY = Family(
    "bbu_shelf_not_ready", _GAUGE, "1 for each unit that is not ready.", (*_PLACE, "unit")
)
SHELF_SWAP = Family(
    "bbu_shelf_swap_first_info", _INFO, "The unit to exchange first.", (*_PLACE, "unit")
)
SHELF_LEFT = make_band(
    "bbu_shelf_time_left",
    "seconds",
    "Projected time left of the shelf while it carries load: its modules drop out one by one "
    "and the others take their share.",
    *_PLACE,
    of_unit=False,
)
SHELF_RIDE = make_band(
    "bbu_shelf_ride_through",
    "seconds",
    "How long the ready units of a shelf at rest would carry its rated power, each its share "
    "until it is empty.",
    *_PLACE,
    of_unit=False,
)
SHELF_RIDE_LESS = make_band(
    "bbu_shelf_ride_through_one_less",
    "seconds",
    "The same when the ready unit that has most to give fails.",
    *_PLACE,
    of_unit=False,
)
RACK_ON_BATTERY = Family(
    "bbu_rack_on_battery", _GAUGE, "1 while an outage of the rack is under way.", ("rack",)
)
RACK_OUTAGES = Family(
    "bbu_rack_outages_total", _COUNTER, "Outages of the rack since the start.", ("rack",)
)
RACK_ENERGY = Family(
    "bbu_rack_outage_energy_joules_total",
    _COUNTER,
    "Energy that the rack's batteries delivered in outages since the start.",
    ("rack",),
    "joules",
)
RACK_LEFT = make_band(
    "bbu_rack_time_left",
    "seconds",
    "Projected time left of the rack: that of its weakest shelf.",
    "rack",
    of_unit=False,
)
GROUP_PRESENT = Family(
    "bbu_group_present_units", _GAUGE, "Units of the configured group that answer.", _GROUP
)
GROUP_READY = Family(
    "bbu_group_ready_units", _GAUGE, "Units of the group that can be counted on now.", _GROUP
)
GROUP_REQUIRED = Family(
    "bbu_group_required_units", _GAUGE, "Units that the group needs, as configured.", _GROUP
)
GROUP_MARGIN = Family(
    "bbu_group_margin_units",
    _GAUGE,
    "Ready units of the group beyond those required; negative where some are missing.",
    _GROUP,
)
GROUP_ON_BATTERY = Family(
    "bbu_group_on_battery_units", _GAUGE, "Units of the group that carry load now.", _GROUP
)
GROUP_SWAP = Family(
    "bbu_group_swap_first_info",
    _INFO,
    "The unit of the group to exchange first.",
    (*_GROUP, "unit"),
)
GROUP_LEFT = make_band(
    "bbu_group_time_left",
    "seconds",
    "Projected time left of the group while it carries load: that of the weakest shelf in it.",
    *_GROUP,
    of_unit=False,
)
FAMILIES = (
    *(SHELF_PRESENT, SHELF_READY, SHELF_REQUIRED, SHELF_MARGIN, SHELF_ON_BATTERY),
    *(SHELF_NEEDED, SHELF_NOT_READY, SHELF_SWAP, *SHELF_LEFT, *SHELF_RIDE, *SHELF_RIDE_LESS),
    *(RACK_ON_BATTERY, RACK_OUTAGES, RACK_ENERGY, *RACK_LEFT),
    *(GROUP_PRESENT, GROUP_READY, GROUP_REQUIRED, GROUP_MARGIN, GROUP_ON_BATTERY),
    *(GROUP_SWAP, *GROUP_LEFT),
)


def add_places(
    page: Page,
    shelves: Sequence[Shelf],
    views: Sequence[UnitView],
    groups: Mapping[str, Ledger],
    *,
    wall_s: float,
    wider: Sequence[Group] = (),
) -> None:
    """Add what each shelf and each rack can count on, and what racks have been through.

    ``wider`` are the configured groups beyond shelves.
    """
    standing = standings(shelves, wider, views, wall_s=wall_s)
    found = standing.shelves
    for one in found:
        _add_shelf(page, one)
    for group in standing.groups:
        _add_group(page, group)
    for rack in sorted({one.of.rack for one in found}):
        lefts = [one.left for one in found if one.of.rack == rack and one.left is not None]
        weakest = min(lefts, key=lambda left: left.estimate, default=None)
        RACK_LEFT.put(page, (rack,), weakest)
    for name, ledger in groups.items():
        rack = name.removeprefix(OF_RACK)
        last = ledger.last.get("outage")
        totals = ledger.totals.get("outage", Totals())
        page.add(RACK_ON_BATTERY, (rack,), last is not None and last.end_s is None)
        page.add(RACK_OUTAGES, (rack,), totals.count)
        page.add(RACK_ENERGY, (rack,), totals.energy_j)


def _add_shelf(page: Page, one: Redundancy[Shelf]) -> None:
    place = (one.of.rack, one.of.shelf)
    page.add(SHELF_PRESENT, place, one.present)
    page.add(SHELF_READY, place, one.ready)
    page.add(SHELF_REQUIRED, place, one.of.required)
    page.add(SHELF_NEEDED, place, one.of.required_seconds)
    page.add(SHELF_MARGIN, place, one.margin)
    page.add(SHELF_ON_BATTERY, place, one.on_battery)
    for name, _ in one.absent:
        page.add(SHELF_NOT_READY, (*place, name), 1)
    if one.swap_first is not None:
        page.add(SHELF_SWAP, (*place, one.swap_first), 1)
    SHELF_LEFT.put(page, place, one.left)
    SHELF_RIDE.put(page, place, one.lasts)
    SHELF_RIDE_LESS.put(page, place, one.lasts_with_one_less)


def _add_group(page: Page, one: Redundancy[Group]) -> None:
    group = (one.of.name,)
    page.add(GROUP_PRESENT, group, one.present)
    page.add(GROUP_READY, group, one.ready)
    page.add(GROUP_REQUIRED, group, one.of.required)
    page.add(GROUP_MARGIN, group, one.margin)
    page.add(GROUP_ON_BATTERY, group, one.on_battery)
    if one.swap_first is not None:
        page.add(GROUP_SWAP, (*group, one.swap_first), 1)
    GROUP_LEFT.put(page, group, one.left)
