"""What one poll, one decoding, one scrape and one list cost, without a wire: processor time.

Usage: ``python -m tests.benchmarks.costs [UNITS [PASSES]]`` (100 units, 20 passes each). HPR
modules in standby behind a link that answers at once, read every 10 s of a clock of its own;
cell voltages move by a step now and then, as they do. Reader, decoder, store, events, engines
and archive are the agent's. Processor time does not depend on what else the machine does, but
on the machine: the last column is the time over that of a fixed piece of work.
"""

import asyncio
import gc
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest import mock

from agent.decode.decoder import Decoder
from agent.decode.sample import decode
from agent.export.fragments import Fragments
from agent.export.metrics.events import add_events
from agent.export.metrics.exposition import Page
from agent.export.metrics.series import UnitSeries
from agent.export.summaries import summarised
from agent.model import Location, Table, UnitInfo
from agent.poll.intake import Intake
from agent.poll.modbus_reader import ModbusReader
from agent.poll.schedule import Pace, Turn
from agent.poll.unit import PolledUnit, fixed
from agent.profiles.load import load
from agent.profiles.schema import Cadence, Field, Words, WordType
from agent.quantities import QUANTITIES, Kind
from agent.store.archive import Archive
from agent.store.history import HistoryStore
from agent.store.live import LiveStore

PROFILE = "orv3-hpr-bbu"
START_S, INTERVAL_S = 1.76e9, 10.0
MOVING = ("cell_voltage", "battery_voltage", "temperature")
STANDBY = {
    "cell_voltage": 4.07,
    "battery_voltage": 48.84,
    "battery_current": 0.0,
    "state_of_charge": 1.0,
    "reported_state_of_health": 0.98,
    "temperature": 28.0,
    "cell_temperature": 28.0,
}
"""What a module shows; all else is 0."""


@dataclass
class Clock:
    """The time that the poller sees."""

    now_s: float = 1000.0

    def monotonic(self) -> float:
        """Seconds since an unknown start."""
        return self.now_s

    def time(self) -> float:
        """Unix seconds."""
        return START_S + self.now_s


@dataclass
class Standby:
    """A module in memory that answers at once; some of its words move between two passes."""

    words: list[int]
    moving: tuple[int, ...]
    dice: random.Random
    still: dict[int, int] = field(default_factory=dict)

    def move(self) -> None:
        """Let about a third of the measurements move by one step."""
        for address in self.moving:
            rest = self.still.setdefault(address, self.words[address])
            if self.dice.random() < 0.3:
                self.words[address] = rest + self.dice.choice((-1, 0, 1))

    async def read(
        self, unit_id: int, table: Table, address: int, count: int, *, timeout_s: float
    ) -> list[int]:
        """Answer."""
        del unit_id, table, timeout_s
        return self.words[address : address + count]

    async def close(self) -> None:
        """Nothing is open."""


def _raw(row: Field) -> int:
    quantity = QUANTITIES[row.quantity]
    if quantity.kind not in (Kind.GAUGE, Kind.COUNTER) or row.quantity not in STANDBY:
        return 0
    return round((STANDBY[row.quantity] - row.offset) / row.scale) & 0xFFFF


def standby(dice: random.Random) -> Standby:
    """Make a module in standby."""
    words, moving = [0] * 0x10000, []
    for row in load(PROFILE).fields:
        if isinstance(row.where, Words) and row.where.bit is None:
            address = row.where.register.address + row.where.count - 1
            if row.where.type is WordType.TEXT:
                words[row.where.register.address] = 0x4142
            elif row.where.count == 1:
                words[address] = _raw(row)
            if row.quantity in MOVING and row.cadence is Cadence.FAST:
                moving.append(address)
    return Standby(words, tuple(moving), dice)


