"""The units that devices write beside their numbers, and how they become the vocabulary's."""

from typing import NamedTuple


class Conversion(NamedTuple):
    """``value * factor + offset`` is in the vocabulary's unit."""

    factor: float
    offset: float = 0.0


_SAME = Conversion(1.0)
_MILLI = Conversion(0.001)
_KELVIN = 273.15

_NAMES: dict[str, dict[Conversion, str]] = {
    "V": {_SAME: "v vdc volt volts voltdc", Conversion(0.1): "dv", _MILLI: "mv"},
    "A": {_SAME: "a adc amp amps ampere amperes", Conversion(0.1): "da", _MILLI: "ma"},
    "W": {_SAME: "w watt watts", Conversion(1000.0): "kw"},
    "Ah": {_SAME: "ah amperehour amp-hours", _MILLI: "mah"},
    "ohm": {_SAME: "ohm ohms", _MILLI: "mohm mohms milliohm", Conversion(1e-6): "uohm microohm"},
    "degC": {
        _SAME: "c degc \N{DEGREE SIGN}c celsius celcius deg",
        Conversion(5 / 9, -160 / 9): "f degf \N{DEGREE SIGN}f fahrenheit",
        Conversion(1.0, -_KELVIN): "k kelvin",
    },
    "s": {
        _SAME: "s sec secs second seconds",
        Conversion(60.0): "m min mins minute minutes",
        Conversion(3600.0): "h hr hrs hour hours",
        Conversion(86400.0): "d day days",
        Conversion(31557600.0): "y year years",
    },
    "ratio": {Conversion(0.01): "% percent pct %rh", _SAME: "ratio"},
}
TARGETS: dict[str, dict[str, Conversion]] = {
    unit: {name: conversion for conversion, names in rows.items() for name in names.split()}
    for unit, rows in _NAMES.items()
}
"""For each unit of the vocabulary the units that become it, in lower case."""


def known(text: str) -> bool:
    """Say whether ``text`` is a unit of any dimension."""
    return any(conversion(text, unit) is not None for unit in TARGETS)


def conversion(text: str, unit: str) -> Conversion | None:
    """Give how ``text`` becomes ``unit``; None if it is of another dimension or unknown."""
    return TARGETS.get(unit, {}).get("".join(text.split()).lower())
