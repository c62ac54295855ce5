"""Who is read more closely when one unit of a fleet discharges."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.config.types import Config, Poll
from agent.model import Location, UnitInfo
from agent.poll.bus import Bus
from agent.poll.fleet import Fleet, _Running
from agent.poll.schedule import Pace, Turn

FAR_S = 1e12


@dataclass
class Polled:
    """What an alarm needs of a polled unit."""

    info: UnitInfo
    turn: Turn


async def closed() -> None:
    """Let go of nothing."""


def polled(name: str, shelf: str | None, bus: str) -> Any:
    place = Location(None if shelf is None else "r1", shelf)
    return Polled(UnitInfo(name, "p", place, bus), Turn(Pace()))


def fleet(*buses: tuple[str, list[Any]]) -> Fleet:
    sink: Any = None
    task: Any = None
    running = {name: _Running(None, Bus(name, units, closed), task) for name, units in buses}
    return Fleet(sink, running)


def urgent(made: Fleet) -> set[str]:
    units = [unit for bus in made.buses for unit in bus.units]
    return {unit.info.name for unit in units if unit.turn.urgent_until_s == FAR_S}


async def test_an_alarm_is_for_the_shelf_or_for_the_line_of_a_unit_without_a_place() -> None:
    one, two, three = polled("1", "a", "x"), polled("2", "b", "x"), polled("3", "a", "y")
    lost, near = polled("4", None, "z"), polled("5", None, "z")
    made = fleet(("x", [one, two]), ("y", [three]), ("z", [lost, near]))
    made.alarm(one.info, FAR_S)
    assert urgent(made) == {"1", "3"}
    assert [bus.name for bus in made.buses if bus.wake.is_set()] == ["x", "y"]
    made.alarm(lost.info, FAR_S)
    assert urgent(made) == {"1", "3", "4", "5"}


async def test_who_is_near_is_looked_for_once_and_again_after_a_reload() -> None:
    one, other = polled("1", "a", "x"), polled("2", "a", "x")
    made = fleet(("x", [one]))
    made.alarm(one.info, 1.0)
    made.running["x"].bus.units = [one, other]
    made.alarm(one.info, 1e9)
    assert other.turn.urgent_until_s == 0.0
    made.running.clear()
    await made.configure(Config(Path(), (), Path(), Poll(), (), (), ()))
    made.running |= fleet(("x", [one, other])).running
    made.alarm(one.info, FAR_S)
    assert urgent(made) == {"1", "2"}
