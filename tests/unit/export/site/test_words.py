"""Numbers and times as people read them."""

import math

import pytest

from agent.export.site.words import (
    NONE,
    amount,
    between,
    clock,
    date,
    dates,
    measured,
    percent,
    place,
    since,
    span,
)
from agent.model import Interval, Location, Reading, Value

NAN = math.nan


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 s"),
        (119.4, "119 s"),
        (120.0, "2 min"),
        (7200.0, "2 h"),
        (172800.0, "2 days"),
        (3 * 365.25 * 86400, "3.0 years"),
        (None, NONE),
        (NAN, NONE),
    ],
)
def test_a_length_of_time(seconds: float | None, words: str) -> None:
    assert span(seconds) == words


def test_an_amount_is_never_minus_zero_and_never_no_number() -> None:
    assert amount(-0.001, 1.0, "A", 1) == "0.0 A"
    assert amount(-0.06, 1.0, "A", 1) == "-0.1 A"
    assert amount(0.0, 1.0, "V", 3) == "0.000 V"
    assert (amount(None), amount(math.inf), percent(0.0)) == (NONE, NONE, "0 %")


def test_an_interval_says_both_ends_or_nothing() -> None:
    assert between(Interval(0.78, 0.755, 0.8), 100, "%") == "78 % (76 to 80)"
    assert between(Interval(0.78, NAN, 0.8), 100, "%") == NONE
    assert between(None, 1, "s") == NONE
    life = Interval(1.8e9, 1.7e9, 1.9e9)
    assert dates(life, 1.6e9) == "2027-01 (2023-11 to 2030-03)"
    assert dates(life, 1.7e9) == "2027-01 (already to 2030-03)"
    assert dates(life, 1.9e9) == "already"


@pytest.mark.parametrize(
    ("quantity", "value", "words"),
    [
        ("cell_voltage", 3.9814, "3.981 V"),
        ("cell_voltage", 0.0, "0.000 V"),
        ("state_of_charge", 0.985, "98 %"),
        ("cell_resistance", 0.0021, "2.10 mΩ"),
        ("cycle_count", 12.0, "12"),
        ("battery_install_date", 1746014400.0, "2025-04-30"),
        ("self_test_time", 1746014400.0, "2025-04-30 12:00 UTC"),
        ("charging", True, "yes"),
        ("runtime_remaining", 300.0, "5 min"),
    ],
)
def test_a_reading_has_its_unit(quantity: str, value: Value, words: str) -> None:
    assert measured(Reading(quantity, None, value, 0.0, "x")) == words


def test_a_state_keeps_the_devices_wording() -> None:
    assert measured(Reading("battery_status", None, "low", 0.0, "x", "LOW")) == "low (LOW)"


def test_moments_are_readable_without_scripts_and_exact_with_them() -> None:
    assert clock(1.7e9) == (
        '<time datetime="2023-11-14T22:13:20Z" data-clock>2023-11-14 22:13:20 UTC</time>'
    )
    assert since(1.7e9, 1.7e9 + 3).endswith("data-ago>3 s ago</time>")
    assert (clock(None), since(NAN, 0.0), date(None)) == (NONE, NONE, NONE)


def test_a_place_is_as_much_as_is_known() -> None:
    assert place(Location("r1", None, "4")) == "r1 / 4"
    assert place(Location()) == NONE
