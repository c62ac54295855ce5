"""From values of quantities to 16-bit words, by a profile's map.

Written apart from the agent's decoder on purpose: a round trip through both proves
something only because they share nothing but the map.
"""

import struct
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from agent.profiles.schema import Field, Words, WordType

Value = float | bool | str
"""A value in its quantity's unit; states and texts are str, flags are bool."""

_RANGES = {
    WordType.U16: (0, 0xFFFF),
    WordType.S16: (-0x8000, 0x7FFF),
    WordType.U32: (0, 0xFFFFFFFF),
    WordType.S32: (-0x80000000, 0x7FFFFFFF),
    WordType.U64: (0, 0xFFFFFFFFFFFFFFFF),
    WordType.S64: (-0x8000000000000000, 0x7FFFFFFFFFFFFFFF),
}

_DECIMAL = {WordType.BCD16: 4, WordType.BCD32: 8, WordType.BCD_DATE: 8}
"""Decimal digits of each type that holds four bits a digit."""


def encode(field: Field, value: Value | None) -> list[int]:
    """Give the words of one field; None becomes the field's "no value", or zeros.

    Values beyond the type's range come out at its end, as a real converter saturates.
    A bit field gives the one word of it that holds the bit, with only that bit.
    """
    where = field.where
    if not isinstance(where, Words):
        raise TypeError(f"{field.quantity} is not in a register")
    if where.type is WordType.TEXT:
        return _text("" if value is None else str(value), where)
    if where.bit is not None:
        return [(1 << where.bit % 16) if value else 0]
    if where.type is WordType.F32:
        number = float("nan") if value is None else (float(value) - field.offset) / field.scale
        packed = struct.pack(">f", number)
        return _ordered([int.from_bytes(packed[:2]), int.from_bytes(packed[2:])], where)
    raw = raw_value(field, value)
    if where.type is WordType.SBS_DATE:
        return [raw & 0xFFFF]
    if where.type in _DECIMAL:
        return _digits(field, where, value)
    low, high = _RANGES[where.type]
    # A sentinel such as 65535 in a signed register stands for its bits, so it passes whole.
    if value is not None:
        raw = min(max(raw, low), high)
    count = where.count
    return _ordered([(raw >> (16 * (count - 1 - n))) & 0xFFFF for n in range(count)], where)


def encode_column(field: Field, values: NDArray[np.float64]) -> list[int]:
    """Give the words of fields of one word each that are laid out like ``field``, in one go.

    The same as ``encode`` of each value, for a plain number that every device has.
    """
    where = field.where
    if not isinstance(where, Words):
        raise TypeError(f"{field.quantity} is not in a register")
    low, high = _RANGES[where.type]
    raw = np.rint((values - field.offset) / field.scale)
    held: list[int] = (np.clip(raw, low, high).astype(np.int64) & 0xFFFF).tolist()
    return held


def raw_value(field: Field, value: Value | None) -> int:
    """Give the integer that a device holds for ``value``: its code, or scaled and rounded."""
    if value is None:
        numbers = sorted(item for item in field.absent if isinstance(item, int))
        return numbers[-1] if numbers else 0
    for code, meaning in field.states:
        if meaning == value and isinstance(code, int):
            return code
    try:
        return round((float(value) - field.offset) / field.scale)
    except ValueError:
        raise LookupError(f"{field.quantity}: the map has no code for {value!r}") from None


def _digits(field: Field, where: Words, value: Value | None) -> list[int]:
    digits = _DECIMAL[where.type]
    number = min(max(raw_value(field, value), 0), 10**digits - 1)
    if where.type is WordType.BCD_DATE and value is not None:
        number = int(datetime.fromtimestamp(float(value), UTC).strftime("%Y%m%d"))
    packed = int(str(number), 16)
    return _ordered([packed >> 16 * n & 0xFFFF for n in reversed(range(where.count))], where)


def _ordered(words: list[int], where: Words) -> list[int]:
    return words[::-1] if where.low_word_first else words


def _text(text: str, where: Words) -> list[int]:
    octets = text.encode("ascii", "replace")[: 2 * where.count].ljust(2 * where.count, b"\0")
    order = "little" if where.low_byte_first else "big"
    words = [
        int.from_bytes(octets[n : n + 2], "little" if order == "little" else "big")
        for n in range(0, len(octets), 2)
    ]
    return _ordered(words, where)
