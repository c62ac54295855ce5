"""Charts, timelines and maps as SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from itertools import pairwise

from deploy.grafana.asking import Json, Series, Span
from deploy.grafana.picture.values import CLASSIC, MUTED, TEXT, Look, called, look, shown

_LEFT, _TOP, _BOTTOM, _RIGHT = 66.0, 8.0, 20.0, 12.0
_BLYLRD = [(0x1F, 0x60, 0xC4), (0xFF, 0xF8, 0x99), (0xC4, 0x16, 0x2A)]


@dataclass(frozen=True)
class Drawn:
    """One series with its name and its look."""

    name: str
    ref: str
    look: Look
    series: Series


@dataclass(frozen=True)
class Frame:
    """Where things are drawn: the size in pixels, the time range, the range of values."""

    width: float
    height: float
    span: Span
    low: float = 0.0
    high: float = 1.0

    def x(self, at_s: float) -> float:
        """Give the place of a time."""
        share = (at_s - self.span.start_s) / (self.span.end_s - self.span.start_s)
        return _LEFT + share * (self.width - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        """Give the place of a value."""
        share = (value - self.low) / (self.high - self.low)
        return self.height - _BOTTOM - share * (self.height - _TOP - _BOTTOM)


def drawn(panel: Json, answers: Mapping[str, Sequence[Series]]) -> list[Drawn]:
    """Name every series of a panel's answers."""
    legends = {target["refId"]: target.get("legendFormat", "") for target in panel["targets"]}
    found = []
    for ref, series in answers.items():
        for one in series:
            name = called(legends[ref], one.labels)
            found.append(Drawn(name, ref, look(panel, name, ref), one))
    return sorted(found, key=lambda each: (each.ref, each.name))


def _svg(frame: Frame, body: Sequence[str]) -> str:
    return (
        f'<svg width="{frame.width:.0f}" height="{frame.height:.0f}" '
        f'font-family="sans-serif" font-size="11">{"".join(body)}</svg>'
    )


