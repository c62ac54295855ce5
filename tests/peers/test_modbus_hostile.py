"""Every malformed reply becomes one clear error, and the next read is right again.

The wire is a real socket or pseudo-terminal; only the bytes on it are made up.
"""

import asyncio
import contextlib
import itertools
import os
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.errors import BadAnswer, NoAnswer, Refused, Unreachable
from agent.model import Table
from agent.targets import Framer, ModbusHost, Parity, SerialLine
from agent.transport.base import ModbusLink
from agent.transport.modbus import open_modbus

Foreign = Any  # the fixtures' classes live in conftest, which tests do not import

WAIT_S = 0.1
LATE_S = 0.3
"""As long as a busy machine may hold a timer up, by which an answer would be late or not."""
GOOD = [1003, 1004, 1005]


@pytest.fixture
async def link(responder: Foreign) -> AsyncIterator[ModbusLink]:
    link = open_modbus(responder.target)
    yield link
    await link.close()


async def read(link: ModbusLink, *, unit_id: int = 5, timeout_s: float = WAIT_S) -> list[int]:
    return await link.read(unit_id, Table.HOLDING, 3, 3, timeout_s=timeout_s)


def damaged(frame: bytes) -> bytes:
    return frame[:4] + bytes([frame[4] ^ 0x40]) + frame[5:]


BAD: dict[str, Callable[[Foreign], list[bytes | float]]] = {
    "short": lambda asked: [asked.frame(asked.words(1003, 1004))],
    "long": lambda asked: [asked.frame(asked.words(1003, 1004, 1005, 1006))],
    "wrong function": lambda asked: [asked.frame(bytes([4]) + asked.words(*GOOD)[1:])],
    "wrong unit": lambda asked: [asked.frame(asked.words(*GOOD), unit_id=6)],
    "count disagrees": lambda asked: [asked.frame(bytes([3, 8]) + asked.words(*GOOD)[2:])],
    "write function": lambda asked: [asked.frame(bytes.fromhex("10 0003 0003"))],
    "random": lambda _: [random.Random(1).randbytes(40)],
    "text": lambda _: [b"HTTP/1.1 400 Bad Request\r\n\r\n"],
    "flood": lambda _: [random.Random(2).randbytes(6000)],
    "one byte": lambda _: [b"\x05"],
    "cut": lambda asked: [asked.good()[:-4]],
    "only half, the rest too late": lambda asked: [
        asked.good()[:6],
        1.5 * WAIT_S,
        asked.good()[6:],
    ],
}


@pytest.mark.parametrize("script", BAD.values(), ids=BAD.keys())
async def test_a_bad_answer_is_told_with_its_bytes(
    responder: Foreign, link: ModbusLink, script: Callable[[Foreign], list[bytes | float]]
) -> None:
    good = responder.script
    assert await read(link, timeout_s=1) == GOOD
    responder.script = script
    with pytest.raises(BadAnswer) as error:
        await read(link)
    assert error.value.payload
    assert str(responder.target) in str(error.value)
    responder.script = good
    assert await read(link, timeout_s=1) == GOOD
    assert await read(link, unit_id=7, timeout_s=1) == GOOD


async def test_a_damaged_serial_answer_is_a_bad_answer(serial_responder: Foreign) -> None:
    link = open_modbus(serial_responder.target)
    serial_responder.script = lambda asked: [damaged(asked.good())]
    with pytest.raises(BadAnswer, match="checksum"):
        await read(link)
    await link.close()


@pytest.mark.parametrize("number", [0, 0xABCD])
async def test_a_wrong_transaction_is_not_our_answer(tcp_responder: Foreign, number: int) -> None:
    link = open_modbus(tcp_responder.target)
    tcp_responder.script = lambda asked: [asked.frame(asked.words(1, 2, 3), number=number)]
    with pytest.raises(BadAnswer, match=f"the answer is to transaction {number}, asked was 1"):
        await read(link, timeout_s=1)
    tcp_responder.script = lambda asked: [asked.good()]
    assert await read(link, timeout_s=1) == GOOD
    await link.close()


async def test_silence_is_no_answer(responder: Foreign, link: ModbusLink) -> None:
    responder.script = lambda _: []
    with pytest.raises(NoAnswer, match=r"unit 5: silent for 0\.1"):
        await read(link)


