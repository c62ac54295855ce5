"""From samples to health with the real engine: when it starts, restarts, goes on and keeps."""

from dataclasses import dataclass, field, replace

import pytest

from agent.model import (
    Battery,
    Chemistry,
    Event,
    Fault,
    FaultReason,
    Health,
    Reading,
    Sample,
    Verdict,
)
from agent.poll import assess
from agent.poll.assess import (
    ASSESS_EVERY_S,
    FORGET_AFTER_S,
    KEEP_AFTER,
    KEEP_EVERY_S,
    Assessor,
    State,
)
from tests.unit.poll.samples import WALL_S, sample

BATTERY = Battery(Chemistry.NCA, series=3, rated_capacity_ah=20.0, rated_power_w=600.0)


@dataclass
class Records:
    """An archive that writes down what it is given."""

    states: list[tuple[str | None, State]] = field(default_factory=list)
    seen: list[State] = field(default_factory=list)

    def keep_state(self, unit: str, serial: str | None, state: State) -> None:
        assert unit == "u" or unit.startswith("serial:")
        self.states.append((serial, state))

    def keep_event(self, event: Event) -> None:
        raise AssertionError(event)

    def keep_health(self, unit: str, health: Health) -> None:
        assert (unit, bool(health.verdict)) == ("u", True)

    def keep_seen(self, unit: str, time_s: float, body: State) -> int:
        assert (unit, time_s >= WALL_S) == ("u", True)
        self.seen.append(body)
        return len(self.seen)

    def keep_sample(self, sample: Sample, *, closely: bool) -> None:
        raise AssertionError((sample, closely))


def assessor(
    records: Records | None = None, learnt: tuple[str | None, State] | None = None
) -> Assessor:
    return Assessor("u", records or Records(), BATTERY, learnt)


def cells_of(made: Assessor) -> tuple[str, ...]:
    assert made.engine is not None
    return made.engine.cells


def test_an_engine_starts_with_the_first_cells_in_their_own_order() -> None:
    made = assessor()
    rows = sample(0, *[4.0] * 11)
    made.observe(Sample("u", rows.wall_s, 0, rows.readings[::-1]), urgent=False)
    assert cells_of(made) == tuple(str(n) for n in range(1, 12))


def named(at_s: float, names: range) -> Sample:
    rows = [Reading("cell_voltage", str(n), 4.0, at_s, "x") for n in names]
    return Sample("u", WALL_S + at_s, at_s, tuple(rows))


def test_cells_that_are_renumbered_for_ever_stay_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assess, "MOST_CELLS", 8)
    made, shown = assessor(), []
    for n in range(6):
        made.observe(named(10.0 * n, range(3 * n, 3 * n + 3)), urgent=False)
        shown.append(len(cells_of(made)))
    assert shown == [3, 6, 3, 6, 3, 6]
    made.observe(named(60.0, range(20)), urgent=False)
    held = made.engine
    assert cells_of(made) == tuple(map(str, range(8)))
    made.observe(named(70.0, range(20)), urgent=False)
    assert made.engine is held


def test_a_unit_without_cells_is_judged_by_its_own_word() -> None:
    made = assessor()
    health = made.observe(sample(0, battery_status="normal"), urgent=False)
    assert health is not None
    assert (health.verdict, health.cells, made.engine) == (Verdict.OK, (), None)
    worse = made.observe(sample(ASSESS_EVERY_S, replace_battery=True), urgent=False)
    assert worse is not None
    assert worse.verdict is Verdict.REPLACE


def test_what_a_partial_pass_does_not_tell_is_still_known() -> None:
    made = assessor()
    made.observe(sample(0, replace_battery=True), urgent=False)
    health = made.observe(sample(ASSESS_EVERY_S, battery_status="normal"), urgent=False)
    assert health is not None
    assert health.verdict is Verdict.REPLACE


def test_the_word_of_a_device_ends_with_the_fault_of_its_field() -> None:
    made = assessor()
    made.observe(sample(0, replace_battery=True, battery_status="normal"), urgent=False)
    faults = (Fault("replace_battery", None, FaultReason.SENTINEL, "65535", "x"),)
    later = replace(sample(ASSESS_EVERY_S, battery_status="normal"), faults=faults)
    health = made.observe(later, urgent=False)
    assert health is not None
    assert health.verdict is Verdict.OK


