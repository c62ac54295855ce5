"""SNMP values to raw values, by the type that the profile declares. Pure.

The wire type is only a hint: real cards send numbers as texts, gauges for integers and
floats wrapped in Opaque.
"""

import re
import struct

from agent.decode.words import RawValue, clean, utc_midnight
from agent.model import SnmpKind, SnmpValue
from agent.profiles.schema import ObjectType

_MAX_TEXT = 255
_NUMBER = re.compile(r"[-+]?(\d{1,18}(\.\d{0,12})?|\.\d{1,12})", re.ASCII)
# A time of day may follow; another digit may not, for then the last number is cut short.
_DATE_MDY = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})(?!\d)", re.ASCII)
_DATE_DMY = re.compile(r"(\d{1,2})[/. -](\d{1,2}|[A-Za-z]{3})[/. -](\d{4}|\d{2})(?!\d)", re.ASCII)
_DATE_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MARKS = re.compile(rb"[01]{8,}")
_DATE_YMD = re.compile(r"(\d{4})[/.-](\d{1,2})[/.-](\d{1,2})(?!\d)", re.ASCII)
# Opaque-wrapped IEEE floats as net-snmp sends them: tag 0x9f 0x78, length 4, big-endian.
_OPAQUE_FLOAT = b"\x9f\x78\x04"
_OPAQUE_DOUBLE = b"\x9f\x79\x08"
_CENTURY_PIVOT = 70
_LARGEST = 2**64


def raw_value(kind: ObjectType, varbind: SnmpValue, bit: int | None = None) -> RawValue:
    """Give the raw value of ``varbind`` as the declared type; "" where a text is empty.

    ``bit`` is for ``BITS``: which one. Ticks stay hundredths of a second here, so that
    sentinels compare with what was sent.

    Raises:
        ValueError: the value cannot be of that type.
    """
    if varbind.kind is SnmpKind.NULL:
        raise ValueError("no value")
    if kind in (ObjectType.NUMBER, ObjectType.TICKS):
        return _number(varbind)
    if kind is ObjectType.BITS:
        return _bit(varbind, bit or 0)
    words = _text(varbind)
    if kind is ObjectType.OID:
        return words.strip(".")
    if kind in (ObjectType.TEXT, ObjectType.MEASURE):
        return words
    return _date(kind, words)


def _bit(varbind: SnmpValue, bit: int) -> RawValue:
    """Pick one bit, from the left of a text of marks, else from the least significant end."""
    value = varbind.value
    if isinstance(value, tuple):
        raise ValueError("an object identifier, not bits")  # noqa: TRY004 - a bad value
    if isinstance(value, int):
        return value >> bit & 1
    if not value:
        return ""
    if _MARKS.fullmatch(value):
        return int(value[bit : bit + 1] == b"1")
    return int.from_bytes(value[:_MAX_TEXT], "big") >> bit & 1


def _number(varbind: SnmpValue) -> RawValue:
    value = varbind.value
    if isinstance(value, tuple):
        raise ValueError("an object identifier, not a number")  # noqa: TRY004 - a bad value
    if isinstance(value, int):
        if abs(value) > _LARGEST:
            raise ValueError("no SNMP number")
        return value
    if value.startswith(_OPAQUE_FLOAT) and len(value) == len(_OPAQUE_FLOAT) + 4:
        return float(struct.unpack(">f", value[-4:])[0])
    if value.startswith(_OPAQUE_DOUBLE) and len(value) == len(_OPAQUE_DOUBLE) + 8:
        return float(struct.unpack(">d", value[-8:])[0])
    words = _text(varbind)
    if not words:
        return ""
    if not _NUMBER.fullmatch(words):
        raise ValueError("no number")
    return float(words) if "." in words else int(words)


def _text(varbind: SnmpValue) -> str:
    value = varbind.value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return ".".join(map(str, value))
    if varbind.kind is SnmpKind.ADDRESS:
        return ".".join(map(str, value))
    return clean(value.split(b"\0", 1)[0].decode("utf-8", "replace"))[:_MAX_TEXT]


def _date(kind: ObjectType, words: str) -> RawValue:
    if not words:
        return ""
    if kind in (ObjectType.DATE_YMD, ObjectType.DATE_FREE):
        match = _DATE_YMD.match(words) or _DATE_COMPACT.fullmatch(words)
        if match is not None:
            year, month, day = (int(part) for part in match.groups())
            return utc_midnight(year, month, day)
    if kind in (ObjectType.DATE_MDY, ObjectType.DATE_FREE):
        match = _DATE_MDY.match(words)
        if match is not None:
            month, day = int(match[1]), int(match[2])
            if month > len(_MONTHS):
                # Cards can be set to write the day first; such a date can be nothing else.
                month, day = day, month
            return utc_midnight(_year(match[3]), month, day)
    if kind in (ObjectType.DATE_DMY, ObjectType.DATE_FREE):
        match = _DATE_DMY.match(words)
        if match is not None:
            return utc_midnight(_year(match[3]), _month(match[2]), int(match[1]))
    raise ValueError("no date")


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 2:  # noqa: PLR2004 - digits of a short year
        year += 1900 if year >= _CENTURY_PIVOT else 2000
    return year


def _month(text: str) -> int:
    if text.isdecimal():
        return int(text)
    return _MONTHS.index(text.lower()) + 1
