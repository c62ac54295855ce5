"""Ask a Prometheus what a dashboard asks it, as Grafana would.

Variables are put in by Grafana's rules for its Prometheus data source: a choice of several is
one regular expression, "All" is the variable's own value for it, and special characters are
escaped. Tests and the preview pictures use it; Grafana itself is not involved.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

ALL = "$__all"
_SPECIAL = re.compile(r"[\\$^*{}\[\]+?.()|]")
_NAME = re.compile(r"\$\{(\w+)(?::[^}]*)?\}|\$(\w+)")
_POINTS = 240

Json = dict[str, Any]
Choice = Mapping[str, Sequence[str]]


class AskError(Exception):
    """Prometheus refused a query."""


@dataclass(frozen=True)
class Span:
    """A time range, in unix seconds, and the step of its points."""

    start_s: float
    end_s: float

    @property
    def step_s(self) -> float:
        """Give a step that fits the width of a panel, at least one second."""
        return max(1.0, math.ceil((self.end_s - self.start_s) / _POINTS))

    def words(self) -> dict[str, str]:
        """Give what Grafana's own variables stand for."""
        length_s = max(1, round(self.end_s - self.start_s))
        return {
            "__range": f"{length_s}s",
            "__from": f"{self.start_s:.0f}",
            "__to": f"{self.end_s:.0f}",
            "__interval": f"{self.step_s:.0f}s",
            # Four scrapes at least, as Grafana makes it; scrapes are a second apart in tests.
            "__rate_interval": f"{max(4.0, self.step_s + 1):.0f}s",
        }


@dataclass(frozen=True)
class Series:
    """One series of an answer: (unix seconds, value) in order."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Question:
    """One query of a panel."""

    ref: str
    expr: str
    legend: str
    instant: bool


def panels(board: Json) -> Iterator[Json]:
    """Give the panels of a dashboard that ask something, in order."""
    for panel in board["panels"]:
        if panel["type"] != "row":
            yield panel


def questions(panel: Json) -> list[Question]:
    """Give the queries of a panel."""
    return [
        Question(
            target["refId"],
            target["expr"],
            target.get("legendFormat", ""),
            bool(target.get("instant")),
        )
        for target in panel["targets"]
    ]


def chosen(board: Json, choice: Choice) -> dict[str, str]:
    """Give what each variable of the dashboard stands for; what is not chosen is All."""
    found = {}
    for variable in board["templating"]["list"]:
        name = variable["name"]
        if variable["type"] == "query":
            values = list(choice.get(name, (ALL,)))
            found[name] = variable.get("allValue", ".+") if values == [ALL] else _either(values)
        elif variable["type"] == "constant":
            found[name] = str(variable["query"])
    return found


def _either(values: Sequence[str]) -> str:
    escaped = [_SPECIAL.sub(lambda special: "\\\\" + special[0], value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def filled(text: str, words: Mapping[str, str]) -> str:
    """Put in the variables; one that nobody knows is a ``KeyError``."""
    return _NAME.sub(lambda found: words[found[1] or found[2]], text)


@dataclass(frozen=True)
class Asker:
    """Asks the Prometheus at ``base`` for one choice of variables and one time range."""

    session: aiohttp.ClientSession
    base: str
    span: Span

    async def ask(self, question: Question, words: Mapping[str, str]) -> list[Series]:
        """Give the series of a query; empty where there is nothing."""
        expr = filled(question.expr, {**words, **self.span.words()})
        if question.instant:
            found = await self._get("query", {"query": expr, "time": str(self.span.end_s)})
            return [Series(one["metric"], _points([one["value"]])) for one in found]
        limits = {"start": str(self.span.start_s), "end": str(self.span.end_s)}
        wanted = {"query": expr, "step": str(self.span.step_s), **limits}
        found = await self._get("query_range", wanted)
        return [Series(one["metric"], _points(one["values"])) for one in found]

    async def _get(self, what: str, wanted: Mapping[str, str]) -> list[Json]:
        async with self.session.post(f"{self.base}/api/v1/{what}", data=wanted) as answer:
            said = await answer.json()
        if said["status"] != "success":
            raise AskError(f"{said['error']}: {wanted['query']}")
        result: list[Json] = said["data"]["result"]
        return result


def _points(pairs: Sequence[Sequence[Any]]) -> tuple[tuple[float, float], ...]:
    return tuple((float(time), float(value)) for time, value in pairs)
