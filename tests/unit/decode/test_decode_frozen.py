"""A value that moved all day and then stands still is a fault; a quiet one is not."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.decode.frozen import MOST_WATCHED, STILL_S, Stillness
from agent.model import Fault, FaultReason, Reading, Sample

HOUR_S = 3600.0
STEP_S = 600.0


def sample(now_s: float, value: float, quantity: str = "cell_voltage", index: str = "3") -> Sample:
    return Sample("u", now_s, now_s, (Reading(quantity, index, value, now_s, "holding 111"),))


def noisy(_now_s: float, dice: random.Random) -> float:
    return 3.98 + dice.randint(-1, 1) / 1000


def follow(
    still: Stillness,
    hours: float,
    value: Callable[[float, random.Random], float],
    *,
    start_s: float = 0.0,
    quantity: str = "cell_voltage",
) -> list[Sample]:
    dice = random.Random(4)
    steps = int(hours * HOUR_S / STEP_S)
    return [
        still.judge(sample(now_s, value(now_s, dice), quantity))
        for now_s in (start_s + n * STEP_S for n in range(steps))
    ]


@pytest.mark.parametrize("quantity", [*STILL_S])
def test_a_lively_value_that_stops_is_frozen_after_its_time(quantity: str) -> None:
    still = Stillness()
    lively = follow(still, 30, noisy, quantity=quantity)
    assert all(row.readings for row in lively)
    limit_s = STILL_S[quantity]
    start_s = 30 * HOUR_S
    stuck = follow(
        still, limit_s / HOUR_S + 2, lambda _now_s, _dice: 3.5, start_s=start_s, quantity=quantity
    )
    frozen = [row for row in stuck if row.faults]
    assert frozen[0].mono_s == start_s + limit_s
    assert frozen[0].readings == ()
    assert frozen[0].faults == (Fault(quantity, "3", FaultReason.FROZEN, "3.5", "holding 111"),)
    assert frozen == stuck[-len(frozen) :]


def test_a_value_that_moves_again_is_a_reading_at_once() -> None:
    still = Stillness()
    follow(still, 30, noisy)
    follow(still, 8, lambda _now_s, _dice: 3.5, start_s=30 * HOUR_S)
    assert still.judge(sample(38 * HOUR_S, 3.5)).faults
    assert still.judge(sample(38 * HOUR_S + 1, 3.501)).readings


def test_a_coarse_value_may_rest_for_weeks() -> None:
    def weekly(now_s: float, _dice: random.Random) -> float:
        return 54.0 + 0.1 * int(now_s // (7 * 24 * HOUR_S))

    assert not any(row.faults for row in follow(Stillness(), 24 * 30, weekly))


def test_a_value_of_a_few_lively_hours_may_come_to_rest() -> None:
    still = Stillness()
    follow(still, 12, noisy)
    rest = follow(still, 24 * 30, lambda _now_s, _dice: 3.5, start_s=12 * HOUR_S)
    assert not any(row.faults for row in rest)


def test_a_silence_of_the_unit_starts_the_watch_anew() -> None:
    still = Stillness()
    follow(still, 30, noisy)
    rest = follow(still, 24, lambda _now_s, _dice: 3.5, start_s=33 * HOUR_S)
    assert not any(row.faults for row in rest)


def test_flags_texts_and_counters_are_not_judged() -> None:
    still = Stillness()
    readings = (
        Reading("charging", None, value=True, read_at=0.0, source="holding 1"),
        Reading("model", None, "X", 0.0, "holding 2"),
        Reading("cycle_count", None, 4.0, 0.0, "holding 3"),
    )
    for hour in range(100):
        now_s = hour * HOUR_S
        whole = Sample("u", now_s, now_s, readings)
        assert still.judge(whole) is whole


@given(st.lists(st.tuples(st.floats(-10, 30000), st.sampled_from([1.0, 2.0])), max_size=60))
def test_nothing_is_lost_whatever_the_clock_does(steps: list[tuple[float, float]]) -> None:
    still = Stillness()
    now_s = 0.0
    for step_s, value in steps:
        now_s += step_s
        judged = still.judge(sample(now_s, value))
        assert len(judged.readings) + len(judged.faults) == 1


def test_a_table_that_is_renumbered_all_the_time_is_watched_within_the_limit() -> None:
    still = Stillness()
    for now in range(3 * MOST_WATCHED):
        still.judge(sample(float(now), 3.98, index=str(now)))
    assert len(still._watched) == MOST_WATCHED


def test_what_is_read_on_stays_watched_however_many_rows_come_and_go() -> None:
    still, dice = Stillness(), random.Random(4)
    for step in range(int(40 * HOUR_S / STEP_S)):
        now_s = step * STEP_S
        value = noisy(now_s, dice) if now_s < 30 * HOUR_S else 3.5
        fresh = (
            Reading("temperature", f"{step}-{n}", 25.0, now_s, "a row")
            for n in range(MOST_WATCHED // 8)
        )
        told = sample(now_s, value)
        last = still.judge(replace(told, readings=(*told.readings, *fresh)))
    assert [fault.reason for fault in last.faults] == [FaultReason.FROZEN]
