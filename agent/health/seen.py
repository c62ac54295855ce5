"""Observations as JSON and back, exactly: what a journal holds of them."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from agent.health.observation import Observation

JSON = object

_NAMES = tuple(field.name for field in fields(Observation))


def pack(cells: Sequence[str], observation: Observation) -> dict[str, JSON]:
    """Give an observation of ``cells`` as JSON values; NaN stays NaN."""
    values: list[JSON] = []
    for name in _NAMES:
        value = getattr(observation, name)
        values.append(list(value) if isinstance(value, tuple) else value)
    return {"cells": list(cells), "names": list(_NAMES), "values": values}


def unpack(packed: object) -> tuple[tuple[str, ...], Observation] | None:
    """Give back cells and observation; None for what another version wrote or a disk garbled."""
    if not isinstance(packed, dict):
        return None
    cells, names, values = (packed.get(key) for key in ("cells", "names", "values"))
    if not isinstance(cells, list) or not isinstance(names, list) or not isinstance(values, list):
        return None
    known: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in zip(names, values, strict=False)
        if name in _NAMES
    }
    if not isinstance(known.get("time_s"), int | float) or not _sound(known.get("cells_v"), cells):
        return None
    return tuple(map(str, cells)), Observation(**{"current_a": None, **known})


def _sound(volts: object, cells: list[object]) -> bool:
    return (
        isinstance(volts, tuple)
        and len(volts) == len(cells)
        and all(v is None or isinstance(v, int | float) for v in volts)
    )
