"""The series of discharges, self-tests and outages: what a slow scraper must not miss."""

from collections.abc import Mapping, Sequence

from agent.events.outlook import aged
from agent.export.exposition import Page
from agent.export.families import Family, Shape
from agent.export.redundancy import Redundancy, standings
from agent.export.unit_metrics import Band, make_band
from agent.model import Event, Group, Shelf, Value
from agent.store.ledger import Ledger, Totals
from agent.store.live import UnitView

_GAUGE, _COUNTER, _INFO = Shape.GAUGE, Shape.COUNTER, Shape.INFO
_KIND = ("unit", "kind")
PLACE = ("rack", "shelf")

EVENTS = Family(
    "bbu_events_total",
    _COUNTER,
    "Discharges, self-tests and flickers (short discharges that only the device's counter told) "
    "since the start of the agent.",
    _KIND,
)
ENERGY = Family(
    "bbu_discharge_energy_joules_total",
    _COUNTER,
    "Energy that the battery delivered in events since the start of the agent.",
    _KIND,
    "joules",
)
SECONDS = Family(
    "bbu_discharge_seconds_total",
    _COUNTER,
    "Time under load in events since the start of the agent.",
    _KIND,
    "seconds",
)
RUNNING = Family(
    "bbu_discharge_running", _GAUGE, "1 while an event of the kind is under way.", _KIND
)
FINDING = Family(
    "bbu_finding",
    _GAUGE,
    "1 for everything found wrong with the unit's discharges, tests and recharging: "
    "lost_while_discharging, not_recharging, self_test_failed, self_test_overdue, "
    "self_test_overlap, flag_stuck, flag_missing, current_sign.",
    ("unit", "finding"),
)
SCORED = Family(
    "bbu_predictions_total",
    _COUNTER,
    "Discharges that scored our prediction of the ride-through.",
)
COVERED = Family(
    "bbu_predictions_covered_total",
    _COUNTER,
    "Scored predictions whose 90 % interval held what the discharge has shown.",
)
RATIO = Family(
    "bbu_last_prediction_ratio",
    _GAUGE,
    "Ride-through predicted before the last scored discharge over what that has shown.",
    unit="ratio",
)
LOAD = Family(
    "bbu_ride_through_at_load_watts",
    _GAUGE,
    "The load that bbu_ride_through_at_load_seconds is for: the present one, or the last seen.",
    unit="watts",
)

REQUIRED = Family(
    "bbu_ride_through_required_seconds",
    _GAUGE,
    "How long the unit has to carry its load in an outage, by its configuration or profile.",
    unit="seconds",
)


def _last(name: str, unit: str, text: str) -> Family:
    return Family(f"bbu_last_event_{name}", _GAUGE, f"{text} of the last event.", _KIND, unit)


LAST: Mapping[str, tuple[Family, float]] = {
    "duration_s": (_last("duration_seconds", "seconds", "Duration"), 1.0),
    "energy_wh": (_last("energy_joules", "joules", "Energy"), 3600.0),
    "charge_ah": (_last("charge_amperehours", "amperehours", "Charge"), 1.0),
    "depth": (_last("depth_ratio", "ratio", "Charge over rated capacity"), 1.0),
    "peak_power_w": (_last("peak_power_watts", "watts", "Peak power"), 1.0),
    "lowest_cell_v": (_last("lowest_cell_voltage_volts", "volts", "Lowest cell voltage"), 1.0),
    "sag_1s_v": (_last("sag_1s_volts", "volts", "Loss of voltage 1 s into the load"), 1.0),
    "sag_10s_v": (_last("sag_10s_volts", "volts", "Loss of voltage 10 s into the load"), 1.0),
    "temperature_rise_c": (
        _last("temperature_rise_celsius", "celsius", "Rise of the hottest battery sensor"),
        1.0,
    ),
    "recharge_delay_s": (
        _last("recharge_delay_seconds", "seconds", "Time to the start of recharging after the end"),
        1.0,
    ),
    "recharge_s": (_last("recharge_seconds", "seconds", "Time to full charge after the end"), 1.0),
}
"""Gauges of the last event by the key of its record, with the factor to the metric's unit."""
LAST_START = _last("start_timestamp_seconds", "seconds", "Start")
LAST_END = _last("end_timestamp_seconds", "seconds", "End")
LEFT = make_band(
    "bbu_time_left",
    "seconds",
    "Projected time left of the discharge under way, at its present power (our estimate).",
)
AT_LOAD = make_band(
    "bbu_ride_through_at_load",
    "seconds",
    "Time until the weakest cell is empty at the last load seen (our estimate).",
)
UNIT_FAMILIES = (
    *(EVENTS, ENERGY, SECONDS, RUNNING, FINDING, SCORED, COVERED, RATIO, LOAD),
    *(LAST_START, LAST_END, *(family for family, _ in LAST.values())),
    *LEFT,
    *AT_LOAD,
    REQUIRED,
)
"""Families of units."""

