"""What happened while nobody looked is not taken for known."""

import numpy as np
import pytest

from agent.health import charge
from agent.health.chemistry import NCA_POWER, cell_type
from agent.health.deep import Deep, DeepWatch
from agent.health.evidence import Pulse, Useless, pulse_of
from agent.health.pulses import Point, Step, StepFinder
from agent.health.record import Memory
from agent.model import Battery, Chemistry

CAPACITY_AH, OHM = 15.0, 0.0024
STEP = Step(0.0, np.full(1, OHM), 1e-5, 0.5, -30.0, 0.0, np.full(1, 3.6), 60.0, 1.0, 25.0)
BACK = [(volts, share) for share, volts in NCA_POWER.ocv]


def test_a_load_found_after_a_silence_has_not_drawn_for_all_of_it() -> None:
    memory = Memory(soc=0.9)
    charge.follow(memory, BACK, 60.0, 0.0, [4.06])
    charge.follow(memory, BACK, 7200.0, -2.0, [3.9])
    assert memory.soc == pytest.approx(0.9 - 2.0 * 30.0 / 3600.0)
    charge.follow(memory, BACK, 60.0, -2.0, [3.9])
    assert memory.soc == pytest.approx(0.9 - 2.0 * 90.0 / 3600.0)


@pytest.mark.parametrize("counted", [0.6, 0.3])
def test_the_charge_of_a_step_is_that_at_its_beginning(counted: float) -> None:
    moved = 30.0 * 16.0 / 3600.0 / CAPACITY_AH
    step = STEP._replace(before_a=0.0, after_a=-30.0, before_v=np.full(1, 3.791))
    memory = Memory(soc=counted - moved)
    begun = charge.at_step(memory, step, NCA_POWER.ocv, BACK, capacity_ah=CAPACITY_AH, now_s=16.0)
    assert begun == pytest.approx(0.6)
    assert memory.soc == pytest.approx(0.6 - moved)


def drawn(silence_s: float) -> Deep | None:
    """Rest, be silent, then discharge 70 % at 1C."""
    watch = DeepWatch(1, CAPACITY_AH)
    watch.watch(0.0, 0.0, [4.1])
    for second in range(0, 2520, 10):
        watch.watch(silence_s + second, -CAPACITY_AH, [3.8 - second / 5000.0])
    return watch.watch(silence_s + 2520.0, 0.0, [3.5])


def test_a_discharge_whose_beginning_nobody_saw_measures_no_capacity() -> None:
    deep = drawn(60.0)
    assert deep is not None
    assert deep.drawn_ah == pytest.approx((0.7 + 30.0 / 3600.0) * CAPACITY_AH, rel=0.01)
    assert deep.unseen == pytest.approx(60.0 / 3600.0)
    assert drawn(3600.0) is None


def read(step: Step) -> Pulse | Useless:
    kind = cell_type(Battery(Chemistry.NCA, rated_capacity_ah=CAPACITY_AH))
    return pulse_of(step, kind, capacity_ah=CAPACITY_AH, soc=0.6, celsius_sd=0.03)


def test_a_load_that_was_only_just_seen_tells_nothing_when_it_ends() -> None:
    assert isinstance(read(STEP), Pulse)
    assert read(STEP._replace(held_s=0.0)) is Useless.UNRESTED


def pulse_after(rest_s: float) -> Step:
    """Load for 20 s, rest for ``rest_s``, load again: the second load's step."""
    finder = StepFinder(CAPACITY_AH, 0.001)
    levels = [(20.0, 0.0), (20.0, 30.0), (rest_s, 0.0), (20.0, -30.0), (20.0, 0.0)]
    steps, at_s = [], 0.0
    for lasts_s, current_a in levels:
        for _ in range(int(lasts_s / 2.0)):
            at_s += 2.0
            step = finder.watch(Point(at_s, current_a, [3.9 + current_a * OHM], 25.0))
            steps += [] if step is None else [step]
    return next(step for step in steps if step.after_a < -1.0)


def test_a_step_is_refused_while_the_load_before_it_still_echoes() -> None:
    assert pulse_after(30.0).earlier_a == 30.0
    assert read(pulse_after(30.0)) is Useless.UNRESTED
    assert isinstance(read(pulse_after(600.0)), Pulse)


def test_what_was_before_a_rest_survives_a_restart() -> None:
    finder = StepFinder(CAPACITY_AH, 0.001, earlier_a=7.0)
    again = StepFinder(CAPACITY_AH, 0.001)
    again.unpack(finder.pack(), 1)
    assert again.earlier_a == 7.0
