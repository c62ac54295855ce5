"""The part of ASN.1 BER that SNMP v1 and v2c need, both ways. Pure.

Written apart from every SNMP library, so that agreeing with one proves something.
"""

from collections.abc import Iterator

INTEGER = 0x02
OCTETS = 0x04
NULL = 0x05
OID = 0x06
SEQUENCE = 0x30
_LONG = 0x80
_MOST_LENGTH_OCTETS = 4
_HIGH_BIT = 0x80
_LOW_BITS = 0x7F
_FIRST_ARC = 40
_MOST_ARC = 0xFFFFFFFF


def wrap(tag: int, body: bytes) -> bytes:
    """Give ``body`` with its tag and length."""
    size = len(body)
    if size < _LONG:
        return bytes((tag, size)) + body
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, _LONG | len(octets))) + octets + body


def integer(value: int, tag: int = INTEGER) -> bytes:
    """Give an integer, or with another ``tag`` a number of an application type."""
    return wrap(tag, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


def oid(arcs: tuple[int, ...]) -> bytes:
    """Give an object identifier of two arcs or more."""
    octets = bytearray((arcs[0] * _FIRST_ARC + arcs[1],))
    for arc in arcs[2:]:
        if arc <= _LOW_BITS:
            octets.append(arc)
            continue
        parts = [arc & _LOW_BITS]
        while arc := arc >> 7:
            parts.append(arc & _LOW_BITS | _HIGH_BIT)
        octets += bytes(reversed(parts))
    return wrap(OID, bytes(octets))


def take(data: bytes, at: int = 0) -> tuple[int, bytes, int]:
    """Give tag and body of the element at ``at``, and where the next one begins.

    Raises:
        ValueError: there is no whole element.
    """
    if at + 2 > len(data):
        raise ValueError("cut off")
    tag, size = data[at], data[at + 1]
    begin = at + 2
    if size >= _LONG:
        count = size - _LONG
        if not 1 <= count <= _MOST_LENGTH_OCTETS or begin + count > len(data):
            raise ValueError("a length that cannot be")
        size = int.from_bytes(data[begin : begin + count])
        begin += count
    if begin + size > len(data):
        raise ValueError("cut off")
    return tag, data[begin : begin + size], begin + size


def elements(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Give tag and body of each element of a sequence.

    Raises:
        ValueError: the last one is not whole.
    """
    at = 0
    while at < len(body):
        tag, content, at = take(body, at)
        yield tag, content


def to_integer(body: bytes) -> int:
    """Give the number that the body of an integer holds.

    Raises:
        ValueError: it is empty.
    """
    if not body:
        raise ValueError("an integer without octets")
    return int.from_bytes(body, signed=True)


def to_oid(body: bytes) -> tuple[int, ...]:
    """Give the arcs that the body of an object identifier holds.

    Raises:
        ValueError: it is empty, ends within an arc, or has an arc beyond 32 bits.
    """
    if not body or body[-1] & _HIGH_BIT:
        raise ValueError("an object identifier that cannot be")
    arcs: list[int] = []
    arc = 0
    for octet in body:
        arc = arc << 7 | octet & _LOW_BITS
        if arc > _MOST_ARC:
            raise ValueError("an arc beyond 32 bits")
        if not octet & _HIGH_BIT:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // _FIRST_ARC, 2)
    return (first, arcs[0] - first * _FIRST_ARC, *arcs[1:])
