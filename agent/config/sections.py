"""Mappings with known keys, declared once: reading, JSON schema and docs derive from them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

from agent.config.document import Node, Scalar, Table
from agent.config.kinds import JsonSchema, Kind, Place

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Key(Generic[T_co]):
    """One key. ``default`` is written as in the file; ``help`` is a sentence."""

    name: str
    kind: Kind[T_co]
    help: str
    required: bool = False
    default: str | None = None

    def schema(self) -> JsonSchema:
        """Give the JSON schema of the value with its help and default."""
        shown: JsonSchema = {"description": self.help}
        if self.default is not None:
            shown["default"] = _plain(self.default)
        return shown | self.kind.schema()


def _plain(written: str) -> int | bool | str:
    """Give a default as JSON would hold it."""
    if written.isdigit():
        return int(written)
    return {"true": True, "false": False}.get(written, written)


@dataclass(frozen=True, slots=True)
class Entry:
    """One mapping as it was read: sound values by key, the lines of all keys given.

    ``suspect``: something in it is wrong; ``misspelt``: it has a key that does not exist,
    so that what seems to be missing may be there under a wrong name.
    """

    line: int
    place: Place
    values: Mapping[str, object]
    lines: Mapping[str, int]
    suspect: bool
    misspelt: bool

    def get(self, key: Key[T]) -> T | None:
        """Give the value or the default; None where absent or wrong."""
        return cast("T | None", self.values.get(key.name))

    def given(self, *keys: Key[object]) -> tuple[str, ...]:
        """Name those of ``keys`` that stand in the file, sound or not."""
        return tuple(key.name for key in keys if key.name in self.lines)

    def error(self, message: str, key: str | None = None) -> None:
        """Note an error at ``key``, or at the whole entry."""
        self.place.problems.error(*self._where(key), message)

    def warn(self, message: str, key: str | None = None) -> None:
        """Note a warning at ``key``, or at the whole entry."""
        self.place.problems.warn(*self._where(key), message)

    def guess(self, word: str, options: Iterable[str]) -> str:
        """Give ``; did you mean "x"?`` where an option is close to ``word``, else nothing."""
        return self.place.problems.guess(word, options)

    def _where(self, key: str | None) -> tuple[int, str]:
        if key is None:
            return self.line, self.place.path
        return self.lines.get(key, self.line), self.place.at(key).path


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping with known keys.

    ``advice`` answers keys that are refused for a reason. ``private`` sections never show
    a value in a message. ``free_prefix`` begins keys that are ignored (places for anchors).
    """

    name: str
    label: str
    keys: tuple[Key[object], ...]
    advice: Mapping[str, str] = field(default_factory=dict)
    private: bool = False
    free_prefix: str | None = None
    rules: JsonSchema = field(default_factory=dict)

    def read(self, node: Node, place: Place) -> Entry | None:
        """Read every known key, note every unknown and every missing one."""
        if self.private:
            place = Place(place.path, place.problems, private=True)
        if not isinstance(node, Table):
            empty = isinstance(node, Scalar) and node.is_null
            start = "is empty; it must be" if empty else "must be"
            place.error(node, f"{start} {self.label}, a mapping of keys to values")
            return None
        before = len(place.problems.errors)
        self._unknown(node, place)
        misspelt = len(place.problems.errors) > before
        values: dict[str, object] = {}
        for key in self.keys:
            value = self._value(key, node, place)
            if value is not None:
                values[key.name] = value
        suspect = len(place.problems.errors) > before
        return Entry(node.line, place, values, node.lines, suspect, misspelt)

    def _value(self, key: Key[object], node: Table, place: Place) -> object | None:
        if key.name in node.entries:
            return key.kind.read(node.entries[key.name], place.at(key.name))
        if key.required:
            place.error(node, f'needs "{key.name}", {key.kind.label}')
        if key.default is None:
            return None
        return key.kind.read(Scalar(key.default, node.line), place.at(key.name))

    def _unknown(self, node: Table, place: Place) -> None:
        known = {key.name for key in self.keys}
        for name, line in node.lines.items():
            if name in known or (self.free_prefix and name.startswith(self.free_prefix)):
                continue
            guess = hint = self.advice.get(name, "")
            if not hint:
                guess = place.problems.guess(name, known)
                hint = f"is not a key of {self.label}{guess}"
                if not guess:
                    hint += f"; its keys are {', '.join(key.name for key in self.keys)}"
            # In a private section it may be a secret that lacks its key.
            visible = "?" if self.private and not guess else name
            place.problems.error(line, place.at(visible).path, hint)

    def schema(self) -> JsonSchema:
        """Refer to the definition, which :meth:`definition` gives."""
        return {"$ref": f"#/$defs/{self.name}"}

    def definition(self) -> JsonSchema:
        """Give the JSON schema of the mapping."""
        schema: JsonSchema = {
            "type": "object",
            "description": f"{self.label[0].upper()}{self.label[1:]}.",
            "properties": {key.name: key.schema() for key in self.keys},
            "additionalProperties": False,
        }
        required = [key.name for key in self.keys if key.required]
        if required:
            schema["required"] = required
        if self.free_prefix:
            schema["patternProperties"] = {f"^{self.free_prefix}": True}
        return schema | self.rules
