"""What a load step tells, whatever way it was sampled, and when it tells nothing."""

import math

import numpy as np
import pytest

from agent.health.chemistry import cell_type
from agent.health.evidence import Pulse, Useless, pulse_of
from agent.health.filter import ModuleFilter
from agent.health.jumps import JumpWatch
from agent.health.pulses import Point, Step, StepFinder
from agent.model import Battery, Chemistry

OHM, LOAD_A, REST_V = 0.0024, 40.0, 4.02
CAPACITY_AH = 15.0


def volts(held_s: float) -> float:
    """Give the voltage of a cell ``held_s`` after its load came."""
    if held_s < 0.0:
        return REST_V
    return REST_V - LOAD_A * OHM * (0.8 + 0.2 * math.log(1.0 + held_s) / math.log(11.0))


def found(times_s: list[float], *, first_share: float = 1.0) -> list[Step]:
    """Watch a load that comes at 0 s; the first loaded sample shows ``first_share`` of it."""
    finder = StepFinder(CAPACITY_AH, 0.001)
    steps = []
    caught = False
    for time_s in times_s:
        share = 0.0 if time_s < 0.0 else 1.0
        if share > 0.0 and not caught:
            share, caught = first_share, True
        level = REST_V - share * (REST_V - volts(time_s))
        step = finder.watch(Point(time_s, -LOAD_A * share, [level], 25.0))
        if step is not None:
            steps.append(step)
    return steps


@pytest.mark.parametrize("gap_s", [1.0, 2.0, 5.0, 10.0, 19.0])
def test_a_gap_before_the_step_costs_no_more_than_it_says(gap_s: float) -> None:
    times = [-gap_s / 2 - 20.0 + n for n in range(20)] + [gap_s / 2 + 2.0 * n for n in range(15)]
    (step,) = found(times)
    unknown = 0.1 * step.start_sd_s / 10.0
    assert step.resistance_ohm[0] == pytest.approx(OHM, rel=0.02 + 2.0 * unknown)


@pytest.mark.parametrize("every_s", [9.0, 11.0, 12.5, 14.0, 16.0, 19.0])
def test_no_pace_of_sampling_is_blind_to_a_load(every_s: float) -> None:
    (step,) = found([every_s * (n - 3.5) for n in range(8)])
    assert step.resistance_ohm[0] == pytest.approx(OHM, rel=0.12)


def test_a_first_sample_that_catches_the_load_half_way_is_no_step_of_its_own() -> None:
    times = [-60.0, -40.0, -19.5, *(0.5 + 2.0 * n for n in range(15))]
    (step,) = found(times, first_share=0.5)
    assert step.after_a == pytest.approx(-LOAD_A)
    assert step.resistance_ohm[0] == pytest.approx(OHM, rel=0.1)


def off_step(loaded_v: float) -> Step:
    """Give a step that ends a load of 40 A at ``loaded_v``."""
    return Step(
        time_s=0.0,
        resistance_ohm=np.full(3, OHM),
        sd_ohm=1e-5,
        start_sd_s=0.5,
        before_a=-LOAD_A,
        after_a=0.0,
        before_v=np.full(3, loaded_v),
        held_s=60.0,
        sign=1.0,
        celsius=25.0,
    )


def read(step: Step, chemistry: Chemistry, soc: float) -> Pulse | Useless:
    """Normalise ``step`` of a cell of ``chemistry``."""
    kind = cell_type(Battery(chemistry, rated_capacity_ah=CAPACITY_AH))
    return pulse_of(step, kind, capacity_ah=CAPACITY_AH, soc=soc, celsius_sd=0.03)


def test_a_load_that_ends_near_the_cut_off_tells_no_resistance() -> None:
    assert isinstance(read(off_step(3.5), Chemistry.NCA, 0.6), Pulse)
    assert read(off_step(2.8), Chemistry.NCA, 0.6) is Useless.EMPTY


def test_the_correction_for_charge_is_only_half_believed() -> None:
    flat, steep = (read(off_step(3.5), Chemistry.NCA, soc) for soc in (0.8, 0.15))
    assert isinstance(flat, Pulse)
    assert isinstance(steep, Pulse)
    assert steep.common_sd > 2.0 * flat.common_sd


def noise(values: list[float]) -> float:
    """Give the noise that load steps with these errors of ln R are at last held for."""
    kind = cell_type(Battery(Chemistry.NCA, rated_capacity_ah=CAPACITY_AH))
    state = ModuleFilter.start(kind, 4, CAPACITY_AH)
    watch = JumpWatch(4)
    sd = 0.0
    for n, value in enumerate(values):
        ln_r = np.full(4, math.log(kind.specific_resistance_ohm_ah / CAPACITY_AH) + value)
        pulse = Pulse(n * 1e6, ln_r, np.full(4, 0.01), 0.015, 0.0, off=False)
        sd = watch.common_sd(pulse, state)
        state.update_resistance(ln_r, pulse.own_sd, common_sd=sd, warm=0.0, off=False)
    return sd


def test_steps_that_scatter_are_trusted_less_and_growth_is_no_scatter() -> None:
    quiet = noise([0.0] * 12)
    assert quiet == pytest.approx(0.015)
    assert noise([0.08, -0.08] * 6) > 2.5 * quiet
    assert noise([0.01 * n for n in range(12)]) == pytest.approx(quiet, rel=0.1)


def test_the_steps_of_one_day_show_no_knee_in_new_cells() -> None:
    kind = cell_type(Battery(Chemistry.NMC, rated_capacity_ah=CAPACITY_AH))
    state = ModuleFilter.start(kind, 1, CAPACITY_AH)
    level = float(state.ln_resistance()[0][0])
    for value in [0.0] * 8 + [0.06] * 6:
        ln_r = np.array([level + value])
        state.update_resistance(ln_r, np.array([0.01]), common_sd=0.012, warm=0.0, off=False)
    assert state.loss()[0] < 0.003
