"""Small line charts with bands as SVG, drawn without any library."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

WIDTH, HEIGHT = 460, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 10, 10, 24
_TICKS = 4
_FEW = 10.0


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: times (unix seconds), values, and the bounds of its band if it has one."""

    label: str
    colour: str
    times: Sequence[float]
    values: Sequence[float]
    lower: Sequence[float] = ()
    upper: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line at ``time_s`` with a tooltip."""

    time_s: float
    colour: str
    text: str


def chart(lines: Sequence[Line], marks: Sequence[Mark] = (), *, percent: bool = False) -> str:
    """Draw ``lines`` over a common time axis; values are shown in percent if asked."""
    times = [t for line in lines for t in line.times]
    values = [v for line in lines for v in (*line.values, *line.lower, *line.upper)]
    if not times:
        return "<p>Nothing to draw yet.</p>"
    t0, t1 = min(times), max(*times, min(times) + 1.0)
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 0.01
    low, high = low - margin, high + margin

    def x(t: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * (t - t0) / (t1 - t0), 1)

    def y(v: float) -> float:
        return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (high - v) / (high - low), 1)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">']
    for tick in range(_TICKS + 1):
        value = low + (high - low) * tick / _TICKS
        label = _label(value, high, percent=percent)
        parts.append(f'<path class="grid" d="M{_LEFT} {y(value)}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="y" x="{_LEFT - 5}" y="{y(value) + 3}">{label}</text>')
        when = t0 + (t1 - t0) * tick / _TICKS
        date = datetime.fromtimestamp(when, tz=UTC).strftime("%Y-%m")
        parts.append(f'<text class="x" x="{x(when)}" y="{HEIGHT - 6}">{date}</text>')
    for mark in marks:
        if t0 <= mark.time_s <= t1:
            top, end = _TOP, HEIGHT - _BOTTOM
            parts.append(
                f'<path class="mark" stroke="{mark.colour}" d="M{x(mark.time_s)} {top}V{end}">'
                f"<title>{escape(mark.text)}</title></path>"
            )
    for line in lines:
        if line.lower and line.upper:
            there = " ".join(f"{x(t)},{y(v)}" for t, v in zip(line.times, line.upper, strict=True))
            back = [f"{x(t)},{y(v)}" for t, v in zip(line.times, line.lower, strict=True)]
            band = f"{there} {' '.join(reversed(back))}"
            parts.append(f'<polygon fill="{line.colour}" opacity="0.15" points="{band}"/>')
        points = " ".join(f"{x(t)},{y(v)}" for t, v in zip(line.times, line.values, strict=True))
        parts.append(
            f'<polyline fill="none" stroke="{line.colour}" points="{points}">'
            f"<title>{escape(line.label)}</title></polyline>"
        )
    return "".join([*parts, "</svg>"])


def _label(value: float, high: float, *, percent: bool) -> str:
    if percent:
        return f"{value * 100:.0f} %"
    return f"{value:.2f}" if high < _FEW else f"{value:.0f}"
