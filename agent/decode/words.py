"""16-bit words to raw values. Pure; big-endian unless the field says otherwise."""

import struct
from calendar import timegm
from collections.abc import Mapping
from datetime import date

from agent.model import Register
from agent.profiles.schema import Words, WordType

RawValue = int | float | str
"""A value before scaling: a number as the device counts it, or a text."""

_LAYOUT = {
    WordType.U16: ">H",
    WordType.S16: ">h",
    WordType.U32: ">I",
    WordType.S32: ">i",
    WordType.U64: ">Q",
    WordType.S64: ">q",
    WordType.F32: ">f",
}
_DECIMAL = frozenset({WordType.BCD16, WordType.BCD32, WordType.BCD_DATE})


def raw_value(where: Words, words: Mapping[Register, int]) -> RawValue | None:
    """Put the value of ``where`` together; None unless every word of it was read.

    Raises:
        ValueError: the words do not form a value of the type (a date that is none).
    """
    try:
        parts = [words[register] for register in where.registers]
    except KeyError:
        return None
    if where.type is WordType.U16:
        return parts[0] if where.bit is None else parts[0] >> where.bit & 1
    if where.type is WordType.TEXT:
        return text(parts, low_byte_first=where.low_byte_first)
    if where.type is WordType.SBS_DATE:
        return sbs_date(parts[0])
    if where.low_word_first:
        parts.reverse()
    packed = b"".join(part.to_bytes(2, "big") for part in parts)
    if where.type in _DECIMAL:
        return decimal(packed, date=where.type is WordType.BCD_DATE)
    value: int | float = struct.unpack(_LAYOUT[where.type], packed)[0]
    return value


def decimal(packed: bytes, *, date: bool = False) -> int:
    """Read four bits as one decimal digit; as ``date`` they are YYYYMMDD, midnight UTC.

    Raises:
        ValueError: a digit is above 9, or there is no such day.
    """
    digits = packed.hex()
    if not digits.isdecimal():
        raise ValueError("a digit above 9")
    if not date:
        return int(digits)
    return utc_midnight(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))


def text(parts: list[int], *, low_byte_first: bool = False) -> str:
    """Read two characters a word up to the first NUL, without padding and control marks.

    Bytes outside ASCII become U+FFFD: real modules have sent them.
    """
    data = b"".join(part.to_bytes(2, "little" if low_byte_first else "big") for part in parts)
    return clean(data.split(b"\0", 1)[0].decode("ascii", "replace"))


def clean(value: str) -> str:
    """Drop what cannot be shown: control characters, and blanks at both ends."""
    return "".join(character for character in value if character.isprintable()).strip()


def sbs_date(word: int) -> int:
    """Turn (year - 1980) * 512 + month * 32 + day into unix seconds at midnight UTC.

    Source: Smart Battery Data Specification 1.1, ManufactureDate (0x1B).

    Raises:
        ValueError: month or day is out of range.
    """
    year, month, day = 1980 + (word >> 9), word >> 5 & 0xF, word & 0x1F
    return utc_midnight(year, month, day)


def utc_midnight(year: int, month: int, day: int) -> int:
    """Give unix seconds of a calendar day at midnight UTC.

    Raises:
        ValueError: there is no such day.
    """
    return timegm(date(year, month, day).timetuple())
