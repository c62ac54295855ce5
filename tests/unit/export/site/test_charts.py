"""Charts that never break, whatever the numbers are."""

import math
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.export.site.charts import Axis, Line, Mark, bar, chart
from agent.model import Interval

TIMES = [0.0, 100.0, 200.0]


def parsed(markup: str) -> ET.Element:
    return ET.fromstring(markup)  # noqa: S314 - made by us, that is what is tested


def test_a_chart_has_its_lines_band_marks_and_words() -> None:
    line = Line("cell 5", 1, TIMES, [1.0, 0.9, 0.8], [0.9, 0.8, 0.7], [1.1, 1.0, 0.9])
    drawn = parsed(
        chart(
            "State of health",
            [line, Line("middle", 3, TIMES, [1.0, 1.0, 1.0])],
            Axis(100.0, "%", 0.8, "80 %: end of life"),
            [Mark(50.0, "discharge", "an outage"), Mark(999.0, "discharge", "too late")],
        )
    )
    assert len(drawn.findall(".//polyline[@points]")) == 4  # two of them in the legend
    assert len(drawn.findall(".//polygon")) == 1
    assert [title.text for title in drawn.findall(".//g[@class='mark discharge']/title")] == [
        "an outage"
    ]
    [svg] = drawn.findall("svg[@role='img']")
    assert "cell 5: 100 to 80 %" in svg.attrib["aria-label"]
    assert "80 %: end of life" in "".join(drawn.itertext())


def test_nothing_to_draw_is_said() -> None:
    assert "Nothing recorded yet." in chart("Power", [Line("a", 1, [], [])], Axis())


def test_thin_lines_share_one_entry_of_the_legend() -> None:
    lines = [Line(f"u{n}", 4, TIMES, [1.0, 2.0, 3.0], thin=True) for n in range(9)]
    assert re.findall(r"</svg>([^<]+)</li>", chart("a", lines, Axis())) == ["the others"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=20), st.floats())
def test_any_numbers_make_a_picture(points: list[tuple[float, float]], limit: float) -> None:
    line = Line("x", 1, sorted(t for t, _ in points), [v for _, v in points])
    bound = limit if math.isfinite(limit) and abs(limit) < 1e12 else None
    markup = chart("x", [line], Axis(limit=bound))
    parsed(markup)
    assert "nan" not in markup.lower()


def test_ten_thousand_points_are_thinned_out() -> None:
    many = [float(n) for n in range(10_000)]
    assert len(chart("x", [Line("x", 1, many, many)], Axis())) < 20_000


@pytest.mark.parametrize("interval", [Interval(0.5, 0.4, 0.6), Interval(9.0, -9.0, 99.0)])
def test_a_bar_stays_on_its_scale(interval: Interval) -> None:
    for rect in parsed(bar(interval, 0.0, 1.0, limit=0.8)).iter("rect"):
        assert -1 <= float(rect.attrib["x"]) <= 100
