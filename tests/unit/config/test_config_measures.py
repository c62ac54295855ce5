"""Numbers with units."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.measures import CAPACITY, DURATION, POWER, RESISTANCE, VOLTAGE, Measure

MEASURES = (CAPACITY, DURATION, POWER, RESISTANCE, VOLTAGE)


@pytest.mark.parametrize(
    ("measure", "text", "value"),
    [
        (DURATION, "10s", 10.0),
        (DURATION, "500ms", 0.5),
        (DURATION, "5m", 300.0),
        (DURATION, "1.5 h", 5400.0),
        (DURATION, "7", 7.0),
        (POWER, "5500 W", 5500.0),
        (POWER, "5.5 kW", 5500.0),
        (POWER, "0.1MW", 100_000.0),
        (CAPACITY, "15.3 Ah", 15.3),
        (CAPACITY, "2600mAh", 2.6),
        (VOLTAGE, "2.7 V", 2.7),
        (RESISTANCE, "4.1 mOhm", 0.0041),
        (RESISTANCE, "4.1 mΩ", 0.0041),
        (RESISTANCE, "250 uOhm", 0.00025),
    ],
)
def test_a_size_as_people_write_it(measure: Measure, text: str, value: float) -> None:
    assert measure.parse(text) == value


@pytest.mark.parametrize(
    "text", ["", "s", "1 0s", "1e3", "10S", "1_000", "nan", "inf", "٣", "10s ", "1,5 s", "0x10"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        DURATION.parse(text)


def test_case_tells_units_apart() -> None:
    assert POWER.parse("1 MW") == 1e6
    with pytest.raises(ValueError, match="is not a power"):
        POWER.parse("1 mW")


@given(st.sampled_from(MEASURES), st.decimals(0, 10**6, places=6), st.data())
def test_a_number_in_any_unit_is_the_nearest_float_in_si(
    measure: Measure, number: Decimal, data: st.DataObject
) -> None:
    unit = data.draw(st.sampled_from(sorted(measure.units)))
    exact = number * measure.units[unit]
    text = f"{number:f} {unit}"
    if Decimal(measure.lowest) <= exact <= Decimal(measure.highest):
        assert measure.parse(text) == float(exact)
    elif not measure.lowest <= float(exact) <= measure.highest:
        with pytest.raises(ValueError, match="is out of range"):
            measure.parse(text)


@given(st.sampled_from(MEASURES), st.text(max_size=12))
def test_the_pattern_for_editors_agrees_with_the_parser(measure: Measure, text: str) -> None:
    try:
        measure.parse(text)
        refused = ""
    except ValueError as error:
        refused = str(error)
    assert (re.fullmatch(measure.pattern, text) is None) == refused.startswith("is not")
