"""The series of a unit's discharges and self-tests: what a slow scraper must not miss."""

from collections.abc import Mapping

from agent.events.outlook import aged
from agent.events.tally import number
from agent.export.metrics.bands import make_band
from agent.export.metrics.exposition import Page
from agent.export.metrics.families import Family, Shape
from agent.model import Event
from agent.store.ledger import Totals
from agent.store.live import UnitView

_GAUGE, _COUNTER = Shape.GAUGE, Shape.COUNTER
_KIND = ("unit", "kind")

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
FAMILIES = (
    *(EVENTS, ENERGY, SECONDS, RUNNING, FINDING, SCORED, COVERED, RATIO, LOAD),
    *(LAST_START, LAST_END, *(family for family, _ in LAST.values())),
    *LEFT,
    *AT_LOAD,
    REQUIRED,
)

_COUNTED = ("discharge", "self_test", "flicker")


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
        value = number(event.detail, key)
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
