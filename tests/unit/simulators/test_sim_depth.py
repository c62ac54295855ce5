"""The physics beyond the circuit: hysteresis, entropy, knees, plating; all of it conserved."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.battery.build import PackDesign, Spread, make_pack
from simulators.battery.chemistry import CHEMISTRIES
from simulators.battery.pack import Pack

MakePack = Callable[..., Pack]
MIDDLE_V = {"NCA": 3.7, "NMC": 3.7, "LFP": 3.3}
every_chemistry = pytest.mark.parametrize("name", list(CHEMISTRIES))


def pack_of(name: str, *, rest_v: float | None = None, celsius: float = 25.0) -> Pack:
    design = PackDesign(name, series=4, parallel=6, capacity_ah=15.0)
    at_v = MIDDLE_V[name] if rest_v is None else rest_v
    return make_pack(design, Spread(), np.random.default_rng(1), rest_v=at_v, celsius=celsius)


def run(pack: Pack, current_a: float, seconds: float, step_s: float = 10.0) -> None:
    for _ in range(round(seconds / step_s)):
        pack.step(step_s, current_a, 25.0)


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from(sorted(CHEMISTRIES)),
    st.lists(
        st.tuples(st.floats(-60, 20), st.sampled_from([0.5, 5.0, 60.0])), min_size=1, max_size=20
    ),
)
def test_energy_does_not_depend_on_how_time_is_cut(
    name: str, steps: list[tuple[float, float]]
) -> None:
    whole, cut = pack_of(name), pack_of(name)
    moved_j = 1.0
    for current_a, dt_s in steps:
        if not 0.1 < whole.soc().min() <= whole.soc().max() < 0.95:
            break
        for pack, parts in ((whole, 1), (cut, 20)):
            for _ in range(parts):
                pack.cells.celsius[:] = 25.0
                pack.step(dt_s / parts, current_a, 25.0)
        moved_j += abs(current_a) * dt_s * float(whole.volts.sum())
    assert cut.cells.held_ah == pytest.approx(whole.cells.held_ah, abs=1e-9)
    assert cut.volts == pytest.approx(whole.volts, abs=1e-9)
    assert cut.flow.electric_j == pytest.approx(whole.flow.electric_j, abs=2e-3 * moved_j)
    assert cut.flow.heat_j == pytest.approx(whole.flow.heat_j, abs=2e-3 * moved_j)
    assert cut.flow.stored_j == pytest.approx(whole.flow.stored_j, abs=1e-6 * moved_j)


@every_chemistry
def test_only_iron_phosphate_remembers_where_it_came_from(name: str) -> None:
    up, down = pack_of(name), pack_of(name)
    run(up, 7.5, 720)
    run(down, 7.5, 720)
    run(down, 7.5, 720)
    run(down, -7.5, 720)
    # Leaks differ by nothing: both have now moved the same charge.
    up.cells.held_ah, up.cells.celsius = down.cells.held_ah.copy(), down.cells.celsius.copy()
    gaps = up.open_circuit_v() - down.open_circuit_v()
    wanted = 2 * CHEMISTRIES[name].hysteresis_v
    assert gaps == pytest.approx(np.full(4, wanted), rel=0.1, abs=1e-9)
    assert (wanted > 0) is (name == "LFP")


def test_a_full_loop_of_hysteresis_costs_its_area() -> None:
    pack = pack_of("LFP")
    pack.cells.leak_a[:] = 0
    before = pack.curves.energy_wh(pack.cells.held_ah)
    run(pack, 1.5, 7200)
    run(pack, -1.5, 7200)
    after = pack.curves.energy_wh(pack.cells.held_ah)
    assert after == pytest.approx(before)
    # Both ways through the loop, less its ends; the circuit's own losses come on top.
    area_j = 4 * 2 * CHEMISTRIES["LFP"].hysteresis_v * 3 * 3600
    assert pack.flow.heat_j > 0.7 * area_j


def test_entropy_warms_one_way_and_cools_the_other() -> None:
    heats = []
    for current_a in (-0.5, 0.5):
        pack = pack_of("NCA", rest_v=3.3)  # nearly empty: the voltage falls with temperature
        pack.cells.leak_a[:] = 0
        pack.step(60.0, current_a, 25.0)
        heats.append(pack.flow.heat_j)
    assert heats[0] > 0 > heats[1]


@every_chemistry
def test_ageing_speeds_up_beyond_the_knee(name: str) -> None:
    pack = pack_of(name)
    yearly = []
    for _ in range(60):
        before = float(pack.capacity_ah().min())
        pack.age_by(days=365, celsius=np.full(4, 45.0), soc=np.full(4, 0.9))
        yearly.append(before - float(pack.capacity_ah().min()))
        if pack.cells.calendar_loss.max() > CHEMISTRIES[name].knee_loss + 0.08:
            break
    lost = np.array(yearly)
    slowest = int(lost.argmin())
    assert 0 < slowest < len(lost) - 1
    assert np.all(np.diff(lost[: slowest + 1]) < 0.02)
    assert lost[-1] > 1.2 * lost[slowest]


def test_charging_in_the_cold_costs_lithium() -> None:
    losses = []
    for celsius in (25.0, 12.0, 2.0, -8.0):
        pack = pack_of("NCA", celsius=celsius)
        for _ in range(60):
            pack.cells.celsius[:] = celsius
            pack.step(60.0, 7.5, celsius)
        pack.age()
        losses.append(float(pack.cells.cycle_loss.mean()))
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert all(later > earlier for earlier, later in pairwise(losses[1:]))
    assert losses[3] > 10 * losses[0]


def test_a_discharge_in_the_cold_plates_nothing() -> None:
    pack = pack_of("NCA", celsius=0.0)
    pack.step(60.0, -7.5, 0.0)
    pack.age()
    assert pack.cells.cycle_loss.max() < 1e-3
