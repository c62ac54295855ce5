"""What a module says of itself, as quantities of the vocabulary."""

from simulators.image import Key, Values
from simulators.module import Measured, Module, State, TestRefusal

_END_OF_LIFE = 0.6
_FIRMWARE = "1.4.2"
_LOW_V = 3.0


def module_values(module: Module, measured: Measured) -> Values:
    """Give every value that a module reports, from its sensors and its own bookkeeping."""
    counters, design = module.counters, module.design
    charging = module.state is State.CHARGE
    discharging = module.state in (State.DISCHARGE, State.SELF_TEST) and measured.current_a < 0
    values: dict[Key, float | bool | str | None] = {
        ("manufacturer", None): design.manufacturer,
        ("model", None): design.model,
        ("serial_number", None): module.serial,
        ("firmware_version", None): _FIRMWARE,
        ("manufacture_date", None): module.made_on,
        ("battery_chemistry", None): design.pack.chemistry,
        ("battery_voltage", None): float(measured.volts.sum()),
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
        ("alarm", "cell_under_voltage"): bool(measured.volts.min() < design.cutoff_v),
        ("alarm", "remaining_capacity"): bool(measured.volts.min() < _LOW_V),
        ("alarm", "fully_discharged"): module.cut_off,
        ("alarm", "terminate_discharge"): module.cut_off,
        ("alarm", "discharge_not_allowed"): module.cut_off,
    }
    for n, volts in enumerate(measured.volts, 1):
        values["cell_voltage", str(n)] = float(volts)
    for n, celsius in enumerate(measured.celsius, 1):
        values["temperature", f"pack{n}"] = float(celsius)
    for refusal in TestRefusal:
        values["alarm", f"self_test_failed_{refusal}"] = counters.last_refusal is refusal
    return values


def _runtime_s(module: Module, measured: Measured) -> float:
    left_ah = module.counters.charge_left * module.design.pack.capacity_ah
    return left_ah / -measured.current_a * 3600