def test_a_second_source_of_a_sample_stands_against_the_fault_of_the_first() -> None:
    made = assessor()
    faults = (Fault("replace_battery", None, FaultReason.SENTINEL, "65535", "x"),)
    health = made.observe(replace(sample(0, replace_battery=True), faults=faults), urgent=False)
    assert health is not None
    assert health.verdict is Verdict.REPLACE


@pytest.mark.parametrize(
    ("after_s", "verdict"),
    [(FORGET_AFTER_S, Verdict.OK), (FORGET_AFTER_S + 1, Verdict.UNKNOWN)],
)
def test_the_word_of_a_device_does_not_outlive_its_horizon(
    after_s: float, verdict: Verdict
) -> None:
    made = assessor()
    made.observe(sample(0, battery_status="normal"), urgent=False)
    health = made.observe(sample(after_s, battery_voltage=54.0), urgent=False)
    assert health is not None
    assert health.verdict is verdict


def test_a_slow_word_has_its_own_horizon_and_a_date_has_none() -> None:
    made = assessor()
    made.horizons_s = {"battery_status": 5000.0}
    made.observe(
        sample(0, battery_status="normal", load=0.5, manufacture_date="2020-01-01"), urgent=False
    )
    made.observe(sample(5000, battery_voltage=54.0), urgent=False)
    assert set(made.known) == {"battery_status", "manufacture_date", "battery_voltage"}
    made.observe(sample(5001, battery_voltage=54.0), urgent=False)
    assert set(made.known) == {"manufacture_date", "battery_voltage"}


def test_assessments_come_at_their_pace_and_at_once_with_news() -> None:
    made = assessor()
    due = [
        made.observe(sample(at, 4.0, 4.0, 4.0), urgent=urgent) is not None
        for at, urgent in ((0, False), (29, False), (29.5, True), (30, False), (59.5, False))
    ]
    assert due == [True, False, True, False, True]


def test_a_clock_set_back_does_not_silence_the_assessment() -> None:
    made = assessor()
    made.observe(sample(5000, 4.0, 4.0, 4.0), urgent=False)
    assert made.observe(sample(10, 4.0, 4.0, 4.0), urgent=False) is not None


def test_every_cell_has_its_estimate_by_the_device_number() -> None:
    health = assessor().observe(sample(0, 4.0, 0.0, 4.0), urgent=False)
    assert health is not None
    assert [cell.cell for cell in health.cells] == ["1", "2", "3"]


def test_a_cell_that_is_lost_for_a_while_keeps_its_place() -> None:
    made = assessor()
    made.observe(sample(0, 4.0, 4.0, 4.0), urgent=False)
    engine = made.engine
    made.observe(sample(10, 4.0, None, 4.0), urgent=False)
    assert made.engine is engine


def test_a_cell_that_shows_up_later_is_watched_too() -> None:
    made = assessor()
    made.observe(sample(0, 4.0, None, 4.0), urgent=False)
    assert cells_of(made) == ("1", "3")
    made.observe(sample(10, 4.0, 4.0, None), urgent=False)
    assert cells_of(made) == ("1", "2", "3")


def evidence_of(made: Assessor) -> int:
    assert made.engine is not None
    return made.engine.evidence_count


def test_a_cell_that_shows_up_later_costs_nothing_of_what_was_learnt() -> None:
    made = assessor()
    for at in range(0, 400, 10):
        current_a = -10.0 if 200 <= at < 300 else 0.0
        volts = 3.9 if current_a else 4.0
        made.observe(sample(at, volts, None, volts, battery_current=current_a), urgent=False)
    learnt = evidence_of(made)
    assert learnt > 0
    made.observe(sample(410, 4.0, 4.0, 4.0, battery_current=0.0), urgent=False)
    assert (cells_of(made), evidence_of(made)) == (("1", "2", "3"), learnt)


def test_a_new_run_that_sees_one_cell_more_goes_on_all_the_same() -> None:
    made = assessor(learnt=learn(Records()))
    made.replaced("A1")
    made.observe(sample(410, 4.0, 4.0, 4.0, 4.0, battery_current=0.0), urgent=False)
    assert cells_of(made) == ("1", "2", "3", "4")
    assert evidence_of(made) > 0


