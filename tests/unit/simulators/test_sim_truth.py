"""The truth of a cell's resistance is what its pulses show, whatever the chemistry."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from simulators.battery.build import PackDesign, Spread, make_pack
from simulators.battery.chemistry import Array
from simulators.device.hardware import CLASSIC, ModuleDesign
from simulators.device.module import Module
from simulators.device.sensors import make_sensors
from simulators.telemetry import shown_ohm

ROOM_C = 25.0
YEARS = (0.5, 1, 2, 3, 5, 8)
STEEP_ABOVE = 0.97
LFP = replace(CLASSIC, float_v=3.5, recharge_below_v=3.34, cutoff_v=2.4, max_v=3.6)
DESIGNS = {
    "NCA": CLASSIC,
    "NMC": replace(CLASSIC, float_v=4.05, recharge_below_v=4.0),
    "LFP": LFP,
}


def module_of(name: str) -> Module:
    design: ModuleDesign = replace(
        DESIGNS[name], pack=PackDesign(name, series=11, parallel=6, capacity_ah=15.0)
    )
    random = np.random.default_rng(1)
    pack = make_pack(design.pack, Spread(), random, rest_v=design.float_v)
    return Module("m", "SIM1", design, pack, make_sensors(11, random), now_s=1767225600.0)


def pulsed_ohm(module: Module, rate: float) -> Array:
    """Give what 10 s at ``rate`` show at 25 degC and the charge of tests, less the curve's fall."""
    pack = copy.deepcopy(module.pack)
    curves, cells = pack.curves, pack.cells
    soc = np.minimum(curves.soc(curves.held_at(module.design.float_v)), STEEP_ABOVE)
    cells.held_ah = curves.empty_ah + soc * curves.capacity_ah
    cells.celsius[:] = ROOM_C
    pack.settle()
    below = pack.volts - pack.open_circuit_v()
    for _ in range(5):
        pack.step(2.0, -rate * cells.new_ah, ROOM_C)
        cells = pack.cells
        cells.celsius[:] = ROOM_C
    drop = pack.volts - pack.open_circuit_v() - below
    return np.asarray(drop / pack.current_a)


@pytest.mark.parametrize(("rate", "within"), [(2.0, 0.001), (1.5, 0.02), (2.5, 0.02)])
@pytest.mark.parametrize("name", list(DESIGNS))
def test_the_truth_grows_as_pulses_do_over_the_years(name: str, rate: float, within: float) -> None:
    module = module_of(name)
    pack = module.pack
    told, seen = shown_ohm(module), pulsed_ohm(module, rate)
    lived = 0.0
    for years in YEARS:
        days = (years - lived) * 365.25
        pack.age_by(days=days, celsius=np.full(11, ROOM_C), soc=pack.soc())
        lived = years
        grown = np.log(pulsed_ohm(module, rate) / seen)
        assert np.log(shown_ohm(module) / told) == pytest.approx(grown, abs=within)
        assert np.all(grown > 0)


@pytest.mark.parametrize("name", list(DESIGNS))
def test_the_truth_never_falls_as_cells_age(name: str) -> None:
    module = module_of(name)
    before = shown_ohm(module)
    for _ in range(5):
        module.pack.age_by(days=365.25, celsius=np.full(11, ROOM_C), soc=module.pack.soc())
        assert np.all(shown_ohm(module) > before)
        before = shown_ohm(module)


@pytest.mark.parametrize("name", list(DESIGNS))
def test_a_module_of_any_chemistry_tests_itself_at_float(name: str) -> None:
    assert module_of(name).start_test(1500.0, 30.0)


def test_lfp_is_bled_at_the_top_of_its_curve_only() -> None:
    module = module_of("LFP")
    module.charged_s = 0.0
    module.pack.volts[:] = 3.45
    module.pack.volts[3] += 0.02
    module.step(1.0)
    assert np.flatnonzero(module.pack.bleed_a).tolist() == [3]
    module.pack.volts[:] = 3.35
    module.pack.volts[3] += 0.02
    module.step(1.0)
    assert not module.pack.bleed_a.any()
