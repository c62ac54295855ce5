"""THE vocabulary: every quantity once, with its unit, kind, scope and plausible range.

Profiles, metrics, the API, the pages and the docs all derive from this table. Conventions:
current is positive when charging; ratios are 0 to 1; temperatures are degrees Celsius;
charge is in ampere-hours (the one departure from Prometheus base units, because every
data sheet uses it). Plausible ranges are wide on purpose: they reject what no battery of
the field can show, never what is merely unhealthy. A cell at 0 V is a reading.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What sort of value a quantity takes."""

    GAUGE = "gauge"
    COUNTER = "counter"
    STATE = "state"
    FLAG = "flag"
    TEXT = "text"
    TIMESTAMP = "timestamp"


class Scope(StrEnum):
    """What an index of the quantity counts."""

    UNIT = "unit"
    CELL = "cell"
    SENSOR = "sensor"
    PHASE = "phase"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Quantity:
    """One row of the vocabulary.

    ``unit`` is the unit of every reading of it (empty for texts, states, flags and plain
    counts). ``lowest`` and ``highest`` bound what is plausible, in that unit. ``states``
    are the names that a state may take.
    """

    key: str
    unit: str
    kind: Kind
    help: str
    scope: Scope = Scope.UNIT
    lowest: float | None = None
    highest: float | None = None
    states: tuple[str, ...] = ()


def _gauge(
    key: str, unit: str, lowest: float, highest: float, text: str, scope: Scope = Scope.UNIT
) -> Quantity:
    return Quantity(key, unit, Kind.GAUGE, text, scope, lowest, highest)


def _counter(key: str, unit: str, highest: float, text: str) -> Quantity:
    return Quantity(key, unit, Kind.COUNTER, text, lowest=0, highest=highest)


def _flag(key: str, text: str, scope: Scope = Scope.UNIT) -> Quantity:
    return Quantity(key, "", Kind.FLAG, text, scope)


def _state(key: str, text: str, *states: str) -> Quantity:
    return Quantity(key, "", Kind.STATE, text, states=states)


def _text(key: str, text: str) -> Quantity:
    return Quantity(key, "", Kind.TEXT, text)


def _time(key: str, text: str) -> Quantity:
    # From 2001-09-09 (a factory date of 2000-01-01 is no date) to 2100.
    return Quantity(key, "s", Kind.TIMESTAMP, text, lowest=1.0e9, highest=4.1e9)


