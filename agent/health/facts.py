"""The battery's facts as JSON, so that what was learnt with them is read with them."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from agent.errors import StoreError
from agent.model import Battery, Chemistry

JSON = object
_CURVES = ("ocv", "resistance_by_soc")


def pack(battery: Battery) -> dict[str, JSON]:
    """Give the known facts as JSON values."""
    known: dict[str, JSON] = {}
    for field in fields(battery):
        value = getattr(battery, field.name)
        if field.name in _CURVES:
            value = None if value is None else [list(point) for point in value]
        if value is not None:
            known[field.name] = value
    return known


def complete(battery: Battery, saved: object) -> Battery:
    """Fill what ``battery`` leaves open from ``saved``. Raises StoreError if it does not fit."""
    if not isinstance(saved, Mapping):
        raise StoreError("the saved battery has another shape")
    try:
        known = _read(saved)
    except (TypeError, ValueError) as error:
        raise StoreError(f"the saved battery cannot be read: {error}") from error
    missing = {
        name: value
        for name, value in known.items()
        if getattr(battery, name) in (None, Chemistry.UNKNOWN)
    }
    return replace(battery, **missing)


def _read(saved: Mapping[str, JSON]) -> dict[str, Any]:
    names = {field.name for field in fields(Battery)} - {"required_seconds", "lot"}
    known: dict[str, Any] = {}
    for name, value in saved.items():
        if name not in names or value is None:
            continue
        if name == "chemistry":
            known[name] = Chemistry(str(value))
        elif name in _CURVES:
            if not isinstance(value, list):
                raise TypeError(f"{name} is no list")
            known[name] = tuple((float(soc), float(number)) for soc, number in value)
        elif name == "cell":
            known[name] = str(value)
        elif isinstance(value, int | float) and value > 0:
            known[name] = int(value) if name in ("series", "parallel") else float(value)
        else:
            raise ValueError(f"{name} is no positive number")
    return known
