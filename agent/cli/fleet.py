"""``bbu-agent fleet``: what to replace in the whole fleet, from its central store."""

import csv
import io
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from agent.cli.access import Access, access_options
from agent.cli.central import Central, CentralError
from agent.cli.fleet_rows import WORST, Row, Scope, collect, risk
from agent.cli.output import aligned, duration, format_option
from agent.export.harmless import disarmed
from agent.model import Verdict

EXIT_WORK, EXIT_NO_STORE = 1, 3
_LIST = (Verdict.REPLACE, Verdict.DEGRADED)
_COLUMNS = ["unit", "site", "place", "verdict", "why", "health", "end of life", "margin", "chance"]


def shown(row: Row) -> list[str]:
    """Give the cells of a row for people; empty where nothing is known."""
    place = "/".join(part for part in (row.rack, row.shelf, row.slot) if part)
    health, chance, margin_s = row.state_of_health, row.ride_through_probability, row.margin_s
    verdict = row.verdict if row.answers is not False else f"{row.verdict}, silent"
    sign = "-" if margin_s is not None and margin_s < 0 else "+"
    return [
        *(row.unit, row.site or "", place, verdict, ", ".join(row.reasons)),
        "" if health is None else f"{health * 100:.0f} %",
        "" if row.end_of_life_s is None else _day(row.end_of_life_s),
        "" if margin_s is None else sign + duration(abs(margin_s)),
        "" if chance is None else f"{chance * 100:.0f} %",
    ]


def _day(unix_s: float) -> str:
    try:
        return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d")
    except (OverflowError, OSError, ValueError):
        return ""


def as_dict(row: Row) -> dict[str, Any]:
    """Give a row for programs; units and signs are in the names."""
    return asdict(row) | {"margin_s": row.margin_s, "reasons": list(row.reasons)}


def as_csv(rows: Sequence[Row]) -> str:
    """Give rows as CSV with a header, reasons separated by a semicolon."""
    out = io.StringIO()
    names = [*as_dict(Row("", None))]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        cells = as_dict(row) | {"reasons": "; ".join(row.reasons)}
        writer.writerow([disarmed(cells[name]) for name in names])
    return out.getvalue()


def _print(rows: Sequence[Row], left_out: int, totals: dict[str, int]) -> None:
    lines = aligned(_COLUMNS, [shown(row) for row in rows]) if rows else ["nothing to replace"]
    if left_out:
        lines.append(f"... and {left_out} more; --limit 0 shows all")
    summary = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in totals.items())
    lines += ["", summary]
    text = "\n".join(lines) + "\n"
    if sys.stdout.isatty() and len(lines) >= shutil.get_terminal_size().lines:
        click.echo_via_pager(text)
    else:
        click.echo(text, nl=False)


@click.command()
@click.option(
    "--prometheus",
    "base",
    required=True,
    envvar="BBU_PROMETHEUS_URL",
    show_envvar=True,
    metavar="URL",
    help="The central store: Prometheus, VictoriaMetrics or what answers like them.",
)
@access_options("BBU_PROMETHEUS")
@click.option("--site", help="This site alone.")
@click.option("--rack", help="This rack alone.")
@click.option("--all", "every", is_flag=True, help="Every unit, not only those to replace.")
@click.option(
    "--limit", type=click.IntRange(min=0), default=0, help="The worst so many; 0 is all (default)."
)
@format_option()
def fleet(
    base: str,
    *,
    site: str | None,
    rack: str | None,
    every: bool,
    limit: int,
    form: str,
    **access: Any,  # noqa: ANN401 - the options of Access
) -> None:
    """List what to replace in the fleet and what is at risk, from its central store.

    Units with the verdict replace or degraded, the worst first: reasons, state of health, end of
    life, the margin of the ride-through over what is required (its lower end) and the chance
    to carry the rated load for the required time. Below it the numbers of the whole fleet.

    \b
    Examples:
      bbu-agent fleet --prometheus http://central:9090
      bbu-agent fleet --prometheus https://central --auth-file ops.auth --site ams1
      bbu-agent fleet --format csv > replace.csv        (with BBU_PROMETHEUS_URL set)
    \b
    Exit codes: 0 nothing to replace, 1 something is, 2 wrong use, 3 no store answers.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    if not base.startswith(("http://", "https://")):
        raise click.UsageError("--prometheus is a URL such as http://central:9090")
    central, scope = Central(base, Access(**access).opener()), Scope(site, rack)
    try:
        totals = risk(central, scope)
        rows = collect(central, scope, WORST if every else _LIST)
    except CentralError as error:
        click.echo(f"bbu-agent: {error}", err=True)
        sys.exit(EXIT_NO_STORE)
    if totals["units"] == 0:
        none = f"{central.shown} knows no units{_in(scope)}; does a collector write into it?"
        click.echo(f"bbu-agent: {none}", err=True)
        sys.exit(EXIT_NO_STORE)
    few = rows[:limit] if limit else rows
    if form == "json":
        units = [as_dict(row) for row in few]
        click.echo(json.dumps({"units": units, "fleet": totals}, indent=1, ensure_ascii=False))
    elif form == "csv":
        click.echo(as_csv(few), nl=False)
    else:
        _print(few, len(rows) - len(few), totals)
    if any(row.verdict in _LIST for row in rows):
        sys.exit(EXIT_WORK)


def _in(scope: Scope) -> str:
    parts = (("site", scope.site), ("rack", scope.rack))
    return "".join(f" in the {name} {value}" for name, value in parts if value is not None)
