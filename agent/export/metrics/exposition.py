"""The text formats of Prometheus and OpenMetrics.

Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ (0.0.4) and
https://github.com/prometheus/OpenMetrics (1.0.0). Sample lines are the same in both; only
the headers differ. Lines are made as samples come in, so that the work is spread over the
units and the event loop can run between two of them; a client library that renders all at
once holds it for most of a second at 100,000 series.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from sys import getsizeof

from agent.export.accept import weight
from agent.export.harmless import clean
from agent.export.metrics.families import Family, Shape

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_MOST_BYTES = 64 << 20
"""Of each half of the label texts: those of some 1,800 modules."""
_ENTRY = 300
"""About the bytes that a label set takes beside the characters of its texts."""
_CHUNK = 1 << 17
"""About how many characters a piece of a page has: it is made in a tenth of a millisecond."""


def _escaped(text: str) -> str:
    text = clean(text)
    if '"' in text or "\\" in text:
        return text.replace("\\", "\\\\").replace('"', '\\"')
    return text


_Labels = tuple[tuple[str, ...], tuple[str, ...]]


class Bodies:
    """Label sets as text: few of them serve many families, and each scrape repeats the last one's.

    What comes fills ``young`` up to ``most_bytes``; then that is ``old``, and what was old and
    never asked for since is gone. So a device that renames its rows for ever costs no more than
    twice that, and up to that a fleet keeps all of its own.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        """Start empty."""
        self._most = most_bytes
        self._size = 0
        self._young: dict[_Labels, str] = {}
        self._old: dict[_Labels, str] = {}

    def get(self, names: tuple[str, ...], values: tuple[str, ...]) -> str:
        """Give the text of labels ``names`` of these ``values``."""
        labels = names, values
        body = self._young.get(labels)
        if body is not None:
            return body
        body = self._old.get(labels)
        if body is None:
            pairs = zip(names, values, strict=True)
            body = ",".join([f'{name}="{_escaped(text)}"' for name, text in pairs])
        self._size += _ENTRY + getsizeof(body) + sum(map(len, values))
        if self._size > self._most:
            self._old, self._young, self._size = self._young, {}, 0
        self._young[labels] = body
        return body

    def __len__(self) -> int:
        """Give how many label sets are kept."""
        return len(self._young) + len(self._old)


_body = Bodies().get

Piece = tuple[Family, str]
"""Samples of one family as text."""
_Slot = tuple[Family, dict[str, str]]


class Page:
    """The samples of one scrape, by family. ``wanted`` limits it to these sample names."""

    def __init__(self, wanted: Iterable[str] = ()) -> None:
        """Start empty."""
        self._wanted = frozenset(wanted)
        self._families: dict[str, _Slot] = {}

    def _slot(self, family: Family) -> _Slot | None:
        if self._wanted and family.name not in self._wanted:
            return None
        made = self._families[family.name] = (family, {})
        return made

    def add(self, family: Family, labels: tuple[str, ...], value: float | None) -> None:
        """Take one sample; None and what is not finite is left out.

        A second sample with the same labels is left out too: it would make the page invalid.
        """
        if value is not None and isfinite(value):
            self._put(family, _body(family.labels, labels), value)

    def add_row(
        self,
        families: Sequence[Family],
        labels: tuple[str, ...],
        values: Sequence[float | None],
    ) -> None:
        """Take one sample of each of ``families``, which have the same labels; see ``add``."""
        body = _body(families[0].labels, labels)
        for place, value in enumerate(values):
            if value is not None and isfinite(value):
                self._put(families[place], body, value)

    def _put(self, family: Family, body: str, value: float) -> None:
        slot = self._families.get(family.name) or self._slot(family)
        if slot is None or body in slot[1]:
            return
        number = value + 0.0  # leaves no minus zero
        text = format(number, family.form) if family.form else repr(number).removesuffix(".0")
        place = f"{{{body}}}" if body else ""
        slot[1][body] = f"{family.name}{place} {text}\n"

    def add_state(self, family: Family, labels: tuple[str, ...], state: str) -> None:
        """Take a whole state set; a state that it does not know leaves it out."""
        if state not in family.states:
            return
        slot = self._families.get(family.name) or self._slot(family)
        if slot is None:
            return
        body = _body(family.labels, labels)
        start = f"{family.name}{{{body},{family.name}="
        slot[1].setdefault(
            body, "".join([f'{start}"{s}"}} {"1" if s == state else "0"}\n' for s in family.states])
        )

    def pieces(self) -> tuple[Piece, ...]:
        """Give the samples to ``paste`` into other pages, and be empty then."""
        held, self._families = self._families, {}
        return tuple((family, "".join(lines.values())) for family, lines in held.values())

    def paste(self, pieces: Iterable[Piece]) -> None:
        """Take samples that no other call gives: they are not looked through again."""
        for family, text in pieces:
            slot = self._families.get(family.name) or self._slot(family)
            if slot is not None:
                slot[1][text] = text

    def chunks(self, *, openmetrics: bool) -> Iterator[bytes]:
        """Give the page in pieces of one family, sorted by name, and be empty then.

        Letting go of 100,000 lines at once would hold the event loop for longer than all else.
        """
        header = _openmetrics_header if openmetrics else _text_header
        for name in sorted(self._families):
            family, lines = self._families.pop(name)
            texts = [header(family), *lines.values()]
            step = max(1, _CHUNK // len(texts[-1]))
            for start in range(0, len(texts), step):
                yield "".join(texts[start : start + step]).encode()
        if openmetrics:
            yield b"# EOF\n"

    def render(self, *, openmetrics: bool = False) -> str:
        """Give the whole page as text, and be empty then."""
        return b"".join(self.chunks(openmetrics=openmetrics)).decode()


def _text_header(family: Family) -> str:
    shape = family.shape if family.shape is Shape.COUNTER else Shape.GAUGE
    return f"# HELP {family.name} {_help(family)}\n# TYPE {family.name} {shape}\n"


def _openmetrics_header(family: Family) -> str:
    name = family.name
    if family.shape is Shape.COUNTER:
        name = name.removesuffix("_total")
    elif family.shape is Shape.INFO:
        name = name.removesuffix("_info")
    unit = f"# UNIT {name} {family.unit}\n" if family.unit and name.endswith(family.unit) else ""
    return f"# HELP {name} {_help(family, quotes=True)}\n# TYPE {name} {family.shape}\n{unit}"


def _help(family: Family, *, quotes: bool = False) -> str:
    text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text


def prefers_openmetrics(accept: str) -> bool:
    """Tell from an Accept header whether the client would rather have OpenMetrics.

    It must name the format: a wildcard gets the older text that every tool reads.
    """
    return weight(accept, "application/openmetrics-text") > weight(accept, "text/plain")
