"""Quantities as people write them in scenarios: "45 s", "-200 d", "3 kW", "25 degC"."""

import re

_UNITS: dict[str, dict[str, float]] = {
    "duration": {
        "ms": 0.001,
        "s": 1.0,
        "min": 60.0,
        "h": 3600.0,
        "d": 86400.0,
        "weeks": 7 * 86400.0,
        "years": 365.25 * 86400.0,
        "year": 365.25 * 86400.0,
    },
    "power": {"W": 1.0, "kW": 1000.0},
    "temperature": {"degC": 1.0},
    "difference": {"K": 1.0},
    "current": {"A": 1.0, "mA": 0.001},
    "voltage": {"V": 1.0, "mV": 0.001},
}
_SHAPE = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")


def parse_measure(text: object, kind: str) -> float:
    """Give ``text`` in the base unit of ``kind`` (s, W, degC, K, A, V).

    Raises:
        ValueError: it is not a number with a unit of that kind.
    """
    units = _UNITS[kind]
    found = _SHAPE.fullmatch(text) if isinstance(text, str) else None
    if found is None or found[2] not in units:
        example = " or ".join(f'"20 {unit}"' for unit in list(units)[:2])
        raise ValueError(f"is not a {kind}; write a number and a unit, such as {example}")
    return float(found[1]) * units[found[2]]
