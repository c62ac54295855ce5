"""Tables for people: by rich where it is installed and a terminal reads, plain elsewhere."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import click

try:
    from rich.console import Console
    from rich.table import Table
except ImportError:  # the extra "pretty" is not installed
    Console = None  # type: ignore[assignment, misc]

_COLOURS = {"ok": "green", "watch": "yellow", "degraded": "red", "replace": "bold red"}


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, mark: int | None = None
) -> None:
    """Print ``rows`` under ``columns``; ``mark`` is the column that holds a verdict."""
    if Console is not None and sys.stdout.isatty():
        _rich(columns, rows, mark)
        return
    for line in aligned(columns, rows):
        click.echo(line)


def aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Give the lines of a plain table, its columns as wide as they need to be."""
    widths = [max([len(columns[n]), *(len(row[n]) for row in rows)]) for n in range(len(columns))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (columns, *rows)
    ]


def _rich(columns: Sequence[str], rows: Sequence[Sequence[str]], mark: int | None) -> None:
    made = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        style = None if mark is None else _COLOURS.get(row[mark])
        made.add_row(*(cell.replace("[", "\\[") for cell in row), style=style)
    Console().print(made)


def moment(unix_s: float) -> str:
    """Show a time as UTC to the second."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def duration(seconds: float) -> str:
    """Show a duration as people say it: 42 s, 3.5 min, 2.1 h, 12 d."""
    for limit, divisor, unit in ((90, 1, "s"), (5400, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.3g} {unit}"
    return f"{seconds / 86400:.0f} d"