SHELF_PRESENT = Family("bbu_shelf_present_units", _GAUGE, "Units of the shelf that answer.", PLACE)
SHELF_READY = Family(
    "bbu_shelf_ready_units",
    _GAUGE,
    "Units of the shelf that answer, are charged, report no fault, are not due for replacement "
    "and do not test themselves.",
    PLACE,
)
SHELF_REQUIRED = Family(
    "bbu_shelf_required_units",
    _GAUGE,
    "Units that the shelf needs to carry its load, as configured.",
    PLACE,
)
SHELF_MARGIN = Family(
    "bbu_shelf_margin_units",
    _GAUGE,
    "Ready units beyond those required; negative where the shelf cannot carry its load.",
    PLACE,
)
SHELF_NEEDED = Family(
    "bbu_shelf_required_seconds",
    _GAUGE,
    "How long the shelf has to carry its load, as configured.",
    PLACE,
    "seconds",
)
SHELF_ON_BATTERY = Family(
    "bbu_shelf_on_battery_units", _GAUGE, "Units of the shelf that carry load now.", PLACE
)
SHELF_NOT_READY = Family(
    "bbu_shelf_not_ready", _GAUGE, "1 for each unit that is not ready.", (*PLACE, "unit")
)
SHELF_SWAP = Family(
    "bbu_shelf_swap_first_info", _INFO, "The unit to exchange first.", (*PLACE, "unit")
)
SHELF_LEFT = make_band(
    "bbu_shelf_time_left",
    "seconds",
    "Projected time left of the shelf while it carries load: its modules drop out one by one "
    "and the others take their share.",
    *PLACE,
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
_GROUP = ("group",)
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
PLACE_FAMILIES = (
    *(SHELF_PRESENT, SHELF_READY, SHELF_REQUIRED, SHELF_MARGIN, SHELF_ON_BATTERY),
    *(SHELF_NEEDED, SHELF_NOT_READY, SHELF_SWAP, *SHELF_LEFT),
    *(RACK_ON_BATTERY, RACK_OUTAGES, RACK_ENERGY, *RACK_LEFT),
    *(GROUP_PRESENT, GROUP_READY, GROUP_REQUIRED, GROUP_MARGIN, GROUP_ON_BATTERY),
    *(GROUP_SWAP, *GROUP_LEFT),
)
"""Families of shelves, racks and configured groups."""

_COUNTED = ("discharge", "self_test", "flicker")
_PREFIX = "rack:"


def add_events(page: Page, view: UnitView, *, wall_s: float) -> None:
    """Add what the unit has been through, as of the unix time ``wall_s``."""
    name, ledger = view.info.name, view.ledger
    for kind in _COUNTED:
        totals = ledger.totals.get(kind, Totals())
        page.add(EVENTS, (name, kind), totals.count)
        if kind != "flicker":
            last = ledger.last.get(kind)
            page.add(ENERGY, (name, kind), totals.energy_j)
            page.add(SECONDS, (name, kind), totals.seconds)
            page.add(RUNNING, (name, kind), last is not None and last.end_s is None)
    for kind, event in ledger.last.items():
        _add_last(page, (name, kind), event)
    for finding in sorted(ledger.findings):
        page.add(FINDING, (name, finding), 1)
    page.add(SCORED, (name,), ledger.score.count)
    page.add(COVERED, (name,), ledger.score.covered)
    page.add(RATIO, (name,), ledger.score.last_ratio)
    _add_outlook(page, view, wall_s)


def _add_last(page: Page, labels: tuple[str, str], event: Event) -> None:
    page.add(LAST_START, labels, event.start_s)
    page.add(LAST_END, labels, event.end_s)
    for key, (family, factor) in LAST.items():
        value = _number(event.detail.get(key))
        page.add(family, labels, None if value is None else value * factor)


def _add_outlook(page: Page, view: UnitView, wall_s: float) -> None:
    outlook = view.ledger.outlook
    if outlook is None or not view.up:
        return
    unit = (view.info.name,)
    page.add(LOAD, unit, outlook.power_w)
    page.add(REQUIRED, unit, outlook.required_s)
    band = AT_LOAD if outlook.elapsed_s is None else LEFT
    band.put(page, unit, aged(outlook, wall_s).seconds)


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
        rack = name.removeprefix(_PREFIX)
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


def _number(value: Value | None) -> float | None:
    return value if isinstance(value, float) else None


__all__ = ["PLACE_FAMILIES", "UNIT_FAMILIES", "Band", "add_events", "add_places"]


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
