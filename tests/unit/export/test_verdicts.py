from dataclasses import replace

import pytest

from agent.export.verdicts import is_ready, judge, units_of
from agent.model import Health, Location, Reading, Reason, Shelf, UnitInfo, UnitState, Verdict
from agent.store.live import UnitView

SILENCE = Reason(
    "not_answering",
    "does not answer: 10.1.3.20:161: no answer in 1 s",
    verdict=Verdict.UNKNOWN,
)


def test_the_estimate_speaks_while_the_unit_answers(module: UnitView, health: Health) -> None:
    assert judge(module) == (Verdict.DEGRADED, health.reasons)


def test_a_unit_that_never_answered_is_unknown_with_its_cause(silent: UnitView) -> None:
    assert judge(silent) == (Verdict.UNKNOWN, (SILENCE,))


def test_a_unit_not_yet_tried_is_unknown_without_blame(silent: UnitView) -> None:
    new = replace(silent, status=replace(silent.status, state=UnitState.NEW, polls=0))
    assert judge(new) == (Verdict.UNKNOWN, ())


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (Verdict.OK, Verdict.UNKNOWN),
        (Verdict.WATCH, Verdict.UNKNOWN),
        (Verdict.UNKNOWN, Verdict.UNKNOWN),
        (Verdict.DEGRADED, Verdict.DEGRADED),
        (Verdict.REPLACE, Verdict.REPLACE),
    ],
)
def test_silence_takes_a_good_verdict_away_and_leaves_a_bad_one(
    silent: UnitView, health: Health, before: Verdict, now: Verdict
) -> None:
    known = replace(silent, health=replace(health, verdict=before))
    assert judge(known) == (now, (SILENCE, *health.reasons))


@pytest.mark.parametrize(
    ("verdict", "flag", "value", "ready"),
    [
        (Verdict.OK, "battery_fault", False, True),
        (Verdict.DEGRADED, "battery_fault", 0.0, True),
        (Verdict.REPLACE, "battery_fault", False, False),
        (Verdict.OK, "battery_fault", True, False),
        (Verdict.OK, "replace_battery", 1.0, False),
        (Verdict.OK, "on_battery", True, True),
    ],
)
def test_what_can_be_counted_on(
    module: UnitView, health: Health, verdict: Verdict, flag: str, *, value: bool, ready: bool
) -> None:
    view = replace(
        module,
        health=replace(health, verdict=verdict),
        readings=(Reading(flag, None, value, 1, "x"),),
    )
    assert is_ready(view) is ready


def test_a_silent_unit_cannot_be_counted_on(silent: UnitView) -> None:
    assert not is_ready(silent)


def test_units_of_a_shelf(module: UnitView, silent: UnitView) -> None:
    elsewhere = replace(module, info=UnitInfo("x", "p", Location("r2", "a", "1")))
    assert units_of(Shelf("r1", "a", 1), (module, silent, elsewhere)) == [module]
