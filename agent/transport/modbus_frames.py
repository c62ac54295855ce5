"""The one reply that a Modbus read may get, and where it is in what a serial line brings.

Frames are those of "MODBUS over Serial Line" V1.02 (unit, function, data, CRC); the function
codes and limits those of "MODBUS Application Protocol" V1.1b3, section 6.
"""

import struct
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

MAX_UNIT_ID = 255
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


def expect(unit_id: int, table: Table, address: int, count: int) -> Expected:
    """Say what the reply to a read of ``count`` values from ``address`` on has to be.

    Raises:
        ValueError: there can be no such request.
    """
    function = FUNCTIONS[table]
    if not 0 <= unit_id <= MAX_UNIT_ID:
        raise ValueError(f"unit id {unit_id} is not within 0 to {MAX_UNIT_ID}")
    if not 1 <= count <= MAX_COUNT[function]:
        raise ValueError(f"{count} values are not within 1 to {MAX_COUNT[function]}")
    if not 0 <= address <= 0x10000 - count:
        raise ValueError(f"{count} values at {address} are not within 0 to 65535")
    return Expected(unit_id, function, count)


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
            return Found(end, read_pdu(buffer[start], buffer[start + 1 : end - 2], expected)[0])
    return Found()


def is_frame_of(buffer: bytes, unit_id: int) -> bool:
    """Tell whether ``buffer`` is one undamaged serial frame of ``unit_id``."""
    return len(buffer) >= RTU_MIN_BYTES and buffer[0] == unit_id and _crc_fits(buffer)


def explain_rtu(buffer: bytes, expected: Expected) -> str:
    """Say in words why ``buffer`` is no reply to a serial request."""
    if len(buffer) < RTU_EXCEPTION_BYTES:
        return f"{len(buffer)} bytes are too few for an answer"
    if _crc_fits(buffer):
        _, problem = read_pdu(buffer[0], buffer[1:-2], expected)
        return problem or "an answer mixed with other bytes"
    head = bytes((expected.unit_id, expected.function, expected.data_bytes))
    wanted = len(head) + expected.data_bytes + 2
    if buffer.startswith(head) and len(buffer) < wanted:
        return f"the answer was cut: {len(buffer)} of {wanted} bytes"
    return "the checksum is wrong"


def refusal_text(code: int) -> str:
    """Name a Modbus exception code."""
    return f"exception {code} ({EXCEPTIONS.get(code, 'not in the standard')})"


def read_pdu(unit_id: int, pdu: bytes, expected: Expected) -> tuple[Reply | None, str | None]:
    """Give the reply that ``pdu`` of ``unit_id`` is, or what is wrong with it."""
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


def _crc_fits(frame: bytes) -> bool:
    return crc16(frame[:-2]) == int.from_bytes(frame[-2:], "little")


def _values(data: bytes, expected: Expected) -> list[int]:
    if expected.function in BIT_FUNCTIONS:
        bits = int.from_bytes(data, "little")  # the first bit is the lowest of the first byte
        return [bits >> index & 1 for index in range(expected.count)]
    return list(struct.unpack(f">{expected.count}H", data))
