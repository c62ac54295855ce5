"""The Modbus side without sockets: framing, exceptions, faults of the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.wire.faults import OF_A_MODULE, WireFault, WireFaultKind
from simulators.wire.frames import crc16, rtu_frame, take_rtu, take_tcp, tcp_frame
from simulators.wire.line import Line, Reply, Station


class Ten:
    """Ten holding registers, 100 to 109, each holding its address."""

    def read(self, table: str, address: int, count: int) -> list[int] | None:
        inside = table == "holding" and address >= 100 and address + count <= 110
        return list(range(address, address + count)) if inside else None


def ask(request: bytes, *faults: WireFault, gateway: bool = False, at_s: float = 1.0) -> Reply:
    reply = Line({7: Station(Ten(), faults)}, gateway=gateway).ask(7, request, at_s)
    assert reply is not None
    return reply


def read(address: int, count: int, function: int = 3) -> bytes:
    return bytes((function, *address.to_bytes(2), *count.to_bytes(2)))


def test_a_read_is_answered() -> None:
    assert ask(read(101, 2)) == Reply(7, bytes((3, 4, 0, 101, 0, 102)))


@pytest.mark.parametrize(
    ("request_pdu", "code"),
    [
        (read(109, 2), 2),
        (read(0, 1), 2),
        (read(100, 1, function=4), 2),
        (read(100, 0), 3),
        (read(100, 126), 3),
        (read(100, 1)[:-1], 3),
        (bytes((6, 0, 100, 0, 1)), 1),
        (bytes((43, 14, 1, 0)), 1),
    ],
)
def test_what_cannot_be_read_gets_the_right_exception(request_pdu: bytes, code: int) -> None:
    assert ask(request_pdu) == Reply(7, bytes((request_pdu[0] | 0x80, code)))


def test_an_unknown_unit_is_silent_or_the_gateway_says_so() -> None:
    assert Line({}).ask(9, read(100, 1), 0.0) is None
    assert Line({}, gateway=True).ask(9, read(100, 1), 0.0) == Reply(9, bytes((0x83, 0x0B)))


def test_a_silent_unit_returns_when_its_fault_ends() -> None:
    line = Line({7: Station(Ten(), [WireFault(WireFaultKind.SILENT, 5.0, 8.0)])})
    answered = [line.ask(7, read(100, 1), at_s) is not None for at_s in (4.9, 5.0, 7.9, 8.0)]
    assert answered == [True, False, False, True]


def test_the_checksum_is_that_of_the_specification() -> None:
    # The example of the Modbus over Serial Line specification, appendix B.
    assert crc16(bytes((0x02, 0x07))).to_bytes(2, "little") == bytes((0x41, 0x12))


@pytest.mark.parametrize("kind", sorted(OF_A_MODULE - {WireFaultKind.STUCK}))
def test_every_fault_of_the_wire_shows(kind: WireFaultKind) -> None:
    if kind is WireFaultKind.SILENT:
        line = Line({7: Station(Ten(), [WireFault(kind)])})
        assert line.ask(7, read(100, 1), 0.0) is None
        return
    good, bad = ask(read(100, 1)), ask(read(100, 1), WireFault(kind, value=0.25))
    if kind in (WireFaultKind.DELAY, WireFaultKind.COLLISION):
        assert (bad.delay_s, bad.pdu) == (0.25, good.pdu)
    elif kind is WireFaultKind.JITTER:
        assert 0 < bad.delay_s < 0.25
    elif kind is WireFaultKind.EXCEPTION:
        assert bad.pdu == bytes((0x83, 4))
    elif kind is WireFaultKind.WRONG_TRANSACTION:
        assert tcp_frame(bad, 5)[:2] != tcp_frame(good, 5)[:2]
    else:
        assert rtu_frame(bad) != rtu_frame(good)


def test_a_bit_error_hides_under_a_good_checksum() -> None:
    good, bad = ask(read(100, 4)), ask(read(100, 4), WireFault(WireFaultKind.BIT_ERRORS))
    frame = rtu_frame(bad)
    assert crc16(frame[:-2]) == int.from_bytes(frame[-2:], "little")
    assert (bad.pdu[:2], len(bad.pdu)) == (good.pdu[:2], len(good.pdu))
    wrong = int.from_bytes(bad.pdu) ^ int.from_bytes(good.pdu)
    assert wrong.bit_count() == 1


def test_an_over_long_answer_holds_more_words_than_asked() -> None:
    bad = ask(read(100, 2), WireFault(WireFaultKind.OVER_LONG))
    assert bad.pdu == bytes((3, 8, 0, 100, 0, 101, 0, 0, 0, 0))


def test_stuck_registers_move_again_when_the_fault_ends() -> None:
    class Clock:
        now = 1

        def read(self, _table: str, _address: int, _count: int) -> list[int]:
            return [self.now]

    clock = Clock()
    line = Line({7: Station(clock, [WireFault(WireFaultKind.STUCK, 5.0, 8.0)])})
    seen = []
    for at_s in (1.0, 5.0, 6.0, 7.0, 8.0):
        clock.now = int(at_s)
        reply = line.ask(7, read(100, 1), at_s)
        assert reply is not None
        seen.append(reply.pdu[-1])
    assert seen == [1, 5, 5, 5, 8]


def test_a_share_of_the_answers_is_hit() -> None:
    line = Line({7: Station(Ten(), [WireFault(WireFaultKind.SILENT, share=0.3)])})
    lost = sum(line.ask(7, read(100, 1), 0.0) is None for _ in range(1000))
    assert 250 < lost < 350


@given(st.lists(st.tuples(st.integers(1, 247), st.integers(0, 0xFFFF)), max_size=8), st.data())
def test_requests_are_found_however_the_octets_arrive(
    asked: list[tuple[int, int]], data: st.DataObject
) -> None:
    wire = b"".join(
        bytes((unit, *pdu)) + crc16(bytes((unit, *pdu))).to_bytes(2, "little")
        for unit, pdu in ((unit, read(address, 1)) for unit, address in asked)
    )
    cut = data.draw(st.integers(0, len(wire)))
    buffer, found = bytearray(), []
    for part in (wire[:cut], wire[cut:]):
        buffer += part
        while (request := take_rtu(buffer)) is not None:
            found.append(request)
    assert found == [(unit, read(address, 1)) for unit, address in asked]


def test_noise_before_a_request_is_dropped() -> None:
    body = bytes((7, *read(100, 1)))
    buffer = bytearray(b"\xff\x00\x13" + body + crc16(body).to_bytes(2, "little"))
    assert take_rtu(buffer) == (7, read(100, 1))


def test_pipelined_tcp_requests_come_one_by_one() -> None:
    one = bytes((0, 1, 0, 0, 0, 6, 7, *read(100, 1)))
    two = bytes((0, 2, 0, 0, 0, 6, 8, *read(101, 1)))
    buffer = bytearray(one + two[:5])
    assert take_tcp(buffer) == (1, 7, read(100, 1))
    assert take_tcp(buffer) is None
    buffer += two[5:]
    assert take_tcp(buffer) == (2, 8, read(101, 1))


def test_what_is_not_modbus_tcp_ends_the_connection() -> None:
    with pytest.raises(ValueError, match="not Modbus TCP"):
        take_tcp(bytearray(b"GET / HTTP/1.1\r\n"))
