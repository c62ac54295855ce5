import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families as parse_text

from agent.export.harmless import clean
from agent.export.metrics.exposition import Bodies, Page, prefers_openmetrics
from agent.export.metrics.families import Family, Shape

GAUGE = Family("bbu_x_volts", Shape.GAUGE, 'A "help"\nof \\ two lines.', ("unit", "cell"), "volts")
COUNTER = Family("bbu_y_total", Shape.COUNTER, "A count.", ("unit",))
INFO = Family("bbu_z_info", Shape.INFO, "What it is.", ("unit", "model"))
STATES = Family("bbu_s", Shape.STATESET, "A state.", ("unit",), states=("on", "off"))
HOSTILE = st.text(st.characters(codec=None), max_size=300) | st.sampled_from(
    ['"', "\\", "\n", "\r", "\0", "\u2028", "\x85", "\ud800", '\\"', "} 1\nbbu_up 1\n", "#", " "]
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def parse_openmetrics(text: str) -> Any:
    return openmetrics_parser.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]


def filled() -> Page:
    page = Page()
    page.add(GAUGE, ("a", "1"), 3.5)
    page.add(GAUGE, ("a", "2"), 0)
    page.add(COUNTER, ("a",), 12)
    page.add(INFO, ("a", "M"), 1)
    page.add_state(STATES, ("a",), "off")
    return page


def test_the_text_format() -> None:
    assert (
        filled().render()
        == r"""# HELP bbu_s A state.
# TYPE bbu_s gauge
bbu_s{unit="a",bbu_s="on"} 0
bbu_s{unit="a",bbu_s="off"} 1
# HELP bbu_x_volts A "help"\nof \\ two lines.
# TYPE bbu_x_volts gauge
bbu_x_volts{unit="a",cell="1"} 3.5
bbu_x_volts{unit="a",cell="2"} 0
# HELP bbu_y_total A count.
# TYPE bbu_y_total counter
bbu_y_total{unit="a"} 12
# HELP bbu_z_info What it is.
# TYPE bbu_z_info gauge
bbu_z_info{unit="a",model="M"} 1
"""
    )


def test_the_openmetrics_format() -> None:
    assert (
        filled().render(openmetrics=True)
        == r"""# HELP bbu_s A state.
# TYPE bbu_s stateset
bbu_s{unit="a",bbu_s="on"} 0
bbu_s{unit="a",bbu_s="off"} 1
# HELP bbu_x_volts A \"help\"\nof \\ two lines.
# TYPE bbu_x_volts gauge
# UNIT bbu_x_volts volts
bbu_x_volts{unit="a",cell="1"} 3.5
bbu_x_volts{unit="a",cell="2"} 0
# HELP bbu_y A count.
# TYPE bbu_y counter
bbu_y_total{unit="a"} 12
# HELP bbu_z What it is.
# TYPE bbu_z info
bbu_z_info{unit="a",model="M"} 1
# EOF
"""
    )


@given(st.lists(st.tuples(HOSTILE, HOSTILE, FINITE), max_size=5))
def test_hostile_texts_never_break_the_formats(samples: list[tuple[str, str, float]]) -> None:
    page, again = Page(), Page()
    expected: dict[tuple[str, str], float] = {}
    for unit, cell, value in samples:
        page.add(GAUGE, (unit, cell), value)
        again.add(GAUGE, (unit, cell), value)
        expected.setdefault((clean(unit), clean(cell)), value)
    for text, parse in (
        (page.render(), parse_text),
        (again.render(openmetrics=True), parse_openmetrics),
    ):
        text.encode("utf-8")
        found = [sample for family in parse(text) for sample in family.samples]
        assert {(s.labels["unit"], s.labels["cell"]): s.value for s in found} == expected
        assert len(found) == len(expected)


@given(HOSTILE)
def test_clean_text_is_printable_and_short(text: str) -> None:
    assert clean(text).isprintable()
    assert len(clean(text)) <= 256
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize("text", ["", "Ah 7°", "日本", "a b", '"\\'])
def test_clean_leaves_ordinary_texts_alone(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_left_out(value: float | None) -> None:
    page = Page()
    page.add(GAUGE, ("a", "1"), value)
    assert page.render() == ""


def test_the_first_of_two_samples_with_one_name_stays() -> None:
    page = Page()
    page.add(COUNTER, ("a",), 1)
    page.add(COUNTER, ("a",), 2)
    assert page.render().splitlines()[2:] == ['bbu_y_total{unit="a"} 1']


def test_an_unknown_state_leaves_the_set_out() -> None:
    page = Page()
    page.add_state(STATES, ("a",), "sideways")
    assert page.render() == ""


def test_wanted_names_limit_the_page() -> None:
    page = Page(["bbu_y_total", "bbu_nothing"])
    page.add(GAUGE, ("a", "1"), 1)
    page.add(COUNTER, ("a",), 0)
    page.add_state(STATES, ("a",), "on")
    assert page.render().splitlines()[2:] == ['bbu_y_total{unit="a"} 0']


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4", True),
        ("application/openmetrics-text; version=1.0.0; q=0.4, text/plain;q=0.5", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=x", False),
        ("text/plain,application/openmetrics-text", False),
    ],
)
def test_openmetrics_only_for_who_prefers_it(accept: str, *, openmetrics: bool) -> None:
    assert prefers_openmetrics(accept) is openmetrics


def test_pieces_of_one_page_stand_in_another() -> None:
    page = Page(["bbu_y_total", "bbu_s"])
    page.paste(filled().pieces())
    page.add(COUNTER, ("b",), 1)
    assert [line for line in page.render().splitlines() if line[0] != "#"] == [
        'bbu_s{unit="a",bbu_s="on"} 0',
        'bbu_s{unit="a",bbu_s="off"} 1',
        'bbu_y_total{unit="a"} 12',
        'bbu_y_total{unit="b"} 1',
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.9512345678, "0.951235"), (1.0, "1"), (-0.0, "0"), (1.5e-7, "1.5e-07"), (1e9, "1e+09")],
)
def test_an_estimate_has_no_more_digits_than_it_knows(value: float, text: str) -> None:
    page = Page()
    page.add(Family("bbu_e", Shape.GAUGE, "An estimate.", form=".6g"), ("a",), value)
    assert page.render().splitlines()[-1] == f'bbu_e{{unit="a"}} {text}'


def test_label_sets_that_are_asked_for_stay_and_those_that_change_for_ever_go() -> None:
    bodies, most = Bodies(1 << 20), 0
    steady = bodies.get(("unit",), ("a",))
    for number in range(20_000):
        bodies.get(("unit", "row"), ("a", f"{number}" + "x" * 200))
        assert bodies.get(("unit",), ("a",)) is steady
        most = max(most, len(bodies))
    # Some 780 bytes each, in two halves.
    assert 1_000 < most < 2 * (1 << 20) / 600
