"""What a device has said as the text of a recording, with its secrets taken out. Pure.

The forms are those of ``tests/recordings`` (see its README): blocks of words by table and
address for Modbus, snmprec lines for SNMP.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from agent.model import Oid, Register, SnmpKind, SnmpValue, Table
from agent.profiles.schema import Object, Profile, Words, WordType

_LINE_WORDS = 10
_BLOCK_WORDS = 120
_TEXT_WORDS = 4
_COUNTER32 = 2**32
_PRINTABLE = range(0x20, 0x7F)
_TAGS = {
    SnmpKind.INTEGER: "2",
    SnmpKind.OCTETS: "4",
    SnmpKind.NULL: "5",
    SnmpKind.OID: "6",
    SnmpKind.ADDRESS: "64",
    SnmpKind.COUNTER: "65",
    SnmpKind.UNSIGNED: "66",
    SnmpKind.TICKS: "67",
    SnmpKind.OPAQUE: "68",
}
"""The ASN.1 tags of the SNMP types (RFC 2578), as snmpsim writes them."""
_SERIAL_LIKE = re.compile(r"(?=(?:.*\d){3})[\w./-]{5,}", re.ASCII)
_ADDRESS_LIKE = re.compile(rb"\b\d{1,3}(\.\d{1,3}){3}\b|\b([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}\b")
_SYSTEM = (1, 3, 6, 1, 2, 1, 1)
_ABOUT_PEOPLE = frozenset({(*_SYSTEM, 4, 0), (*_SYSTEM, 5, 0), (*_SYSTEM, 6, 0)})
"""sysContact, sysName and sysLocation."""
_KEPT = (_SYSTEM, (1, 3, 6, 1, 2, 1, 33), (1, 3, 6, 1, 4, 1))
"""The system group, the UPS-MIB and the makers' trees: the others hold networks and users."""
PRIVATE = b"<private>"


@dataclass(slots=True)
class Recording:
    """What a Modbus unit has said: words, refusals by code, and where it was silent."""

    words: dict[Register, int] = field(default_factory=dict)
    refused: Counter[int] = field(default_factory=Counter)
    silent: set[Register] = field(default_factory=set)


def modbus_text(recording: Recording, notes: Iterable[str] = ()) -> str:
    """Write a ``.modbus.yaml`` file; ``notes`` become comments at its head."""
    lines = [f"# {note}" for note in notes]
    for table in Table:
        blocks = list(_blocks(recording.words, table))
        if blocks:
            lines.append(f"{table}:")
            lines += [f"  {first}: {_written(words)}" for first, words in blocks]
    if recording.silent:
        lines.append("silent:")
        for table in Table:
            places = sorted(at for held, at in recording.silent if held is table)
            if places:
                lines.append(f"  {table}: {places}")
    return "\n".join(lines) + "\n"


def _blocks(words: Mapping[Register, int], table: Table) -> Iterator[tuple[int, list[int]]]:
    block: list[int] = []
    first = 0
    for _, address in sorted(register for register in words if register.table is table):
        if not block or address != first + len(block) or len(block) >= _BLOCK_WORDS:
            if block:
                yield first, block
            first, block = address, []
        block.append(words[Register(table, address)])
    if block:
        yield first, block


def _written(words: list[int]) -> str:
    if len(words) <= _LINE_WORDS:
        return f"[{', '.join(map(str, words))}]"
    rows = [words[n : n + _LINE_WORDS] for n in range(0, len(words), _LINE_WORDS)]
    return "[" + ",\n    ".join(", ".join(map(str, row)) for row in rows) + "]"


def scrub_modbus(recording: Recording, profile: Profile | None) -> int:
    """Blank serial numbers in place; give how many texts were changed.

    Where the family is known its own serial numbers, and everywhere every run of words that
    reads like one: digits become 0 and letters x, so that lengths and padding stay.
    """
    changed = 0
    serials = set() if profile is None else set(_own_texts(profile, serial=True))
    other = set() if profile is None else set(_own_texts(profile, serial=False))
    shown = {register for registers in other for register in registers}
    for registers in [*serials, *_texts(recording, shown)]:
        if not all(register in recording.words for register in registers):
            continue
        data = b"".join(recording.words[register].to_bytes(2) for register in registers)
        text = data.decode("latin-1")
        blanked = _blank(text) if registers in serials else _SERIAL_LIKE.sub(_blank_match, text)
        changed += blanked != text
        for n, register in enumerate(registers):
            pair = blanked[2 * n : 2 * n + 2]
            recording.words[register] = int.from_bytes(pair.encode("latin-1"))
    return changed


