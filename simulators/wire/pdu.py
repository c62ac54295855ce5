"""Modbus protocol data units: a request in, an answer out. Pure."""

import struct
from typing import Protocol

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
DEVICE_FAILURE = 4
GATEWAY_NO_ANSWER = 0x0B
_TABLES = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
_BITS = (1, 2)
_MOST_WORDS = 125
_MOST_BITS = 2000
_READ_SIZE = 5


class Registers(Protocol):
    """Something with registers to read."""

    def read(self, table: str, address: int, count: int) -> list[int] | None:
        """Give ``count`` values from ``address`` on, or None if one of them does not exist."""
        ...


def refusal(function: int, code: int) -> bytes:
    """Give the exception answer ``code`` to ``function``."""
    return bytes((function | 0x80, code))


def answer(request: bytes, device: Registers) -> bytes:
    """Give the answer of ``device`` to a request without address and checksum.

    Only the four reading functions exist: simulated units, like real ones, must never be
    written to by a monitor.
    """
    function = request[0]
    table = _TABLES.get(function)
    if table is None:
        return refusal(function, ILLEGAL_FUNCTION)
    if len(request) != _READ_SIZE:
        return refusal(function, ILLEGAL_VALUE)
    address, count = struct.unpack(">HH", request[1:5])
    most = _MOST_BITS if function in _BITS else _MOST_WORDS
    if not 1 <= count <= most:
        return refusal(function, ILLEGAL_VALUE)
    values = device.read(table, address, count)
    if values is None:
        return refusal(function, ILLEGAL_ADDRESS)
    if function in _BITS:
        packed = sum((1 if value else 0) << n for n, value in enumerate(values))
        data = packed.to_bytes((count + 7) // 8, "little")
    else:
        data = struct.pack(f">{count}H", *values)
    return bytes((function, len(data))) + data
