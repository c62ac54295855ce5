"""Texts of a number and its unit, as cards print them: "13.6 V", "77 F", "-999.0". Pure."""

import re

from agent.profiles import units
from agent.profiles.units import Conversion

_MEASURE = re.compile(
    r"\s*([-+]?(?:\d{1,18}(?:\.\d{0,12})?|\.\d{1,12}))\s*([A-Za-z%\N{DEGREE SIGN}][^\d]{0,20})?\s*",
    re.ASCII,
)


def measure(text: str, unit: str) -> tuple[float, Conversion | None]:
    """Split ``text`` into its number and how its unit becomes ``unit``; None if it has none.

    Raises:
        ValueError: it is no number, or its unit is of another dimension.
    """
    match = _MEASURE.fullmatch(text)
    if match is None:
        raise ValueError("no number with a unit")
    number = float(match[1])
    if match[2] is None:
        return number, None
    conversion = units.conversion(match[2].rstrip(". "), unit)
    if conversion is None:
        raise ValueError(f"no unit of {unit or 'a plain count'}")
    return number, conversion
