"""Several requests under way on one connection of Modbus TCP: each gets its own answer or none.

Peers are a scripted one, the simulators' gateway, libmodbus (which answers one after the other)
and pymodbus' server, which is not made for it: it loses some and answers others twice.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from agent.config.load import load as load_config
from agent.errors import TransportError
from agent.model import Sample, Table, UnitStatus
from agent.poll.fleet import Fleet
from agent.profiles.load import load
from agent.profiles.schema import Profile
from agent.targets import ModbusHost
from agent.transport.base import ModbusLink
from agent.transport.modbus import open_modbus
from simulators.maps.image import RegisterImage, Values
from simulators.wire.faults import WireFault, WireFaultKind
from simulators.wire.line import Line, Reply, Station
from simulators.wire.modbus import ModbusServer

Foreign = Any  # the fixtures' classes live in conftest, which tests do not import

PLENTY_S = 5.0
SILENCE_S = 0.1
MOST = 4


@pytest.fixture
async def link(tcp_responder: Foreign) -> AsyncIterator[ModbusLink]:
    link = open_modbus(tcp_responder.target, MOST)
    yield link
    await link.close()


async def read(link: ModbusLink, unit_id: int, *, timeout_s: float = PLENTY_S) -> list[int]:
    """Read as many words as tell the answers of two units apart."""
    return await link.read(unit_id, Table.HOLDING, 100 * unit_id, 2, timeout_s=timeout_s)


def right(unit_id: int) -> list[int]:
    return [1000 + 100 * unit_id, 1001 + 100 * unit_id]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PLENTY_S):
        while not holds():  # noqa: ASYNC110 - what the peer has seen sets no event
            await asyncio.sleep(0.001)


async def outcome(reading: Any) -> list[int] | str:
    """Give what was read, or which error came instead."""
    try:
        words: list[int] = await reading
    except TransportError as error:
        return f"{error.cause}: {error}"
    return words


async def test_answers_may_come_in_any_order(tcp_responder: Foreign, link: ModbusLink) -> None:
    def last_first(asked: Foreign) -> list[bytes | float]:
        held = tcp_responder.asked[-3:]
        return [one.good() for one in reversed(held)] if asked.unit_id == 7 else []

    tcp_responder.script = last_first
    got = await asyncio.gather(*(read(link, unit_id) for unit_id in (5, 6, 7)))
    assert got == [right(5), right(6), right(7)]
    assert [asked.unit_id for asked in tcp_responder.asked] == [5, 6, 7]


async def test_no_more_are_under_way_than_may_be(tcp_responder: Foreign, link: ModbusLink) -> None:
    open_now, most = set[int](), 0

    def watched(asked: Foreign) -> list[bytes | float]:
        nonlocal most
        open_now.add(asked.number)
        most = max(most, len(open_now))
        asyncio.get_running_loop().call_later(0.01, open_now.discard, asked.number)
        return [0.011, asked.good()]

    tcp_responder.script = watched
    units = range(5, 15)
    got = await asyncio.gather(*(read(link, unit_id) for unit_id in units))
    assert got == [right(unit_id) for unit_id in units]
    assert most == MOST


async def test_the_requests_of_one_unit_keep_their_order(
    tcp_responder: Foreign, link: ModbusLink
) -> None:
    answered: list[int] = []

    def slowly(asked: Foreign) -> list[bytes | float]:
        mine = [one.address for one in tcp_responder.asked if one.unit_id == asked.unit_id]
        assert len(mine) == answered.count(asked.unit_id) + 1  # all before it are answered
        asyncio.get_running_loop().call_later(0.002, answered.append, asked.unit_id)
        return [0.004, asked.good()]

    tcp_responder.script = slowly
    places = [(unit_id, address) for address in range(4) for unit_id in (5, 6)]
    reads = (link.read(unit, Table.HOLDING, at, 1, timeout_s=PLENTY_S) for unit, at in places)
    assert await asyncio.gather(*reads) == [[1000 + address] for _, address in places]
    asked = [(one.unit_id, one.address) for one in tcp_responder.asked]
    assert [at for unit, at in asked if unit == 5] == [0, 1, 2, 3]


async def test_a_silent_unit_neither_ends_nor_delays_the_others(
    tcp_responder: Foreign, link: ModbusLink
) -> None:
    tcp_responder.script = lambda asked: [] if asked.unit_id == 5 else [asked.good()]
    silent = asyncio.create_task(outcome(read(link, 5, timeout_s=SILENCE_S)))
    rounds = 0
    while not silent.done():
        for unit_id in (6, 7, 8):
            assert await read(link, unit_id) == right(unit_id)
        rounds += 1
    assert rounds > 1  # about a hundred on a machine that is not busy
    assert (await silent)[:17] == "NoAnswer: 127.0.0"
    assert await read(link, 6) == right(6)
    assert tcp_responder.connections == 1


async def test_silence_alone_ends_a_connection_only_when_nobody_is_heard_on_it(
    tcp_responder: Foreign, link: ModbusLink
) -> None:
    """Three silent units beside one that answers are no dead connection; four silent ones are."""
    tcp_responder.script = lambda asked: [asked.good()] if asked.unit_id == 8 else []
    reads = [outcome(read(link, unit_id, timeout_s=SILENCE_S)) for unit_id in (5, 6, 7)]
    *silent, fourth = await asyncio.gather(*reads, read(link, 8))
    assert [text[:8] for text in silent] == ["NoAnswer"] * 3
    assert fourth == right(8)
    assert await read(link, 8) == right(8)
    assert tcp_responder.connections == 1
    reads = [outcome(read(link, unit_id, timeout_s=SILENCE_S)) for unit_id in (4, 5, 6, 7)]
    assert [text[:8] for text in await asyncio.gather(*reads)] == ["NoAnswer"] * 4
    assert await read(link, 8) == right(8)
    assert tcp_responder.connections == 2


@pytest.mark.parametrize("lives", [True, False])
async def test_after_some_silence_what_is_under_way_tells_whether_the_connection_lives(
    tcp_responder: Foreign, link: ModbusLink, *, lives: bool
) -> None:
    def script(asked: Foreign) -> list[bytes | float]:
        if asked.unit_id == 8 and lives:
            return [0.1, asked.good()]
        heard = asked.unit_id == 9 and (lives or tcp_responder.connections == 2)
        return [asked.good()] if heard else []

    tcp_responder.script = script
    slow = asyncio.create_task(outcome(read(link, 8, timeout_s=PLENTY_S if lives else 0.1)))
    await asyncio.gather(*(outcome(read(link, unit_id, timeout_s=0.05)) for unit_id in (5, 6, 7)))
    assert await read(link, 9) == right(9)
    assert slow.done()
    assert tcp_responder.connections == (1 if lives else 2)


async def test_a_number_that_is_used_twice_changes_nothing(
    tcp_responder: Foreign, link: ModbusLink
) -> None:
    tcp_responder.script = lambda asked: [2 * asked.good(), 0.001, asked.good()]
    for _ in range(3):
        got = await asyncio.gather(*(read(link, unit_id) for unit_id in (5, 6, 7)))
        assert got == [right(5), right(6), right(7)]
    assert tcp_responder.connections == 1


async def test_a_wrong_number_is_a_bad_answer_of_its_unit_alone(
    tcp_responder: Foreign, link: ModbusLink
) -> None:
    def wrong(asked: Foreign) -> list[bytes | float]:
        if asked.unit_id == 5:
            return [asked.frame(asked.words(1, 2), number=asked.number ^ 0x4000)]
        return [0.02, asked.good()]

    tcp_responder.script = wrong
    got = await asyncio.gather(*(outcome(read(link, unit_id)) for unit_id in (5, 6, 7)))
    assert got[1:] == [right(6), right(7)]
    text = "unit 5: the answer is to transaction 16385, asked was 1"
    assert got[0] == f"BadAnswer: {tcp_responder.target}: {text}"


async def test_a_late_answer_of_another_number_is_nobodys(
    tcp_responder: Foreign, link: ModbusLink
) -> None:
    def late(asked: Foreign) -> list[bytes | float]:
        if asked.number == 1:
            return [0.06, asked.frame(asked.words(1, 2))]
        return [0.08, asked.good()]

    tcp_responder.script = late
    first = asyncio.create_task(outcome(read(link, 5, timeout_s=0.03)))
    second = asyncio.create_task(read(link, 6))
    assert (await first)[:8] == "NoAnswer"
    assert await read(link, 5) == right(5)
    assert await second == right(6)
    assert tcp_responder.connections == 1


async def test_a_cut_connection_ends_all_that_is_under_way_for_one_reason(
    tcp_responder: Foreign, link: ModbusLink
) -> None:
    def cut(asked: Foreign) -> list[bytes | float]:
        return [tcp_responder.hang_up() or b""] if asked.unit_id == 7 else []

    tcp_responder.script = cut
    got = await asyncio.gather(*(outcome(read(link, unit_id)) for unit_id in (5, 6, 7)))
    text = f"Unreachable: {tcp_responder.target}: the connection broke during a read"
    assert got == [text] * 3
    tcp_responder.script = lambda asked: [asked.good()]
    got = await asyncio.gather(*(read(link, unit_id) for unit_id in (5, 6, 7)))
    assert got == [right(5), right(6), right(7)]
    assert tcp_responder.connections == 2


async def test_closing_ends_what_is_under_way(tcp_responder: Foreign, link: ModbusLink) -> None:
    tcp_responder.script = lambda _: []
    reads = [asyncio.create_task(outcome(read(link, unit_id))) for unit_id in (5, 6)]
    await until(lambda: len(tcp_responder.asked) == 2)
    await link.close()
    for got in await asyncio.gather(*reads):
        assert got[:11] == "Unreachable"


async def test_who_cancels_a_read_takes_nothing_from_the_others(
    tcp_responder: Foreign, link: ModbusLink
) -> None:
    tcp_responder.script = lambda asked: [0.02, asked.good()]
    reads = [asyncio.create_task(read(link, unit_id)) for unit_id in (5, 6, 7)]
    await until(lambda: len(tcp_responder.asked) == 3)
    reads[1].cancel()
    assert [await reads[0], await reads[2]] == [right(5), right(7)]
    assert await read(link, 6) == right(6)
    assert tcp_responder.connections == 1


@pytest.mark.parametrize(
    "spoilt", [lambda _: b"HTTP/1.1 400", lambda asked: asked.good()[:-2]], ids=["text", "cut"]
)
async def test_who_spoils_the_connection_costs_nobody_else_his_answer(
    tcp_responder: Foreign, link: ModbusLink, spoilt: Callable[[Foreign], bytes]
) -> None:
    """What was under way beside it is asked again, one at a time."""

    def some(asked: Foreign) -> list[bytes | float]:
        return [0.01, spoilt(asked)] if asked.unit_id == 5 else [0.02, asked.good()]

    tcp_responder.script = some
    bad, *good = await asyncio.gather(
        outcome(read(link, 5, timeout_s=SILENCE_S)),
        *(outcome(read(link, unit_id)) for unit_id in (6, 7, 8)),
    )
    assert good == [right(6), right(7), right(8)]
    assert bad[:10] == "BadAnswer:"


async def test_the_numbers_begin_anew_and_leave_out_those_under_way(
    tcp_responder: Foreign, link: Any
) -> None:
    tcp_responder.script = lambda asked: [] if asked.unit_id == 5 else [asked.good()]
    silent = asyncio.create_task(outcome(read(link, 5, timeout_s=SILENCE_S)))
    await until(lambda: len(tcp_responder.asked) == 1)
    link._number = 0xFFFE
    for _ in range(3):
        assert await read(link, 6) == right(6)
    assert [asked.number for asked in tcp_responder.asked] == [1, 0xFFFF, 2, 3]
    await silent


async def test_who_cannot_connect_is_told_at_once_for_all() -> None:
    link = open_modbus(ModbusHost("127.0.0.1", 1), MOST)
    got = await asyncio.gather(*(outcome(read(link, unit_id)) for unit_id in (5, 6, 7)))
    assert len(set(got)) == 1
    assert "refused; check the port" in str(got[0])


FAULTS = [
    *(WireFaultKind.SILENT, WireFaultKind.TRUNCATED, WireFaultKind.DUPLICATE),
    *(WireFaultKind.WRONG_TRANSACTION, WireFaultKind.WRONG_UNIT, WireFaultKind.OVER_LONG),
    *(WireFaultKind.WRONG_FUNCTION, WireFaultKind.EXCEPTION),
]


@pytest.mark.parametrize("kind", FAULTS)
async def test_a_faulty_unit_of_a_gateway_spoils_no_value_of_its_neighbours(
    kind: WireFaultKind,
) -> None:
    jitter = WireFault(WireFaultKind.JITTER, value=0.004)
    stations = {n: Station(Numbered(n), faults=(jitter,)) for n in range(2, 8)}
    line = Line({1: Station(Numbered(1), faults=(WireFault(kind),)), **stations})
    server = ModbusServer(line)
    link = open_modbus(ModbusHost("127.0.0.1", await server.start()), MOST)

    async def rounds(unit_id: int, timeout_s: float) -> list[list[int] | str]:
        return [await outcome(read(link, unit_id, timeout_s=timeout_s)) for _ in range(2)]

    faulty, *sound = await asyncio.gather(
        rounds(1, PLENTY_S if kind is WireFaultKind.DUPLICATE else 0.05),
        *(rounds(unit_id, PLENTY_S) for unit_id in stations),
    )
    await link.close()
    await server.stop()
    assert sound == [2 * [right(unit_id)] for unit_id in stations]
    assert all(got == right(1) for got in faulty) == (kind is WireFaultKind.DUPLICATE)


@dataclass
class Numbered:
    """Registers that tell the unit and the address."""

    unit_id: int

    def read(self, table: str, address: int, count: int) -> list[int]:
        del table
        assert address == 100 * self.unit_id
        return [1000 + at for at in range(address, address + count)]


async def test_libmodbus_answers_all_that_is_in_flight(
    libmodbus_server: Callable[[str], str],
) -> None:
    link = open_modbus(ModbusHost("127.0.0.1", int(libmodbus_server("tcp"))), 16)
    places = [(unit_id, 7 * unit_id) for unit_id in range(1, 100)]
    reads = (link.read(unit, Table.HOLDING, at, 5, timeout_s=PLENTY_S) for unit, at in places)
    got = await asyncio.gather(*reads)
    await link.close()
    assert got == [[(n * 7919 + 4660) % 65536 for n in range(at, at + 5)] for _, at in places]


async def test_a_server_that_cannot_take_it_loses_answers_and_gives_no_wrong_one() -> None:
    """It answers the last of what has come, sometimes twice, and nothing before it."""
    units = range(1, 9)
    devices = [
        SimDevice(n, [SimData(100 * n, values=right(n), datatype=DataType.REGISTERS)])
        for n in units
    ]
    server: Any = ModbusTcpServer(devices, address=("127.0.0.1", 0))
    await server.listen()
    port = server.transport.sockets[0].getsockname()[1]
    got: dict[int, list[list[int] | str]] = {}
    for most in (8, 1):
        link = open_modbus(ModbusHost("127.0.0.1", port), most)
        timeout_s = SILENCE_S if most > 1 else PLENTY_S
        reads = (outcome(read(link, unit_id, timeout_s=timeout_s)) for unit_id in units)
        got[most] = await asyncio.gather(*reads)
        await link.close()
    await server.shutdown()
    assert got[1] == [right(unit_id) for unit_id in units]
    assert any(words != right(n) for n, words in zip(units, got[8], strict=True))
    for unit_id, words in zip(units, got[8], strict=True):
        assert words == right(unit_id) or words[:8] == "NoAnswer"


@dataclass
class Seen:
    """A sink that counts samples by unit, and keeps the last status of each."""

    samples: Counter[str] = field(default_factory=Counter)
    statuses: dict[str, UnitStatus] = field(default_factory=dict)

    def found(self, unit: str, profile: Profile) -> None:
        assert (unit, profile.name) == (unit, "orv3-hpr-bbu")

    def sample(self, sample: Sample, profile: Profile) -> None:
        assert profile.name
        self.samples[sample.unit] += 1

    def learn(self, sample: Sample) -> None:
        assert sample.unit

    def glance(self, sample: Sample) -> None:
        assert sample.unit

    def status(self, unit: str, status: UnitStatus) -> None:
        self.statuses[unit] = status

    def read_twice(self, *units: str) -> bool:
        return all(self.samples[unit] >= 2 for unit in units)


@dataclass(slots=True)
class Watched(Line):
    """A line that notes how many requests were open at once, at most."""

    open: set[object] = field(default_factory=set)
    most: int = 0

    def ask(self, unit_id: int, request: bytes, since_start_s: float) -> Reply | None:
        one = object()
        self.open.add(one)
        self.most = max(self.most, len(self.open))
        # Less than what the gateway takes: what is counted as open is so for certain.
        asyncio.get_running_loop().call_later(0.004, self.open.discard, one)
        return Line.ask(self, unit_id, request, since_start_s)

    def forget(self) -> None:
        self.open.clear()
        self.most = 0


CONFIG = """\
poll: {{interval: 100ms, discharge_interval: 100ms, timeout: 100ms}}
buses: {{row: {{modbus_tcp: "127.0.0.1:{port}", max_in_flight: {most}}}}}
units: [{units}]
"""


async def test_a_reload_changes_how_many_are_in_flight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of five units one is silent; the others are read before and after."""
    monkeypatch.setattr("agent.poll.fleet.random.uniform", lambda low, _: low)  # all due at once
    truth: Values = {("battery_voltage", None): 48.1, ("battery_current", None): 0.0}
    image = RegisterImage(load("orv3-hpr-bbu"), lambda: truth)
    line = Watched({unit_id: Station(image) for unit_id in range(2, 6)})
    server = ModbusServer(line, latency_s=0.005)
    port = await server.start()
    units = ", ".join(
        f"{{name: u{n}, bus: row, unit_id: {n}, profile: orv3-hpr-bbu}}" for n in range(1, 6)
    )
    seen = Seen()
    fleet = Fleet(seen)
    most = []
    for wanted in (1, 3):
        path = tmp_path / "agent.yaml"
        path.write_text(CONFIG.format(port=port, most=wanted, units=units), encoding="utf-8")
        await fleet.configure(load_config(path, profiles={"orv3-hpr-bbu": "modbus"}, environ={}))
        line.forget()
        seen.samples.clear()
        seen.statuses.clear()
        await until(lambda: "u1" in seen.statuses and seen.read_twice("u2", "u3", "u4", "u5"))
        most.append(line.most)
        assert len(server.connections) == 1
        assert set(seen.statuses["u1"].errors) == {"NoAnswer"}
    await fleet.stop()
    await server.stop()
    assert most == [1, 3]
