"""A line: glances that a fleet shares, and units that come back together when it was cut."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent.poll.bus import GLANCE_S, GLANCES_PER_S, Bus, Glances
from agent.poll.schedule import DORMANT_AFTER, Pace, Turn


def test_the_fleet_has_so_many_glances_in_a_second() -> None:
    glances = Glances()
    steps = [n * 0.001 for n in range(1000)]
    assert sum(glances.take(at) for at in steps) == GLANCES_PER_S


def test_what_was_not_used_is_not_saved_up() -> None:
    glances = Glances()
    at_once = sum(glances.take(1000.0) for _ in range(50))
    assert at_once == GLANCE_S * GLANCES_PER_S + 1


async def closed() -> None:
    """Let go of nothing."""


@dataclass
class Probed:
    """A unit that was silent for long, and is asked for when it is due."""

    turn: Turn = field(default_factory=lambda: Turn(Pace()))
    answers: bool = True
    polls: int = 0

    async def poll(self, *, spare: bool) -> str | None:
        del spare
        self.polls += 1
        if not self.answers:
            self.turn.failed(time.monotonic())
            return "timeout"
        self.turn.answered(time.monotonic(), frozenset())
        return None


def silent(*, due: bool = False, answers: bool = True, failures: int = DORMANT_AFTER) -> Probed:
    made = Probed(answers=answers)
    made.turn.failures, made.turn.due_s = failures, time.monotonic() + (0.0 if due else 1e6)
    return made


async def probed(*units: Probed) -> list[int]:
    """Let a line of ``units`` run until nobody is due, and say how often each was asked."""
    some: Any = units
    bus = Bus("line", some, closed)
    running = asyncio.create_task(bus.run())
    for _ in range(50):
        await asyncio.sleep(0)
    bus.end(running)
    with pytest.raises(asyncio.CancelledError):
        await running
    return [unit.polls for unit in units]


async def test_when_a_cut_line_is_mended_all_its_units_are_asked_at_once() -> None:
    assert await probed(silent(due=True), silent(), silent(answers=False)) == [1, 1, 1]


async def test_a_line_that_stays_silent_keeps_to_its_probes() -> None:
    assert await probed(silent(due=True, answers=False), silent()) == [1, 0]


async def test_a_unit_that_is_silent_alone_is_not_asked_more_often() -> None:
    well = silent(due=True, failures=0)
    assert await probed(well, silent(answers=False)) == [1, 0]