_ROWS = (
    _gauge("battery_voltage", "V", 0, 1500, "Voltage at the battery terminals."),
    _gauge("battery_current", "A", -5000, 5000, "Battery current, positive when charging."),
    _gauge("battery_power", "W", -1e6, 1e6, "Battery power, positive when charging."),
    _gauge("state_of_charge", "ratio", 0, 1.05, "Charge left, of the present full charge."),
    _gauge("reported_state_of_health", "ratio", 0, 1.3, "State of health as the device says."),
    _gauge("runtime_remaining", "s", 0, 2.6e6, "Time to empty as the device predicts it."),
    _gauge("capacity_full", "Ah", 0, 20000, "Full-charge capacity as the device says."),
    _gauge("capacity_remaining", "Ah", 0, 20000, "Charge left as the device says."),
    _gauge("capacity_design", "Ah", 0, 20000, "Design capacity as the device says."),
    _counter("cycle_count", "", 100000, "Charge and discharge cycles so far."),
    _gauge("cell_voltage", "V", 0, 20, "Voltage of one series cell or block.", Scope.CELL),
    _gauge("cell_temperature", "degC", -40, 125, "Temperature of one cell.", Scope.CELL),
    _gauge("cell_resistance", "ohm", 0, 1, "Resistance of one cell by the device.", Scope.CELL),
    _gauge("intercell_resistance", "ohm", 0, 1, "Resistance of the strap to the next.", Scope.CELL),
    _gauge("temperature", "degC", -40, 150, "Temperature in the unit.", Scope.SENSOR),
    _gauge("ambient_temperature", "degC", -40, 100, "Air temperature.", Scope.SENSOR),
    _gauge("load", "ratio", 0, 3, "Output load, of the rated power.", Scope.PHASE),
    _gauge("output_power", "W", 0, 1e7, "Power delivered at the output.", Scope.PHASE),
    _gauge("busbar_voltage", "V", 0, 1500, "Voltage of the rack busbar as the unit sees it."),
    _flag("on_battery", "1 while the battery carries the load."),
    _gauge("seconds_on_battery", "s", 0, 3.2e7, "Time since the load went on battery."),
    _state(
        "output_source",
        "Where the output power comes from.",
        "other",
        "none",
        "normal",
        "bypass",
        "battery",
        "booster",
        "reducer",
    ),
    _state(
        "battery_status",
        "What the device says of its battery.",
        "unknown",
        "normal",
        "low",
        "depleted",
        "charging",
        "discharging",
        "floating",
        "resting",
        "fault",
        "absent",
        "off",
        "test",
    ),
    _flag("charging", "1 while the device says that it charges."),
    _flag("discharging", "1 while the device says that it discharges."),
    _flag("balancing", "1 while the device balances its cells."),
    _flag("cell_balancing", "1 while the device balances the cell.", Scope.CELL),
    _flag("self_test_running", "1 while a self-test is under way, its relaxation included."),
    _state(
        "self_test_result",
        "Result of the last self-test.",
        "passed",
        "warning",
        "failed",
        "aborted",
        "running",
        "none",
        "refused",
    ),
    _counter("self_test_count", "", 100000, "Self-tests run so far."),
    _time("self_test_time", "When the last self-test ran."),
    _flag("replace_battery", "1 when the device asks for a new battery."),
    _flag("battery_fault", "1 when the device reports a battery fault."),
    _flag("end_of_life", "1 when the device says that the battery is at its end of life."),
    _time("battery_install_date", "When the battery was installed."),
    _time("battery_replace_due_date", "When the device wants the battery replaced."),
    _gauge("battery_age", "s", 0, 1.6e9, "Age of the battery as the device says."),
    _gauge("external_battery_packs", "", 0, 1000, "External battery packs connected."),
    _gauge("bad_battery_packs", "", 0, 1000, "External battery packs that are bad."),
    _gauge("alarms_present", "", 0, 10000, "Active alarms that the device counts."),
    _flag("alarm", "1 while the named alarm of the device is active.", Scope.NAME),
    _counter("discharge_throughput", "Ah", 1e8, "Charge delivered over the battery's life."),
    _counter("discharge_events", "", 1e6, "Discharges that the device has counted."),
    _gauge("fan_speed", "", 0, 100000, "Fan speed in the device's own measure.", Scope.SENSOR),
    _gauge("modules_present", "", 0, 1000, "Battery modules that the device counts."),
    _gauge("battery_strings", "", 0, 1000, "Battery strings that the device counts."),
    _gauge("time_to_full", "s", 0, 2.6e6, "Time to full charge as the device predicts it."),
    _gauge("cell_state_of_charge", "ratio", 0, 1.05, "Charge left in one cell.", Scope.CELL),
    _gauge("cell_reported_health", "ratio", 0, 1.3, "Health of one cell it reports.", Scope.CELL),
    _gauge("highest_cell_voltage", "V", 0, 20, "The highest of the cell voltages."),
    _gauge("lowest_cell_voltage", "V", 0, 20, "The lowest of the cell voltages."),
    _gauge("midpoint_voltage", "V", 0, 1500, "Voltage in the middle of a string."),
    _gauge("midpoint_deviation", "V", -100, 100, "Midpoint voltage less what it should be."),
    _flag("module_present", "1 while a battery module is in its slot."),
    _text("manufacturer", "Maker of the unit."),
    _text("model", "Model of the unit."),
    _text("serial_number", "Serial number of the unit."),
    _text("firmware_version", "Firmware revision."),
    _text("manufacture_date", "Date of manufacture as the device prints it."),
    _text("battery_chemistry", "Cell chemistry as the device prints it."),
)

QUANTITIES: dict[str, Quantity] = {row.key: row for row in _ROWS}
"""Every quantity by key."""

IDENTITY = (
    "manufacturer",
    "model",
    "serial_number",
    "firmware_version",
    "manufacture_date",
    "battery_chemistry",
)
"""Keys that say what a unit is; read once and again after every return."""
