"""Readings and events as tables: CSV for everybody, Parquet where its library is installed."""

import csv
import importlib
import io
from collections.abc import Sequence
from typing import NamedTuple

from agent.errors import AgentError
from agent.export.harmless import disarmed
from agent.model import Event
from agent.store.records import Point

MOST_POINTS = 500_000
MOST_CELLS = 2_000_000
"""What a table is made of and what it has: 100 columns at 1 Hz are 83 minutes if each reading
changes each second, and 5.5 hours if a quarter of them do."""


class TooLarge(AgentError):  # noqa: N818 - as the others of its tree
    """A table would not be held. ``until_s`` is where a part of it that is would end."""

    def __init__(self, until_s: float) -> None:
        """Keep ``until_s``, in unix seconds."""
        super().__init__(f"only a part up to {until_s:.3f} can be made")
        self.until_s = until_s


class Sheet(NamedTuple):
    """A table: a cell of None is empty."""

    columns: list[str]
    rows: list[list[object]]


def of_points(points: Sequence[Point], *, most_cells: int = MOST_CELLS) -> Sheet:
    """Give one row for each time and one column for each reading.

    A reading that stays as it was is repeated from the row before.

    Raises:
        TooLarge: there are more than ``MOST_POINTS``, or more than ``most_cells`` would be.
    """
    if len(points) > MOST_POINTS:
        raise TooLarge(points[MOST_POINTS].time_s - 0.001)
    at: dict[float, dict[str, object]] = {}
    names: set[str] = set()
    for point in points:
        column = f"{point.quantity}[{point.part}]" if point.part else point.quantity
        names.add(column)
        at.setdefault(point.time_s, {})[column] = point.value
    columns = sorted(names, key=_order)
    times = sorted(at)
    most = max(1, most_cells // (1 + len(columns)))
    if len(times) > most:
        raise TooLarge(times[most - 1])
    held: dict[str, object] = {}
    rows: list[list[object]] = []
    for time_s in times:
        held |= at[time_s]
        rows.append([round(time_s, 3), *(held.get(column) for column in columns)])
    return Sheet(["time_s", *columns], rows)


def of_events(events: Sequence[Event]) -> Sheet:
    """Give one row for each event and one column for each key of their records."""
    keys = sorted({key for event in events for key in event.detail})
    rows: list[list[object]] = [
        [e.unit, e.kind, e.start_s, e.end_s, *(e.detail.get(key) for key in keys)] for e in events
    ]
    return Sheet(["unit", "kind", "start_s", "end_s", *keys], rows)


def _order(column: str) -> tuple[str, int, str]:
    key, _, part = column.partition("[")
    digits = "".join(filter(str.isdigit, part))
    return key, int(digits) if digits else -1, part


def as_csv(sheet: Sheet) -> bytes:
    """Write a table as CSV with a line of names. Times have three digits after the point."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(sheet.columns)
    timed = sheet.columns[0] == "time_s"
    for row in sheet.rows:
        cells = [f"{row[0]:.3f}", *row[1:]] if timed else row
        writer.writerow(["" if cell is None else disarmed(cell) for cell in cells])
    return out.getvalue().encode()


def as_parquet(sheet: Sheet) -> bytes:
    """Write a table as Parquet. A column of more than one type becomes text.

    Raises:
        AgentError: the library is not installed.
    """
    try:
        arrow = importlib.import_module("pyarrow")
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise AgentError("Parquet needs the extra: pip install 'bbu-agent[parquet]'") from None
    columns = [_uniform(list(column)) for column in zip(*sheet.rows, strict=True)]
    columns = columns or [[] for _ in sheet.columns]
    out = arrow.BufferOutputStream()
    parquet.write_table(arrow.table(dict(zip(sheet.columns, columns, strict=True))), out)
    made: bytes = out.getvalue().to_pybytes()
    return made


def _uniform(column: list[object]) -> list[object]:
    sorts = {type(cell) for cell in column if cell is not None}
    if len(sorts) <= 1:
        return column
    return [None if cell is None else str(cell) for cell in column]
