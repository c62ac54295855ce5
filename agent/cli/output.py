"""Tables for people: by rich where it is installed and a terminal reads, plain elsewhere."""

import csv
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from agent.export.harmless import disarmed

try:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text
except ImportError:  # the extra "pretty" is not installed
    Console = None  # type: ignore[assignment, misc]

F = TypeVar("F", bound=Callable[..., Any])
_BAR = 24
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


def format_option(*forms: str) -> Callable[[F], F]:
    """Make the option ``--format`` (as ``form``), by default table, json and csv."""
    chosen = forms or ("table", "json", "csv")
    return click.option(
        "--format",
        "form",
        type=click.Choice(chosen),
        default=chosen[0],
        show_default=True,
        help="For people, or for programs.",
    )


def sheet(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print ``rows`` under ``columns`` as CSV; None is an empty cell.

    A text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([disarmed(value) for value in row] for row in rows)
    click.echo(made.getvalue(), nl=False)


def progress(what: str, done: int, total: int) -> None:
    """Show how far something long is, on standard error where that is a terminal."""
    if sys.stderr.isatty():
        full = _BAR * done // max(total, 1)
        bar = "#" * full + "-" * (_BAR - full)
        click.echo(f"\r{what} [{bar}] {done} of {total}", nl=done >= total, err=True)


def _rich(columns: Sequence[str], rows: Sequence[Sequence[str]], mark: int | None) -> None:
    made = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        style = None if mark is None else _COLOURS.get(row[mark])
        made.add_row(*map(Text, row), style=style)  # never as markup: devices have a say in it
    Console().print(made)


def told(value: object) -> str:
    """Show the value of a reading: yes or no for a flag, a whole number without its point."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)


def percent(interval: Mapping[str, float]) -> str:
    """Show an interval of ratios: 94 % (92 to 96)."""
    estimate, low, high = (interval[key] * 100 for key in ("estimate", "lower", "upper"))
    return f"{estimate:.0f} % ({low:.0f} to {high:.0f})"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Give a number with its noun: 1 unit, 2 units, 3 buses."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def moment(unix_s: float) -> str:
    """Show a time as UTC to the second."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def duration(seconds: float) -> str:
    """Show a duration as people say it: 42 s, 3.5 min, 2.1 h, 12 d."""
    for limit, divisor, unit in ((90, 1, "s"), (5400, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.3g} {unit}"
    return f"{seconds / 86400:.0f} d"
