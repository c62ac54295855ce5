"""From the entries of a profile file to fields: repeats, bits, defaults."""

import re
from collections.abc import Iterator

from agent.model import Oid, Register
from agent.profiles.document import FieldDocument, ProbeDocument
from agent.profiles.schema import (
    WORDS,
    Field,
    Object,
    ObjectType,
    Probe,
    Words,
    WordType,
)


def oid(text: str) -> Oid:
    """Turn a dotted OID into a tuple."""
    return tuple(int(part) for part in text.split("."))


def fields(entry: FieldDocument) -> Iterator[Field]:
    """Give every field that one entry stands for.

    Raises:
        ValueError: the entry does not hold together; the text says why.
    """
    if entry.at is not None:
        yield from _register_fields(entry, entry.at)
    elif entry.oid is not None or entry.column is not None:
        yield from _object_fields(entry)
    else:
        raise ValueError("needs a place: at (a register), oid or column")


def probe(entry: ProbeDocument) -> Probe:
    """Give the probe that an entry stands for.

    Raises:
        ValueError: the entry has no place, or its type does not suit the place.
    """
    pattern = None if entry.matches is None else re.compile(entry.matches, re.IGNORECASE)
    if entry.at is not None:
        kind = WordType(entry.type or WordType.U16)
        place = Words(Register(entry.table, entry.at), _width(kind, entry.words), kind)
        return Probe(place, pattern)
    if entry.oid is None:
        raise ValueError("a probe needs at or oid")
    return Probe(Object(oid(entry.oid), ObjectType(entry.type or ObjectType.TEXT)), pattern)


def _width(kind: WordType, words: int | None) -> int:
    if kind is WordType.TEXT:
        if words is None:
            raise ValueError("type text needs words, its length in registers")
        return words
    if words is not None and words != WORDS[kind]:
        raise ValueError(f"type {kind} has {WORDS[kind]} words, not {words}")
    return WORDS[kind]


def _register_fields(entry: FieldDocument, at: int) -> Iterator[Field]:
    if entry.oid or entry.column:
        raise ValueError("has both a register and an OID")
    if entry.bits:
        yield from _bit_fields(entry, at)
        return
    kind = WordType(entry.type or WordType.U16)
    width = _width(kind, entry.words)
    for n in range(entry.count):
        address = at + n * (entry.step or width)
        place = Words(
            Register(entry.table, address),
            width,
            kind,
            low_word_first=entry.low_word_first,
            low_byte_first=entry.low_byte_first,
        )
        yield _field(entry, place, _repeat_index(entry, n))


def _repeat_index(entry: FieldDocument, n: int) -> str | None:
    if entry.count == 1:
        return entry.index
    if entry.index is None or "{n}" not in entry.index:
        raise ValueError("count needs an index with {n}")
    return entry.index.replace("{n}", str(entry.first + n))


def _bit_fields(entry: FieldDocument, at: int) -> Iterator[Field]:
    if entry.quantity is not None:
        raise ValueError("bits name their own quantities; leave quantity out")
    for bit, meaning in sorted(entry.bits.items()):
        quantity, _, name = meaning.partition(" ")
        if not 0 <= bit <= 15:  # noqa: PLR2004 - bits of a word
            raise ValueError(f"bit {bit} is not in a 16-bit word")
        place = Words(Register(entry.table, at), 1, WordType.U16, bit=bit)
        yield Field(
            quantity=quantity,
            where=place,
            index=name or None,
            cadence=entry.every,
            rank=entry.rank,
            unconfirmed=entry.unconfirmed,
        )


def _object_fields(entry: FieldDocument) -> Iterator[Field]:
    if entry.oid is not None and entry.column is not None:
        raise ValueError("has both oid and column")
    kind = ObjectType(entry.type or ObjectType.NUMBER)
    column = entry.column is not None
    if column and (entry.index is None or "{1}" not in entry.index):
        raise ValueError("a column needs an index with {1}, the row's first index part")
    place = Object(oid(entry.column or entry.oid or ""), kind, column=column)
    yield _field(entry, place, entry.index)


def _field(entry: FieldDocument, where: Words | Object, index: str | None) -> Field:
    if entry.quantity is None:
        raise ValueError("needs a quantity")
    lowest, highest = entry.range or (None, None)
    return Field(
        quantity=entry.quantity,
        where=where,
        index=index,
        scale=entry.scale,
        offset=entry.offset,
        absent=frozenset(entry.absent),
        states=tuple(entry.values.items()),
        lowest=lowest,
        highest=highest,
        cadence=entry.every,
        rank=entry.rank,
        unconfirmed=entry.unconfirmed,
    )
