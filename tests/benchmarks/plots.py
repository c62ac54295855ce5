"""Draw voltages as SVG, with nothing but text: the reference wide, ours dashed."""

from collections.abc import Iterator, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, RIGHT = 760, 340, 52, 34, 40, 160
COLOURS = ("#0b6e99", "#c4541c", "#3b7d3a", "#7a4aa0", "#8a6d00", "#b0305c", "#444", "#1b3fae")
MOST_POINTS = 240
Curve = tuple[list[float], list[float], list[float]]
"""Seconds, the reference's volts, ours."""


def picture(title: str, found: dict[str, Curve]) -> str:
    """Give the SVG of some curves, each over its own share of its length."""
    lowest = min(min(*c[1], *c[2]) for c in found.values())
    highest = max(max(*c[1], *c[2]) for c in found.values())
    box, font = f'viewBox="0 0 {WIDTH} {HEIGHT}"', 'font-family="sans-serif" font-size="12"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {box} {font} fill="#444">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
            f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
            *_axes(lowest, highest),
            *_lines(found, lowest, highest),
            "</svg>\n",
        ]
    )


def _y(volts: float, lowest: float, highest: float) -> float:
    room = HEIGHT - TOP - BOTTOM
    return TOP + room * (highest - volts) / max(highest - lowest, 1e-6)


def _axes(lowest: float, highest: float) -> Iterator[str]:
    for n in range(5):
        volts = lowest + (highest - lowest) * n / 4
        y = _y(volts, lowest, highest)
        yield (
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{volts:.2f}</text>'
        )
    y = HEIGHT - BOTTOM + 18
    yield f'<text x="{LEFT}" y="{y}">0</text>'
    yield f'<text x="{WIDTH - RIGHT}" y="{y}" text-anchor="end">end of the curve</text>'
    yield f'<text x="6" y="{TOP - 6}">V</text>'


def _lines(found: dict[str, Curve], lowest: float, highest: float) -> Iterator[str]:
    for n, (name, (seconds, reference, ours)) in enumerate(found.items()):
        colour, x, y = COLOURS[n % len(COLOURS)], WIDTH - RIGHT + 10, TOP + 18 * n + 8
        yield f'<text x="{x}" y="{y}" fill="{colour}">{escape(name)} ({seconds[-1]:.0f} s)</text>'
        for volts, style in ((reference, 'opacity=".45" stroke-width="3"'), (ours, _DASHED)):
            yield f'<path d="{_path(seconds, volts, lowest, highest)}" stroke="{colour}" {style}/>'
    y = HEIGHT - BOTTOM + 18
    yield f'<text x="{WIDTH - RIGHT + 10}" y="{y}">wide: theirs</text>'
    yield f'<text x="{WIDTH - RIGHT + 10}" y="{y - 16}">dashed: ours</text>'


_DASHED = 'stroke-width="1.4" stroke-dasharray="5 3"'


def _path(seconds: Sequence[float], volts: Sequence[float], lowest: float, highest: float) -> str:
    room = WIDTH - LEFT - RIGHT
    step = max(1, len(seconds) // MOST_POINTS)
    points = [
        f"{LEFT + room * second / seconds[-1]:.1f} {_y(volt, lowest, highest):.1f}"
        for second, volt in zip(seconds[::step], volts[::step], strict=True)
    ]
    return "M" + "L".join(points) + '" fill="none'
