"""What a scan asks and how long that takes at most. Pure."""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent.model import Register, Table
from agent.profiles.schema import Profile, Protocol, Words, WordType
from agent.targets import Parity

MOST_HOSTS = 1024
"""Addresses that one scan asks without being told twice."""
ANSWER_S = 0.1
"""How long a module may think before it answers. Meta's rack monitor waits 70 ms and had to
raise that from 50 ms for some modules; a USB adapter holds back up to 16 ms of its own."""
_BITS_PER_CHARACTER = 11
_REQUEST_CHARACTERS = 8
_REPLY_OVERHEAD = 5
_SILENT_CHARACTERS = 3.5
ALIVE = Words(Register(Table.HOLDING, 0), 1, WordType.U16)
"""What is asked where the family is not known: any answer, a refusal too, is a unit."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to set a serial line, and which questions go to which unit ids in it."""

    baudrate: int
    parity: Parity
    questions: tuple[tuple[int, Words], ...]

    @property
    def longest_s(self) -> float:
        """The time that all questions take if nobody answers any of them, in seconds."""
        return sum(self.wait_s(where) for _, where in self.questions)

    def wait_s(self, where: Words, answer_s: float = ANSWER_S) -> float:
        """Give the time-out of one question: both frames on the wire, and the time to think."""
        characters = _REQUEST_CHARACTERS + _REPLY_OVERHEAD + 2 * where.count
        wire_s = (characters + 2 * _SILENT_CHARACTERS) * _BITS_PER_CHARACTER / self.baudrate
        return wire_s + answer_s


def settings(
    profiles: Iterable[Profile],
    *,
    addresses: Sequence[int] | None = None,
    baudrates: Sequence[int] | None = None,
    parity: Parity | None = None,
) -> tuple[Setting, ...]:
    """Say how to scan a line: as the known families set theirs, unless told otherwise.

    With ``addresses`` each of them is asked one question. Without, each family's unit ids
    are asked what tells that family.
    """
    families = [
        profile
        for profile in profiles
        if profile.protocol is Protocol.MODBUS and profile.link.baudrate is not None
    ]
    lines = {
        (profile.link.baudrate or 0, profile.link.parity or Parity.NONE) for profile in families
    }
    if baudrates is not None:
        known = dict(sorted(lines, reverse=True))
        lines = {(rate, known.get(rate, Parity.NONE)) for rate in baudrates}
    if parity is not None:
        lines = {(rate, parity) for rate, _ in lines}
    found = []
    # Fast lines first: they cost the least.
    for rate, told in sorted(lines, reverse=True):
        if addresses is not None:
            questions = tuple((unit_id, ALIVE) for unit_id in addresses)
        else:
            questions = tuple(_questions(families, rate, told if parity is None else None))
        if questions:
            found.append(Setting(rate, told, questions))
    return tuple(found)


def _questions(
    families: Iterable[Profile], baudrate: int, parity: Parity | None
) -> Iterator[tuple[int, Words]]:
    asked = set()
    for profile in families:
        link = profile.link
        if link.baudrate != baudrate or (parity is not None and link.parity is not parity):
            continue
        probes = [probe.where for probe in profile.identify.probes]
        where = next((place for place in probes if isinstance(place, Words)), ALIVE)
        # One word is enough to hear whether anybody is there.
        place = Words(where.register, 1, WordType.U16)
        for unit_id in link.unit_ids:
            if (unit_id, place.register.table) not in asked:
                asked.add((unit_id, place.register.table))
                yield unit_id, place


def gateway_questions(
    profiles: Iterable[Profile], addresses: Sequence[int] | None
) -> tuple[tuple[int, Words], ...]:
    """Say what to ask behind a gateway: the unit ids of all families, and the first ones."""
    if addresses is None:
        families = [profile for profile in profiles if profile.protocol is Protocol.MODBUS]
        known = {unit_id for profile in families for unit_id in profile.link.unit_ids}
        addresses = sorted(known | set(range(1, 17)))
    return tuple((unit_id, ALIVE) for unit_id in addresses)


def numbers(text: str, lowest: int, highest: int) -> tuple[int, ...]:
    """Read numbers and ranges such as "1,64-69".

    Raises:
        ValueError: a part is neither, or lies outside; the text says which.
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if match is None or not lowest <= first <= last <= highest:
            raise ValueError(f"{part!r} is no number or range within {lowest} to {highest}")
        found += range(first, last + 1)
    return tuple(dict.fromkeys(found))


def hosts(specs: Sequence[str], *, unlimited: bool = False) -> tuple[str, ...]:
    """Expand hosts, networks (10.1.3.0/28) and ranges (10.1.3.5-10.1.3.20).

    Raises:
        ValueError: a text is no such thing, or they are too many.
    """
    found: list[str] = []
    for spec in specs:
        count = _size(spec)
        if len(found) + count > MOST_HOSTS and not unlimited:
            raise ValueError(
                f"{spec} makes {len(found) + count} addresses; more than {MOST_HOSTS} are "
                "asked only with --yes-really"
            )
        found += _expanded(spec)
    return tuple(dict.fromkeys(found))


def _size(spec: str) -> int:
    if "/" in spec:
        return ipaddress.ip_network(spec, strict=False).num_addresses
    first, last = _ends(spec)
    return 1 if first is None or last is None else int(last) - int(first) + 1


def _expanded(spec: str) -> Iterator[str]:
    if "/" in spec:
        network = ipaddress.ip_network(spec, strict=False)
        yield from (str(host) for host in network.hosts())
        return
    first, last = _ends(spec)
    if first is None or last is None:
        yield spec
        return
    for number in range(int(first), int(last) + 1):
        yield str(type(first)(number))


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _ends(spec: str) -> tuple[_Address | None, _Address | None]:
    """Give the two ends of a range; None for a host, whose name may have hyphens too."""
    low, dash, high = spec.partition("-")
    try:
        first = ipaddress.ip_address(low)
    except ValueError:
        return None, None
    if not dash:
        return None, None
    last = ipaddress.ip_address(high)
    if first.version != last.version or int(last) < int(first):
        raise ValueError(f"{spec}: the range does not rise")
    return first, last
