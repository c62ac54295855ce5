"""The frame matcher: specification vectors, every malformed reply, arbitrary bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.transport.modbus_frames import (
    Expected,
    Found,
    Reply,
    crc16,
    explain_rtu,
    find_rtu,
    find_tcp,
)

THREE_WORDS = Expected(unit_id=17, function=3, count=3)
# MODBUS Application Protocol V1.1b3, section 6.3: registers 108 to 110.
WORDS_PDU = bytes.fromhex("03 06 022B 0000 0064")
WORDS = [0x022B, 0x0000, 0x0064]
# Section 6.1: coils 20 to 38.
BITS_PDU = bytes.fromhex("01 03 CD 6B 05")
BITS = [1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1]

expectations = st.builds(
    Expected, st.integers(0, 255), st.sampled_from([1, 2, 3, 4]), st.integers(1, 125)
)


def rtu(unit_id: int, pdu: bytes) -> bytes:
    frame = bytes([unit_id]) + pdu
    return frame + crc16(frame).to_bytes(2, "little")


def tcp(transaction: int, unit_id: int, pdu: bytes) -> bytes:
    length = (len(pdu) + 1).to_bytes(2, "big")
    return transaction.to_bytes(2, "big") + b"\0\0" + length + bytes([unit_id]) + pdu


def reply_pdu(expected: Expected, data: bytes) -> bytes:
    return bytes([expected.function, expected.data_bytes]) + data


def test_crc_of_a_published_frame() -> None:
    # Serial line guide V1.02, appendix B: function 7 to unit 2 ends in 41 12.
    assert crc16(bytes.fromhex("02 07")).to_bytes(2, "little") == bytes.fromhex("41 12")


def test_registers_of_the_specification() -> None:
    frame = rtu(17, WORDS_PDU)
    assert find_rtu(frame, THREE_WORDS) == Found(len(frame), Reply(WORDS))
    frame = tcp(9, 17, WORDS_PDU)
    assert find_tcp(frame, THREE_WORDS, 9) == Found(len(frame), Reply(WORDS))


def test_coils_of_the_specification() -> None:
    frame = rtu(17, BITS_PDU)
    assert find_rtu(frame, Expected(17, 1, 19)) == Found(len(frame), Reply(BITS))


@pytest.mark.parametrize("code", [1, 2, 4, 6, 11, 255])
def test_an_exception_is_a_reply(code: int) -> None:
    pdu = bytes([0x83, code])
    assert find_rtu(rtu(17, pdu), THREE_WORDS).reply == Reply([], code)
    assert find_tcp(tcp(1, 17, pdu), THREE_WORDS, 1).reply == Reply([], code)


WRONG_PDUS = {
    "short by a register": bytes.fromhex("03 04 022B 0000"),
    "long by a register": bytes.fromhex("03 08 022B 0000 0064 0001"),
    "another function": bytes.fromhex("04 06 022B 0000 0064"),
    "says more than it holds": bytes.fromhex("03 08 022B 0000 0064"),
    "holds more than it says": bytes.fromhex("03 06 022B 0000 0064 0001"),
    "exception of another function": bytes.fromhex("84 02"),
    "exception without code": bytes.fromhex("83"),
    "exception code 0": bytes.fromhex("83 00"),
    "no data": bytes.fromhex("03"),
}


@pytest.mark.parametrize("pdu", WRONG_PDUS.values(), ids=WRONG_PDUS.keys())
def test_a_wrong_tcp_reply_is_a_problem_at_once(pdu: bytes) -> None:
    found = find_tcp(tcp(1, 17, pdu), THREE_WORDS, 1)
    assert found.reply is None
    assert found.problem


@pytest.mark.parametrize("pdu", [pdu for name, pdu in WRONG_PDUS.items() if "code 0" not in name])
def test_a_wrong_serial_reply_is_not_one_and_can_be_explained(pdu: bytes) -> None:
    assert find_rtu(rtu(17, pdu), THREE_WORDS).reply is None
    assert explain_rtu(rtu(17, pdu), THREE_WORDS)


def test_a_tcp_reply_of_another_unit_is_a_problem() -> None:
    found = find_tcp(tcp(1, 18, WORDS_PDU), THREE_WORDS, 1)
    assert found.problem == "the answer is from unit 18, asked was unit 17"


def test_a_late_tcp_reply_is_skipped() -> None:
    late, mine = tcp(1, 17, WORDS_PDU), tcp(2, 17, WORDS_PDU)
    assert find_tcp(late, THREE_WORDS, 2, {1}) == Found(len(late))
    assert find_tcp(late + mine, THREE_WORDS, 2, {1}).reply == Reply(WORDS)


def test_a_tcp_reply_to_what_was_never_asked_is_a_problem() -> None:
    found = find_tcp(tcp(1, 17, WORDS_PDU), THREE_WORDS, 2, {3})
    assert found.problem == "the answer is to transaction 1, asked was 2"


@pytest.mark.parametrize("header", ["0001 0001 0009 11", "0001 0000 0001 11", "0001 0000 00FF 11"])
def test_what_is_no_tcp_frame_is_a_problem(header: str) -> None:
    assert find_tcp(bytes.fromhex(header), THREE_WORDS, 1).problem == "not a Modbus TCP frame"


def test_noise_and_an_echo_before_a_serial_reply_are_skipped() -> None:
    echo = rtu(17, bytes.fromhex("03 006B 0003"))
    reply = rtu(17, WORDS_PDU)
    assert find_rtu(b"\xff\x00" + echo + reply, THREE_WORDS).reply == Reply(WORDS)


def test_a_flipped_bit_spoils_a_serial_reply() -> None:
    frame = bytearray(rtu(17, WORDS_PDU))
    frame[4] ^= 0x10
    assert find_rtu(bytes(frame), THREE_WORDS) == Found()
    assert explain_rtu(bytes(frame), THREE_WORDS) == "the checksum is wrong"


def test_a_cut_serial_reply_is_awaited_and_explained() -> None:
    frame = rtu(17, WORDS_PDU)[:-4]
    assert find_rtu(frame, THREE_WORDS) == Found()
    assert explain_rtu(frame, THREE_WORDS) == "the answer was cut: 7 of 11 bytes"


@given(expectations, st.data())
def test_any_reply_is_found_however_it_is_cut(expected: Expected, data: st.DataObject) -> None:
    payload = data.draw(st.binary(min_size=expected.data_bytes, max_size=expected.data_bytes))
    pdu = reply_pdu(expected, payload)
    transaction = data.draw(st.integers(0, 0xFFFF))
    serial, network = rtu(expected.unit_id, pdu), tcp(transaction, expected.unit_id, pdu)
    cut = data.draw(st.integers(0, len(serial) - 1))
    assert find_rtu(serial[:cut], expected) == Found()
    assert find_tcp(network[:cut], expected, transaction) == Found()
    for found in (find_rtu(serial, expected), find_tcp(network, expected, transaction)):
        assert found.reply is not None
        assert len(found.reply.values) == expected.count
        assert found.reply.exception_code is None


@given(st.binary(max_size=300), expectations, st.integers(0, 0xFFFF))
def test_arbitrary_bytes_never_raise(noise: bytes, expected: Expected, transaction: int) -> None:
    for found in (find_rtu(noise, expected), find_tcp(noise, expected, transaction)):
        assert 0 <= found.used <= len(noise)
        assert found.reply is None or found.problem is None
    assert explain_rtu(noise, expected)


@given(expectations, st.data())
def test_a_damaged_serial_reply_is_never_accepted(expected: Expected, data: st.DataObject) -> None:
    payload = data.draw(st.binary(min_size=expected.data_bytes, max_size=expected.data_bytes))
    frame = bytearray(rtu(expected.unit_id, reply_pdu(expected, payload)))
    place = data.draw(st.integers(0, len(frame) * 8 - 1))
    frame[place // 8] ^= 1 << place % 8
    reply = find_rtu(bytes(frame), expected).reply
    assert reply is None
