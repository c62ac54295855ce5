"""Texts of a number and a unit."""

import pytest

from agent.decode.measures import measure
from agent.profiles.units import Conversion


@pytest.mark.parametrize(
    ("text", "unit", "parts"),
    [
        ("13.6 V", "V", (13.6, Conversion(1.0))),
        ("54530mV", "V", (54530.0, Conversion(0.001))),
        ("-999.0", "V", (-999.0, None)),
        ("77 deg F", "degC", (77.0, Conversion(5 / 9, -160 / 9))),
        ("0.0 Volts", "V", (0.0, Conversion(1.0))),
        ("26 min.", "s", (26.0, Conversion(60.0))),
        ("97 %", "ratio", (97.0, Conversion(0.01))),
    ],
)
def test_a_number_and_its_unit(
    text: str, unit: str, parts: tuple[float, Conversion | None]
) -> None:
    assert measure(text, unit) == parts


@pytest.mark.parametrize("text", ["", "volts", "12 A", "1.2.3 V", "5 V 3 A", "nan", "\u0665 V"])
def test_what_is_no_voltage(text: str) -> None:
    with pytest.raises(ValueError, match="no "):
        measure(text, "V")
