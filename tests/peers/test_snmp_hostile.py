"""Hostile SNMP agents: the socket is real, every datagram is made up, BER by hand.

v3 messages cannot be forged without keys; its failures are shown against snmpd.
"""

import asyncio
import importlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from agent.errors import AuthFailed, BadAnswer, NoAnswer, Refused, Unreachable
from agent.model import Oid, SnmpKind, SnmpValue
from agent.targets import Community, Secret, SnmpHost
from agent.transport.base import SnmpClient
from agent.transport.snmp import open_snmp

Foreign = Any  # the fixtures' classes live in conftest, which tests do not import

ANSWER_S = 5.0
"""For what must come: it costs nothing when it does, and a busy machine may take its time."""
TIMEOUT_S = 0.2
"""For what stays away, and where silence is as right as a bad answer."""
ROOT: Oid = (1, 3, 6, 1, 2, 1, 33)
OIDS: list[Oid] = [(*ROOT, 1, place, 0) for place in range(1, 8)]
GOOD = {oid: SnmpValue(SnmpKind.INTEGER, sum(oid)) for oid in OIDS}
NULL, NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END = b"\x05\0", b"\x80\0", b"\x81\0", b"\x82\0"


@pytest.fixture(params=["pysnmp v1", "pysnmp v2c", "gufo v2c"])
async def open_client(
    request: pytest.FixtureRequest, snmp_responder: Foreign
) -> AsyncIterator[Callable[[], SnmpClient]]:
    engine, version = request.param.split()
    security = Community(Secret("public"), 1 if version == "v1" else 2)
    opened: list[SnmpClient] = []

    def open_one() -> SnmpClient:
        opened.append(open_snmp(SnmpHost("127.0.0.1", security, snmp_responder.port), engine))
        return opened[-1]

    yield open_one
    for client in opened:
        await client.close()
    await asyncio.sleep(0)


@pytest.fixture
async def client(open_client: Callable[[], SnmpClient]) -> SnmpClient:
    return open_client()


async def patiently(ask: Callable[[float], Awaitable[object]]) -> object:
    """Ask with a time-out in seconds, a longer one after silence: this machine may be late.

    For what is told only when the time-out is over, where a long one would cost all of it.
    """
    for timeout_s in (TIMEOUT_S, 5 * TIMEOUT_S):
        try:
            return await ask(timeout_s)
        except NoAnswer:
            continue
    return await ask(ANSWER_S)


GARBAGE: dict[str, Callable[[Foreign], list[bytes]]] = {
    "random": lambda _: [random.Random(3).randbytes(60)],
    "text": lambda _: [b"HTTP/1.1 400 Bad Request"],
    "cut": lambda asked: [asked.good()[:-5]],
    "one byte": lambda _: [b"\x30"],
    "only zeros": lambda _: [bytes(50)],
    "endless length": lambda _: [b"\x30\x84\xff\xff\xff\xff\x02\x01\x01"],
    "nested": lambda _: [b"\x30\x80" * 200],
}


@pytest.mark.parametrize("script", GARBAGE.values(), ids=GARBAGE.keys())
async def test_garbage_is_a_bad_answer(
    snmp_responder: Foreign, client: SnmpClient, script: Callable[[Foreign], list[bytes]]
) -> None:
    good = snmp_responder.script
    assert await client.get(OIDS, timeout_s=ANSWER_S) == GOOD
    snmp_responder.script = script
    with pytest.raises(BadAnswer, match=r"127\.0\.0\.1:\d+: "):
        await patiently(lambda timeout_s: client.get(OIDS, timeout_s=timeout_s))
    snmp_responder.script = good
    assert await client.get(OIDS, timeout_s=ANSWER_S) == GOOD


STRAY: dict[str, Callable[[Foreign], list[bytes]]] = {
    "silence": lambda _: [],
    "another request's answer": lambda asked: [asked.answer([], number=asked.number ^ 1)],
    "another community": lambda asked: [asked.answer([], community=b"private")],
}


@pytest.mark.parametrize("script", STRAY.values(), ids=STRAY.keys())
async def test_what_answers_somebody_else_is_no_answer(
    snmp_responder: Foreign, client: SnmpClient, script: Callable[[Foreign], list[bytes]]
) -> None:
    snmp_responder.script = script
    with pytest.raises((NoAnswer, BadAnswer)):
        await client.get(OIDS, timeout_s=TIMEOUT_S)


async def test_a_late_answer_is_not_taken_for_the_next(
    snmp_responder: Foreign, client: SnmpClient
) -> None:
    held: list[bytes] = []

    def late(asked: Foreign) -> list[bytes]:
        held.append(asked.answer([(oid, b"\x02\x01\x07") for oid in asked.oids]))
        return []

    good = snmp_responder.script
    snmp_responder.script = late
    with pytest.raises(NoAnswer):
        await client.get(OIDS[:1], timeout_s=TIMEOUT_S)
    snmp_responder.script = lambda asked: [*held, asked.good()]
    assert await client.get(OIDS, timeout_s=ANSWER_S) == GOOD
    snmp_responder.script = good