def learn(records: Records, serial: str | None = "A1") -> tuple[str | None, State]:
    made = assessor(records)
    if serial is not None:
        made.replaced(serial)
    for at in range(0, 400, 10):
        current_a = -10.0 if 200 <= at < 300 else 0.0
        volts = 3.9 if current_a else 4.0
        made.observe(sample(at, volts, volts, volts, battery_current=current_a), urgent=False)
    made.keep(WALL_S + 400, urgent=True)
    return records.states[-1]


def state_of(made: Assessor) -> object:
    assert made.engine is not None
    return made.engine.state()


def test_a_new_run_goes_on_with_what_was_learnt() -> None:
    kept = learn(Records())
    made = assessor(learnt=kept)
    assert not made.replaced("A1")
    made.observe(sample(410, 4.0, 4.0, 4.0, battery_current=0.0), urgent=False)
    fresh = assessor()
    fresh.observe(sample(410, 4.0, 4.0, 4.0, battery_current=0.0), urgent=False)
    assert made.learnt is not None
    assert state_of(made) != state_of(fresh)


def test_a_new_run_that_misses_a_cell_at_first_goes_on_all_the_same() -> None:
    made = assessor(learnt=learn(Records()))
    made.replaced("A1")
    made.observe(sample(410, 4.0, None, 4.0, battery_current=0.0), urgent=False)
    assert cells_of(made) == ("1", "2", "3")


def test_another_module_starts_anew() -> None:
    made = assessor(learnt=learn(Records()))
    assert made.replaced("B2")
    made.observe(sample(410, 4.0, 4.0, 4.0), urgent=False)
    fresh = assessor()
    fresh.observe(sample(410, 4.0, 4.0, 4.0), urgent=False)
    assert state_of(made) == state_of(fresh)


def test_a_module_exchanged_while_we_look_starts_anew() -> None:
    made = assessor()
    assert not made.replaced("A1")
    made.observe(sample(0, 4.0, 4.0, 4.0, replace_battery=True), urgent=False)
    assert not made.replaced("A1")
    assert made.replaced("B2")
    assert (made.engine, made.known) == (None, {})
    health = made.observe(sample(1, 4.0, 4.0, 4.0), urgent=False)
    assert health is not None
    assert health.verdict is not Verdict.REPLACE


@pytest.mark.parametrize(
    "state", [{"version": 1, "cells": ["1", "2"]}, {"version": 99}, {"cells": "123"}]
)
def test_a_state_that_cannot_be_used_is_said_and_left(
    state: State, caplog: pytest.LogCaptureFixture
) -> None:
    made = assessor(learnt=("A1", state))
    made.observe(sample(0, 4.0, 4.0, 4.0), urgent=False)
    assert cells_of(made) == ("1", "2", "3")
    (record,) = caplog.records
    assert record.getMessage().startswith("unit u: starts without its past: ")


def test_the_state_is_kept_at_its_pace_and_at_once_with_news() -> None:
    records = Records()
    made = assessor(records)
    made.replaced("A1")
    made.observe(sample(0, 4.0, 4.0, 4.0), urgent=False)
    for now_s, urgent in ((0, False), (10, False), (20, True), (30, False)):
        made.keep(WALL_S + now_s, urgent=urgent)
    made.keep(WALL_S + 20 + KEEP_EVERY_S, urgent=False)
    assert [serial for serial, _ in records.states] == ["A1"] * 3


def test_a_clock_set_back_does_not_put_off_the_record_of_the_state() -> None:
    records = Records()
    made = assessor(records)
    made.observe(sample(WALL_S, 3.9, 3.9, 3.9), urgent=False)
    made.keep(WALL_S + 5 * 3600, urgent=False)
    made.keep(WALL_S, urgent=False)
    made.keep(WALL_S + 1, urgent=False)
    assert len(records.states) == 2


def test_a_restart_has_never_more_to_show_than_a_minute_or_two_under_load() -> None:
    records = Records()
    made = assessor(records)
    most = 0
    for second in range(300):
        made.observe(sample(second, 4.0, 4.0), urgent=False)
        kept = len(records.states)
        made.keep(WALL_S + second, urgent=False)
        most = max(most, made.unkept)
        assert len(records.states) == kept or made.unkept == 0
    assert KEEP_AFTER - 1 <= most <= 1.5 * KEEP_AFTER
    assert 300 / (1.5 * KEEP_AFTER) <= len(records.states) <= 2 + 300 / KEEP_AFTER