@pytest.mark.parametrize("code", [1, 2, 3, 4, 6, 10, 11, 200])
async def test_an_exception_is_recognised_at_once(
    responder: Foreign, link: ModbusLink, code: int
) -> None:
    responder.script = lambda asked: [asked.frame(bytes([0x83, code]))]
    begin = asyncio.get_running_loop().time()
    with pytest.raises(Refused) as refusal:
        await read(link, timeout_s=5)
    assert refusal.value.code == code
    assert asyncio.get_running_loop().time() - begin < 1


async def test_an_answer_in_pieces_is_one_answer(responder: Foreign, link: ModbusLink) -> None:
    def in_pieces(asked: Foreign) -> list[bytes | float]:
        parts: list[bytes | float] = []
        for byte in asked.good():
            parts += [bytes([byte]), 0.002]
        return parts

    responder.script = in_pieces
    assert await read(link, timeout_s=2) == GOOD


async def test_an_answer_that_has_begun_in_time_is_heard_to_its_end(
    responder: Foreign, link: ModbusLink
) -> None:
    def slowly(asked: Foreign) -> list[bytes | float]:
        good = asked.good()
        return [0.8 * WAIT_S, good[:4], 0.5 * WAIT_S, good[4:8], 0.5 * WAIT_S, good[8:]]

    assert await read(link, timeout_s=1) == GOOD
    responder.script = slowly
    assert await read(link) == GOOD


async def test_an_answer_without_end_is_not_heard_for_ever(
    responder: Foreign, link: ModbusLink
) -> None:
    good = responder.script
    assert await read(link, timeout_s=1) == GOOD
    responder.script = lambda asked: [asked.good()[:4], *([0.05, b"\0"] * 60)]
    begin = asyncio.get_running_loop().time()
    with pytest.raises(BadAnswer):
        await read(link)
    assert asyncio.get_running_loop().time() - begin < 2
    responder.script = good


async def test_a_late_answer_is_never_taken_for_the_next(
    responder: Foreign, link: ModbusLink
) -> None:
    """The old answer has the same unit, function and length; only its values are wrong."""
    good = responder.script

    def late(asked: Foreign) -> list[bytes | float]:
        return [1.5 * LATE_S, asked.frame(asked.words(1, 2, 3))]

    for _ in range(3):
        responder.script = late
        with pytest.raises(NoAnswer):
            await read(link, timeout_s=LATE_S)
        responder.script = good
        assert await read(link, timeout_s=1) == GOOD


async def test_a_late_answer_does_not_disturb_the_next_unit(
    responder: Foreign, link: ModbusLink
) -> None:
    def late(asked: Foreign) -> list[bytes | float]:
        good = asked.good()
        return [2.0 * LATE_S, good] if asked.unit_id == 5 else [1.2 * LATE_S, good]

    responder.script = late
    begin = asyncio.get_running_loop().time()
    with pytest.raises(NoAnswer):
        await read(link, timeout_s=LATE_S)
    assert await read(link, unit_id=6, timeout_s=1) == GOOD
    assert asyncio.get_running_loop().time() - begin < 4 * LATE_S


async def test_a_late_answer_is_not_counted_against_a_silent_neighbour(
    responder: Foreign, link: ModbusLink
) -> None:
    """Unit 5 speaks while unit 6 is asked: that one was silent, it answered nothing wrong."""
    responder.script = lambda asked: [1.5 * LATE_S, asked.good()] if asked.unit_id == 5 else []
    with pytest.raises(NoAnswer):
        await read(link, timeout_s=LATE_S)
    with pytest.raises(NoAnswer, match="unit 6: silent"):
        await read(link, unit_id=6, timeout_s=LATE_S)


async def test_an_answer_that_a_late_one_has_spoilt_is_asked_for_again(
    serial_responder: Foreign,
) -> None:
    link = open_modbus(serial_responder.target)
    spoilt: list[int] = []

    def together(asked: Foreign) -> list[bytes | float]:
        if asked.unit_id == 5:
            return []
        spoilt.append(asked.unit_id)
        return [damaged(asked.good()) if len(spoilt) == 1 else asked.good()]

    serial_responder.script = together
    with pytest.raises(NoAnswer):
        await read(link)
    assert await read(link, unit_id=6, timeout_s=1) == GOOD
    assert spoilt == [6, 6]
    await link.close()


