"""What breaks around the cells: sensors, charger, fan, slot; and what protection makes of it."""

from collections.abc import Callable

import numpy as np
import pytest

from simulators.battery.build import Spread, make_pack
from simulators.device.faults import BatteryFault, BatteryFaultKind
from simulators.device.module import Module, State
from simulators.device.protection import Latch
from simulators.device.readings import module_values
from simulators.device.selftest import TestRefusal
from simulators.device.sensors import make_sensors

MakeModule = Callable[..., Module]
DAY_S = 86400.0


def live(module: Module, seconds: float) -> None:
    end = module.now_s + seconds
    while module.now_s < end - 1e-6:
        module.step(min(module.stride_s(), end - module.now_s))


def break_it(
    module: Module, kind: BatteryFaultKind, *, cell: int = 1, size: float = 0.0, **times_s: float
) -> BatteryFault:
    end_s = module.now_s + times_s["lasts"] if "lasts" in times_s else None
    grow_s = times_s.get("grows", 0.0)
    fault = BatteryFault(kind, cell, module.now_s, size, grow_s=grow_s, end_s=end_s)
    module.faults.append(fault)
    return fault


def alarms(module: Module) -> set[str]:
    values = module_values(module, module.measure())
    return {str(index) for (name, index), value in values.items() if name == "alarm" and value}


def test_a_stuck_sensor_shows_one_voltage_until_it_is_repaired(module_of: MakeModule) -> None:
    module = module_of()
    break_it(module, BatteryFaultKind.STUCK_SENSOR, cell=3, lasts=100.0)
    live(module, 10.0)
    module.load_w = 2500.0
    seen = []
    for _ in range(20):
        module.step(2.0)
        seen.append(module.measure().volts)
    assert len({volts[2] for volts in seen}) == 1
    assert all(volts[2] - volts[1] > 0.1 for volts in seen)
    module.load_w = 0.0
    live(module, 100.0)
    assert module.measure().volts[2] == pytest.approx(module.pack.volts[2], abs=0.006)


def test_a_failed_charger_lets_the_module_sink_and_is_latched(module_of: MakeModule) -> None:
    module = module_of(rest_v=4.0)
    break_it(module, BatteryFaultKind.FAILED_CHARGER)
    module.step(0.1)
    before = module.pack.cells.held_ah.copy()
    live(module, 3600.0)
    assert np.all(module.pack.cells.held_ah < before)
    assert module.protection.latched == {Latch.CHARGER}
    assert {"permanent_charge_fet_failure", "charge_not_allowed"} <= alarms(module)


def test_a_latched_module_carries_nothing_and_tests_nothing(module_of: MakeModule) -> None:
    module = module_of()
    module.protection.latched.add(Latch.OVER_TEMPERATURE)
    assert not module.start_test(1500.0, 30.0)
    assert module.counters.last_refusal is TestRefusal.MODULE_FAILURE
    module.load_w = 2000.0
    live(module, 10.0)
    assert (module.able, module.counters.discharges) == (False, 0)
    assert module.pack.current_a == pytest.approx(-module.design.quiet_a)


def test_without_its_fan_a_module_runs_hotter_and_says_so(module_of: MakeModule) -> None:
    celsius = []
    for broken in (False, True):
        module = module_of()
        if broken:
            break_it(module, BatteryFaultKind.STUCK_FAN)
        module.load_w = 2500.0
        live(module, 120.0)
        module.load_w = 0.0
        live(module, 1800.0)
        celsius.append(float(module.pack.cells.celsius.max()))
        assert ("fan_failure" in alarms(module)) is broken
    assert celsius[1] > celsius[0] + 1


def test_stuck_balancing_drains_its_cell_alone(module_of: MakeModule) -> None:
    module = module_of()
    break_it(module, BatteryFaultKind.STUCK_BALANCING, cell=5)
    before = module.pack.cells.held_ah.copy()
    live(module, DAY_S)
    lost_ah = before - module.pack.cells.held_ah
    assert lost_ah[4] == pytest.approx(0.040 * 24, rel=0.05)
    assert np.delete(lost_ah, 4).max() < 0.1
    assert module.balancing


def test_a_pulled_module_neither_carries_nor_charges(module_of: MakeModule) -> None:
    module = module_of(rest_v=4.0)
    break_it(module, BatteryFaultKind.PULLED, lasts=600.0)
    module.step(1.0)
    module.load_w = 2500.0
    live(module, 60.0)
    assert (module.plant.present, module.able, module.pack.current_a) == (False, False, 0.0)
    module.load_w = 0.0
    live(module, 600.0)
    module.step(1.0)
    assert (module.plant.present, str(module.state)) == (True, "charge")


def test_a_replaced_module_comes_back_new(module_of: MakeModule) -> None:
    class Spare:
        def __init__(self) -> None:
            random = np.random.default_rng(9)
            self.pack = make_pack(module.design.pack, Spread(), random, rest_v=4.07)
            self.sensors = make_sensors(11, random)
            self.serial = "NEW"

    module = module_of()
    module.counters.discharges = 7
    fault = break_it(module, BatteryFaultKind.REPLACED, lasts=50.0)
    fault.spare = Spare()
    live(module, 40.0)
    assert (module.plant.present, module.serial) == (False, "SIM1")
    live(module, 20.0)
    assert (module.plant.present, module.serial, module.counters.discharges) == (True, "NEW", 0)
    assert module.pack is fault.spare.pack


def test_a_soft_short_turns_hard_and_ends_in_a_thermal_warning(module_of: MakeModule) -> None:
    module = module_of()
    break_it(module, BatteryFaultKind.HARD_SHORT, cell=4, size=9.0, grows=480.0)
    live(module, 240.0)
    soft_c = float(module.pack.cells.celsius.max())
    for _ in range(700):
        module.step(1.0)
    assert soft_c < 29.0
    assert module.protection.hot
    assert {"over_temperature", "pack_over_temperature"} <= alarms(module)
    assert int(module.pack.volts.argmin()) == 3


def test_a_dead_short_leaves_a_cell_at_zero_and_latches(module_of: MakeModule) -> None:
    module = module_of()
    break_it(module, BatteryFaultKind.HARD_SHORT, cell=4, size=40.0)
    for _ in range(20):
        module.step(3600.0)
    assert module.pack.open_circuit_v()[3] == pytest.approx(0.0, abs=0.3)
    assert Latch.UNDER_VOLTAGE in module.protection.latched
    assert module.state is State.STANDBY


@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_module_never_latches(module_of: MakeModule, seed: int) -> None:
    module = module_of(seed=seed)
    module.load_w = 3000.0
    live(module, 900.0)
    module.load_w = 0.0
    live(module, DAY_S)
    assert (module.protection.latched, module.protection.hot) == (set(), False)