@dataclass
class Bench:
    """A fleet of modules without a wire."""

    units: int
    clock: Clock = field(default_factory=Clock)
    links: list[Standby] = field(default_factory=list)
    polled: list[PolledUnit] = field(default_factory=list)
    series: UnitSeries = field(default_factory=UnitSeries)

    def __post_init__(self) -> None:
        """Build everything as the agent does."""
        profile = load(PROFILE)
        infos = [
            UnitInfo(f"m{n}", PROFILE, Location(f"r{n // 12}", "ab"[n // 6 % 2], str(n % 6)))
            for n in range(self.units)
        ]
        self.history = HistoryStore(None)
        self.store = LiveStore(infos, [], stale_after_s=30)
        self.archive = Archive(self.history)
        self.intake = Intake(self.store, self.archive, lambda _info, _until_s: None)
        self.intake.follow(infos, {info.name: {} for info in infos})
        for number, info in enumerate(infos):
            link = standby(random.Random(number))
            reader = ModbusReader(link, 48, profile.limits, 1.0)
            turn = Turn(Pace(INTERVAL_S), due_s=0.0)
            self.links.append(link)
            self.polled.append(PolledUnit(info, turn, fixed(profile, reader), self.intake))

    async def passes(self, count: int) -> float:
        """Poll every unit ``count`` times; give the processor time of a poll in seconds."""
        used_s = 0.0
        for _ in range(count):
            self.clock.now_s += INTERVAL_S
            for link in self.links:
                link.move()
            begun_s = time.process_time()
            for unit in self.polled:
                await unit.poll()
            used_s += time.process_time() - begun_s
            await self.archive.write(self.clock.time())
        return used_s / count / self.units

    def page(self) -> bytes:
        """Make what a scrape shows of the units."""
        page = Page()
        for name in self.store.names:
            view = self.store.view(name, mono_s=self.clock.now_s)
            self.series.add(page, view)
            add_events(page, view, wall_s=self.clock.time())
        return b"".join(page.chunks(openmetrics=False))


async def _spent(work: Callable[[], Awaitable[Any] | Any], times: int) -> float:
    begun_s = time.process_time()
    for _ in range(times):
        result = work()
        if asyncio.iscoroutine(result):
            await result
    return (time.process_time() - begun_s) / times


def fixed_work() -> None:
    """Do what the last column compares with: one JSON round trip of a thousand numbers."""
    json.loads(json.dumps([n * 1.001 for n in range(1000)]))


def _say(what: str, seconds: float, unit: float) -> None:
    sys.stdout.write(f"{what:34} {seconds * 1e6:10.1f} us {seconds / unit:10.3f}\n")


async def measure(units: int, passes: int) -> None:
    """Measure everything and print it."""
    bench = Bench(units)
    clock = SimpleNamespace(monotonic=bench.clock.monotonic, time=bench.clock.time)
    with ExitStack() as stack:
        for module in ("agent.poll.modbus_reader", "agent.poll.unit", "agent.poll.intake"):
            stack.enter_context(mock.patch(f"{module}.time", clock))
        await bench.passes(4)
        gc.collect()
        gc.freeze()
        unit = await _spent(fixed_work, 200)
        poll_s = await bench.passes(passes)
        _say("a poll of 64 fields", poll_s, unit)
        bench.intake.leisure.left_s = -1e9
        _say("a poll without an assessment", await bench.passes(passes), unit)
        bench.intake.leisure.left_s = 1.0
        profile, link = load(PROFILE), bench.links[0]
        reader = ModbusReader(link, 48, profile.limits, 1.0)
        got = await reader.read(profile.fields)
        _say("reading 104 fields", await _spent(lambda: reader.read(profile.fields), 300), unit)
        plain = await _spent(lambda: decode("m0", got.fields, got.raw), 300)
        _say("decoding 104 fields anew", plain, unit)
        decoder = Decoder(got.fields)
        again = await _spent(lambda: decoder.decode("m0", got.raw), 300)
        _say("decoding what came before", again, unit)
        first = await _spent(bench.page, 1)
        again = await _spent(bench.page, 5)
        series = sum(not line.startswith(b"#") for line in bench.page().splitlines())
        _say(f"a scrape of {series} series, first", first, unit)
        _say("a scrape of 100,000, nothing new", again / series * 1e5, unit)
        moved = []
        for _ in range(6):
            await bench.passes(1)
            moved.append(await _spent(bench.page, 1))
        _say("a scrape of 100,000, all polled", sum(moved) / 6 / series * 1e5, unit)
        made = Fragments(summarised)
        full = await _spent(lambda: made.all(bench.store, bench.clock.monotonic), 1)
        _say("a list of 1,000 units, all changed", full * 1000 / units, unit)
    await bench.history.close()


def main() -> None:
    """Read the command line and measure."""
    units = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    passes = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    asyncio.run(measure(units, passes))


if __name__ == "__main__":
    main()
