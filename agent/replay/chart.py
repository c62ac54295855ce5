"""Line charts with bands as SVG, drawn without any library; colours come from the page's style."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape

_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 10, 24
_TICK, _LABEL = 6, 16
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_DAY_S = 86400.0
_YEAR_DAYS = 365.25


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: times (unix seconds), values, and the bounds of its band if it has one.

    ``style`` is the class of the style sheet: s0 to s5; ``dashed`` for what is foretold.
    """

    label: str
    style: str
    times: Sequence[float]
    values: Sequence[float]
    lower: Sequence[float] = ()
    upper: Sequence[float] = ()
    dashed: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line at ``time_s`` with a tooltip, and a short ``label`` above it."""

    time_s: float
    text: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """How a chart is laid out: its size, what its values are, and a level to hold them against.

    ``span`` fixes the values shown, so that charts side by side compare.
    """

    title: str
    width: int = 460
    height: int = 200
    percent: bool = False
    ticks: int = 4
    level: float | None = None
    level_text: str = ""
    span: tuple[float, float] | None = None


def span_of(lines: Sequence[Line], level: float | None = None) -> tuple[float, float]:
    """Give the lowest and highest value that ``lines`` show, with a margin."""
    values = [v for line in lines for v in (*line.values, *line.lower, *line.upper)]
    known = [v for v in [*values, *([] if level is None else [level])] if math.isfinite(v)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    margin = 0.05 * (high - low) or 0.01
    return low - margin, high + margin


def chart(
    lines: Sequence[Line], frame: Frame, marks: Sequence[Mark] = (), events: Sequence[float] = ()
) -> str:
    """Draw ``lines`` over a common time axis, with a tick at its foot for each of ``events``."""
    times = [t for line in lines for t in line.times]
    if not times:
        return "<p class='nothing'>Nothing to draw yet.</p>"
    return _Drawing(frame, min(times), max(*times, min(times) + _DAY_S), lines).drawn(marks, events)


class _Drawing:
    def __init__(self, frame: Frame, begin: float, end: float, lines: Sequence[Line]) -> None:
        self.frame, self.begin, self.end, self.lines = frame, begin, end, lines
        self.low, self.high = frame.span or span_of(lines, frame.level)

    def x(self, time_s: float) -> float:
        room = self.frame.width - _LEFT - _RIGHT
        return round(_LEFT + room * (time_s - self.begin) / (self.end - self.begin), 1)

    def y(self, value: float) -> float:
        room = self.frame.height - _TOP - _BOTTOM
        held = min(max(value, self.low), self.high)
        return round(_TOP + room * (self.high - held) / (self.high - self.low), 1)

    def drawn(self, marks: Sequence[Mark], events: Sequence[float]) -> str:
        frame = self.frame
        box = f'viewBox="0 0 {frame.width} {frame.height}"'
        parts = [
            f'<svg {box} role="img" aria-label="{escape(frame.title)}">',
            *self._value_axis(),
            *self._time_axis(),
            *self._events([at for at in events if self.begin <= at <= self.end]),
            *self._marks([mark for mark in marks if self.begin <= mark.time_s <= self.end]),
            *(self._band(line) for line in self.lines if line.lower and line.upper),
            *(self._curve(line) for line in self.lines),
            *self._level(),
            "</svg>",
        ]
        return "".join(parts)

    def _value_axis(self) -> list[str]:
        parts = []
        for value in ticks(self.low, self.high, self.frame.ticks):
            at, right = self.y(value), self.frame.width - _RIGHT
            text = f"{value * 100:.0f}%" if self.frame.percent else f"{value:g}"
            parts.append(f'<path class="grid" d="M{_LEFT} {at}H{right}"/>')
            parts.append(f'<text class="y" x="{_LEFT - 5}" y="{at + 3.5}">{text}</text>')
        return parts

    def _time_axis(self) -> list[str]:
        days = (self.end - self.begin) / _DAY_S
        form = "%Y" if days > 2 * _YEAR_DAYS else "%Y-%m-%d"
        wanted = 2 if form != "%Y" or self.frame.width < 300 else 5  # noqa: PLR2004 - room for text
        if form == "%Y":
            first, last = (datetime.fromtimestamp(t, tz=UTC).year for t in (self.begin, self.end))
            step = max(1, math.ceil((last - first) / wanted))
            moments = [
                datetime(year, 1, 1, tzinfo=UTC).timestamp()
                for year in range(first + 1, last + 1, step)
            ]
        else:
            moments = [self.begin + (self.end - self.begin) * n / wanted for n in range(wanted + 1)]
        y = self.frame.height - 7
        texts = []
        for moment in moments:
            date = datetime.fromtimestamp(moment, tz=UTC).strftime(form)
            half = 3.4 * len(date)
            at = min(max(self.x(moment), half), self.frame.width - half)
            texts.append(f'<text class="x" x="{at:.1f}" y="{y}">{date}</text>')
        return texts

    def _marks(self, marks: Sequence[Mark]) -> list[str]:
        """Draw each; one label serves marks that stand so close that theirs would overlap."""
        written: dict[str, float] = {}
        parts = []
        for mark in sorted(marks, key=lambda one: one.time_s):
            at = self.x(mark.time_s)
            parts.append(self._mark(mark))
            if mark.label and at - written.get(mark.label, -math.inf) >= _LABEL:
                written[mark.label] = at
                label = escape(mark.label)
                parts.append(f'<text class="x" x="{at}" y="{_TOP - 1}">{label}</text>')
        return parts

    def _mark(self, mark: Mark) -> str:
        end = self.frame.height - _BOTTOM
        path = f'<path class="mark" d="M{self.x(mark.time_s)} {_TOP}V{end}">'
        return f"{path}<title>{escape(mark.text)}</title></path>"

    def _events(self, events: Sequence[float]) -> list[str]:
        """One path whatever there are of them: ticks closer than a pixel are one."""
        places = sorted({round(self.x(at)) for at in events})
        foot = self.frame.height - _BOTTOM
        path = "".join(f"M{place} {foot}v-{_TICK}" for place in places)
        return [f'<path class="event" d="{path}"/>'] if path else []

    def _band(self, line: Line) -> str:
        there = self._points(line.times, line.upper)
        back = self._points(line.times, line.lower)
        points = " ".join([*there, *reversed(back)])
        return f'<polygon class="band {line.style}" points="{points}"/>'

    def _curve(self, line: Line) -> str:
        points = " ".join(self._points(line.times, line.values))
        dashed = " dashed" if line.dashed else ""
        title = f"<title>{escape(line.label)}</title>"
        return f'<polyline class="line {line.style}{dashed}" points="{points}">{title}</polyline>'

    def _level(self) -> list[str]:
        level = self.frame.level
        if level is None or not self.low <= level <= self.high:
            return []
        at, right = self.y(level), self.frame.width - _RIGHT
        text = f'<text class="note" x="{right}" y="{at - 4}">{escape(self.frame.level_text)}</text>'
        return [f'<path class="level" d="M{_LEFT} {at}H{right}"/>', text]

    def _points(self, times: Sequence[float], values: Sequence[float]) -> list[str]:
        return [f"{self.x(t)},{self.y(v)}" for t, v in zip(times, values, strict=True)]


def ticks(low: float, high: float, count: int) -> list[float]:
    """Give about ``count`` round values between ``low`` and ``high``."""
    raw = (high - low) / max(count, 1)
    scale = 10.0 ** math.floor(math.log10(raw))
    step = next(nice * scale for nice in _NICE if nice * scale >= raw * 0.999)
    first = math.ceil(low / step)
    return [round(n * step, 10) for n in range(first, math.floor(high / step) + 1)]