async def test_an_answer_to_what_was_not_asked_is_bad(
    snmp_responder: Foreign, client: SnmpClient
) -> None:
    snmp_responder.script = lambda asked: [
        asked.answer([((*oid, 9), b"\x02\x01\x07") for oid in asked.oids])
    ]
    with pytest.raises(BadAnswer, match="which was not asked"):
        await client.get(OIDS, timeout_s=ANSWER_S)


async def test_the_batch_size_is_learnt_from_too_big(
    snmp_responder: Foreign, client: SnmpClient
) -> None:
    many = [(*ROOT, 2, place) for place in range(40)]
    snmp_responder.script = lambda asked: [asked.error(1) if len(asked.oids) > 6 else asked.good()]
    expected = {oid: SnmpValue(SnmpKind.INTEGER, sum(oid)) for oid in many}
    assert await client.get(many, timeout_s=ANSWER_S) == expected
    snmp_responder.asked.clear()
    assert await client.get(many, timeout_s=ANSWER_S) == expected
    assert max(len(asked.oids) for asked in snmp_responder.asked) <= 6


async def test_the_batch_size_is_learnt_from_silence(
    snmp_responder: Foreign, open_client: Callable[[], SnmpClient]
) -> None:
    many = [(*ROOT, 2, place) for place in range(40)]
    snmp_responder.script = lambda asked: [asked.good()] if len(asked.oids) <= 6 else []
    expected = {oid: SnmpValue(SnmpKind.INTEGER, sum(oid)) for oid in many}
    clients: list[SnmpClient] = []

    def ask(timeout_s: float) -> Awaitable[object]:
        clients.append(open_client())  # one that has learnt nothing yet
        return clients[-1].get(many, timeout_s=timeout_s)

    assert await patiently(ask) == expected
    client = clients[-1]
    snmp_responder.asked.clear()
    assert await client.get(many, timeout_s=ANSWER_S) == expected
    assert max(len(asked.oids) for asked in snmp_responder.asked) <= 6


@pytest.mark.parametrize("status", [2, 5])
@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "without index"])
async def test_one_bad_variable_spoils_no_other(
    snmp_responder: Foreign, client: SnmpClient, *, status: int, indexed: bool
) -> None:
    bad = OIDS[4]

    def agent(asked: Foreign) -> list[bytes]:
        if bad not in asked.oids:
            return [asked.good()]
        return [asked.error(status, asked.oids.index(bad) + 1 if indexed else 0)]

    snmp_responder.script = agent
    assert await client.get(OIDS, timeout_s=ANSWER_S) == {**GOOD, bad: None}


async def test_an_agent_that_knows_nothing_gives_none(
    snmp_responder: Foreign, client: SnmpClient
) -> None:
    snmp_responder.script = lambda asked: [asked.error(2, 1)]
    assert await client.get(OIDS, timeout_s=ANSWER_S) == dict.fromkeys(OIDS)


async def test_general_errors_everywhere_are_never_values(
    snmp_responder: Foreign, client: SnmpClient
) -> None:
    """The fast engine hides the error-status; then the values are absent."""
    snmp_responder.script = lambda asked: [asked.error(5, 1)]
    try:
        assert await client.get(OIDS, timeout_s=ANSWER_S) == dict.fromkeys(OIDS)
    except Refused as refusal:
        assert refusal.code == 5  # noqa: PT017 - either outcome is right


async def test_an_authorization_error_is_a_failed_sign_in(
    snmp_responder: Foreign, client: SnmpClient
) -> None:
    snmp_responder.script = lambda asked: [asked.error(16, 0)]
    with pytest.raises((AuthFailed, BadAnswer)):
        await client.get(OIDS, timeout_s=ANSWER_S)


@pytest.mark.parametrize("absent", [NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END, NULL])
async def test_absence_in_every_form_is_none(
    snmp_responder: Foreign, client: SnmpClient, absent: bytes
) -> None:
    snmp_responder.script = lambda asked: [
        asked.answer([(oid, absent if oid == OIDS[2] else b"\x02\x01\x07") for oid in asked.oids])
    ]
    seven = SnmpValue(SnmpKind.INTEGER, 7)
    if snmp_responder_version(client) == 1 and absent is not NULL:
        with pytest.raises((BadAnswer, NoAnswer)):  # these types do not exist in version 1
            await client.get(OIDS, timeout_s=TIMEOUT_S)
        return
    got = await client.get(OIDS, timeout_s=ANSWER_S)
    assert got == {oid: None if oid == OIDS[2] else seven for oid in OIDS}


def snmp_responder_version(client: Foreign) -> int:
    security = client._engine._host.security
    assert isinstance(security, Community)
    return security.version


