"""The physics: what must hold for any cell whatever its parameters."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulators.battery.ageing import calendar_loss
from simulators.battery.chemistry import CHEMISTRIES
from simulators.battery.curve import Curves
from simulators.battery.pack import Pack

MakePack = Callable[..., Pack]
ROOM_C = 25.0

profiles = st.lists(
    st.tuples(
        st.floats(-90.0, 20.0), st.sampled_from([0.2, 1.0, 2.0, 60.0]), st.floats(10.0, 40.0)
    ),
    min_size=1,
    max_size=30,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(profiles)
def test_charge_and_energy_are_conserved(
    pack_of: MakePack, steps: list[tuple[float, float, float]]
) -> None:
    pack = pack_of(rest_v=3.9)
    held, moved_as = pack.cells.held_ah.copy(), np.zeros(11)
    begin_wh = pack.curves.energy_wh(held)
    for current_a, dt_s, air_c in steps:
        if not 0.1 < pack.soc().min() <= pack.soc().max() < 0.98:
            break
        pack.step(dt_s, current_a, air_c)
        moved_as += (current_a - pack.cells.leak_a) * dt_s
    assert pack.cells.held_ah - held == pytest.approx(moved_as / 3600, abs=1e-9)
    held_j = 3600 * float((pack.curves.energy_wh(pack.cells.held_ah) - begin_wh).sum())
    assert pack.flow.electric_j - pack.flow.heat_j == pytest.approx(held_j, abs=1e-3)


def test_what_leaves_the_terminals_is_volts_times_amperes(pack_of: MakePack) -> None:
    pack, at_terminals_j = pack_of(), 0.0
    for current_a in (-60.0, 0.0, -20.0, 5.0):
        for _ in range(400):
            pack.step(0.1, current_a, ROOM_C)
            at_terminals_j += float(pack.volts.sum()) * current_a * 0.1
    assert pack.flow.electric_j == pytest.approx(at_terminals_j, rel=2e-4)


@pytest.mark.parametrize("step_s", [0.5, 20.0])
def test_a_cycle_back_to_the_start_turns_all_its_losses_into_heat(
    pack_of: MakePack, step_s: float
) -> None:
    pack = pack_of(rest_v=3.9)
    pack.cells.leak_a[:] = 0
    held, at_rest_j = pack.cells.held_ah.copy(), 0.0
    for current_a in (-60.0, 0.0, 15.0, 15.0, 15.0, 15.0, 0.0):
        for _ in range(round(60 / step_s)):
            before = pack.open_circuit_v()
            pack.cells.celsius[:] = ROOM_C
            pack.step(step_s, current_a, ROOM_C)
            at_rest_j += float((before + pack.open_circuit_v()).sum()) / 2 * current_a * step_s
    assert pack.cells.held_ah == pytest.approx(held)
    # Nothing is stored after a cycle; what was spent is what the current pushed against.
    assert pack.flow.stored_j == pytest.approx(0, abs=1e-6)
    assert pack.flow.heat_j == pytest.approx(pack.flow.electric_j, abs=1e-6)
    assert pack.flow.heat_j > 60**2 * 60 * 11 * 0.0010
    assert abs(at_rest_j) < 0.02 * pack.flow.heat_j


def test_losses_warm_the_cells_by_their_heat_capacity(pack_of: MakePack) -> None:
    pack = pack_of()
    capacity_j_k = pack.network.capacity_j_k
    pack.step(1.0, -60.0, ROOM_C)
    warmed_j = float((pack.cells.celsius - ROOM_C).sum()) * capacity_j_k
    assert warmed_j == pytest.approx(pack.flow.heat_j, rel=2e-3)


def test_one_long_step_is_many_short_ones(pack_of: MakePack) -> None:
    long, short = pack_of(), pack_of()
    for pack in (long, short):
        pack.cells.celsius[:] = ROOM_C
        pack.step(30.0, -30.0, ROOM_C)
    long.step(600.0, 0.0, ROOM_C)
    for _ in range(300):
        short.step(2.0, 0.0, ROOM_C)
    # Only the temperature dependence of the slow parts is frozen within a step.
    assert long.volts == pytest.approx(short.volts, abs=2e-4)
    assert long.cells.celsius == pytest.approx(short.cells.celsius, abs=0.02)


def test_a_cell_that_nobody_charges_leaks_until_it_is_empty_and_no_further(
    pack_of: MakePack,
) -> None:
    pack = pack_of(rest_v=3.0)
    pack.cells.leak_a[3] = 0.02
    for _ in range(400):
        pack.idle(3600.0, np.full(24, ROOM_C), 0.0, 0.0)
    # Its curve moves on as it ages, by a volt where it is as steep as there.
    assert -2.0 < float(pack.open_circuit_v()[3]) < 0.3


def test_idle_blocks_equal_single_steps(pack_of: MakePack) -> None:
    block, single = pack_of(), pack_of()
    air = np.linspace(20.0, 30.0, 5)
    volts, celsius = block.idle(3600.0, air, 0.1, 0.001)
    seen = []
    for value in air:
        single.step(3600.0, -0.001, float(value), 0.1)
        seen.append(single.cells.celsius.copy())
    assert block.cells.held_ah == pytest.approx(single.cells.held_ah, abs=1e-12)
    assert celsius == pytest.approx(np.array(seen), abs=1e-3)
    assert volts[-1] == pytest.approx(single.volts, abs=1e-4)


def test_a_pulse_sags_at_once_then_slowly_and_relaxes_back(pack_of: MakePack) -> None:
    pack = pack_of()
    rest = pack.volts.copy()
    pack.step(0.1, -46.0, ROOM_C)
    first = rest - pack.volts
    assert first == pytest.approx(46.0 * pack.resistance_ohm(0.1, ROOM_C, 0.9), rel=0.02)
    for _ in range(45):
        pack.step(1.0, -46.0, ROOM_C)
    last = rest - pack.volts
    assert np.all(last > 1.3 * first)
    pack.step(0.1, 0.0, ROOM_C)
    jump = pack.volts - (rest - last)
    assert np.all((jump > 0.8 * first) & (jump < 1.2 * first))
    for _ in range(60):
        pack.step(60.0, 0.0, ROOM_C)
    assert pack.volts == pytest.approx(pack.open_circuit_v(), abs=1e-4)
    assert np.all(pack.volts < rest)


def test_a_slow_full_discharge_gives_the_capacity(pack_of: MakePack) -> None:
    pack = pack_of(rest_v=4.199)
    drawn_ah = 0.0
    while pack.open_circuit_v().min() > pack.chemistry.cell_cutoff_v:
        pack.step(60.0, -0.75, ROOM_C)
        drawn_ah += 0.75 / 60
    assert drawn_ah == pytest.approx(pack.capacity_ah().min(), rel=0.01)


def test_power_is_what_was_asked_for(pack_of: MakePack) -> None:
    pack = pack_of()
    delivered_j = 0.0
    for _ in range(60):
        current = pack.current_for_power_a(3000.0, 1.0)
        assert current is not None
        before = pack.flow.electric_j
        pack.step(1.0, current, ROOM_C)
        delivered_j -= pack.flow.electric_j - before
    assert delivered_j == pytest.approx(3000.0 * 60, rel=1e-3)


def test_impossible_power_is_refused(pack_of: MakePack) -> None:
    assert pack_of().current_for_power_a(60_000.0, 1.0) is None


def test_cold_cells_resist_more(pack_of: MakePack) -> None:
    pack = pack_of()
    assert np.all(pack.resistance_ohm(10, 0.0) > 1.5 * pack.resistance_ohm(10, 40.0))


def test_the_middle_of_a_pack_runs_hottest(pack_of: MakePack) -> None:
    celsius = pack_of().network.steady(np.full(11, 5.0), ROOM_C)
    assert np.argmax(celsius) == 5
    assert celsius[5] > celsius[0] + 1 > ROOM_C + 10


@pytest.mark.parametrize("hotter", [10.0, 25.0])
def test_heat_ages_faster(pack_of: MakePack, hotter: float) -> None:
    cool, hot = pack_of(), pack_of()
    for pack, celsius in ((cool, 20.0), (hot, 20.0 + hotter)):
        pack.age_by(days=365, celsius=np.full(11, celsius), soc=pack.soc())
    assert np.all(hot.capacity_ah() < cool.capacity_ah())
    assert np.all(hot.resistance_ohm(10) > cool.resistance_ohm(10))


@pytest.mark.parametrize("name", list(CHEMISTRIES))
def test_ageing_never_turns_back(name: str) -> None:
    chemistry = CHEMISTRIES[name]
    one = np.ones(1)
    sizes = [
        Curves(
            chemistry,
            one * chemistry.positive_capacity,
            one * chemistry.negative_capacity,
            one * (chemistry.lithium - loss),
        ).capacity_ah[0]
        for loss in (0.0, 0.05, 0.1, 0.2, 0.3)
    ]
    assert sizes[0] == pytest.approx(1.0, abs=0.02)
    assert all(later < earlier for earlier, later in pairwise(sizes))


@given(first=st.floats(1, 2000), second=st.floats(1, 2000), celsius=st.floats(10, 50))
def test_ageing_in_two_parts_is_ageing_at_once(first: float, second: float, celsius: float) -> None:
    def lost(start: float, days: float) -> float:
        one = np.ones(1)
        law = CHEMISTRIES["NCA"].calendar
        args = {"celsius": one * celsius, "soc": one * 0.9, "factor": one}
        return float(calendar_loss(one * start, law, days=days, **args)[0])

    assert lost(lost(0.0, first), second) == pytest.approx(lost(0.0, first + second), rel=1e-6)


def test_an_open_parallel_cell_costs_capacity_and_adds_resistance(pack_of: MakePack) -> None:
    pack = pack_of()
    ah, ohm, volts = pack.capacity_ah().copy(), pack.resistance_ohm(10), pack.open_circuit_v()
    pack.disconnect(3, 1 / 6)
    assert pack.capacity_ah()[3] == pytest.approx(ah[3] * 5 / 6)
    assert pack.resistance_ohm(10)[3] == pytest.approx(ohm[3] * 6 / 5)
    assert pack.open_circuit_v() == pytest.approx(volts, abs=1e-6)
