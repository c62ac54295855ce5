"""Assessments leave the event loop to polling for most of the time."""

import pytest

from agent.poll.leisure import MOST_S, SHARE, Leisure

LOOK_AHEAD_S = 0.013


def assessed(leisure: Leisure, *, seconds: int, each_s: float) -> int:
    """Ask a hundred times a second; give how many assessments of ``each_s`` there were."""
    done = 0
    for tick in range(seconds * 100):
        if leisure.any(1000.0 + tick / 100):
            leisure.spend(each_s)
            done += 1
    return done


def test_a_whole_fleet_that_is_due_takes_no_more_than_its_share() -> None:
    done = assessed(Leisure(), seconds=60, each_s=LOOK_AHEAD_S)
    assert done * LOOK_AHEAD_S == pytest.approx(MOST_S + 60 * SHARE, rel=0.02)


def test_what_is_quick_is_never_put_off() -> None:
    assert assessed(Leisure(), seconds=10, each_s=0.0005) == 1000


def test_the_units_of_some_racks_are_assessed_at_once() -> None:
    leisure = Leisure()
    for _ in range(75):
        assert leisure.any(5.0)
        leisure.spend(LOOK_AHEAD_S)


def test_no_more_is_saved_up_in_a_quiet_year() -> None:
    leisure = Leisure()
    assert leisure.any(3e7)
    leisure.spend(MOST_S)
    assert not leisure.any(3e7)
    assert leisure.any(3e7 + 0.1)