def table(rows: list[Oid]) -> Callable[[Foreign], list[bytes]]:
    """Serve ``rows`` to walks, with endOfMibView after them."""

    def script(asked: Foreign) -> list[bytes]:
        if asked.kind == 0xA0:
            return [asked.answer([(oid, NO_SUCH_OBJECT) for oid in asked.oids])]
        after = [oid for oid in rows if oid > asked.oids[0]]
        if asked.kind == 0xA1 and not after:
            return [asked.error(2, 1)]
        number = 1 if asked.kind == 0xA1 else asked.rows
        found = [(oid, b"\x02\x01\x07") for oid in after[:number]]
        last = after[number - 1] if len(after) >= number else (rows or asked.oids)[-1]
        found += [(last, END)] * (number - len(found))
        return [asked.answer(found)]

    return script


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 35])
async def test_a_walk_ends_at_the_first_end_of_mib(
    snmp_responder: Foreign, client: SnmpClient, count: int
) -> None:
    rows = [(*ROOT, 5, place) for place in range(count)]
    snmp_responder.script = table(rows)
    got = await client.walk(ROOT, timeout_s=ANSWER_S)
    assert got == dict.fromkeys(rows, SnmpValue(SnmpKind.INTEGER, 7))


async def test_a_walk_stops_at_the_edge_of_the_root(
    snmp_responder: Foreign, client: SnmpClient
) -> None:
    inside: list[Oid] = [(*ROOT, 5, 1), (*ROOT, 5, 2)]
    snmp_responder.script = table([*inside, (1, 3, 6, 1, 2, 1, 34, 1)])
    got = await client.walk(ROOT, timeout_s=ANSWER_S)
    assert list(got) == inside


@pytest.mark.parametrize("rows", [[2, 1], [2, 2], [2, 3, 2]], ids=["back", "still", "in a loop"])
async def test_a_walk_in_a_loop_is_a_bad_answer(
    snmp_responder: Foreign, client: SnmpClient, rows: list[int]
) -> None:
    place = iter(rows * 1000)

    def loop(asked: Foreign) -> list[bytes]:
        number = 1 if asked.kind == 0xA1 else len(rows)
        return [asked.answer([((*ROOT, next(place)), b"\x02\x01\x07") for _ in range(number)])]

    snmp_responder.script = loop
    with pytest.raises(BadAnswer, match="the walk of"):
        await client.walk(ROOT, timeout_s=ANSWER_S)


async def test_values_of_odd_size_do_not_escape(
    snmp_responder: Foreign, client: SnmpClient, ber: dict[str, Callable[..., bytes]]
) -> None:
    """Wrong lengths, an empty integer, a wide counter, an unknown type, a short address."""
    odd = [
        *(ber["tlv"](2, b""), ber["tlv"](2, bytes(9)), ber["int"](2**70)),
        *(ber["tlv"](0x41, b"\xff"), ber["int"](2**40, 0x43), ber["tlv"](0x40, b"\1\2")),
        *(
            ber["tlv"](0x47, b"x"),
            ber["tlv"](6, b"\xff"),
            ber["tlv"](6, b""),
            ber["tlv"](0x44, b""),
        ),
    ]
    for value in odd:
        snmp_responder.script = lambda asked, value=value: [
            asked.answer([(oid, value) for oid in asked.oids])
        ]
        try:
            await client.get(OIDS[:1], timeout_s=0.1)
        except (BadAnswer, NoAnswer):
            continue


async def test_arbitrary_damage_never_escapes_as_another_error(
    snmp_responder: Foreign, client: SnmpClient
) -> None:
    dice = random.Random(11)

    def damage(asked: Foreign) -> list[bytes]:
        datagram = bytearray(asked.good() if asked.kind == 0xA0 else table(OIDS)(asked)[0])
        for _ in range(dice.randrange(1, 4)):
            datagram[dice.randrange(len(datagram))] = dice.randrange(256)
        return [bytes(datagram)]

    snmp_responder.script = damage
    for turn in range(150):
        read = client.walk(ROOT, timeout_s=0.01) if turn % 3 else client.get(OIDS, timeout_s=0.01)
        try:
            await read
        except (NoAnswer, BadAnswer, Refused, AuthFailed, Unreachable):
            continue
    snmp_responder.script = lambda asked: [asked.good()]
    assert await client.get(OIDS, timeout_s=ANSWER_S) == GOOD


@pytest.mark.parametrize("room", ["snmp_pysnmp", "snmp_gufo"])
async def test_a_dead_name_server_costs_one_time_out(
    room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(_host: SnmpHost) -> Foreign:
        await asyncio.Event().wait()

    monkeypatch.setattr(importlib.import_module(f"agent.transport.{room}"), "resolve", endless)
    host = SnmpHost("ups-7.example", Community(Secret("public")))
    client = open_snmp(host, room.removeprefix("snmp_"))
    async with asyncio.timeout(20):
        with pytest.raises((Unreachable, NoAnswer)):
            await client.get(OIDS, timeout_s=TIMEOUT_S)
    await client.close()


async def test_an_object_identifier_of_four_numbers_is_no_address(
    snmp_responder: Foreign, client: SnmpClient, ber: dict[str, Callable[..., bytes]]
) -> None:
    oid = OIDS[0]
    snmp_responder.script = lambda asked: [asked.answer([(oid, ber["oid"]((1, 3, 6, 999)))])]
    value = (await client.get([oid], timeout_s=ANSWER_S))[oid]
    assert value == SnmpValue(SnmpKind.OID, (1, 3, 6, 999))
