"""``bbu-agent events`` and ``bbu-agent outage``: ask a running agent what happened."""

import json
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from agent.cli.output import counted, duration, format_option, moment, sheet, table
from agent.cli.remote import NotGiven, agent_options, fetch, fetch_file, fetch_part
from agent.events.kinds import KINDS, OF_RACK
from agent.export.harmless import file_name

Shown = dict[str, Any]
_DAY_S = 86400.0
_SPANS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": _DAY_S, "w": 7 * _DAY_S}
_NOTHING = 1


def _ago(_context: click.Context, _option: click.Parameter, text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(s|min|h|d|w)", text)
    if found is None:
        raise click.BadParameter(f"{text!r} is no time such as 90min, 12h or 7d")
    return float(found[1]) * _SPANS[found[2]]


@click.command()
@click.option("--unit", help="Only events of this unit.")
@click.option("--rack", help="Only outages of this rack and events of its units.")
@click.option("--group", help="Only events of the units of this configured group.")
@click.option("--kind", type=click.Choice(KINDS), help="Only events of this kind.")
@click.option("--since", "ago_s", default="30d", show_default=True, callback=_ago, help="How far.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@agent_options
@format_option()
def events(
    *,
    unit: str | None,
    rack: str | None,
    group: str | None,
    kind: str | None,
    ago_s: float,
    limit: int,
    base: str,
    form: str,
) -> None:
    """List discharges, self-tests, flickers and outages, the newest first.

    \b
    Examples:
      bbu-agent events
      bbu-agent events --rack r12 --kind outage --since 365d
      bbu-agent events --unit r12-a-1 --format json
    \b
    Exit codes: 0 done, 2 wrong use, 3 no agent answers.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    asked = {"unit": unit, "rack": rack, "group": group, "kind": kind, "limit": limit}
    since = f"{max(0.0, time.time() - ago_s):.3f}"
    if form == "csv":
        click.echo(fetch_file(base, _path("", since=since, format="csv", **asked)), nl=False)
        return
    answer = _ask(base, since=since, **asked)
    if form == "json":
        click.echo(json.dumps({"events": answer}, indent=1, ensure_ascii=False))
        return
    columns = ["start", "unit", "kind", "length", "energy", "lowest cell", "notes"]
    table(columns, [row(event) for event in answer])
    if not answer:
        click.echo(
            "bbu-agent: no event fits; a longer --since looks further back, and bbu-agent status "
            "lists the units with their racks",
            err=True,
        )


def _ask(base: str, **query: object) -> list[Shown]:
    found: list[Shown] = fetch(base, _path("", **query))["events"]
    return found


def _path(below: str, **query: object) -> str:
    given = {key: str(value) for key, value in query.items() if value is not None}
    return f"/api/v1/events{below}?{urlencode(given)}"


def row(event: Shown) -> list[str]:
    """Give the row of one event."""
    detail = event["detail"]
    return [
        moment(event["start_s"]),
        event["unit"],
        event["kind"],
        length(event),
        energy(detail),
        cell(detail),
        notes(event),
    ]


def length(event: Shown) -> str:
    """Say how long an event lasted, with what is not known of it."""
    detail = event["detail"]
    if event["kind"] == "flicker":
        return counted(round(detail.get("count", 1)), "time")
    if "duration_s" not in detail:
        return ""
    off_s = detail.get("start_uncertainty_s", 0.0) + detail.get("end_uncertainty_s", 0.0)
    text = duration(detail["duration_s"])
    return f"{text} (±{off_s:.1g} s)" if off_s >= 0.05 else text  # noqa: PLR2004 - a rounding


def energy(detail: Shown) -> str:
    """Give the energy of an event in watt-hours."""
    return f"{detail['energy_wh']:.1f} Wh" if "energy_wh" in detail else ""


def cell(detail: Shown) -> str:
    """Name the cell that went lowest."""
    if "lowest_cell" not in detail:
        return ""
    return f"{detail['lowest_cell']} at {detail['lowest_cell_v']:.3f} V"


def notes(event: Shown) -> str:
    """Say what else is to be known of an event."""
    detail, found = event["detail"], []
    if event["end_s"] is None and event["kind"] != "flicker":
        found.append("under way")
    if detail.get("lost"):
        lost = detail["lost"]
        found.append("lost under load" if lost is True else f"lost under load: {lost}")
    if "unseen_s" in detail:
        found.append(f"not seen for {duration(detail['unseen_s'])}")
    if "prediction_ratio" in detail:
        covered = "within" if detail["prediction_covered"] else "outside"
        found.append(
            f"predicted {duration(detail['predicted_s'])}, shown {duration(detail['shown_s'])} "
            f"({covered} the interval)"
        )
    return "; ".join(found)


@click.command()
@click.argument("date")
@click.option("--rack", help="Only this rack.")
@click.option(
    "--export",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, writable=True),
    help="Write the readings of each unit's discharge into this folder.",
)
@click.option("--as", "sort", type=click.Choice(["csv", "parquet"]), default="csv")
@agent_options
@format_option()
def outage(
    *, date: str, rack: str | None, folder: Path | None, sort: str, base: str, form: str
) -> None:
    """Show the outages of DATE (2026-11-22, in UTC, or "last"), unit by unit.

    Beside each unit stands its discharge before that one.

    \b
    Examples:
      bbu-agent outage last
      bbu-agent outage 2026-11-22 --rack r12
      bbu-agent outage last --export outage --as parquet
    \b
    Exit codes: 0 done, 1 there was none, or not all of it could be exported, 2 wrong use,
    3 no agent answers.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    found = _outages(base, date, rack)
    if not found:
        said = "is recorded" if date == "last" else f"on {date}"
        click.echo(f"no outage {said}; bbu-agent events lists what is", err=True)
        sys.exit(_NOTHING)
    whole = [(one, _parts(base, one)) for one in found]
    complete = folder is None or _export(base, folder, sort, [p for _, ps in whole for p in ps])
    _show(base, form, whole)
    if not complete:
        sys.exit(_NOTHING)


def _show(base: str, form: str, whole: list[tuple[Shown, list[Shown]]]) -> None:
    if form == "json":
        shown = [{"outage": one, "units": parts} for one, parts in whole]
        click.echo(json.dumps(shown, indent=1, ensure_ascii=False))
        return
    if form == "csv":
        columns = ["outage", "start", "unit", "kind", "length", "energy", "lowest cell", "notes"]
        rows = [[one["unit"], *row(part)] for one, parts in whole for part in parts]
        sheet(columns, rows)
        return
    for one, parts in whole:
        _print(base, one, parts)


def _outages(base: str, date: str, rack: str | None) -> list[Shown]:
    if date == "last":
        return _ask(base, kind="outage", rack=rack, limit=1)
    try:
        begin_s = datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise click.UsageError(f"{date!r} is no date such as 2026-11-22, and not last") from None
    return _ask(base, kind="outage", rack=rack, since=begin_s, until=begin_s + _DAY_S, limit=1000)


def _parts(base: str, outage_: Shown) -> list[Shown]:
    """Give the discharges that make up an outage."""
    begin_s = outage_["start_s"]
    end_s = outage_["end_s"] or time.time()
    rack = outage_["unit"].removeprefix(OF_RACK)
    span = {"since": begin_s - 60, "until": end_s + 1}
    return _ask(base, kind="discharge", rack=rack, limit=1000, **span)


def _export(base: str, folder: Path, sort: str, parts: list[Shown]) -> bool:
    """Write the readings of ``parts`` into ``folder``, one file each; say whether all are there."""
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for part in parts:
        asked = {"unit": part["unit"], "start": part["start_s"], "format": sort}
        path = folder / f"{file_name(part['unit'])}-{part['start_s']:.0f}.{sort}"
        try:
            body = fetch_part(base, _path("/telemetry", **asked))
        except NotGiven as refusal:
            click.echo(f"bbu-agent: {part['unit']}: {refusal}", err=True)
            continue
        path.write_bytes(body)
        written += 1
    missing = len(parts) - written
    left_out = f"; {missing} of {len(parts)} could not be had" if missing else ""
    click.echo(f"{counted(written, 'file')} in {folder}{left_out}", err=True)
    return not missing


def _print(base: str, outage_: Shown, parts: list[Shown]) -> None:
    detail = outage_["detail"]
    click.echo(
        f"{outage_['unit']}  {moment(outage_['start_s'])}  {length(outage_)}  {energy(detail)}  "
        f"{detail.get('units', 0):.0f} units  {notes(outage_)}".rstrip()
    )
    rows = []
    for event in sorted(parts, key=lambda one: str(one["unit"])):
        before = _ask(base, unit=event["unit"], kind="discharge", until=event["start_s"], limit=1)
        earlier = before[0] if before else None
        rows.append([*row(event)[1:2], *row(event)[3:], _earlier(earlier)])
    table(["unit", "length", "energy", "lowest cell", "notes", "before"], rows)
    click.echo()


def _earlier(event: Shown | None) -> str:
    if event is None:
        return ""
    told = [part for part in (length(event), cell(event["detail"])) if part]
    day = moment(event["start_s"])[:10]
    return f"{day}: {', '.join(told)}" if told else day