async def test_a_late_answer_that_is_cut_takes_none_of_another_unit_with_it(
    tcp_responder: Foreign,
) -> None:
    """What is missing of it would be taken from the next answer on the connection."""
    link = open_modbus(tcp_responder.target)

    def cut(asked: Foreign) -> list[bytes | float]:
        return [1.5 * LATE_S, asked.good()[:-4]] if asked.unit_id == 5 else [LATE_S, asked.good()]

    tcp_responder.script = cut
    with pytest.raises(NoAnswer):
        await read(link, timeout_s=LATE_S)
    assert await read(link, unit_id=6, timeout_s=1) == GOOD
    assert [asked.unit_id for asked in tcp_responder.asked] == [5, 6, 6]
    await link.close()


async def test_one_late_answer_excuses_one_spoilt_answer(serial_responder: Foreign) -> None:
    """Else a line with one dead unit would hide the noise that all others suffer from."""
    link = open_modbus(serial_responder.target)
    serial_responder.script = lambda asked: [damaged(asked.good())] if asked.unit_id != 5 else []
    with pytest.raises(NoAnswer):
        await read(link)
    with pytest.raises(BadAnswer, match="unit 6: the checksum is wrong"):
        await read(link, unit_id=6)
    assert [asked.unit_id for asked in serial_responder.asked] == [5, 6, 6]
    with pytest.raises(BadAnswer):
        await read(link, unit_id=7)
    assert len(serial_responder.asked) == 4
    await link.close()


async def test_nobody_is_asked_while_a_late_unit_speaks(serial_responder: Foreign) -> None:
    link = open_modbus(serial_responder.target)
    clock = asyncio.get_running_loop().time
    said: list[float] = []

    def slowly(asked: Foreign) -> list[bytes | float]:
        if asked.unit_id != 5:
            said.append(clock())
            return [asked.good()]
        parts: list[bytes | float] = [1.2 * WAIT_S]
        for byte in asked.good():
            parts += [bytes([byte]), 0.008]
        return parts

    serial_responder.script = slowly
    begin_s = clock()
    with pytest.raises(NoAnswer):
        await read(link)
    await asyncio.sleep(0.4 * WAIT_S)  # now it is speaking
    assert await read(link, unit_id=6, timeout_s=1) == GOOD
    assert said[0] - begin_s > 1.2 * WAIT_S + 10 * 0.008
    await link.close()


async def test_a_unit_that_is_far_too_late_is_not_asked_for_what_it_may_answer_wrong(
    serial_responder: Foreign,
) -> None:
    link = open_modbus(serial_responder.target)
    serial_responder.script = lambda asked: [0.8, asked.good()]
    with pytest.raises(NoAnswer, match="silent"):
        await read(link)
    await asyncio.sleep(0.8)
    with pytest.raises(NoAnswer, match="silent"):
        await read(link)
    with pytest.raises(NoAnswer, match="unit 5: may still answer an earlier request"):
        await link.read(5, Table.HOLDING, 9, 3, timeout_s=WAIT_S)
    serial_responder.script = lambda asked: [asked.good()]
    assert await read(link, unit_id=6, timeout_s=1) == GOOD
    await link.close()


async def test_a_late_answer_to_a_cancelled_read_is_not_taken(
    responder: Foreign, link: ModbusLink
) -> None:
    good = responder.script
    came = asyncio.Event()

    def late(asked: Foreign) -> list[bytes | float]:
        came.set()
        return [WAIT_S, asked.frame(asked.words(1, 2, 3))]

    responder.script = late
    task = asyncio.create_task(read(link, timeout_s=1))
    await came.wait()
    task.cancel()
    await asyncio.wait([task])
    responder.script = good
    assert await read(link, timeout_s=1) == GOOD


async def test_a_connection_that_breaks_is_unreachable_at_once(
    responder: Foreign, link: ModbusLink
) -> None:
    assert await read(link, timeout_s=1) == GOOD
    responder.script = lambda _: [responder.hang_up() or b""]
    begin = asyncio.get_running_loop().time()
    with pytest.raises(Unreachable):
        await read(link, timeout_s=5)
    assert asyncio.get_running_loop().time() - begin < 1


async def test_a_connection_closed_between_reads_is_opened_again(tcp_responder: Foreign) -> None:
    link = open_modbus(tcp_responder.target)
    for _ in range(3):
        assert await read(link, timeout_s=1) == GOOD
        tcp_responder.hang_up()
        await asyncio.sleep(0.02)
    await link.close()


