"""Observations as JSON and back, exactly: what a journal holds of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from agent.health.observation import Observation

JSON = object

_NAMES = tuple(field.name for field in fields(Observation))


def _number(value: object) -> bool:
    return value is None or isinstance(value, int | float)


def _numbers(value: object) -> bool:
    return isinstance(value, tuple) and all(map(_number, value))


def _text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _mask(value: object) -> bool:
    return value is None or isinstance(value, int)


_KINDS: Mapping[str, Callable[[object], bool]] = {
    "time_s": _number,
    "current_a": _number,
    "cells_v": _numbers,
    "temperatures_c": _numbers,
    "ambient_c": _number,
    "phase": _text,
    "balancing": _mask,
    "bleeding": _mask,
    "reported_soc": _number,
    "reported_soh": _number,
}
"""What each value has to be before it is an observation's."""


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
    if known.get("time_s") is None or "cells_v" not in known:
        return None
    if not all(_KINDS[name](value) for name, value in known.items()):
        return None
    if len(known["cells_v"]) != len(cells):
        return None
    return tuple(map(str, cells)), Observation(**{"current_a": None, **known})
