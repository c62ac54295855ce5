"""``bbu-agent status``: ask a running agent what it knows."""

import json
import sys
from typing import Any
from urllib.parse import quote

import click

from agent.cli.explain import ends_of_life, needs_attention
from agent.cli.output import counted, duration, format_option, percent, sheet, table, told
from agent.cli.remote import agent_options, fetch

_ORDER = {"replace": 0, "degraded": 1, "unknown": 2, "watch": 3, "ok": 4}


def summary_row(unit: dict[str, Any]) -> list[str]:
    """Give the row of one unit: name, place, verdict, health, ride-through, first reasons."""
    location = unit["location"]
    place = "/".join(str(part) for part in location.values() if part is not None)
    health, ride = unit["state_of_health"], unit["ride_through_s"]
    reasons = "; ".join(reason["text"] for reason in unit["reasons"])
    return [
        unit["name"],
        place,
        unit["verdict"],
        percent(health) if health else "",
        f"{duration(ride['estimate'])} (at least {duration(ride['lower'])})" if ride else "",
        reasons,
    ]


def print_units(units: list[dict[str, Any]]) -> None:
    """Print the table of units, the worst first."""
    ordered = sorted(units, key=lambda unit: _ORDER.get(unit["verdict"], 9))
    columns = ["unit", "place", "verdict", "state of health", "ride-through", "why"]
    table(columns, [summary_row(unit) for unit in ordered], mark=2)
    counts: dict[str, int] = {}
    for unit in ordered:
        counts[unit["verdict"]] = counts.get(unit["verdict"], 0) + 1
    click.echo(
        f"\n{counted(len(ordered), 'unit')}: " + ", ".join(f"{n} {v}" for v, n in counts.items())
    )


@click.command()
@click.argument("unit", required=False)
@agent_options
@format_option()
def status(unit: str | None, base: str, form: str) -> None:
    """Show what a running agent knows: all units, or one.

    \b
    Examples:
      bbu-agent status
      bbu-agent status r12-a-1
      bbu-agent status --agent http://10.1.2.3:9877 --format json
      bbu-agent status --format csv > fleet.csv
    \b
    Exit codes: 0 nothing calls for attention, 1 a unit is degraded, to be replaced or does not
    answer, 2 wrong use or no such unit, 3 no agent answers.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    if unit is None:
        answer = fetch(base, "/api/v1/units")
        units = answer["units"]
    else:
        answer = fetch(base, f"/api/v1/units/{quote(unit, safe='')}")
        units = [answer]
    if form == "json":
        click.echo(json.dumps(answer, indent=1, ensure_ascii=False))
    elif form == "csv":
        sheet(*(_fleet_sheet(units) if unit is None else _readings_sheet(answer)))
    elif unit is None:
        print_units(units)
    else:
        _print_unit(answer)
    if any(map(needs_attention, units)):
        sys.exit(1)


def _fleet_sheet(units: list[dict[str, Any]]) -> tuple[list[str], list[list[object]]]:
    """Give columns and rows; ratios are 0 to 1, durations seconds."""
    ends = ("estimate", "lower", "upper")
    intervals = ("state_of_health", "ride_through_s")
    columns = ["unit", "rack", "shelf", "slot", "verdict", "up", "last_success"]
    columns += [f"{name}_{end}" for name in intervals for end in ends]
    rows = []
    for unit in units:
        told = [unit["name"], *unit["location"].values()]
        told += [unit["verdict"], unit["up"], unit["last_success"]]
        told += [(unit[name] or {}).get(end) for name in intervals for end in ends]
        rows.append([*told, "; ".join(reason["text"] for reason in unit["reasons"])])
    return [*columns, "reasons"], rows


def _readings_sheet(unit: dict[str, Any]) -> tuple[list[str], list[list[object]]]:
    columns = ["quantity", "index", "value", "unit", "age_s", "source"]
    return columns, [[row[column] for column in columns] for row in unit["readings"]]


def _print_unit(unit: dict[str, Any]) -> None:
    identity = ", ".join(f"{key} {value}" for key, value in unit["identity"].items())
    click.echo(f"{unit['name']}: {unit['verdict']} ({unit['state']}, {unit['profile']})")
    if identity:
        click.echo(identity)
    for reason in unit["reasons"]:
        click.echo(f"  - {reason['text']}")
    health = unit["health"]
    if health and health["cells"]:
        click.echo()
        rows = [
            [
                cell["cell"],
                cell["verdict"],
                percent(cell["state_of_health"]),
                f"{(cell['resistance_growth']['estimate'] - 1) * 100:+.0f} %",
                cell["basis"],
            ]
            for cell in health["cells"]
        ]
        columns = ["cell", "verdict", "state of health", "resistance", "basis"]
        table(columns, rows, mark=1)
    for line in [] if health is None else ends_of_life(health):
        click.echo(line)
    click.echo()
    table(
        ["reading", "index", "value", "unit", "age", "source"],
        [
            [
                row["quantity"],
                row["index"] or "",
                told(row["value"]),
                row["unit"],
                duration(row["age_s"]),
                row["source"],
            ]
            for row in unit["readings"]
            if not (row["quantity"] == "alarm" and row["value"] is False)
        ],
    )
