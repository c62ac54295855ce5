"""YAML text to a tree of nodes that know their lines, bounded against hostile files.

Built from the parser's events rather than from its composer: scalars keep the text as it
was written (``slot: 01`` stays ``01``), duplicate keys are seen, and depth and size are
limited while reading, so that nested brackets or an alias bomb cost nothing.
"""

from dataclasses import dataclass, field
from typing import Any

import yaml

from agent.config.problems import Problems, below

MAX_DEPTH = 24
MAX_NODES = 500_000
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value as it was written. ``plain`` is without quotes."""

    text: str
    line: int
    plain: bool = True

    @property
    def is_null(self) -> bool:
        """True where no value was given at all."""
        return self.plain and self.text in _NULLS


@dataclass(slots=True)
class Listing:
    """A list of values."""

    line: int
    items: list["Node"] = field(default_factory=list)


@dataclass(slots=True)
class Table:
    """A mapping of keys to values, each key with its line."""

    line: int
    entries: dict[str, "Node"] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    merged: list["Node"] = field(default_factory=list)


Node = Scalar | Listing | Table


_NO_KEY = Scalar("?", 0)
"""Stands for a key that is not a word; its value is read and dropped."""


class Unreadable(Exception):  # noqa: N818 - it is the end of reading, told as a problem
    """The text cannot be read any further; ``line`` is where."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def compose(text: str, problems: Problems) -> Node | None:
    """Read the one document in ``text``; None where it is empty or not YAML."""
    composer = _Composer(problems)
    unprintable = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if unprintable is not None:
        line = text.count("\n", 0, unprintable.start()) + 1
        problems.error(line, "", f"holds the control character U+{ord(unprintable[0]):04X}")
        return None
    try:
        for event in yaml.parse(text, Loader=_PARSER):
            composer.take(event)
    except Unreadable as end:
        problems.error(end.line, "", end.message)
        return None
    except yaml.MarkedYAMLError as error:
        problems.error(*_syntax_error(error, text))
        return None
    except (yaml.YAMLError, ValueError, OverflowError):
        # The pure Python scanner lets the latter two out for escapes beyond Unicode.
        problems.error(composer.line, "", "is not YAML somewhere after this line")
        return None
    return composer.root


_HINTS = (
    ("mapping values are not allowed", 'a ":" where none can be; quote values that hold ": "'),
    ("could not find expected ':'", 'a line without ":"; each key needs ": " after it'),
    ("unexpected end of stream", "a quote that is never closed"),
)
"""What a parser's reason means to the one who wrote the file."""


def _syntax_error(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str, str]:
    mark = error.problem_mark or error.context_mark
    lines = text.splitlines() or [""]
    line = min(mark.line + 1 if mark is not None else 1, len(lines))
    written = lines[line - 1]
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return line, "", "is indented with a tab; YAML allows only spaces there"
    reason = f"{error.context}, {error.problem}" if error.context else str(error.problem)
    began = error.context_mark.line + 1 if error.context_mark is not None else line
    for words, hint in _HINTS:
        if words in reason:
            return min(began, line), "", f"is not YAML: {hint}"
    since = f" (it begins in line {began})" if began < line else ""
    return line, "", f"is not YAML: {reason}{since}"


@dataclass(slots=True)
class _Frame:
    """An open list or mapping, with the key or index that comes next."""

    node: Listing | Table
    anchor: str | None
    path: str
    size: int = 1
    key: Scalar | None = None

    @property
    def here(self) -> str:
        """The path of the value that comes next."""
        if isinstance(self.node, Listing):
            return below(self.path, len(self.node.items))
        return below(self.path, self.key.text) if self.key is not None else self.path


class _Composer:
    """Builds the tree from one event after the other."""

    def __init__(self, problems: Problems) -> None:
        self.root: Node | None = None
        self.line = 1
        self._problems = problems
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        """Add one event of the parser."""
        if event.start_mark is not None:
            self.line = event.start_mark.line + 1
        line = self.line
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise Unreadable(line, "uses an alias (*) before its anchor (&) is complete")
            node, size = self._anchors[event.anchor]
            self._place(node, size, line)
        elif isinstance(event, yaml.NodeEvent):
            self._open(event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            frame = self._stack.pop()
            if isinstance(frame.node, Table):
                self._merge(frame.node, frame.path)
            self._finish(frame.node, frame.anchor, frame.size)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise Unreadable(line, "begins a second document; one file holds one")

    def _open(self, event: yaml.NodeEvent, line: int) -> None:
        here = self._stack[-1].here if self._stack else ""
        tag = getattr(event, "tag", None) or "!"
        if tag != "!" and not tag.startswith("tag:yaml.org,2002:"):
            self._problems.error(line, here, "has a tag (!); tags mean nothing here")
        if isinstance(event, yaml.ScalarEvent):
            scalar = Scalar(event.value, line, plain=event.style is None or event.style == "")
            self._finish(scalar, event.anchor, 1)
            return
        if len(self._stack) >= MAX_DEPTH:
            raise Unreadable(line, f"is nested deeper than {MAX_DEPTH} levels")
        node = Table(line) if isinstance(event, yaml.MappingStartEvent) else Listing(line)
        self._stack.append(_Frame(node, event.anchor, here))

    def _finish(self, node: Node, anchor: str | None, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (node, size)
        self._place(node, size, node.line)

    def _place(self, node: Node, size: int, line: int) -> None:
        if not self._stack:
            self.root = node
            return
        frame = self._stack[-1]
        frame.size += size
        if frame.size > MAX_NODES:
            raise Unreadable(line, f"holds more than {MAX_NODES} values, aliases counted out")
        if isinstance(frame.node, Listing):
            frame.node.items.append(node)
        elif frame.key is None:
            frame.key = self._as_key(node, frame.path, line)
        else:
            self._enter(frame.node, frame.key, node, frame.here)
            frame.key = None

    def _as_key(self, node: Node, path: str, line: int) -> Scalar:
        if isinstance(node, Scalar):
            return Scalar(node.text, line, node.plain)
        self._problems.error(line, path, "has a key that is a list or mapping; keys are words")
        return _NO_KEY

    def _enter(self, table: Table, key: Scalar, node: Node, here: str) -> None:
        if key is _NO_KEY:
            return
        if key.plain and key.text == "<<":
            table.merged.append(node)
        elif key.text in table.entries:
            first = table.lines[key.text]
            self._problems.error(key.line, here, f"is given twice; the first is in line {first}")
        else:
            table.entries[key.text] = node
            table.lines[key.text] = key.line

    def _merge(self, table: Table, path: str) -> None:
        """Take in what ``<<`` names: own keys win, then earlier sources."""
        sources: list[Node] = []
        for merged in table.merged:
            sources += merged.items if isinstance(merged, Listing) else [merged]
        table.merged.clear()
        for source in sources:
            if not isinstance(source, Table):
                self._problems.error(source.line, below(path, "<<"), "must be a mapping")
                continue
            for key, node in source.entries.items():
                if key not in table.entries:
                    table.entries[key] = node
                    table.lines[key] = source.lines[key]
