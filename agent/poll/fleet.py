"""All buses of one configuration: built, started, exchanged on reload, stopped."""

import asyncio
import logging
import math
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from agent.config.types import AUTO, Config, Poll, Unit
from agent.config.types import Bus as BusConfig
from agent.model import UnitInfo
from agent.poll.bus import Bus, Glances
from agent.poll.chain import settled
from agent.poll.identify import identify_modbus, identify_snmp
from agent.poll.modbus_reader import ModbusReader
from agent.poll.reader import Reader
from agent.poll.schedule import Pace, Turn
from agent.poll.snmp_reader import SnmpReader
from agent.poll.unit import Finder, PolledUnit, Sink, fixed
from agent.profiles.load import load, load_all
from agent.profiles.schema import Profile, Words
from agent.targets import SnmpHost
from agent.tasks import begin
from agent.transport.base import ModbusLink
from agent.transport.modbus import open_modbus
from agent.transport.snmp import open_snmp

log = logging.getLogger(__name__)

_SAME_ALARM_S = 5.0
"""Two alarms of one unit that reach no further apart are one."""


def unit_infos(config: Config) -> tuple[UnitInfo, ...]:
    """Describe the configured units for the store."""
    return tuple(
        UnitInfo(
            name=unit.name,
            profile=unit.profile,
            location=unit.location,
            bus=unit.bus,
            address=f"unit id {unit.unit_id}" if unit.snmp is None else str(unit.snmp),
            chemistry=_text(unit.battery.get("chemistry")),
        )
        for unit in config.units
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


@dataclass(slots=True)
class _Running:
    key: object
    bus: Bus
    task: asyncio.Task[None]


@dataclass(slots=True)
class Fleet:
    """Polls what a configuration says, and brings it to ``sink``."""

    sink: Sink
    running: dict[str, _Running] = field(default_factory=dict)
    glances: Glances = field(default_factory=Glances)
    alarmed_s: dict[str, float] = field(default_factory=dict)
    near: dict[str, list[tuple[Bus, PolledUnit]]] = field(default_factory=dict)

    @property
    def buses(self) -> tuple[Bus, ...]:
        """Every line, gateway and network unit being polled."""
        return tuple(running.bus for running in self.running.values())

    async def configure(self, config: Config) -> None:
        """Poll exactly what ``config`` says. Buses that stay as they were are not disturbed."""
        infos = {info.name: info for info in unit_infos(config)}
        self.alarmed_s.clear()
        wanted = dict(_buses(config, infos))
        gone = [
            name
            for name, running in self.running.items()
            if name not in wanted or wanted[name][0] != running.key or running.task.done()
        ]
        await self._stop(gone)
        for name, (key, build) in wanted.items():
            if name not in self.running:
                bus = build(self.sink)
                bus.glances = self.glances
                task = begin(bus.run(), f"bus {name}", _broken)
                self.running[name] = _Running(key, bus, task)
        self.near.clear()

    async def stop(self) -> None:
        """Stop polling and let go of every line."""
        await self._stop(list(self.running))

    async def _stop(self, names: Iterable[str]) -> None:
        ending = [self.running.pop(name) for name in names]
        for running in ending:
            running.bus.end(running.task)
        await asyncio.gather(*(running.task for running in ending), return_exceptions=True)

    def alarm(self, info: UnitInfo, until_s: float) -> None:
        """Read every unit of the shelf of ``info``, or of its bus, at the discharge interval.

        In an outage of the whole fleet every sample calls for this, and all units are looked at
        for each of them once.
        """
        now_s = time.monotonic()
        if 0 <= until_s - self.alarmed_s.get(info.name, -math.inf) < _SAME_ALARM_S:
            return
        self.alarmed_s[info.name] = until_s
        near = self.near.get(info.name)
        if near is None:
            buses = [running.bus for running in self.running.values()]
            near = self.near[info.name] = [
                (bus, unit) for bus in buses for unit in bus.units if _together(unit.info, info)
            ]
        for bus, unit in near:
            unit.turn.urgent(now_s, until_s)
            bus.wake.set()


def _broken(name: str, error: BaseException) -> None:
    log.critical("%s: polling has ended; reload to start it again", name, exc_info=error)


def _together(one: UnitInfo, other: UnitInfo) -> bool:
    if one.name == other.name:
        return True
    place, where = one.location, other.location
    if place.rack is not None and where.rack is not None:
        return (place.rack, place.shelf) == (where.rack, where.shelf)
    return one.bus is not None and one.bus == other.bus


_Build = Callable[[Sink], Bus]


def _buses(
    config: Config, infos: dict[str, UnitInfo]
) -> Iterable[tuple[str, tuple[object, _Build]]]:
    by_bus: dict[str | None, list[Unit]] = {}
    for unit in config.units:
        by_bus.setdefault(unit.bus, []).append(unit)
    for bus in config.buses:
        units = by_bus.get(bus.name)
        if units:
            yield bus.name, ((bus, units, config.poll), _line_builder(bus, units, config, infos))
    for unit in config.units:
        if unit.snmp is not None:
            # A name that no bus can have: bus names have no blanks.
            name = f"snmp {unit.name}"
            yield name, ((unit, config.poll), _agent_builder(unit, unit.snmp, config, infos))


def _line_builder(
    bus: BusConfig, units: Sequence[Unit], config: Config, infos: dict[str, UnitInfo]
) -> _Build:
    def build(sink: Sink) -> Bus:
        link = open_modbus(bus.target, bus.max_in_flight)
        polled = [
            _polled(unit, infos[unit.name], config.poll, sink, _modbus_finder(link, unit, config))
            for unit in units
        ]
        # One after the other through the interval: what befalls a shelf is seen the sooner.
        for number, unit in enumerate(polled):
            unit.turn.phase_s = config.poll.interval_s * number / len(polled)
        return Bus(bus.name, polled, link.close, min(bus.max_in_flight, len(polled)))

    return build


def _agent_builder(
    unit: Unit, host: SnmpHost, config: Config, infos: dict[str, UnitInfo]
) -> _Build:
    def build(sink: Sink) -> Bus:
        client = open_snmp(host)
        reader = SnmpReader(client, config.poll.timeout_s)

        async def search() -> tuple[Profile, Reader]:
            profile = await identify_snmp(client, load_all(), timeout_s=config.poll.timeout_s)
            return profile, reader

        find = search if unit.profile == AUTO else fixed(load(unit.profile), reader)
        polled = _polled(unit, infos[unit.name], config.poll, sink, find)
        return Bus(f"snmp {unit.name}", [polled], client.close)

    return build


def _modbus_finder(link: ModbusLink, unit: Unit, config: Config) -> Finder:
    unit_id = 0 if unit.unit_id is None else unit.unit_id
    timeout_s = config.poll.timeout_s

    def reader(profile: Profile) -> Reader:
        return ModbusReader(link, unit_id, profile.limits, timeout_s)

    unheard: set[Words] = set()

    async def search() -> tuple[Profile, Reader]:
        profile = await identify_modbus(
            link, unit_id, load_all(), timeout_s=timeout_s, unheard=unheard
        )
        return profile, reader(profile)

    async def settle() -> tuple[Profile, Reader]:
        profile = await settled(link, unit_id, load(unit.profile), timeout_s=timeout_s)
        return profile, reader(profile)

    if unit.profile == AUTO:
        return search
    profile = load(unit.profile)
    return fixed(profile, reader(profile)) if profile.sunspec is None else settle


def _polled(unit: Unit, info: UnitInfo, poll: Poll, sink: Sink, find: Finder) -> PolledUnit:
    pace = replace(
        Pace(), interval_s=poll.interval_s, discharge_interval_s=poll.discharge_interval_s
    )
    # Spread the first turns, so that thousands of units do not ask in one instant for ever.
    spread_s = random.uniform(0, min(1.0, poll.interval_s))  # noqa: S311 - no secret
    turn = Turn(pace, due_s=time.monotonic() + spread_s)
    series = unit.battery.get("series")
    return PolledUnit(info, turn, find, sink, series=series if isinstance(series, int) else None)