def test_an_assessment_that_there_is_no_time_for_stays_due() -> None:
    made = assessor()
    for second in range(3):
        assert made.observe(sample(second, 4.0, 4.0), urgent=False, spare=False) is None
    assert made.observe(sample(3, 4.0, 4.0), urgent=False) is not None
    assert made.observe(sample(4, 4.0, 4.0), urgent=False) is None


def test_a_unit_without_an_engine_has_nothing_to_keep() -> None:
    records = Records()
    assessor(records).keep(WALL_S, urgent=True)
    assert records.states == []


def age_known(made: Assessor) -> float | None:
    assert made.engine is not None
    return made.engine.engines[0].battery.commissioned_s


def test_a_battery_of_which_nobody_tells_the_age_is_not_taken_for_new() -> None:
    made = assessor()
    made.observe(sample(0, 4.0, 4.0, 4.0), urgent=False)
    assert age_known(made) is None


def test_the_device_s_own_date_is_its_age_even_where_it_comes_late() -> None:
    made = assessor()
    made.observe(sample(0, 4.0, 4.0, 4.0), urgent=False)
    made.observe(sample(10, 4.0, 4.0, 4.0, manufacture_date="2021-03-04"), urgent=False)
    assert age_known(made) == 1614816000.0


def test_the_configured_date_wins_over_the_device_s() -> None:
    made = assessor()
    made.battery = replace(BATTERY, commissioned_s=1.6e9)
    made.observe(sample(0, 4.0, 4.0, 4.0, manufacture_date="2021-03-04"), urgent=False)
    assert age_known(made) == 1.6e9


@pytest.mark.parametrize("text", ["", "1980-01-01", "2035-01-01", "04/03/21", "never"])
def test_a_date_that_can_be_none_is_no_age(text: str) -> None:
    made = assessor()
    made.observe(sample(0, 4.0, 4.0, 4.0, manufacture_date=text), urgent=False)
    assert age_known(made) is None


def pulsed(at_s: float) -> Sample:
    """A rest, then a load from 60 s to 90 s."""
    load_a = 18.0 if 60 <= at_s < 90 else 0.0
    volts = [4.0 - load_a * (0.003 + 0.0002 * n) for n in range(3)]
    return sample(at_s, *volts, battery_current=-load_a, serial_number="S1")


@pytest.mark.parametrize("killed_at", [1, 29, 33, 37, 46, 59])
def test_an_agent_killed_at_any_moment_goes_on_as_if_it_had_not_been(killed_at: int) -> None:
    samples = [pulsed(2.0 * n) for n in range(60)]
    whole = assessor()
    first = Records()
    before, after = assessor(first), assessor()
    for n, one in enumerate(samples):
        whole.observe(one, urgent=False)
        if n < killed_at:
            before.observe(one, urgent=False)
            before.keep(one.wall_s, urgent=False)
    serial, state = first.states[-1]
    mark = state["seen"]
    assert isinstance(mark, int)
    after = assessor(learnt=(serial, {**state, "since": first.seen[mark:]}))
    for one in samples[killed_at:]:
        after.observe(one, urgent=False)
    assert whole.engine is not None
    assert after.engine is not None
    assert whole.engine.evidence_count > 0
    assert after.engine.state() == whole.engine.state()


def test_what_no_engine_can_take_is_passed_over_at_a_restart() -> None:
    first = Records()
    before = assessor(first)
    before.observe(sample(0, 4.0, 4.0, 4.0), urgent=False)
    before.keep(WALL_S, urgent=True)
    serial, state = first.states[-1]
    other = {**first.seen[0], "cells": ["1", "2", "9"]}
    after = assessor(learnt=(serial, {**state, "since": [None, {"cells": 3}, other]}))
    after.observe(sample(1, 4.0, 4.0, 4.0), urgent=False)
    before.observe(sample(1, 4.0, 4.0, 4.0), urgent=False)
    assert (after.engine and after.engine.state()) == (before.engine and before.engine.state())
