"""What a value in the file may look like: each kind reads a node and describes itself."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from agent.config.document import Listing, Node, Scalar, Table
from agent.config.measures import Measure
from agent.config.problems import Problems, below, did_you_mean, shown

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Choice = TypeVar("Choice", bound=StrEnum)
JsonSchema = dict[str, object]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands. ``private`` keeps the value itself out of every message."""

    path: str
    problems: Problems
    private: bool = False

    def at(self, key: str | int) -> "Place":
        """Go one level down."""
        return Place(below(self.path, key), self.problems, self.private)

    def error(self, node: Node, message: str) -> None:
        """Note an error at ``node``."""
        self.problems.error(node.line, self.path, message)


class Kind(Protocol[T_co]):
    """A sort of value. ``label`` names it for people ("a duration")."""

    @property
    def label(self) -> str:
        """The kind as a noun with its article."""
        ...

    def read(self, node: Node, place: Place) -> T_co | None:
        """Give the value, or None after noting at ``place`` what is wrong."""
        ...

    def schema(self) -> JsonSchema:
        """Give the JSON schema of the value."""
        ...


@dataclass(frozen=True, slots=True)
class Word(Generic[T]):
    """A single value. ``parse`` raises ValueError with a predicate ("is not a duration")."""

    label: str
    parse: Callable[[str], T]
    json: JsonSchema = field(default_factory=lambda: {"type": ["string", "number"]})

    def read(self, node: Node, place: Place) -> T | None:
        """Give the parsed value."""
        if not isinstance(node, Scalar):
            sort = "a list" if isinstance(node, Listing) else "a mapping"
            place.error(node, f"must be {self.label}, not {sort}")
        elif node.is_null:
            place.error(node, f"is empty; it must be {self.label}")
        else:
            try:
                return self.parse(node.text)
            except ValueError as error:
                subject = "the value" if place.private else shown(node.text)
                place.error(node, f"{subject} {error}")
        return None

    def schema(self) -> JsonSchema:
        """Give the JSON schema of the value."""
        return dict(self.json)


def measure(sort: Measure) -> Word[float]:
    """A number with a unit; a bare number is in the SI unit."""
    label = f"a {sort.noun} such as {sort.example}"
    bounds = {"minimum": sort.lowest, "maximum": sort.highest}
    return Word(
        label,
        sort.parse,
        {"anyOf": [{"type": "number", **bounds}, {"type": "string", "pattern": sort.pattern}]},
    )


def integer(lowest: int, highest: int, rule: str | None = None) -> Word[int]:
    """A whole number, decimal or as 0x30; ``rule`` says what is allowed."""
    allowed = rule or f"it may be {lowest} to {highest}"

    def parse(text: str) -> int:
        if re.fullmatch(r"[+-]?0[0-9]+", text):
            raise ValueError("has a leading zero; write it without, or as 0x10 for hexadecimal")
        if re.fullmatch(r"0x[0-9A-Fa-f]{1,8}", text):
            value = int(text, 16)
        elif re.fullmatch(r"[+-]?[0-9]{1,12}", text):
            value = int(text)
        else:
            raise ValueError("is not a whole number")
        if not lowest <= value <= highest:
            raise ValueError(f"is out of range; {allowed}")
        return value

    return Word(
        f"a whole number from {lowest} to {highest}",
        parse,
        {"type": "integer", "minimum": lowest, "maximum": highest},
    )


def text(label: str, pattern: str, rule: str) -> Word[str]:
    """A text that ``pattern`` matches as a whole; ``rule`` is the predicate where not."""

    def parse(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(rule)
        return value

    return Word(label, parse, {"type": ["string", "number"], "pattern": f"^{pattern}$"})


def choice(options: Mapping[str, T]) -> Word[T]:
    """One of a few words."""
    names = ", ".join(options)

    def parse(value: str) -> T:
        if value in options:
            return options[value]
        raise ValueError(f"is none of {names}{did_you_mean(value, options)}")

    allowed: list[object] = [int(name) if name.isdigit() else name for name in options]
    return Word(f"one of {names}", parse, {"enum": allowed})


def one_of(options: type[Choice]) -> Word[Choice]:
    """One of the values of an enumeration."""
    return choice({option.value: option for option in options})


@dataclass(frozen=True, slots=True)
class ListOf(Generic[T]):
    """A list; a missing value is an empty one. ``single`` takes one item without a list."""

    item: Kind[T]
    label: str
    single: bool = False

    def read(self, node: Node, place: Place) -> tuple[T | None, ...] | None:
        """Give every item, None for one that is not sound."""
        if isinstance(node, Scalar) and node.is_null and not self.single:
            return ()
        if isinstance(node, Listing):
            return tuple(self.item.read(item, place.at(i)) for i, item in enumerate(node.items))
        if self.single:
            return (self.item.read(node, place),)
        place.error(node, f"must be {self.label}")
        return None

    def schema(self) -> JsonSchema:
        """Give the JSON schema of the list."""
        listed: JsonSchema = {"type": "array", "items": self.item.schema()}
        return {"anyOf": [self.item.schema(), listed]} if self.single else _or_null(listed)


@dataclass(frozen=True, slots=True)
class MapOf(Generic[T]):
    """Named entries; a missing value is none. ``name`` says what a name may look like."""

    name: Word[str]
    item: Kind[T]
    label: str

    def read(self, node: Node, place: Place) -> dict[str, T | None] | None:
        """Give every entry, None for one that is not sound, so that its name stays known."""
        if isinstance(node, Scalar) and node.is_null:
            return {}
        if not isinstance(node, Table):
            place.error(node, f"must be {self.label}")
            return None
        for name, line in node.lines.items():
            try:
                self.name.parse(name)
            except ValueError as error:
                place.problems.error(line, place.at(name).path, f"{shown(name)} {error}")
        return {name: self.item.read(item, place.at(name)) for name, item in node.entries.items()}

    def schema(self) -> JsonSchema:
        """Give the JSON schema of the mapping."""
        names = {"pattern": self.name.json["pattern"]}
        entries = self.item.schema()
        return _or_null({"type": "object", "propertyNames": names, "additionalProperties": entries})


def _or_null(schema: JsonSchema) -> JsonSchema:
    return {**schema, "type": [schema["type"], "null"]}


@dataclass(frozen=True, slots=True)
class NameOr(Generic[T]):
    """Either the name of something described elsewhere, or the thing itself."""

    name: Word[str]
    item: Kind[T]
    label: str

    def read(self, node: Node, place: Place) -> str | T | None:
        """Give the name, or the thing."""
        if isinstance(node, Scalar):
            return self.name.read(node, place)
        return self.item.read(node, place)

    def schema(self) -> JsonSchema:
        """Give the JSON schema of both."""
        return {"anyOf": [self.name.schema(), self.item.schema()]}
