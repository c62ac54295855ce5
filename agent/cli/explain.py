"""``bbu-agent explain``: why a unit's verdict is what it is, from a running agent."""

import json
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import click

from agent.cli.output import duration
from agent.cli.status import fetch


@click.command()
@click.argument("unit")
@click.option(
    "--agent",
    "base",
    default="http://127.0.0.1:9877",
    show_default=True,
    envvar="BBU_AGENT_URL",
    help="Address of the running agent.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def explain(unit: str, base: str, form: str) -> None:
    """Say why a unit's verdict is what it is: reasons, evidence, and what was not believed.

    \b
    Example:
      bbu-agent explain r12-a-1
    \b
    Exit codes: 0 the unit is well, 1 it needs attention, 3 no agent answers.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    found = fetch(base, f"/api/v1/units/{quote(unit, safe='')}")
    if form == "json":
        kept = ("name", "verdict", "reasons", "health", "faults")
        shown = {key: found[key] for key in kept}
        click.echo(json.dumps(shown, indent=1, ensure_ascii=False))
    else:
        for line in explained(found):
            click.echo(line)
    if found["verdict"] in ("degraded", "replace"):
        sys.exit(1)


def explained(unit: dict[str, Any]) -> Iterator[str]:
    """Give the explanation of ``unit``, an object of the API, line by line."""
    health = unit["health"]
    yield f"{unit['name']}: {unit['verdict']}"
    yield ""
    yield "Why:"
    reasons = unit["reasons"]
    yield from (f"  - {reason['verdict']}: {reason['text']}" for reason in reasons)
    if not reasons:
        yield "  - nothing speaks against it" if unit["verdict"] == "ok" else "  - nothing is known"
    if health is None:
        yield ""
        yield "Nothing has been estimated yet."
        return
    believed = [f"  - {line}" for line in _believed(health)]
    if believed:
        yield from ("", "What is believed (90 % intervals):", *believed)
    yield ""
    yield f"On what grounds (basis: {health['basis']}, as of {health['updated_at']}):"
    yield from (f"  - {line}" for line in health["evidence"] or ["the device's own word"])
    if unit["faults"]:
        yield ""
        yield "Readings that were refused or not believed:"
        yield from (f"  - {_fault(fault)}" for fault in unit["faults"])


def _believed(health: dict[str, Any]) -> Iterator[str]:
    cells = sorted(health["cells"], key=lambda cell: cell["state_of_health"]["estimate"])
    for cell in cells[:1]:
        yield (
            f"weakest cell {cell['cell']}: {_percent(cell['state_of_health'])} of rated capacity, "
            f"resistance x {_range(cell['resistance_growth'], 2)}, by {cell['basis']}"
        )
    for cell in cells[1:]:
        if cell["verdict"] not in ("ok", "unknown"):
            yield f"cell {cell['cell']}: {_percent(cell['state_of_health'])} of rated capacity"
    ride = health["ride_through_s"]
    if ride is not None:
        low, high = duration(ride["lower"]), duration(ride["upper"])
        chance = health["ride_through_probability"]
        enough = "" if chance is None else f", enough with probability {chance:.2f}"
        yield f"ride-through at rated power: {duration(ride['estimate'])} ({low} to {high}){enough}"
    life = health["end_of_life"]
    if life is not None:
        first, middle, last = (str(life[key])[:10] for key in ("lower", "estimate", "upper"))
        yield f"end of life by capacity: {middle} ({first} to {last})"


def _fault(fault: dict[str, Any]) -> str:
    index = "" if fault["index"] is None else f" {fault['index']}"
    return f"{fault['quantity']}{index}: {fault['reason']} ({fault['raw']}, {fault['source']})"


def _percent(interval: dict[str, float]) -> str:
    estimate, low, high = (interval[key] * 100 for key in ("estimate", "lower", "upper"))
    return f"{estimate:.0f} % ({low:.0f} to {high:.0f})"


def _range(interval: dict[str, float], digits: int) -> str:
    estimate, low, high = (f"{interval[key]:.{digits}f}" for key in ("estimate", "lower", "upper"))
    return f"{estimate} ({low} to {high})"
