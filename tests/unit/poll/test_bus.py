"""A line: whose turn it is, glances that a fleet shares, units that come back when it was cut."""

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


@dataclass
class Held:
    """A unit that is always due, and keeps its turn until it is let go, unless it is quick."""

    name: str
    log: list[str]
    quick: bool = False
    spared: list[bool] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    turn: Turn = field(default_factory=lambda: Turn(Pace(interval_s=0.0, discharge_interval_s=0.0)))
    glancing: bool = True

    async def poll(self, *, spare: bool) -> None:
        self.spared.append(spare)
        await self._hold("")

    async def glance(self) -> None:
        await self._hold("glance ")

    async def _hold(self, what: str) -> None:
        self.log.append(f"{what}{self.name} begins")
        try:
            if not self.quick:
                await self.gate.wait()
        finally:
            self.log.append(f"{what}{self.name} ends")
        self.turn.answered(time.monotonic(), frozenset())


def gateway(places: int, *units: Held) -> Bus:
    """Give a bus of ``units``, which are due in their order."""
    some: Any = units
    for place, unit in enumerate(units):
        unit.turn.due_s = place * 1e-3
    return Bus("row", some, closed, places)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def stopped(bus: Bus, running: asyncio.Task[None]) -> None:
    bus.end(running)
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("places", [1, 2, 3])
async def test_as_many_units_as_there_are_places_have_their_turn_together(places: int) -> None:
    log: list[str] = []
    units = [Held(name, log) for name in "abcd"]
    bus = gateway(places, *units)
    running = asyncio.create_task(bus.run())
    await settle()
    assert log == [f"{name} begins" for name in "abcd"[:places]]
    units[0].gate.set()
    units[0].turn.pace = Pace()
    await settle()
    assert log[places:] == ["a ends", f"{'abcd'[places]} begins"]
    assert bus.polls == 1
    await stopped(bus, running)
    assert sorted(log) == sorted(f"{n} {what}" for n in "abcd"[: places + 1] for what in BOTH)


BOTH = ("begins", "ends")


async def test_no_unit_has_two_turns_at_once_though_there_are_places() -> None:
    log: list[str] = []
    bus = gateway(4, Held("a", log))
    running = asyncio.create_task(bus.run())
    await settle()
    assert log == ["a begins"]
    await stopped(bus, running)


async def test_who_keeps_his_place_does_not_keep_the_others_from_theirs() -> None:
    log: list[str] = []
    silent, well = Held("silent", log), Held("well", log, quick=True)
    bus = gateway(2, silent, well)
    running = asyncio.create_task(bus.run())
    await settle()
    await settle()
    assert log[0] == "silent begins"
    assert log.count("well begins") > 3
    assert bus.under_way == {id(silent)}
    await stopped(bus, running)


@pytest.mark.parametrize(("places", "spare"), [(1, False), (2, False), (3, True)])
async def test_a_line_has_time_to_spare_where_a_place_is_left(places: int, *, spare: bool) -> None:
    log: list[str] = []
    units = [Held(name, log) for name in "abc"]
    bus = gateway(places, *units)
    for unit in units:
        unit.turn.urgent_until_s = 1e12
    running = asyncio.create_task(bus.run())
    await settle()
    assert units[0].spared == [spare]
    await stopped(bus, running)


async def test_nobody_is_glanced_at_in_his_turn() -> None:
    units = [Held(name, []) for name in "ab"]
    bus = gateway(2, *units)
    bus.glances = Glances()
    for unit in units:
        unit.turn.urgent_until_s = 1e12
    seen: list[Any] = []
    for second, unit in enumerate(units):
        seen.append(bus._watched(bus._free(), second))
        bus.under_way.add(id(unit))
    seen.append(bus._watched(bus._free(), 2.0))
    assert seen == [units, units[1:], ()]


async def test_the_use_of_a_gateway_is_that_of_all_its_places() -> None:
    some: Any = ()
    for places, share in ((1, 1.0), (4, 0.5)):
        bus = Bus("row", some, closed, places)
        bus.recent.extend([(100.0, 110.0), (100.0, 110.0)])
        assert bus.utilisation(110.0) == share


async def test_when_a_cut_line_is_mended_all_its_units_are_asked_at_once() -> None:
    assert await probed(silent(due=True), silent(), silent(answers=False)) == [1, 1, 1]


async def test_a_line_that_stays_silent_keeps_to_its_probes() -> None:
    assert await probed(silent(due=True, answers=False), silent()) == [1, 0]


async def test_a_unit_that_is_silent_alone_is_not_asked_more_often() -> None:
    well = silent(due=True, failures=0)
    assert await probed(well, silent(answers=False)) == [1, 0]
