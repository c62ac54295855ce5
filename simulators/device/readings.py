"""What a module says of itself, as quantities of the vocabulary."""

from simulators.device.module import Measured, Module, State
from simulators.device.protection import Latch
from simulators.device.selftest import TestRefusal
from simulators.maps.image import Columns, Key, Values

_END_OF_LIFE = 0.6
_LOW_V = 3.0
_REFUSALS = {refusal: ("alarm", f"self_test_failed_{refusal}") for refusal in TestRefusal}
_LATCHES = {latch: ("alarm", str(latch)) for latch in Latch}


def module_columns(module: Module, measured: Measured) -> Columns:
    """Give what ``module_values`` gives, the cells' values of one kind as one array."""
    temperatures = ("cell_temperature", "{n}")
    if not module.design.temperature_each:
        temperatures = ("temperature", "pack{n}")
    return {
        **_own_values(module, measured),
        ("cell_voltage", "{n}"): measured.volts,
        temperatures: measured.celsius,
    }


def module_values(module: Module, measured: Measured) -> Values:
    """Give every value that a module reports, from its sensors and its own bookkeeping."""
    values = dict(_own_values(module, measured))
    for n, volts in enumerate(measured.volts.tolist(), 1):
        values["cell_voltage", str(n)] = volts
    each = module.design.temperature_each
    for n, celsius in enumerate(measured.celsius.tolist(), 1):
        values["cell_temperature" if each else "temperature", str(n) if each else f"pack{n}"] = (
            celsius
        )
    return values


def _own_values(module: Module, measured: Measured) -> Values:
    counters, design = module.counters, module.design
    lowest_v, highest_v = float(measured.volts.min()), float(measured.volts.max())
    charging = module.state is State.CHARGE
    discharging = module.state in (State.DISCHARGE, State.SELF_TEST) and measured.current_a < 0
    values: dict[Key, float | bool | str | None] = {
        ("manufacturer", None): design.manufacturer,
        ("model", None): design.model,
        ("serial_number", None): module.serial,
        ("firmware_version", None): module.firmware,
        ("manufacture_date", None): module.made_on,
        ("battery_chemistry", None): design.pack.chemistry,
        ("battery_voltage", None): float(measured.volts.sum()),
        ("highest_cell_voltage", None): highest_v,
        ("lowest_cell_voltage", None): lowest_v,
        ("battery_current", None): measured.current_a,
        ("state_of_charge", None): counters.charge_left,
        ("reported_state_of_health", None): counters.reported_health,
        ("cycle_count", None): float(int(module.cycles)),
        ("discharge_events", None): float(counters.discharges),
        ("discharge_throughput", None): counters.discharged_ah,
        ("self_test_count", None): float(counters.self_tests),
        ("self_test_time", None): counters.last_test_s or None,
        ("runtime_remaining", None): _runtime_s(module, measured) if discharging else None,
        ("charging", None): charging,
        ("discharging", None): discharging,
        ("balancing", None): module.balancing,
        ("self_test_running", None): module.test is not None,
        ("end_of_life", None): counters.reported_health <= _END_OF_LIFE,
        ("alarm", "self_test_relaxation"): module.test is not None and not module.test.pulsing,
        ("alarm", "cell_under_voltage"): lowest_v < design.cutoff_v,
        ("alarm", "remaining_capacity"): lowest_v < _LOW_V,
        ("alarm", "fully_discharged"): module.cut_off,
        ("alarm", "terminate_discharge"): module.cut_off,
    }
    values.update(_protection_values(module))
    if design.temperature_each:
        values["temperature", "hottest_cell"] = float(measured.celsius.max())
        values["temperature", "coldest_cell"] = float(measured.celsius.min())
    for refusal, key in _REFUSALS.items():
        values[key] = counters.last_refusal is refusal
    return values


def _protection_values(module: Module) -> Values:
    """Give the alarms of broken hardware, of warnings and of permanent failures."""
    plant, protection = module.plant, module.protection
    failed = protection.failed
    values: dict[Key, float | bool | str | None] = {
        ("alarm", "over_temperature"): protection.hot,
        ("alarm", "pack_over_temperature"): protection.hot,
        ("alarm", "temperature_failure"): protection.hot,
        ("alarm", "fan_failure"): protection.fan_failed,
        ("alarm", "fan_fault"): protection.fan_failed,
        ("alarm", "charge_fet_failure"): Latch.CHARGER in protection.latched,
        ("alarm", "cell_balancing_failure"): Latch.BALANCING in protection.latched,
        ("alarm", "charge_not_allowed"): failed,
        ("alarm", "discharge_not_allowed"): failed or module.cut_off,
        ("battery_fault", None): failed,
        ("fan_speed", None): None if plant.fan else 0.0,
    }
    for latch, key in _LATCHES.items():
        values[key] = latch in protection.latched
    return values


def _runtime_s(module: Module, measured: Measured) -> float:
    left_ah = module.counters.charge_left * module.design.pack.capacity_ah
    return left_ah / -measured.current_a * 3600