async def test_a_dead_tcp_connection_is_given_up_after_some_silence(
    tcp_responder: Foreign,
) -> None:
    """A peer that lost its power says nothing: its old connection stays open on our side."""
    link = open_modbus(tcp_responder.target)
    good = tcp_responder.script
    first = tcp_responder.write
    tcp_responder.script = lambda _: []
    for _ in range(3):
        with pytest.raises(NoAnswer):
            await read(link, timeout_s=0.05)
    assert tcp_responder.write is first
    tcp_responder.script = good
    assert await read(link, timeout_s=1) == GOOD
    await link.close()


async def test_frames_on_a_line_are_parted_by_silence(serial_responder: Foreign) -> None:
    link = open_modbus(serial_responder.target)
    clock = asyncio.get_running_loop().time
    times: list[float] = []

    def note_time(asked: Foreign) -> list[bytes | float]:
        times.append(clock())
        return [asked.good()]

    serial_responder.script = note_time
    for _ in range(10):
        await read(link, timeout_s=1)
    assert min(b - a for a, b in itertools.pairwise(times)) >= 0.00175
    await link.close()


UNREACHABLE = {
    "refused": (ModbusHost("127.0.0.1", 1), "refused; check the port"),
    "unknown name": (ModbusHost("bbu.invalid"), "not known; check its spelling and DNS"),
    "no such line": (SerialLine("/dev/ttyNOTHERE"), "no such serial line; check the adapter"),
    "not a line": (SerialLine("/dev/null"), "this is not a serial line"),
    "a folder": (SerialLine("/dev"), "serial line"),
    "refused serial frames": (ModbusHost("127.0.0.1", 1, Framer.RTU), "refused"),
}


@pytest.mark.parametrize(("target", "advice"), UNREACHABLE.values(), ids=UNREACHABLE.keys())
async def test_what_cannot_be_reached_says_what_to_do(
    target: SerialLine | ModbusHost, advice: str
) -> None:
    link = open_modbus(target)
    with pytest.raises(Unreachable, match=advice) as error:
        await read(link, timeout_s=2)
    assert str(error.value).startswith(f"{target}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("parity", [Parity.EVEN, Parity.ODD])
async def test_a_line_without_parity_says_so(serial_responder: Foreign, parity: Parity) -> None:
    line = SerialLine(serial_responder.target.path, parity=parity)
    with pytest.raises(Unreachable, match=f"does not take 19200 baud, parity {parity}"):
        await read(open_modbus(line), timeout_s=1)


async def test_a_line_in_use_says_so(serial_responder: Foreign) -> None:
    first, second = open_modbus(serial_responder.target), open_modbus(serial_responder.target)
    assert await read(first, timeout_s=1) == GOOD
    with pytest.raises(Unreachable, match="another program has the serial line open"):
        await read(second, timeout_s=1)
    await first.close()
    assert await read(second, timeout_s=1) == GOOD
    await second.close()


async def test_a_read_ended_while_the_line_opens_lets_go_of_it(serial_responder: Foreign) -> None:
    link, other = open_modbus(serial_responder.target), open_modbus(serial_responder.target)
    task = asyncio.create_task(read(link))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await link.close()
    assert await read(other, timeout_s=1) == GOOD
    await other.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
async def test_a_line_without_permission_says_so(tmp_path: Path) -> None:
    line = tmp_path / "line"
    line.touch(0o000)
    with pytest.raises(Unreachable, match="dialout"):
        await read(open_modbus(SerialLine(str(line))), timeout_s=1)


async def test_arbitrary_bytes_never_escape_as_another_error(
    responder: Foreign, link: ModbusLink
) -> None:
    dice = random.Random(7)

    def anything(asked: Foreign) -> list[bytes | float]:
        frame = bytearray(asked.good())
        for _ in range(dice.randrange(4)):
            frame[dice.randrange(len(frame))] = dice.randrange(256)
        return [bytes(frame[: dice.randrange(len(frame) + 1)]) or b"\0"]

    responder.script = anything
    for unit_id in range(60):
        with contextlib.suppress(NoAnswer, BadAnswer, Refused):
            assert len(await read(link, unit_id=unit_id, timeout_s=0.01)) == len(GOOD)
