"""One test that puts a cell far from its module: worth a word, never a change of the estimate."""

import json
import math

import numpy as np
import pytest

from agent.errors import StoreError
from agent.health.chemistry import NCA_POWER
from agent.health.evidence import Pulse
from agent.health.filter import ModuleFilter
from agent.health.findings import hinted
from agent.health.hints import HintWatch
from agent.health.record import dump
from agent.health.verdict import Finding
from agent.health.watches import Watches
from agent.model import Verdict

CELLS, CELL = 8, 5
NAMES = tuple(str(n) for n in range(1, CELLS + 1))
DAY_S = 86400.0
SD = np.full(CELLS, 0.02)


def step(watch: HintWatch, day: float, away: float, *, off: bool, late_s: float = 30.0) -> None:
    """Let a load step at ``day`` put one cell ``away`` from its module, the others by chance."""
    departures = np.random.default_rng([int(day), off]).normal(0.0, 0.02, CELLS)
    departures[CELL] = away
    time_s = day * DAY_S + (late_s if off else 0.0)
    pulse = Pulse(time_s, departures, SD, 0.02, 0.0, off)
    watch.look(pulse, departures, SD)


def after_tests(count: int = 6, each: float = 0.0) -> HintWatch:
    """Make a watch that has seen ``count`` tests; ``each`` is added to all by turns."""
    watch = HintWatch(CELLS)
    for n in range(count):
        for off in (False, True):
            step(watch, 90.0 * n, 0.0, off=off)
    watch.scatter += each
    return watch


def test_both_steps_of_one_test_give_a_hint() -> None:
    watch = after_tests()
    step(watch, 600.0, 0.06, off=False)
    assert np.isnan(watch.since_s).all()
    step(watch, 600.0, 0.07, off=True)
    assert np.flatnonzero(np.isfinite(watch.since_s)).tolist() == [CELL]
    assert watch.since_s[CELL] == 600.0 * DAY_S + 30.0
    assert watch.out_by[CELL] == pytest.approx(0.065)
    assert watch.sigmas[CELL] > 4.0


@pytest.mark.parametrize(
    ("on", "off", "late_s"),
    [(0.2, 0.01, 30.0), (0.01, 0.2, 30.0), (-0.1, -0.1, 30.0), (0.04, 0.04, 30.0), (0.1, 0.1, 4e3)],
    ids=["on alone", "off alone", "below", "small", "hours apart"],
)
def test_nothing_less_gives_one(on: float, off: float, late_s: float) -> None:
    watch = after_tests()
    step(watch, 600.0, on, off=False)
    step(watch, 600.0, off, off=True, late_s=late_s)
    assert np.isnan(watch.since_s).all()


@pytest.mark.parametrize("watch", [after_tests(2), after_tests(each=8.0)], ids=["new", "restless"])
def test_a_module_that_is_not_known_to_be_calm_gives_none(watch: HintWatch) -> None:
    for off in (False, True):
        step(watch, 600.0, 0.08, off=off)
    assert np.isnan(watch.since_s).all()


def test_a_hint_stands_until_a_test_says_otherwise() -> None:
    watch = after_tests()
    for day, away in ((600.0, 0.08), (690.0, 0.03)):
        for off in (False, True):
            step(watch, day, away, off=off)
    assert watch.since_s[CELL] == 600.0 * DAY_S + 30.0
    for off in (False, True):
        step(watch, 780.0, -0.02, off=off)
    assert np.isnan(watch.since_s[CELL])


def told(*, spent: float, excused: frozenset[str] = frozenset()) -> list[Finding]:
    """What is said of a hint in a module that has grown by ``spent`` of ln R."""
    state = ModuleFilter.start(NCA_POWER, CELLS, 15.0)
    state.x[state.blocks()[2]] = spent
    watches = Watches.start(CELLS, 15.0, voltage_sd_v=0.001, current_step_a=0.1, celsius_step_c=0.5)
    watches.jumps.hints = after_tests()
    for off in (False, True):
        step(watches.jumps.hints, 600.0, 0.08, off=off)
    return list(hinted(state, watches, NAMES, excused=excused))


def test_a_hint_is_watched_and_says_what_was_seen() -> None:
    (found,) = told(spent=0.2)
    assert (found.code, found.cell) == ("cell_resistance", "6")
    assert (found.verdict, found.severity) == (Verdict.WATCH, 1.0)
    assert "both load steps of 1971-08-24 put its resistance 8 % further above" in found.text


def test_where_knees_begin_one_test_is_not_enough() -> None:
    assert told(spent=0.6) == []


def test_a_cell_of_which_something_else_is_known_is_not_named_again() -> None:
    assert told(spent=0.2, excused=frozenset({"6"})) == []
    assert len(told(spent=0.2, excused=frozenset({"5"}))) == 1


def test_a_hint_lives_through_a_restart() -> None:
    watch = after_tests()
    step(watch, 600.0, 0.06, off=False)
    again = HintWatch(CELLS)
    again.unpack(json.loads(json.dumps(dump(watch))))
    for one in (watch, again):
        step(one, 600.0, 0.07, off=True)
    assert dump(again) == dump(watch)
    assert math.isfinite(again.since_s[CELL])
    with pytest.raises(StoreError):
        again.unpack({"scatter": 1.0})
