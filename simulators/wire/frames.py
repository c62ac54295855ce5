"""Modbus frames on serial lines and over TCP, both ways, with the faults of their wire. Pure."""

import struct

from simulators.wire.faults import WireFaultKind
from simulators.wire.line import Reply

_MBAP = 7
_SHORTEST_RTU = 4
_WRITE_MULTIPLE = (15, 16)
_FIXED_RTU = 8


def _table() -> tuple[int, ...]:
    values = []
    for octet in range(256):
        value = octet
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
        values.append(value)
    return tuple(values)


_CRC = _table()


def crc16(octets: bytes) -> int:
    """Give the Modbus checksum: CRC-16, polynomial 0xA001, from 0xFFFF."""
    value = 0xFFFF
    for octet in octets:
        value = (value >> 8) ^ _CRC[(value ^ octet) & 0xFF]
    return value


def rtu_request(unit_id: int, pdu: bytes) -> bytes:
    """Give a sound serial frame."""
    body = bytes((unit_id,)) + pdu
    return body + struct.pack("<H", crc16(body))


def rtu_frame(reply: Reply) -> bytes:
    """Give a reply as it travels on a serial line, faults included."""
    body = bytes((reply.unit_id & 0xFF,)) + reply.pdu
    checksum = crc16(body)
    if WireFaultKind.BAD_CRC in reply.mangled:
        checksum ^= 0x5A5A
    return _cut(body + struct.pack("<H", checksum), reply)


def tcp_frame(reply: Reply, transaction: int) -> bytes:
    """Give a reply as it travels over Modbus TCP, faults included."""
    if WireFaultKind.WRONG_TRANSACTION in reply.mangled:
        transaction ^= 0x0101
    unit_id = reply.unit_id & 0xFF
    head = struct.pack(">HHHB", transaction, 0, len(reply.pdu) + 1, unit_id)
    return _cut(head + reply.pdu, reply)


def _cut(frame: bytes, reply: Reply) -> bytes:
    if not reply.mangled:
        return frame
    if WireFaultKind.TRUNCATED in reply.mangled:
        return frame[: len(frame) // 2]
    return frame + frame if WireFaultKind.DUPLICATE in reply.mangled else frame


def take_rtu(buffer: bytearray) -> tuple[int, bytes] | None:
    """Take the next whole request with a good checksum from ``buffer``: unit id and PDU.

    Octets that cannot begin a request are dropped; None while more are needed.
    """
    while len(buffer) >= _SHORTEST_RTU:
        length = _FIXED_RTU
        if buffer[1] in _WRITE_MULTIPLE:
            if len(buffer) <= _FIXED_RTU - 2:
                return None
            length = 9 + buffer[6]
        if len(buffer) < length:
            return None
        frame = bytes(buffer[:length])
        if crc16(frame[:-2]) == int.from_bytes(frame[-2:], "little"):
            del buffer[:length]
            return frame[0], frame[1:-2]
        del buffer[0]
    return None


def take_tcp(buffer: bytearray) -> tuple[int, int, bytes] | None:
    """Take the next whole request: transaction, unit id and PDU; None while more is needed.

    Raises:
        ValueError: the octets are no Modbus TCP; the connection is of no more use.
    """
    if len(buffer) < _MBAP:
        return None
    transaction, protocol, length, unit_id = struct.unpack(">HHHB", buffer[:_MBAP])
    if protocol != 0 or not 2 <= length <= 254:  # noqa: PLR2004 - limits of the protocol
        raise ValueError("not Modbus TCP")
    if len(buffer) < _MBAP - 1 + length:
        return None
    pdu = bytes(buffer[_MBAP : _MBAP - 1 + length])
    del buffer[: _MBAP - 1 + length]
    return transaction, unit_id, pdu
