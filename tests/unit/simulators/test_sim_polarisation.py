"""What a current costs a cell, part by part, beside what is known of each."""

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from simulators.battery.build import PackDesign, Spread, make_pack
from simulators.battery.chemistry import CHEMISTRIES, NCA, Array, Chemistry, Transport
from simulators.battery.pack import Pack

MakePack = Callable[..., Pack]
ROOM_C = 25.0
# Next to nothing of everything, so that a test can look at one part alone.
NOTHING = Transport(
    ohmic=1e-9,
    positive_exchange=1e9,
    negative_exchange=1e9,
    positive_diffusion_s=1e-3,
    negative_diffusion_s=1e-3,
    electrolyte=1e-12,
    electrolyte_s=1.0,
)
FARADAY_V = 8.314 * 298.15 / 96485


def alone(**part: float) -> Chemistry:
    return replace(NCA, transport=replace(NOTHING, **part), entropy_mv_k=(0.0, 0.0))


def cell_of(chemistry: Chemistry) -> Pack:
    design = PackDesign(NCA.name, series=2, parallel=1, capacity_ah=1.0)
    alike = Spread(capacity=0, resistance=0, leak=0, cell_ageing=0, unit_ageing=0)
    pack = make_pack(design, alike, np.random.default_rng(1), rest_v=3.9)
    pack.chemistry = chemistry
    pack.cells.resistance_share[:] = 1.0
    pack.cells.leak_a[:] = 0.0
    pack.refresh()
    pack.settle()
    return pack


def drop_v(pack: Pack, current_a: float, seconds: float) -> float:
    """Give how far a discharge has pulled the voltage below rest at the same charge."""
    pack.step(seconds, current_a, ROOM_C)
    pack.cells.celsius[:] = ROOM_C
    return float((pack.open_circuit_v() - pack.volts)[0])


def exact_lead(times: Array) -> Array:
    """Give the lead of a sphere's surface over its final one by the exact series.

    ``times`` in units of squared radius over diffusivity; the roots are those of tan z = z.
    """
    turns = np.arange(1, 3000) * np.pi
    roots = turns + 1.5
    for _ in range(30):
        roots = turns + np.arctan(roots)
    squares = roots**2
    return np.asarray(1 - 10 * (np.exp(-np.outer(times, squares)) / squares).sum(axis=1))


def test_the_surface_of_a_sphere_leads_as_the_series_says() -> None:
    slow_s = 1000.0
    times = np.array([1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3])
    pack = cell_of(alone(negative_diffusion_s=slow_s))
    pack.step(1e5, 0.0, ROOM_C)
    leads = []
    for t in times:
        fresh = copy.deepcopy(pack)
        fresh.step(slow_s * t, -0.1, ROOM_C)
        leads.append(float(fresh.cells.uneven[4:8, 0].sum()))
    # A particle that empties once an hour lags by a fifteenth of that times R**2 / D.
    final = -0.1 / 3600 * slow_s / 15 / pack.chemistry.negative_capacity
    assert np.array(leads) / final == pytest.approx(exact_lead(times), rel=0.03)


def test_diffusion_costs_nothing_where_the_potential_is_flat() -> None:
    drops = []
    for potential in (lambda x: 4.2 - 0 * x, lambda x: 4.2 - 1.0 * x):
        chemistry = replace(alone(positive_diffusion_s=1000.0), positive=potential)
        drops.append(drop_v(cell_of(chemistry), -2.0, 120.0))
    assert drops[0] == pytest.approx(0, abs=1e-6)
    lag = 2 * 1000 / 15 / 3600 / NCA.positive_capacity
    assert drops[1] == pytest.approx(lag, rel=0.06)  # two minutes are not yet for ever


def test_charge_transfer_grows_with_the_logarithm_of_the_current() -> None:
    drops = [
        drop_v(cell_of(alone(negative_exchange=0.01)), current, 0.01)
        for current in (-0.001, -0.002, -5.0, -10.0)
    ]
    assert drops[1] == pytest.approx(2 * drops[0], rel=0.01)
    assert drops[3] - drops[2] == pytest.approx(2 * FARADAY_V * np.log(2), rel=0.01)


def test_the_electrolyte_runs_short_at_high_currents() -> None:
    salt = alone(electrolyte=0.1, electrolyte_s=20.0)
    small, large = (-drop_v(cell_of(salt), current, 600.0) / current for current in (-0.5, -8.0))
    assert small == pytest.approx(4 * FARADAY_V * 0.6 * 0.1, rel=0.01)
    assert large / small > 1.3


def test_a_particle_that_runs_dry_gives_no_more_power() -> None:
    slow = cell_of(alone(negative_diffusion_s=20_000.0))
    quick = cell_of(alone(negative_diffusion_s=200.0))
    carried = []
    for pack in (slow, quick):
        seconds = 0
        while seconds < 240 and pack.volts.min() > 2.7:
            current = pack.current_for_power_a(8 * 7.0, 1.0)
            if current is None:
                break
            pack.step(1.0, current, ROOM_C)
            seconds += 1
        carried.append(seconds)
    assert carried[0] < 120 < carried[1]
    # The charge that was out of reach comes back with rest.
    slow.step(36_000.0, 0.0, ROOM_C)
    assert slow.volts.min() > 3.3


@pytest.mark.parametrize("name", list(CHEMISTRIES))
def test_warm_cells_resist_less(name: str) -> None:
    pack = cell_of(CHEMISTRIES[name])
    assert np.all(pack.resistance_ohm(10, 5.0) > 1.2 * pack.resistance_ohm(10, 35.0))


def test_the_voltage_at_rest_moves_with_temperature() -> None:
    pack = cell_of(NCA)
    pack.cells.held_ah = pack.curves.empty_ah.copy()
    cold, warm = pack.cells.celsius - 10, pack.cells.celsius + 10
    pack.cells.celsius = cold
    before = pack.open_circuit_v()
    pack.cells.celsius = warm
    assert pack.open_circuit_v() - before == pytest.approx(np.full(2, -0.35e-3 * 20))


def test_power_is_found_however_far_away_it_is(pack_of: MakePack) -> None:
    pack = pack_of()
    pack.step(1.0, 20.0, ROOM_C)
    for power_w in (10.0, 5000.0, 200.0, 8000.0):
        current = pack.current_for_power_a(power_w, 0.001)
        assert current is not None
        fresh = copy.deepcopy(pack)
        fresh.step(0.0005, current, ROOM_C)
        assert -current * float(fresh.volts.sum()) == pytest.approx(power_w, rel=2e-3)
