"""A module: charger, protection, balancing and self-test."""

from collections.abc import Callable

import numpy as np
import pytest

from simulators.device.faults import BatteryFault, BatteryFaultKind
from simulators.device.module import Module, State
from simulators.device.selftest import TestRefusal

MakeModule = Callable[..., Module]


def live(module: Module, seconds: float) -> list[str]:
    """Let time pass and give the states on the way, repeats left out."""
    seen: list[str] = []
    end = module.now_s + seconds
    while module.now_s < end - 1e-6:
        module.step(min(module.stride_s(), end - module.now_s))
        if not seen or seen[-1] != module.state:
            seen.append(str(module.state))
    return seen


def test_a_self_test_pulses_rests_and_recharges(module_of: MakeModule) -> None:
    module = module_of()
    assert module.start_test(1500.0, 45.0)
    assert live(module, 4 * 3600.0) == ["selftest", "rest", "charge", "standby"]
    assert (module.counters.self_tests, module.test) == (1, None)
    assert module.counters.discharged_ah == pytest.approx(0.448, abs=0.01)
    assert module.pack.volts.mean() == pytest.approx(module.design.float_v, abs=0.005)


def test_an_outage_counts_as_a_discharge_and_waits_before_recharge(module_of: MakeModule) -> None:
    module = module_of("hpr")
    module.load_w = 5000.0
    assert live(module, 60.0) == ["discharge"]
    module.load_w = 0.0
    assert live(module, 58.0) == ["rest"]
    assert live(module, 600.0) == ["rest", "charge"]
    assert module.counters.discharges == 1


def test_the_output_power_is_carried_through_the_converter(module_of: MakeModule) -> None:
    module = module_of("hpr")
    module.load_w = 4800.0
    module.step(1.0)
    watts = -module.pack.flow.electric_j
    assert watts == pytest.approx(4800.0 / 0.96 + 0.04, rel=2e-3)


def test_a_new_module_carries_its_rated_power_for_its_time(module_of: MakeModule) -> None:
    for name in ("hpr", "classic"):
        module = module_of(name)
        module.load_w = module.design.rated_power_w
        live(module, module.design.required_s)
        assert not module.cut_off, name


def test_an_empty_module_cuts_off_and_recovers(module_of: MakeModule) -> None:
    module = module_of()
    module.load_w = 3000.0
    live(module, 900.0)
    assert (module.cut_off, str(module.state)) == (True, "rest")
    assert module.pack.volts.min() > 2.6
    module.load_w = 0.0
    live(module, 12 * 3600.0)
    assert [float(module.cut_off), module.counters.charge_left] == pytest.approx([0.0, 1.0])


def test_the_charge_current_depends_on_the_energy_taken(module_of: MakeModule) -> None:
    currents = []
    for seconds in (20.0, 150.0):
        module = module_of()
        module.load_w = 3000.0
        live(module, seconds)
        module.load_w = 0.0
        live(module, 200.0)
        currents.append(round(module.measure().current_a))
    assert currents == [1, 2]


@pytest.mark.parametrize(
    ("volts", "power_w", "load_w", "why"),
    [
        (3.85, 1500.0, 0.0, TestRefusal.CELL_BELOW_3900_MV),
        (4.07, 400.0, 0.0, TestRefusal.BELOW_500_W),
        (4.07, 1500.0, 1000.0, TestRefusal.BACKUP),
    ],
)
def test_a_self_test_is_refused_with_a_reason(
    module_of: MakeModule, volts: float, power_w: float, load_w: float, why: TestRefusal
) -> None:
    module = module_of(rest_v=volts)
    module.load_w = load_w
    assert not module.start_test(power_w, 30.0)
    assert (module.counters.last_refusal, module.counters.self_tests) == (why, 0)


def test_an_outage_ends_a_self_test(module_of: MakeModule) -> None:
    module = module_of()
    module.start_test(1500.0, 45.0)
    live(module, 10.0)
    module.load_w = 2000.0
    assert live(module, 5.0) == ["discharge"]
    assert module.test is None
    assert module.counters.last_refusal is TestRefusal.BACKUP


def test_an_outage_after_the_pulse_leaves_the_test_passed(module_of: MakeModule) -> None:
    module = module_of()
    module.start_test(1500.0, 20.0)
    live(module, 60.0)
    module.load_w = 2000.0
    live(module, 5.0)
    assert (module.test, module.counters.last_refusal) == (None, None)


def test_balancing_brings_cells_together(module_of: MakeModule) -> None:
    module = module_of()
    module.pack.cells.held_ah[4] += 0.25
    module.pack.step(1.0, 0.0, 25.0)
    before = np.ptp(module.pack.open_circuit_v())
    module.charged_s = 0.0
    live(module, 20 * 3600.0)
    assert np.ptp(module.pack.open_circuit_v()) < before / 2


def test_standby_tops_up_when_the_voltage_has_fallen(module_of: MakeModule) -> None:
    module = module_of(rest_v=4.015)
    assert live(module, 12 * 3600.0) == ["charge", "standby"]


def test_standby_is_quiet_and_relaxation_is_not(module_of: MakeModule) -> None:
    module = module_of()
    live(module, 3 * 3600.0)
    assert module.quiet
    module.start_test(1500.0, 30.0)
    assert not module.quiet


def test_sensors_step_and_scatter(module_of: MakeModule) -> None:
    module = module_of()
    volts = np.array([module.measure().volts for _ in range(200)])
    assert volts == pytest.approx(np.round(volts, 3), abs=1e-9)
    assert 0.0004 < volts.std(axis=0).mean() < 0.0012
    assert np.abs(volts.mean(axis=0) - module.pack.volts).max() < 0.006


def test_a_weld_grows_only_resistance(module_of: MakeModule) -> None:
    module = module_of()
    new_ohm, new_ah = module.pack.resistance_ohm(10), module.pack.capacity_ah().copy()
    start = module.now_s
    fault = BatteryFault(
        BatteryFaultKind.WELD, 6, start, 0.4, grow_s=1000.0, new_resistance_ohm=new_ohm[5]
    )
    fault.apply(module, start + 500.0)
    assert module.pack.resistance_ohm(10)[5] == pytest.approx(new_ohm[5] * 1.2)
    fault.apply(module, start + 9999.0)
    assert module.pack.resistance_ohm(10)[5] == pytest.approx(new_ohm[5] * 1.4)
    assert module.pack.capacity_ah() == pytest.approx(new_ah)


def test_a_fault_before_its_onset_does_nothing(module_of: MakeModule) -> None:
    module = module_of()
    before = module.pack.capacity_ah().copy()
    fault = BatteryFault(BatteryFaultKind.OPEN_CELL, 2, module.now_s + 1, 1.0, parallel=6)
    fault.apply(module, module.now_s)
    assert module.pack.capacity_ah() == pytest.approx(before)


def test_state_names_are_those_of_the_telemetry() -> None:
    assert {str(state) for state in State} == {
        "standby",
        "charge",
        "discharge",
        "selftest",
        "rest",
    }
