import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import UnitState
from agent.poll.schedule import DORMANT_AFTER, DOWN_AFTER, Pace, Turn
from agent.profiles.schema import Cadence

ALL = frozenset(Cadence)
FAST = frozenset({Cadence.FAST})
PACE = Pace(interval_s=10, discharge_interval_s=1, slow_s=3600, dormant_s=300)


class Even(random.Random):
    """Jitter that is always in the middle."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def turn(due_s: float = 1000.0, pace: Pace = PACE) -> Turn:
    return Turn(pace, due_s=due_s, jitter=Even())


def test_the_first_pass_reads_everything() -> None:
    assert turn().cadences(1000) == ALL


def test_slow_fields_wait_for_their_hour() -> None:
    made = turn()
    made.answered(1001, ALL)
    assert [made.cadences(at) for at in (1010, 4600, 4601)] == [FAST, FAST, ALL]


def test_a_fast_pass_does_not_put_the_slow_ones_off() -> None:
    made = turn()
    made.answered(1001, ALL)
    made.answered(4000, FAST)
    assert made.cadences(4601) == ALL


def test_passes_keep_to_the_grid_however_long_they_take() -> None:
    made, due = turn(), []
    for took_s in (0.1, 2.0, 0.4):
        made.answered(made.due_s + took_s, FAST)
        due.append(made.due_s)
    assert due == [1010, 1020, 1030]


def test_a_pass_longer_than_the_interval_is_followed_at_once() -> None:
    made = turn()
    made.answered(1013, FAST)
    assert made.due_s == 1013


def test_a_pass_that_came_late_leaves_no_debt() -> None:
    made = turn()
    made.answered(5000, FAST)
    made.answered(5000.1, FAST)
    assert made.due_s == 5010


@given(
    st.lists(st.tuples(st.floats(0, 40), st.floats(0.01, 30)), min_size=1, max_size=40),
    st.floats(0.5, 60),
)
def test_passes_never_bunch_up(steps: list[tuple[float, float]], interval_s: float) -> None:
    made = turn(0.0, Pace(interval_s=interval_s))
    now_s = first_s = 0.0
    for passes, (late_s, took_s) in enumerate(steps, start=1):
        now_s = max(now_s, made.due_s) + late_s
        if passes == 1:
            first_s = now_s
        assert passes <= (now_s - first_s) / interval_s + 2.001
        now_s += took_s
        made.answered(now_s, FAST)
        assert now_s <= made.due_s <= now_s + interval_s


def test_a_discharge_hurries_the_next_pass_and_the_ones_after() -> None:
    made = turn()
    made.answered(1000.2, ALL)
    made.urgent(1003, until_s=1063)
    assert made.due_s == 1003
    made.answered(1003.3, FAST)
    assert made.due_s == 1004


def test_a_unit_that_was_just_read_waits_for_its_turn() -> None:
    made = turn()
    made.answered(1000.2, ALL)
    made.urgent(1000.5, until_s=1060)
    assert made.due_s == pytest.approx(1001.2)


def test_in_a_discharge_the_rest_is_read_at_the_pace_of_standby() -> None:
    made = turn()
    made.answered(1000, ALL)
    made.urgent(1003, until_s=1100)
    assert [made.vital(at) for at in (1003, 1009.9, 1010)] == [True, True, False]
    made.answered(1010.1, FAST)
    assert made.vital(1011)


def test_on_a_late_line_the_rest_waits_longer_but_not_for_ever() -> None:
    made = turn()
    made.answered(1000, ALL)
    made.urgent(1003, until_s=1100)
    assert [made.vital(at, spare=False) for at in (1010, 1024, 1025)] == [True, True, False]


def test_a_unit_never_read_whole_is_not_read_in_part() -> None:
    made = turn()
    made.urgent(999, until_s=1060)
    assert not made.vital(1000)


def test_slow_fields_are_read_as_soon_as_a_discharge_is_over() -> None:
    made = turn()
    made.answered(1000, ALL)
    made.urgent(1003, until_s=1063)
    assert [made.cadences(at) for at in (1062, 1063)] == [FAST, ALL]


def test_phases_part_the_units_of_a_line_once() -> None:
    made = turn()
    made.phase_s = 4.0
    made.answered(1000.2, ALL)
    assert made.due_s == 1014
    made.answered(1014.1, FAST)
    assert made.due_s == 1024


def test_counters_have_a_pace_of_their_own() -> None:
    made = turn()
    assert made.counting(1000)
    made.answered(1000, ALL, counted=True)
    assert [made.counting(at) for at in (1059, 1060)] == [False, True]


def test_during_a_discharge_only_fast_fields_are_read() -> None:
    made = turn()
    made.answered(1000, ALL)
    made.urgent(4590, until_s=4700)
    assert [made.cadences(at) for at in (4650, 4700)] == [FAST, ALL]


def test_a_unit_first_met_in_a_discharge_is_read_whole_once() -> None:
    made = turn()
    made.urgent(999, until_s=1060)
    assert made.cadences(1000) == ALL


def test_after_the_discharge_the_interval_returns() -> None:
    made = turn()
    made.urgent(1000, until_s=1002)
    made.answered(1001.5, FAST)
    made.answered(1002.5, FAST)
    assert made.due_s == pytest.approx(1012.0, abs=1)


def test_urgency_is_never_shortened() -> None:
    made = turn()
    made.urgent(1000, until_s=1100)
    made.urgent(1001, until_s=1050)
    assert made.urgent_until_s == 1100


def test_urgency_does_not_put_a_pass_off() -> None:
    made = turn(due_s=1000)
    made.urgent(1000.5, until_s=1060)
    assert made.due_s == 1000


def test_urgency_leaves_a_silent_unit_in_peace() -> None:
    made = turn()
    made.failed(1000)
    made.urgent(1001, until_s=1060)
    assert made.due_s == 1010


def failed(made: Turn, times: int, now_s: float = 1000.0) -> list[float]:
    waits = []
    for _ in range(times):
        made.failed(now_s)
        waits.append(made.due_s - now_s)
    return waits


def test_back_off_doubles_up_to_dormant() -> None:
    assert failed(turn(), 12) == [10, 10, 20, 40, 80, 160, 300, 300, 300, 300, 300, 300]


def test_one_lost_answer_in_a_discharge_costs_a_second() -> None:
    made = turn()
    made.urgent(999, until_s=1060)
    assert failed(made, 3) == [1, 10, 20]


def test_a_slow_fleet_is_not_asked_more_often_for_being_silent() -> None:
    assert failed(turn(pace=Pace(interval_s=900, dormant_s=300)), 12) == [900] * 12


def test_jitter_spreads_the_probes_of_many_silent_units() -> None:
    waits = [failed(Turn(PACE, jitter=random.Random(seed)), 1)[0] for seed in range(50)]
    assert 9 <= min(waits) < 9.5
    assert 10.5 < max(waits) <= 11


def test_states_by_failures() -> None:
    made, seen = turn(), []
    for _ in range(DORMANT_AFTER + 1):
        seen.append(made.state(sound=True))
        made.failed(1000)
    expected = [UnitState.UP] * DOWN_AFTER + [UnitState.DOWN] * (DORMANT_AFTER - DOWN_AFTER)
    assert seen == [*expected, UnitState.DORMANT]


def test_a_unit_that_answers_unsoundly_is_degraded() -> None:
    assert turn().state(sound=False) is UnitState.DEGRADED


def test_a_return_ends_the_back_off() -> None:
    made = turn()
    failed(made, 12)
    made.answered(2000, ALL)
    assert (made.failures, made.state(sound=True), made.due_s) == (0, UnitState.UP, 2000.0)
    made.answered(2000.1, FAST)
    assert made.due_s == 2010


def test_after_a_silence_the_identity_is_read_again_and_after_a_slip_not() -> None:
    made = turn()
    made.answered(1000, ALL)
    failed(made, 1)
    assert made.cadences(1011) == FAST
    failed(made, 1)
    assert made.cadences(1021) == ALL


def test_a_unit_that_lives_and_refuses_is_asked_at_the_interval_and_never_dormant() -> None:
    made = turn()
    for _ in range(2 * DORMANT_AFTER):
        made.failed(1000, alive=True)
        assert made.due_s == 1010
    assert made.state(sound=True) is UnitState.DOWN


def test_a_dormant_unit_that_lives_again_is_asked_at_the_interval() -> None:
    made = turn()
    failed(made, 12)
    made.failed(2000, alive=True)
    assert made.due_s == 2010