def _own_texts(profile: Profile, *, serial: bool) -> Iterator[tuple[Register, ...]]:
    for row in profile.fields:
        text = isinstance(row.where, Words) and row.where.type is WordType.TEXT
        if text and isinstance(row.where, Words) and (row.quantity == "serial_number") == serial:
            yield row.where.registers


def _texts(recording: Recording, shown: set[Register]) -> Iterator[tuple[Register, ...]]:
    """Find runs of words outside ``shown`` that hold two characters each."""
    run: list[Register] = []
    for register in sorted(recording.words):
        word = recording.words[register]
        joined = not run or register == Register(run[-1].table, run[-1].address + 1)
        readable = _printable(word) and register not in shown
        if not joined or not readable:
            if len(run) >= _TEXT_WORDS:
                yield tuple(run)
            run = []
        if readable:
            run.append(register)
    if len(run) >= _TEXT_WORDS:
        yield tuple(run)


def _printable(word: int) -> bool:
    return all(octet in _PRINTABLE for octet in word.to_bytes(2))


def _blank_match(match: re.Match[str]) -> str:
    return _blank(match[0])


def _blank(text: str) -> str:
    return "".join("0" if c.isdigit() else "x" if c.isalpha() else c for c in text)


def snmp_text(varbinds: Mapping[Oid, SnmpValue], notes: Iterable[str] = ()) -> str:
    """Write an ``.snmprec`` file; ``notes`` become comments at its head."""
    lines = [f"# {note}" for note in notes]
    lines += [_line(oid, value) for oid, value in sorted(varbinds.items())]
    return "\n".join(lines) + "\n"


def _line(oid: Oid, value: SnmpValue) -> str:
    name, tag = ".".join(map(str, oid)), _TAGS[value.kind]
    content = value.value
    if isinstance(content, tuple):
        return f"{name}|{tag}|{'.'.join(map(str, content))}"
    if isinstance(content, int):
        wide = value.kind is SnmpKind.COUNTER and content >= _COUNTER32
        return f"{name}|{'70' if wide else tag}|{content}"
    if value.kind is SnmpKind.ADDRESS:
        return f"{name}|{tag}|{'.'.join(map(str, content))}"
    plain = all(octet in _PRINTABLE for octet in content) and content == content.strip()
    if plain and value.kind is SnmpKind.OCTETS:
        return f"{name}|{tag}|{content.decode('ascii')}"
    return f"{name}|{tag}|" if not content else f"{name}|{tag}x|{content.hex()}"


def scrub_snmp(
    varbinds: Mapping[Oid, SnmpValue], profile: Profile | None, secrets: Iterable[str] = ()
) -> dict[Oid, SnmpValue]:
    """Leave out what identifies a device or a network.

    Whole trees of networks and users go; contact, name and location, serial numbers of the
    known family, IP and MAC addresses, and every text that repeats one of these or one of
    ``secrets`` become ``<private>``.
    """
    kept = {oid: value for oid, value in varbinds.items() if _under(oid, _KEPT)}
    private = set(_ABOUT_PEOPLE) | {
        oid
        for row in (profile.fields if profile else ())
        if row.quantity == "serial_number" and isinstance(row.where, Object)
        for oid in kept
        if oid[: len(row.where.oid)] == row.where.oid
    }
    words = {text.encode() for text in secrets if text}
    for oid in private & kept.keys():
        content = kept[oid].value
        if isinstance(content, bytes) and len(content) >= _TEXT_WORDS:
            words.add(content)
    return {
        oid: SnmpValue(value.kind, PRIVATE)
        if oid in private and isinstance(value.value, bytes)
        else _scrubbed(value, words)
        for oid, value in kept.items()
    }


def _scrubbed(value: SnmpValue, words: set[bytes]) -> SnmpValue:
    content = value.value
    if not isinstance(content, bytes):
        return value
    if value.kind is SnmpKind.ADDRESS:
        return SnmpValue(value.kind, bytes((192, 0, 2, 1)))
    for word in words:
        content = content.replace(word, PRIVATE)
    return SnmpValue(value.kind, _ADDRESS_LIKE.sub(PRIVATE, content))


def _under(oid: Oid, roots: Iterable[Oid]) -> bool:
    return any(oid[: len(root)] == root for root in roots)
