"""The frame matcher: specification vectors, every malformed reply, arbitrary bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Table
from agent.transport.modbus_frames import (
    Expected,
    Found,
    Reply,
    crc16,
    expect,
    explain_rtu,
    find_rtu,
)
from tests.unit.transport.pdus import THREE_WORDS, WORDS, WORDS_PDU, WRONG_PDUS

# Section 6.1: coils 20 to 38.
BITS_PDU = bytes.fromhex("01 03 CD 6B 05")
BITS = [1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1]

expectations = st.builds(
    Expected, st.integers(0, 255), st.sampled_from([1, 2, 3, 4]), st.integers(1, 125)
)


def rtu(unit_id: int, pdu: bytes) -> bytes:
    frame = bytes([unit_id]) + pdu
    return frame + crc16(frame).to_bytes(2, "little")


def reply_pdu(expected: Expected, data: bytes) -> bytes:
    return bytes([expected.function, expected.data_bytes]) + data


def test_crc_of_a_published_frame() -> None:
    # Serial line guide V1.02, appendix B: function 7 to unit 2 ends in 41 12.
    assert crc16(bytes.fromhex("02 07")).to_bytes(2, "little") == bytes.fromhex("41 12")


def test_registers_of_the_specification() -> None:
    frame = rtu(17, WORDS_PDU)
    assert find_rtu(frame, THREE_WORDS) == Found(len(frame), Reply(WORDS))


def test_coils_of_the_specification() -> None:
    frame = rtu(17, BITS_PDU)
    assert find_rtu(frame, Expected(17, 1, 19)) == Found(len(frame), Reply(BITS))


@pytest.mark.parametrize("code", [1, 2, 4, 6, 11, 255])
def test_an_exception_is_a_reply(code: int) -> None:
    pdu = bytes([0x83, code])
    assert find_rtu(rtu(17, pdu), THREE_WORDS).reply == Reply([], code)


@pytest.mark.parametrize("pdu", [pdu for name, pdu in WRONG_PDUS.items() if "code 0" not in name])
def test_a_wrong_serial_reply_is_not_one_and_can_be_explained(pdu: bytes) -> None:
    assert find_rtu(rtu(17, pdu), THREE_WORDS).reply is None
    assert explain_rtu(rtu(17, pdu), THREE_WORDS)


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
    serial = rtu(expected.unit_id, pdu)
    cut = data.draw(st.integers(0, len(serial) - 1))
    assert find_rtu(serial[:cut], expected) == Found()
    found = find_rtu(serial, expected)
    assert found.reply is not None
    assert len(found.reply.values) == expected.count
    assert found.reply.exception_code is None


@given(st.binary(max_size=300), expectations)
def test_arbitrary_bytes_never_raise(noise: bytes, expected: Expected) -> None:
    found = find_rtu(noise, expected)
    assert 0 <= found.used <= len(noise)
    assert found.problem is None
    assert explain_rtu(noise, expected)


@pytest.mark.parametrize(
    ("unit_id", "address", "count"),
    [(256, 0, 1), (-1, 0, 1), (1, 0, 0), (1, 0, 126), (1, -1, 1), (1, 65535, 2)],
)
def test_there_is_no_request_beyond_the_limits(unit_id: int, address: int, count: int) -> None:
    with pytest.raises(ValueError, match="not within"):
        expect(unit_id, Table.HOLDING, address, count)


@given(expectations, st.data())
def test_a_damaged_serial_reply_is_never_accepted(expected: Expected, data: st.DataObject) -> None:
    payload = data.draw(st.binary(min_size=expected.data_bytes, max_size=expected.data_bytes))
    frame = bytearray(rtu(expected.unit_id, reply_pdu(expected, payload)))
    place = data.draw(st.integers(0, len(frame) * 8 - 1))
    frame[place // 8] ^= 1 << place % 8
    reply = find_rtu(bytes(frame), expected).reply
    assert reply is None
