"""Files that ``bbu-agent replay --state-dir`` leaves for the agent to take in."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.errors import StoreError
from agent.model import Event
from agent.store.course import ROW_LENGTH, Course
from agent.store.records import Batch, SavedState

_LARGEST_BYTES = 64 * 1024 * 1024
_AGAIN = "; write it again with bbu-agent replay --state-dir"


def read_import(path: Path) -> Batch:
    """Read one file: ``{"unit", "saved_at", "serial"?, "state": {...}, "events": [...]}``.

    ``course`` holds what was believed before, ``[time_s, {cell: row}]`` each. Times are finite
    unix seconds. What does not fit is a ``StoreError`` that says what and where.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise StoreError(f"{path}: larger than {_LARGEST_BYTES} bytes{_AGAIN}")
        content = json.loads(path.read_text("utf-8"))
        unit = _of(content, "unit", str)
        events = _of(content, "events", list, [])
        course = _of(content, "course", list, [])
        return Batch(
            {unit: _state(content)},
            tuple(_event(unit, event) for event in events),
            course=tuple(_course(unit, entry) for entry in course),
        )
    except (OSError, ValueError, ArithmeticError, RecursionError) as error:
        raise StoreError(f"{path}: {error}{_AGAIN}") from error


def _state(content: Mapping[str, Any]) -> SavedState:
    serial = content.get("serial")
    return SavedState(
        None if serial is None else str(serial),
        float(_of(content, "saved_at", (int, float))),
        _of(content, "state", dict),
    )


def _event(unit: str, content: object) -> Event:
    end = _of(content, "end_s", (int, float, type(None)), None)
    return Event(
        unit,
        _of(content, "kind", str),
        float(_of(content, "start_s", (int, float))),
        None if end is None else float(end),
        _of(content, "detail", dict, {}),
    )


def _course(unit: str, content: object) -> Course:
    match content:
        case [int() | float() as time_s, dict() as cells] if math.isfinite(time_s):
            return Course(unit, float(time_s), {str(c): _row(row) for c, row in cells.items()})
    raise ValueError("course holds pairs of a time and the cells' rows")


def _row(content: object) -> tuple[float, ...]:
    if not isinstance(content, list) or len(content) != ROW_LENGTH:
        raise ValueError(f"a cell's row in course holds {ROW_LENGTH} numbers")
    row = tuple(map(float, content))
    if not all(map(math.isfinite, row)):
        raise ValueError("a cell's row in course is not finite")
    return row


def _of(content: object, key: str, kind: type | tuple[type, ...], *default: Any) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(content, dict):
        raise ValueError(f"an object was expected, not {type(content).__name__}")  # noqa: TRY004 - one kind of error for all of it
    value = content.get(key, *default)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{key} is missing or of the wrong kind")
    if isinstance(value, int | float) and not math.isfinite(value):
        raise ValueError(f"{key} is not finite")
    return value