def _times(frame: Frame) -> list[str]:
    """Draw the axis of time."""
    found, count = [], max(2, int(frame.width // 130))
    for step in range(count + 1):
        at_s = frame.span.start_s + (frame.span.end_s - frame.span.start_s) * step / count
        clock = datetime.fromtimestamp(at_s, UTC).strftime("%H:%M:%S")
        anchor = "start" if step == 0 else "end" if step == count else "middle"
        found.append(
            f'<text x="{frame.x(at_s):.0f}" y="{frame.height - 5:.0f}" fill="{MUTED}" '
            f'text-anchor="{anchor}">{clock}</text>'
        )
    return found


def _range(panel: Json, lines: Sequence[Drawn]) -> tuple[float, float]:
    values = [value for one in lines for _, value in one.series.points]
    low, high = min(values), max(values)
    defaults = panel["fieldConfig"]["defaults"]
    if defaults.get("min") is not None:
        low = min(low, float(defaults["min"]))
    for step in defaults.get("thresholds", {}).get("steps", []):
        near = step.get("value")
        # A threshold far away would flatten what is there.
        if near is not None and low - (high - low) <= near <= high + (high - low):
            low, high = min(low, near), max(high, near)
    margin = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return low - margin if low < 0 or low > margin else low, high + margin


def chart(
    panel: Json,
    answers: Mapping[str, Sequence[Series]],
    span: Span,
    width: float,
    height: float,
) -> str:
    """Draw lines over time with their thresholds and a legend."""
    lines = drawn(panel, answers)
    low, high = _range(panel, lines)
    frame = Frame(width, height - 20, span, low, high)
    unit = panel["fieldConfig"]["defaults"].get("unit", "short")
    body = _times(frame)
    for step in range(5):
        value = low + (high - low) * step / 4
        y = frame.y(value)
        body.append(
            f'<line x1="{_LEFT}" x2="{width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
            f'stroke="#2c3235"/><text x="{_LEFT - 6}" y="{y + 4:.1f}" fill="{MUTED}" '
            f'text-anchor="end">{shown(value, unit, None, span.end_s)}</text>'
        )
    for step in panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", []):
        at, colour = step.get("value"), step["color"]
        if at is not None and low <= at <= high:
            colour = MUTED if colour == "transparent" else colour
            body.append(
                f'<line x1="{_LEFT}" x2="{width - _RIGHT}" y1="{frame.y(at):.1f}" '
                f'y2="{frame.y(at):.1f}" stroke="{colour}" stroke-dasharray="8 5"/>'
            )
    body += _bands(lines, frame)
    keys = []
    for number, one in enumerate(lines):
        colour = one.look.fixed or CLASSIC[number % len(CLASSIC)]
        style = one.look.custom.get("lineStyle", {})
        dash = ' stroke-dasharray="6 4"' if style.get("fill") == "dash" else ""
        body += [
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.6"{dash}/>'
            for path in _paths(one.series, frame)
        ]
        keys.append(f'<i style="background:{colour}"></i>{escape(one.name)}')
    legend = "".join(f"<span>{key}</span>" for key in keys[:12])
    more = f"<span>and {len(keys) - 12} more</span>" if len(keys) > 12 else ""  # noqa: PLR2004
    return f'{_svg(frame, body)}<div class="legend">{legend}{more}</div>'


def _bands(lines: Sequence[Drawn], frame: Frame) -> list[str]:
    """Fill between a line and the one that its look names."""
    named = {one.name: one for one in lines}
    found = []
    for one in lines:
        other = named.get(one.look.custom.get("fillBelowTo", ""))
        if other is not None:
            edge = [*one.series.points, *reversed(other.series.points)]
            places = " ".join(f"{frame.x(at_s):.1f},{frame.y(value):.1f}" for at_s, value in edge)
            found.append(f'<polygon points="{places}" fill="{one.look.fixed}" opacity="0.18"/>')
    return found


def _paths(series: Series, frame: Frame) -> list[str]:
    """Give one path for each stretch without a gap; a lone point is a dot."""
    stretches: list[list[tuple[float, float]]] = [[]]
    for point in series.points:
        if stretches[-1] and point[0] - stretches[-1][-1][0] > 1.5 * frame.span.step_s:
            stretches.append([])
        stretches[-1].append(point)
    found = []
    for stretch in stretches:
        places = [f"{frame.x(at_s):.1f} {frame.y(value):.1f}" for at_s, value in stretch]
        found.append("M" + " L".join(places) + (" h1.5" if len(places) == 1 else ""))
    return found


def _row_name(name: str, left: float, middle: float) -> str:
    """Write the name of a row before it."""
    return (
        f'<text x="{left - 6:.0f}" y="{middle + 4:.1f}" fill="{TEXT}" '
        f'text-anchor="end">{escape(name)}</text>'
    )


def _ends(frame: Frame, left: float) -> list[str]:
    """Draw the two ends of the axis of time, the first under where rows begin."""
    axis = [one.replace(f'x="{_LEFT:.0f}"', f'x="{left:.0f}"') for one in _times(frame)]
    return axis[:1] + axis[-1:]


def timeline(
    panel: Json,
    answers: Mapping[str, Sequence[Series]],
    span: Span,
    width: float,
    height: float,
) -> str:
    """Draw states over time as bars with their words."""
    rows = drawn(panel, answers)
    frame = Frame(width, height, span)
    left = 14 + min(190.0, max(len(row.name) for row in rows) * 6.6)
    tall = min(34.0, (height - _BOTTOM - 4) / len(rows))
    body = []
    for number, row in enumerate(rows):
        y = 4 + number * tall
        body.append(_row_name(row.name, left, y + tall / 2))
        for start_s, end_s, value in _stretches(row.series, span):
            scale = (width - left - _RIGHT) / (span.end_s - span.start_s)
            x, wide = left + (start_s - span.start_s) * scale, (end_s - start_s) * scale
            word = row.look.text(value, span.end_s)
            body.append(
                f'<rect x="{x:.1f}" y="{y + 2:.1f}" width="{max(1.0, wide):.1f}" '
                f'height="{tall - 4:.1f}" fill="{row.look.colour(value)}" fill-opacity="0.8"/>'
            )
            if wide > 7.5 * len(word) + 6:
                body.append(
                    f'<text x="{x + 5:.1f}" y="{y + tall / 2 + 4:.1f}" fill="#111">{word}</text>'
                )
    return _svg(frame, [*body, *_ends(frame, left)])


def _stretches(series: Series, span: Span) -> list[tuple[float, float, float]]:
    """Join equal neighbours to (from, to, value); gaps stay open."""
    found: list[tuple[float, float, float]] = []
    for at_s, value in series.points:
        end_s = min(at_s + span.step_s, span.end_s)
        if found and found[-1][2] == value and at_s - found[-1][1] < 0.5 * span.step_s:
            found[-1] = (found[-1][0], end_s, value)
        else:
            found.append((at_s, end_s, value))
    return found


def heatmap(
    panel: Json,
    answers: Mapping[str, Sequence[Series]],
    span: Span,
    width: float,
    height: float,
) -> str:
    """Draw a row of coloured fields for each series."""
    rows = sorted(drawn(panel, answers), key=lambda row: _natural(row.name))
    frame = Frame(width, height, span)
    defaults = panel["fieldConfig"]["defaults"]
    low, high = float(defaults["min"]), float(defaults["max"])
    left, tall = 118.0, (height - _BOTTOM - 4) / len(rows)
    scale = (width - left - _RIGHT) / (span.end_s - span.start_s)
    body = []
    for number, row in enumerate(rows):
        y = 4 + number * tall
        body.append(_row_name(row.name, left, y + tall / 2))
        for at_s, value in row.series.points:
            share = min(1.0, max(0.0, (value - low) / (high - low)))
            body.append(
                f'<rect x="{left + (at_s - span.start_s) * scale:.1f}" y="{y + 1:.1f}" '
                f'width="{max(1.0, span.step_s * scale):.1f}" height="{max(1.0, tall - 2):.1f}" '
                f'fill="{_blend(share)}" shape-rendering="crispEdges"/>'
            )
    return _svg(frame, [*body, *_ends(frame, left)])


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(word), "") if word.isdecimal() else (0, word) for word in name.split()]


def _blend(share: float) -> str:
    """Give the colour of Grafana's blue, yellow, red scale at ``share`` of its length."""
    for number, (first, second) in enumerate(pairwise(_BLYLRD)):
        part = share * 2 - number
        if part <= 1:
            mixed = (round(a + (b - a) * part) for a, b in zip(first, second, strict=True))
            return "#" + "".join(f"{one:02x}" for one in mixed)
    return "#c4162a"
