"""The generated pictures of docs/estimator.md: SVG that reads on light and on dark pages."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Row = Mapping[str, Any]

WIDTH, PANEL_H, LEFT, RIGHT, TOP, BOTTOM = 900, 190, 46, 12, 30, 26
YEAR_S = 365.25 * 86400.0
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
LOOKS = ("solid", "dashed", "dotted")
Z90 = 1.645
STYLE = """<style>
svg{color-scheme:light dark;font:12px system-ui,sans-serif;--ink:#24292f;--page:#fff;--grid:#d0d7de;
--a:#0969da;--b:#b35900}
@media (prefers-color-scheme:dark){svg{--ink:#e6edf3;--page:#0d1117;--grid:#3d444d;
--a:#6cb6ff;--b:#f0a35e}}
text{fill:var(--ink)}.page{fill:var(--page)}.grid{stroke:var(--grid);fill:none}
.ink{stroke:var(--ink);fill:none}
.a{stroke:var(--a);fill:none;stroke-width:1.6}.b{stroke:var(--b);fill:none;stroke-width:1.6}
.fa{fill:var(--a);opacity:.22}.fb{fill:var(--b);opacity:.22}.pa{fill:var(--a)}.pb{fill:var(--b)}
.e{text-anchor:end}.m{text-anchor:middle}.t{font-weight:600}
</style>"""


def pictures(results: Sequence[Row]) -> dict[str, str]:
    """Give every picture by its name."""
    modules = [row for row in results if row["table"] == "filter"]
    return {
        "modules": courses(modules),
        "coverage": coverage(modules),
        "real": real(results),
    }


def _svg(height: int, title: str, body: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">\n'
        f"<title>{escape(title)}</title>{STYLE}\n"
        f'<rect class="page" width="{WIDTH}" height="{height}"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _below(y: float, text: str) -> str:
    return f'<text class="m" x="{WIDTH / 2}" y="{y}">{escape(text)}</text>'


class Panel:
    """One pair of axes; ``x`` and ``y`` turn values into places."""

    def __init__(
        self, box: tuple[float, float, float, float], x: tuple[float, float], y: tuple[float, float]
    ) -> None:
        self.left, self.top, self.right, self.bottom = box
        self.span_x, self.span_y = x, y

    def at(self, x: float, y: float) -> str:
        """Give a point as SVG writes it."""
        (x0, x1), (y0, y1) = self.span_x, self.span_y
        across = self.left + (self.right - self.left) * (x - x0) / (x1 - x0)
        down = self.bottom - (self.bottom - self.top) * (y - y0) / (y1 - y0)
        return f"{across:.1f} {down:.1f}"

    def axes(self, title: str, ys: Sequence[float], xs: Sequence[float], form: str) -> list[str]:
        """Draw grid, labels and title."""
        parts = [f'<text class="t" x="{self.left}" y="{self.top - 8:.1f}">{escape(title)}</text>']
        for value in ys:
            place = self.at(self.span_x[0], value)
            across, down = place.split()
            parts.append(f'<path class="grid" d="M{place}H{self.right:.1f}"/>')
            x, y = float(across) - 5, float(down) + 4
            parts.append(f'<text class="e" x="{x:.1f}" y="{y:.1f}">{value:.0%}</text>')
        for value in xs:
            across = self.at(value, self.span_y[0]).split()[0]
            parts.append(
                f'<text class="m" x="{across}" y="{self.bottom + 15:.1f}">{value:{form}}</text>'
            )
        return parts

    def line(self, xs: Vector, ys: Vector, css: str, dash: str = "") -> str:
        """Draw a curve."""
        points = "L".join(self.at(x, y) for x, y in zip(xs, ys, strict=True))
        return f'<path class="{css}" d="M{points}"{dash}/>'

    def band(self, xs: Vector, low: Vector, high: Vector, css: str) -> str:
        """Fill the room between two curves."""
        there = [self.at(x, y) for x, y in zip(xs, high, strict=True)]
        back = [self.at(x, y) for x, y in zip(xs[::-1], low[::-1], strict=True)]
        return f'<path class="{css}" d="M{"L".join([*there, *back])}Z"/>'


def _two_by(count: int) -> list[tuple[float, float, float, float]]:
    half = WIDTH / 2
    return [
        (
            n % 2 * half + LEFT,
            n // 2 * PANEL_H + TOP,
            n % 2 * half + half - RIGHT,
            n // 2 * PANEL_H + PANEL_H - BOTTOM,
        )
        for n in range(count)
    ]


def courses(modules: Sequence[Row]) -> str:
    """Draw the weakest and the median cell of every module: truth dashed, estimate with band."""
    body: list[str] = []
    for box, row in zip(_two_by(len(modules)), modules, strict=True):
        pairs = {key: np.array(values) for key, values in row["pairs"].items()}
        years = (pairs["time_s"] - pairs["time_s"].min()) / YEAR_S
        panel = Panel(box, (0.0, 5.0), (0.5, 1.1))
        body += panel.axes(row["module"], (0.6, 0.7, 0.8, 0.9, 1.0), range(6), "d")
        last = {
            cell: pairs["soh_q"][pairs["cell"] == cell].min() for cell in np.unique(pairs["cell"])
        }
        ranked = sorted(last, key=lambda cell: last[cell])
        for cell, css, fill in ((ranked[len(ranked) // 2], "a", "fa"), (ranked[0], "b", "fb")):
            own = pairs["cell"] == cell
            body.append(panel.band(years[own], pairs["q_lo"][own], pairs["q_hi"][own], fill))
            body.append(panel.line(years[own], pairs["q"][own], css))
            body.append(
                panel.line(years[own], pairs["soh_q"][own], "ink", ' stroke-dasharray="4 3"')
            )
    height = (len(modules) + 1) // 2 * PANEL_H + 22
    said = "years; truth dashed; estimate with its 90 % interval: median cell blue, weakest orange"
    body.append(_below(height - 8, said))
    return _svg(height, "State of health of eight simulated modules, estimate against truth", body)


def _levels(pairs: Mapping[str, Sequence[float]], value: str, true: str) -> list[float]:
    held = {key: np.array(pairs[key]) for key in (true, value, f"{value}_lo", f"{value}_hi")}
    side = np.where(
        held[true] > held[value],
        held[f"{value}_hi"] - held[value],
        held[value] - held[f"{value}_lo"],
    )
    ratio = np.abs(held[true] - held[value]) / np.maximum(side, 1e-9)
    return [float(np.mean(ratio <= _z(level) / Z90)) for level in LEVELS]


def _z(level: float) -> float:
    return {0.5: 0.674, 0.6: 0.842, 0.7: 1.036, 0.8: 1.282, 0.9: 1.645, 0.95: 1.960}[level]


def coverage(modules: Sequence[Row]) -> str:
    """Draw how often the truth lies within intervals of several levels, by chemistry."""
    body: list[str] = []
    names = sorted({row["chemistry"] for row in modules})
    for box, (title, value, true) in zip(
        _two_by(2), (("Capacity", "q", "soh_q"), ("Resistance growth", "r", "soh_r")), strict=True
    ):
        left, top, right, bottom = box
        panel = Panel((left, top, right, bottom + PANEL_H / 2), (0.48, 1.0), (0.4, 1.02))
        body += panel.axes(title, (0.4, 0.6, 0.8, 1.0), (0.5, 0.6, 0.7, 0.8, 0.9), ".0%")
        body.append(panel.line(np.array([0.48, 1.0]), np.array([0.48, 1.0]), "grid"))
        for n, name in enumerate(names):
            held: dict[str, list[float]] = {}
            for row in modules:
                if row["chemistry"] == name:
                    for key, values in row["pairs"].items():
                        held.setdefault(key, []).extend(values)
            found = np.array(_levels(held, value, true))
            dash = ("", ' stroke-dasharray="6 3"', ' stroke-dasharray="2 3"')[n % 3]
            body.append(panel.line(np.array(LEVELS), found, "b" if n == 1 else "a", dash))
    height = int(PANEL_H * 1.5) + 22
    said = (
        "share of true values inside, over the nominal level (a normal of the stated 90 % width): "
        f"{', '.join(f'{name} {look}' for name, look in zip(names, LOOKS, strict=False))}"
    )
    body.append(_below(height - 8, said))
    return _svg(height, "Coverage of the intervals by chemistry", body)


def real(results: Sequence[Row]) -> str:
    """Draw estimate over truth for the real cells."""
    body: list[str] = []
    groups = (("Sanyo 030", "ISEA"), ("Naumann", "Geisbauer"), ("NASA",))
    names = ("Sanyo NMC: pulses only", "LFP: calendar ageing", "NASA: 240 s of each discharge")
    third = WIDTH / 3
    for n, (series, title) in enumerate(zip(groups, names, strict=True)):
        panel = Panel(
            (n * third + LEFT, TOP, (n + 1) * third - RIGHT, 290.0), (0.4, 1.08), (0.3, 1.1)
        )
        body += panel.axes(title, (0.4, 0.6, 0.8, 1.0), (0.4, 0.6, 0.8, 1.0), ".0%")
        body.append(
            panel.line(np.array([0.4, 1.08]), np.array([0.4, 1.08]), "ink", ' opacity=".6"')
        )
        for row in results:
            if row["table"] == "real" and row["series"] in series:
                css = "pa" if row["series"] == series[0] else "pb"
                for one in row["rows"]:
                    if one["true"] >= 0.4:
                        x, y = panel.at(one["true"], min(max(one["estimate"], 0.3), 1.1)).split()
                        dot = f'<circle class="{css}" cx="{x}" cy="{y}" r="1.8" opacity=".6"/>'
                        body.append(dot)
    said = (
        "estimated over true share of the first capacity; blue: Sanyo 030, Naumann, NASA; "
        "orange: ISEA, Geisbauer"
    )
    body.append(_below(326, said))
    return _svg(336, "Real cells: estimate over truth", body)
