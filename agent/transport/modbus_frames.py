"""The one reply that a Modbus read may get, found in a stream of hostile bytes.

Frames are those of "MODBUS over Serial Line" V1.02 (unit, function, data, CRC) and
"MODBUS Messaging on TCP/IP" V1.0b (transaction, protocol, length, unit, function, data);
the function codes and limits those of "MODBUS Application Protocol" V1.1b3, section 6.
"""

import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from agent.model import Table

FUNCTIONS = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}
BIT_FUNCTIONS = frozenset({1, 2})
MAX_COUNT = {1: 2000, 2: 2000, 3: 125, 4: 125}

EXCEPTION_BIT = 0x80
EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target did not respond",
}

TCP_HEADER = struct.Struct(">HHHB")
MIN_TCP_LENGTH = 2  # unit id and function code
MAX_TCP_LENGTH = 254  # unit id and 253 bytes of PDU
RTU_EXCEPTION_BYTES = 5
RTU_MIN_BYTES = 4


@dataclass(frozen=True, slots=True)
class Expected:
    """What the only acceptable reply looks like. ``count`` is in words, or bits for 1 and 2."""

    unit_id: int
    function: int
    count: int

    @property
    def data_bytes(self) -> int:
        """Length of the data in a reply that has all values."""
        return (self.count + 7) // 8 if self.function in BIT_FUNCTIONS else 2 * self.count


class Reply(NamedTuple):
    """A well-formed reply: the values, or the code by which the device refused."""

    values: list[int]
    exception_code: int | None = None


class Found(NamedTuple):
    """What a buffer holds: how many of its bytes are done with, the reply, or what is wrong.

    Neither reply nor problem: more bytes are needed.
    """

    used: int = 0
    reply: Reply | None = None
    problem: str | None = None


def crc16(data: bytes) -> int:
    """Give the CRC of a serial frame (serial line guide, section 6.2.2); low byte goes first."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def _crc_entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ 0xA001 if byte & 1 else byte >> 1
    return byte


_CRC_TABLE = [_crc_entry(byte) for byte in range(256)]


def find_tcp(
    buffer: bytes, expected: Expected, transaction: int, late: Collection[int] = ()
) -> Found:
    """Find the reply in what a TCP connection brought.

    Frames of ``late`` transactions, which we gave up, are skipped. Any other frame that is
    not the expected reply is a problem at once, and so is what is no frame at all, because
    the next one cannot be found after it.
    """
    used = 0
    while len(buffer) - used >= TCP_HEADER.size:
        number, protocol, length, unit_id = TCP_HEADER.unpack_from(buffer, used)
        if protocol != 0 or not MIN_TCP_LENGTH <= length <= MAX_TCP_LENGTH:
            return Found(len(buffer), problem="not a Modbus TCP frame")
        end = used + length + 6
        if len(buffer) < end:
            break
        pdu = buffer[used + TCP_HEADER.size : end]
        used = end
        if number == transaction:
            reply, problem = _read_pdu(unit_id, pdu, expected)
            return Found(used, reply, problem)
        if number not in late:
            return Found(
                used, problem=f"the answer is to transaction {number}, asked was {transaction}"
            )
    return Found(used)


def find_rtu(buffer: bytes, expected: Expected) -> Found:
    """Find the reply in what a serial line brought since the request.

    Skips noise, echoes of the request and other frames before it; a serial reply has no
    number, so whatever is not exactly the expected reply may still be followed by it.
    """
    head = bytes((expected.unit_id, expected.function, expected.data_bytes))
    refusal = bytes((expected.unit_id, expected.function | EXCEPTION_BIT))
    for start in range(len(buffer) - RTU_MIN_BYTES):
        if buffer.startswith(head, start):
            end = start + 3 + expected.data_bytes + 2
        elif buffer.startswith(refusal, start):
            end = start + RTU_EXCEPTION_BYTES
        else:
            continue
        if end > len(buffer):
            return Found()
        if _crc_fits(buffer[start:end]):
            return Found(end, _read_pdu(buffer[start], buffer[start + 1 : end - 2], expected)[0])
    return Found()


def is_frame_of(buffer: bytes, unit_id: int) -> bool:
    """Tell whether ``buffer`` is one undamaged serial frame of ``unit_id``."""
    return len(buffer) >= RTU_MIN_BYTES and buffer[0] == unit_id and _crc_fits(buffer)


def explain_rtu(buffer: bytes, expected: Expected) -> str:
    """Say in words why ``buffer`` is no reply to a serial request."""
    if len(buffer) < RTU_EXCEPTION_BYTES:
        return f"{len(buffer)} bytes are too few for an answer"
    if _crc_fits(buffer):
        _, problem = _read_pdu(buffer[0], buffer[1:-2], expected)
        return problem or "an answer mixed with other bytes"
    head = bytes((expected.unit_id, expected.function, expected.data_bytes))
    wanted = len(head) + expected.data_bytes + 2
    if buffer.startswith(head) and len(buffer) < wanted:
        return f"the answer was cut: {len(buffer)} of {wanted} bytes"
    return "the checksum is wrong"


def refusal_text(code: int) -> str:
    """Name a Modbus exception code."""
    return f"exception {code} ({EXCEPTIONS.get(code, 'not in the standard')})"


def _crc_fits(frame: bytes) -> bool:
    return crc16(frame[:-2]) == int.from_bytes(frame[-2:], "little")


def _read_pdu(unit_id: int, pdu: bytes, expected: Expected) -> tuple[Reply | None, str | None]:
    if unit_id != expected.unit_id:
        return None, f"the answer is from unit {unit_id}, asked was unit {expected.unit_id}"
    if pdu[0] == expected.function | EXCEPTION_BIT:
        if len(pdu) != 2 or pdu[1] == 0:  # noqa: PLR2004 - function and code
            return None, "a malformed exception"
        return Reply([], pdu[1]), None
    if pdu[0] != expected.function:
        return None, f"the answer has function code {pdu[0]}, asked was {expected.function}"
    if len(pdu) != 2 + expected.data_bytes or pdu[1] != expected.data_bytes:
        return None, (
            f"the answer has {max(len(pdu) - 2, 0)} bytes of data and says "
            f"{pdu[1] if len(pdu) > 1 else 'nothing'}, expected were {expected.data_bytes}"
        )
    return Reply(_values(pdu[2:], expected)), None


def _values(data: bytes, expected: Expected) -> list[int]:
    if expected.function in BIT_FUNCTIONS:
        bits = int.from_bytes(data, "little")  # the first bit is the lowest of the first byte
        return [bits >> index & 1 for index in range(expected.count)]
    return list(struct.unpack(f">{expected.count}H", data))
