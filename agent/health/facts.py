"""The battery's facts as JSON, so that what was learnt with them is read with them."""

from collections.abc import Mapping
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import numpy as np

from agent.errors import StoreError
from agent.health.record import number, numbers
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
        # A power or a step of 0 is one that nobody knows, here as in the engine.
        if name not in names or value is None or value == 0:
            continue
        if name == "chemistry":
            known[name] = Chemistry(str(value))
        elif name in _CURVES:
            if not isinstance(value, list):
                raise TypeError(f"{name} is no list")
            known[name] = _curve(value)
        elif name == "cell":
            known[name] = str(value)
        else:
            positive = number(value, (1e-9, 1e12))
            known[name] = int(positive) if name in ("series", "parallel") else float(positive)
    return known


def _curve(saved: list[object]) -> tuple[tuple[float, float], ...]:
    """Read a curve back, whose states of charge have to rise."""
    points = [numbers(row, 2) for row in saved]
    if any(after[0] < before[0] for before, after in pairwise(points)) or np.isnan(points).any():
        raise ValueError("a curve does not rise")
    return tuple((x, y) for x, y in points)
