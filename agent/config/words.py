"""The kinds of words that the keys of the configuration take: names, addresses, dates, ages."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.config import measures
from agent.config.addresses import HOST_PORT_PATTERN, host_port, listen_address
from agent.config.kinds import Word, measure, text

DURATION = measure(measures.DURATION)
NAME = text(
    "a name",
    r"[A-Za-z0-9._-]{1,64}",
    'cannot be a name; it takes 1 to 64 letters, digits, ".", "_" and "-"',
)
PLACE = text(
    "a short text", r"[^\x00-\x1f\x7f]{1,64}", "is not a place; it takes 1 to 64 characters"
)
NOTE = text(
    "a text", r"[^\x00-\x1f\x7f]{1,400}", "is not a text of 1 to 400 characters on one line"
)
FILE = text("the name of a file", r"[^\x00-\x1f\x7f]{1,1024}", "is not the name of a file")
VARIABLE = text(
    "the name of an environment variable",
    r"[A-Za-z_][A-Za-z0-9_]{0,127}",
    "is not the name of an environment variable",
)
MODBUS_ADDRESS: Word[tuple[str, int]] = Word(
    "an address HOST or HOST:PORT",
    lambda value: host_port(value, 502),
    {"type": "string", "pattern": HOST_PORT_PATTERN},
)
SNMP_ADDRESS: Word[tuple[str, int]] = Word(
    "an address HOST or HOST:PORT",
    lambda value: host_port(value, 161),
    {"type": "string", "pattern": HOST_PORT_PATTERN},
)
LISTEN_ADDRESS: Word[tuple[str, int]] = Word(
    "an address HOST:PORT", listen_address, {"type": "string", "pattern": r":[0-9]{1,5}$"}
)


def _day(value: str) -> float:
    rule = "is not a date; write year-month-day, for example 2024-05-01"
    if not re.fullmatch(_DATE, value):
        raise ValueError(rule)
    try:
        return datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise ValueError(rule) from None


_DATE = r"(?:19[7-9][0-9]|20[0-9]{2})-[0-9]{2}-[0-9]{2}"
DATE: Word[float] = Word(
    "a date such as 2024-05-01", _day, {"type": "string", "pattern": f"^{_DATE}$"}
)


@dataclass(frozen=True, slots=True)
class Intervals:
    """An age as a number of polling intervals."""

    count: float


_INTERVALS = r"([0-9]{1,6}(?:\.[0-9]{1,6})?) intervals?"


def _age(value: str) -> float | Intervals:
    found = re.fullmatch(_INTERVALS, value)
    if found is None:
        return measures.DURATION.parse(value)
    if float(found[1]) < 1:
        raise ValueError("is shorter than one interval; every value would be gone at once")
    return Intervals(float(found[1]))


AGE: Word[float | Intervals] = Word(
    "a duration such as 30s or a number of intervals such as 3 intervals",
    _age,
    {"anyOf": [DURATION.schema(), {"type": "string", "pattern": f"^{_INTERVALS}$"}]},
)
