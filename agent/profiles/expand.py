"""From the entries of a profile file to fields: repeats, bits, defaults."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

from agent.model import Oid, Register, Table
from agent.profiles.document import (
    ConditionDocument,
    FieldDocument,
    PlaceDocument,
    ProbeDocument,
    UnitFromDocument,
)
from agent.profiles.schema import (
    WORDS,
    Condition,
    Field,
    Object,
    ObjectType,
    Probe,
    ScaleFrom,
    UnitFrom,
    Words,
    WordType,
)

_WORD_BITS = 16
_MAX_BITS = 2000
_Type = TypeVar("_Type", WordType, ObjectType)
_ANY = frozenset({"every", "rank", "unconfirmed"})
_VALUE = (
    _ANY
    | frozenset(
        ("quantity", "unit", "index", "type", "scale", "offset", "absent", "values", "range")
    )
    | {"when", "scale_from", "unit_from"}
)
_BITS = _ANY | {"at", "table", "bits", "type", "low_word_first", "absent"}
_WORDS = (
    _VALUE
    | frozenset(
        ("at", "table", "words", "count", "step", "first", "low_word_first", "low_byte_first")
    )
    | {"count_at"}
)
_OBJECT = _VALUE | {"oid", "column", "bit", "count", "step", "first", "name_from", "any_row"}
"""The keys that each kind of entry heeds. Any other would be dropped without a word."""


def oid(text: str) -> Oid:
    """Turn a dotted OID into a tuple."""
    return tuple(int(part) for part in text.split("."))


def fields(entry: FieldDocument) -> Iterator[Field]:
    """Give every field that one entry stands for.

    Raises:
        ValueError: the entry does not hold together; the text says why.
    """
    places = [key for key in ("at", "oid", "column") if getattr(entry, key) is not None]
    if not places:
        raise ValueError("needs a place: at (a register), oid or column")
    if len(places) > 1:
        raise ValueError(f"has two places: {' and '.join(places)}")
    if entry.at is None:
        _only(entry, _OBJECT, places[0])
        yield from _object_fields(entry)
    elif entry.bits:
        _only(entry, _BITS, "bits")
        yield from _bit_fields(entry, entry.at)
    else:
        _only(entry, _WORDS, "at")
        yield from _register_fields(entry, entry.at)


def _only(entry: FieldDocument, heeded: frozenset[str], place: str) -> None:
    idle = sorted(entry.model_fields_set - heeded)
    if idle:
        raise ValueError(f"{', '.join(idle)} has no meaning beside {place}")


def _type(kind: type[_Type], name: str | None, default: _Type) -> _Type:
    if name is None:
        return default
    names = [member.value for member in kind]
    if name not in names:
        raise ValueError(f"type {name} does not go with this place; {', '.join(names)} do")
    return kind(name)


def probe(entry: ProbeDocument) -> Probe:
    """Give the probe that an entry stands for.

    Raises:
        ValueError: the entry has no place, or its type does not suit the place.
    """
    pattern = None if entry.matches is None else re.compile(entry.matches, re.IGNORECASE)
    if (entry.at is None) == (entry.oid is None):
        raise ValueError("a probe needs at or oid, one of them")
    if entry.between is not None and entry.between[0] > entry.between[1]:
        raise ValueError("between must rise from low to high")
    if entry.at is not None:
        kind = _type(WordType, entry.type, WordType.U16)
        place = Words(Register(entry.table, entry.at), _width(kind, entry.words), kind)
        return Probe(place, pattern, entry.between)
    return Probe(
        Object(oid(entry.oid or ""), _type(ObjectType, entry.type, ObjectType.TEXT)),
        pattern,
        entry.between,
    )


def _width(kind: WordType, words: int | None) -> int:
    if kind is WordType.TEXT:
        if words is None:
            raise ValueError("type text needs words, its length in registers")
        return words
    if words is not None and words != WORDS[kind]:
        raise ValueError(f"type {kind} has {WORDS[kind]} words, not {words}")
    return WORDS[kind]


def _register_fields(entry: FieldDocument, at: int) -> Iterator[Field]:
    kind = _type(WordType, entry.type, WordType.U16)
    width = _width(kind, entry.words)
    if entry.low_byte_first and kind is not WordType.TEXT:
        raise ValueError("low_byte_first is for texts")
    if entry.table in (Table.COIL, Table.DISCRETE) and kind is not WordType.U16:
        raise ValueError(f"a {entry.table} holds one bit, not type {kind}")
    for n in range(entry.count):
        address = at + n * (entry.step or width)
        place = Words(
            Register(entry.table, address),
            width,
            kind,
            low_word_first=entry.low_word_first,
            low_byte_first=entry.low_byte_first,
        )
        field = _field(entry, place, _repeat_index(entry, n))
        yield field if entry.count_at is None else _counted(entry, field, n + 1)


def _counted(entry: FieldDocument, field: Field, number: int) -> Field:
    """Make a part of a list depend on the register that tells how long the list is."""
    if entry.count == 1 or entry.count_at is None:
        raise ValueError("count_at needs count, the most that it can tell")
    register = Register(entry.table, entry.count_at)
    told = Condition(Words(register, 1, WordType.U16), or_missing=True, at_least=number)
    return replace(field, when=(*field.when, told))


def _repeat_index(entry: FieldDocument, n: int) -> str | None:
    if entry.count == 1:
        return entry.index
    if entry.index is None or "{n}" not in entry.index:
        raise ValueError("count needs an index with {n}")
    return entry.index.replace("{n}", str((1 if entry.first is None else entry.first) + n))


def _bit_fields(entry: FieldDocument, at: int) -> Iterator[Field]:
    for bit, meaning in sorted(entry.bits.items()):
        quantity, _, name = meaning.partition(" ")
        yield Field(
            quantity=quantity,
            where=_bit_place(entry, at, bit),
            index=name or None,
            absent=frozenset(entry.absent),
            cadence=entry.every,
            rank=entry.rank,
            unconfirmed=entry.unconfirmed,
        )


def _bit_place(entry: FieldDocument, at: int, bit: int) -> Words:
    """Give the word that holds a bit; in a table of bits each is a place of its own."""
    kind = _type(WordType, entry.type, WordType.U16)
    if entry.table in (Table.COIL, Table.DISCRETE):
        if entry.type is not None or entry.absent or not 0 <= bit < _MAX_BITS:
            raise ValueError(f"bit {bit}: counts from at, without type and absent")
        return Words(Register(entry.table, at + bit), 1, WordType.U16, bit=0)
    if kind not in (WordType.U16, WordType.U32):
        raise ValueError(f"bits are of u16 or u32, not {kind}")
    words = WORDS[kind]
    if not 0 <= bit < _WORD_BITS * words:
        raise ValueError(f"bit {bit} is not in a {_WORD_BITS * words}-bit word")
    from_low = bit // _WORD_BITS
    at += from_low if entry.low_word_first else words - 1 - from_low
    return Words(Register(entry.table, at), 1, WordType.U16, bit=bit % _WORD_BITS)


def _object_fields(entry: FieldDocument) -> Iterator[Field]:
    kind = _type(ObjectType, entry.type, ObjectType.NUMBER)
    column = entry.column is not None
    if (kind is ObjectType.BITS) != (entry.bit is not None):
        raise ValueError("type bits and bit go together")
    if entry.any_row is not None and not column:
        raise ValueError("any_row is for a column")
    if column and not _rows_told_apart(entry):
        raise ValueError("a column needs an index with {1}, the row's first index part")
    if (entry.name_from is not None) != (entry.index is not None and "{name}" in entry.index):
        raise ValueError("name_from goes with {name} in the index")
    root = oid(entry.column or entry.oid or "")
    for n in range(entry.count):
        # A repeated column counts on in its own part, a repeated object before its instance.
        at = len(root) - (1 if column else 2)
        place = (*root[:at], root[at] + n * (entry.step or 1), *root[at + 1 :])
        yield _field(
            entry,
            Object(place, kind, column=column, bit=entry.bit),
            _repeat_index(entry, n) or None,
        )


def _rows_told_apart(entry: FieldDocument) -> bool:
    """Say whether each row of a column has an index of its own, or one row alone counts."""
    if entry.any_row is not None or entry.count > 1 or entry.index == "":
        return True
    if entry.index is None:
        return False
    return "{1}" in entry.index or "{name}" in entry.index or bool(entry.when)


def _place(entry: PlaceDocument) -> Words | Object:
    """Give the place of a value that steers another.

    Raises:
        ValueError: the entry does not hold together; the text says why.
    """
    told = [key for key in ("at", "oid", "column") if getattr(entry, key) is not None]
    if len(told) != 1:
        raise ValueError("needs one place: at (a register), oid or column")
    if entry.at is not None:
        kind = _type(WordType, entry.type, WordType.U16)
        return Words(
            Register(entry.table, entry.at),
            _width(kind, entry.words),
            kind,
            low_word_first=entry.low_word_first,
        )
    text = entry.column or entry.oid or ""
    kind_of = _type(
        ObjectType, entry.type, ObjectType.TEXT if _is_text(entry) else ObjectType.NUMBER
    )
    return Object(oid(text), kind_of, column=entry.column is not None)


def _is_text(entry: PlaceDocument) -> bool:
    if getattr(entry, "matches", None) is not None:
        return True
    return isinstance(entry, UnitFromDocument) and not entry.values


def _field(entry: FieldDocument, where: Words | Object, index: str | None) -> Field:
    if entry.quantity is None:
        raise ValueError("needs a quantity")
    lowest, highest = entry.range or (None, None)
    both = {raw: told for raw, told in entry.values.items() if isinstance(told, list)}
    return Field(
        quantity=entry.quantity,
        where=where,
        index=index,
        scale=entry.scale,
        offset=entry.offset,
        absent=frozenset(entry.absent),
        states=tuple(
            (raw, told[0] if isinstance(told, list) else told) for raw, told in entry.values.items()
        ),
        lowest=lowest,
        highest=highest,
        cadence=entry.every,
        rank=entry.rank,
        unconfirmed=entry.unconfirmed,
        wordings=tuple((raw, str(told[1])) for raw, told in both.items()),
        first=entry.first if isinstance(where, Object) and entry.count == 1 else None,
        when=tuple(_condition(item) for item in entry.when),
        scale_from=_scale_from(entry),
        unit_from=_unit_from(entry),
        name_from=None
        if entry.name_from is None
        else Object(oid(entry.name_from), ObjectType.TEXT, column=True),
        any_row=entry.any_row,
    )


def _condition(entry: ConditionDocument) -> Condition:
    tests = (entry.matches, entry.at_least)
    if not (entry.one_of or entry.none_of or any(test is not None for test in tests)):
        raise ValueError("when: needs one_of, none_of, matches or at_least")
    return Condition(
        _place(entry),
        frozenset(entry.one_of),
        frozenset(entry.none_of),
        None if entry.matches is None else re.compile(entry.matches, re.IGNORECASE),
        or_missing=entry.or_missing,
        at_least=entry.at_least,
    )


def _scale_from(entry: FieldDocument) -> ScaleFrom | None:
    told = entry.scale_from
    if told is None:
        return None
    return ScaleFrom(_place(told), tuple(told.values.items()), told.missing)


def _unit_from(entry: FieldDocument) -> UnitFrom | None:
    told = entry.unit_from
    if told is None:
        return None
    return UnitFrom(_place(told), tuple(told.values.items()), told.missing)
