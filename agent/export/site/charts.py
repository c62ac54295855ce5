"""Charts as SVG made on the server: lines with 90 % bands over time, and intervals as bars."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from agent.export.site.markup import Html, h
from agent.model import Interval

_WIDTH, _HEIGHT = 560, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 12, 30
_TICKS = 4
_DAY_S = 86400.0
_MOST_POINTS = 600
_LARGEST = 1e12
"""Beyond this a number is none; not-a-number is left out by the same comparison."""
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: unix times (seconds), values, and the ends of its band where it has one.

    ``tone`` (1 to 6) is its colour and its pattern of dashes. Thin ones stay in the background
    and share one entry of the legend, that of the first.
    """

    label: str
    tone: int
    times: Sequence[float]
    values: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    thin: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at ``time_s``; ``kind`` chooses its shape."""

    time_s: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Axis:
    """How values are told: ``factor`` and ``unit`` as shown; ``limit`` is a line to stay off.

    ``clock`` labels a time of the horizontal axis, given the span that is shown.
    """

    factor: float = 1.0
    unit: str = ""
    limit: float | None = None
    limit_text: str = ""
    clock: Callable[[float, float], str] = field(default_factory=lambda: date)


def date(time_s: float, span_s: float) -> str:
    """Label a time by its date, or by its hour where only hours are shown (UTC)."""
    shape = "%Y-%m" if span_s > 60 * _DAY_S else "%m-%d" if span_s > 2 * _DAY_S else "%H:%M"
    return datetime.fromtimestamp(min(max(time_s, 0.0), 4.0e9), UTC).strftime(shape)


def chart(title: str, lines: Sequence[Line], axis: Axis, marks: Sequence[Mark] = ()) -> Html:
    """Draw ``lines`` over a common time with a legend below; nothing to draw says so."""
    drawn = [_finite(line) for line in lines]
    drawn = [line for line in drawn if line.times]
    if not drawn:
        return h("figure", h("figcaption", title), h("p", "Nothing recorded yet.", class_="note"))
    frame = _Frame.around(drawn, axis)
    seen = [mark for mark in marks if frame.start_s <= mark.time_s <= frame.end_s]
    said = "; ".join(f"{line.label}: {_ends(line, axis)}" for line in drawn if not line.thin)
    picture = h(
        "svg",
        _grid(frame, axis),
        [_mark(frame, mark) for mark in seen],
        [_band(frame, line) for line in drawn if line.low and line.high],
        [_curve(frame, line) for line in sorted(drawn, key=lambda line: not line.thin)],
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=f"{title}. {said}",
        class_="chart",
    )
    return h("figure", h("figcaption", title), picture, _legend(drawn, seen))


@dataclass(frozen=True, slots=True)
class _Frame:
    start_s: float
    end_s: float
    low: float
    high: float

    @classmethod
    def around(cls, lines: Sequence[Line], axis: Axis) -> "_Frame":
        times = [t for line in lines for t in (line.times[0], line.times[-1])]
        values = [v for line in lines for v in (*line.values, *line.low, *line.high)]
        low, high = min(values), max(values)
        if axis.limit is not None:
            low, high = min(low, axis.limit), max(high, axis.limit)
        margin = 0.06 * (high - low) or 0.02 * abs(high) or 0.5
        start_s, end_s = min(times), max(times)
        return cls(start_s, max(end_s, start_s + 1.0), low - margin, high + margin)

    def x(self, time_s: float) -> float:
        share = (time_s - self.start_s) / (self.end_s - self.start_s)
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * share, 1)

    def y(self, value: float) -> float:
        share = (self.high - value) / (self.high - self.low)
        return round(_TOP + (_HEIGHT - _TOP - _BOTTOM) * share, 1)


def _grid(frame: _Frame, axis: Axis) -> list[Html]:
    parts: list[Html] = []
    for value in _round_values(frame.low * axis.factor, frame.high * axis.factor):
        y = frame.y(value / axis.factor)
        shown = f"{value:g}"
        parts.append(h("path", class_="grid", d=f"M{_LEFT} {y}H{_WIDTH - _RIGHT}"))
        parts.append(h("text", shown, class_="y", x=_LEFT - 6, y=y + 4))
    parts.append(h("text", axis.unit, class_="y unit", x=_LEFT - 6, y=_HEIGHT - 8))
    span_s = frame.end_s - frame.start_s
    for tick in range(_TICKS + 1):
        time_s = frame.start_s + span_s * tick / _TICKS
        where = "start" if tick == 0 else "end" if tick == _TICKS else "middle"
        label = axis.clock(time_s, span_s)
        parts.append(h("text", label, class_=f"x {where}", x=frame.x(time_s), y=_HEIGHT - 8))
    if axis.limit is not None:
        y = frame.y(axis.limit)
        line = h("path", h("title", axis.limit_text), d=f"M{_LEFT} {y}H{_WIDTH - _RIGHT}")
        parts.append(h("g", line, class_="limit"))
        parts.append(h("text", axis.limit_text, class_="limit-text", x=_LEFT + 4, y=y - 4))
    return parts


def _round_values(low: float, high: float) -> list[float]:
    raw = (high - low) / _TICKS
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * one for one in _STEPS if size * one >= raw * 0.999)
    first = math.ceil(low / step)
    values = [round(n * step, 10) for n in range(first, first + 2 * _TICKS + 2)]
    return [value for value in values if value <= high]


def _mark(frame: _Frame, mark: Mark) -> Html:
    x, foot = frame.x(mark.time_s), _HEIGHT - _BOTTOM
    shapes = {
        "discharge": f"M{x - 4} {foot - 8}h8l-4 8z",
        "self_test": f"M{x - 3.5} {foot - 7}h7v7h-7z",
        "replaced": f"M{x} {foot - 9}l5 5l-5 5l-5 -5z",
    }
    shape = shapes.get(mark.kind, shapes["discharge"])
    line = h("path", d=f"M{x} {_TOP}V{foot}", class_="when")
    return h("g", h("title", mark.text), line, h("path", d=shape), class_=f"mark {mark.kind}")


def _band(frame: _Frame, line: Line) -> Html:
    there = [f"{frame.x(t)},{frame.y(v)}" for t, v in zip(line.times, line.high, strict=True)]
    back = [f"{frame.x(t)},{frame.y(v)}" for t, v in zip(line.times, line.low, strict=True)]
    return h(
        "polygon", class_=f"band c{line.tone}", points=Html(" ".join([*there, *reversed(back)]))
    )


def _curve(frame: _Frame, line: Line) -> Html:
    points = [f"{frame.x(t)},{frame.y(v)}" for t, v in zip(line.times, line.values, strict=True)]
    if len(points) == 1:
        x, y = points[0].split(",")
        return h("circle", h("title", line.label), class_=f"dot c{line.tone}", cx=x, cy=y, r=3)
    kind = f"c{line.tone}{' thin' if line.thin else ''}"
    return h("polyline", h("title", line.label), class_=kind, points=Html(" ".join(points)))


def _legend(lines: Sequence[Line], marks: Sequence[Mark]) -> Html:
    named = [line for line in lines if not line.thin]
    thin = next((line for line in lines if line.thin), None)
    keys = [h("li", _key(line), line.label) for line in named]
    if thin is not None:
        keys.append(h("li", _key(thin), "the others"))
    names = {"discharge": "discharge", "self_test": "self-test", "replaced": "exchanged"}
    kinds = dict.fromkeys(mark.kind for mark in marks if mark.kind in names)
    events = [h("li", h("span", class_=f"event {kind}"), names[kind]) for kind in kinds]
    return h("ul", keys, events, class_="keys")


def _key(line: Line) -> Html:
    stroke = h("polyline", points="0,5 26,5", class_=f"c{line.tone}{' thin' if line.thin else ''}")
    return h("svg", stroke, viewBox="0 0 26 10", class_="key", aria_hidden="true")


def _ends(line: Line, axis: Axis) -> str:
    first, last = line.values[0] * axis.factor, line.values[-1] * axis.factor
    return f"{first:.4g} to {last:.4g} {axis.unit}".strip()


def _finite(line: Line) -> Line:
    """Leave out what is no number, and thin out what no screen could show."""
    columns = [line.times, line.values, *([line.low, line.high] if line.low and line.high else [])]
    rows = [row for row in zip(*columns, strict=True) if all(abs(v) < _LARGEST for v in row)]
    if len(rows) > _MOST_POINTS:
        step = len(rows) / (_MOST_POINTS - 1)
        rows = [rows[min(int(n * step), len(rows) - 1)] for n in range(_MOST_POINTS)]
    if not rows:
        return Line(line.label, line.tone, (), ())
    times, values, *band = zip(*rows, strict=True)
    low, high = band or ((), ())
    return replace(line, times=times, values=values, low=low, high=high)


def bar(interval: Interval, low: float, high: float, *, limit: float | None = None) -> Html:
    """Draw an estimate as a tick in its 90 % band, on a scale from ``low`` to ``high``."""

    def at(value: float) -> float:
        return round(min(max((value - low) / (high - low), 0.0), 1.0) * 100, 1)

    left, right = at(interval.lower), at(interval.upper)
    line = None
    if limit is not None:
        line = h("rect", class_="limit", x=at(limit) - 0.2, width=0.4, height=10)
    return h(
        "svg",
        h("rect", class_="reach", x=left, y=2.5, width=max(right - left, 0.6), height=5),
        h("rect", class_="tick", x=at(interval.estimate) - 0.4, width=0.8, y=0.5, height=9),
        line,
        viewBox="0 0 100 10",
        preserveAspectRatio="none",
        class_="bar",
        aria_hidden="true",
    )
