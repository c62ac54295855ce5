"""``bbu-agent explain``: why a unit's verdict is what it is, from a running agent."""

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

import click

from agent.cli.output import duration, format_option, percent
from agent.cli.remote import agent_options, fetch
from agent.export.site.advice import advice
from agent.model import Reason, Verdict

_FAULTS = {
    "refused": ", the device does not have it",
    "sentinel": ", the device's word for not known",
    "implausible": ", outside what can be",
    "undecodable": ", no such value is defined",
    "frozen": ", it stands still",
    "disagrees": ", other readings contradict it",
    "missing": ", not in the answer",
}
"""What the reasons of faults mean, by ``FaultReason``."""


@click.command()
@click.argument("unit")
@agent_options
@format_option("text", "json")
def explain(unit: str, base: str, form: str) -> None:
    """Say why a unit's verdict is what it is, what to do, and which test would tell most.

    Reasons, what is believed of the weakest cells, the evidence for it, the evidence and the
    readings that were not used and why, the unit against its peers, and the next test with
    what it costs.

    \b
    Examples:
      bbu-agent explain r12-a-1
      bbu-agent explain r12-a-1 --format json | jq .health.cells
    \b
    Exit codes: 0 nothing calls for attention, 1 it is degraded, to be replaced or does not
    answer, 2 no such unit, 3 no agent answers.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    found = fetch(base, f"/api/v1/units/{quote(unit, safe='')}")
    ready = readiness(found, fetch(base, "/api/v1/shelves")["shelves"])
    if form == "json":
        kept = ("name", "verdict", "reasons", "health", "faults", "fault_counts")
        shown = {key: found[key] for key in kept} | {"readiness": ready}
        click.echo(json.dumps(shown, indent=1, ensure_ascii=False))
    else:
        for line in explained(found, ready):
            click.echo(line)
    if needs_attention(found):
        sys.exit(1)


def needs_attention(unit: dict[str, Any]) -> bool:
    """Whether ``unit`` is degraded, to be replaced, or does not answer."""
    return unit["verdict"] in ("degraded", "replace") or not unit["up"]


def readiness(unit: dict[str, Any], shelves: list[dict[str, Any]]) -> str | None:
    """Say what a test of ``unit`` would leave of its shelf; None where it is in none."""
    place = (unit.get("rack"), unit.get("shelf"))
    for one in shelves:
        if (one["rack"], one["shelf"]) == place:
            spare = one["ready"] - one["required"]
            state = f"its shelf has {one['ready']} ready units and requires {one['required']}"
            if spare > 0:
                return f"{state}: it can spare this one for the test"
            return f"{state}: a test now would leave too few; let another unit come first"
    return None


def explained(unit: dict[str, Any], ready: str | None = None) -> Iterator[str]:
    """Give the explanation of ``unit``, an object of the API, line by line.

    ``ready`` is what a test would leave of its shelf.
    """
    health = unit["health"]
    yield f"{unit['name']}: {unit['verdict']}"
    yield ""
    yield "Why:"
    reasons = unit["reasons"]
    yield from (f"  - {reason['verdict']}: {reason['text']}{_since(reason)}" for reason in reasons)
    if not reasons:
        yield f"  - {_without_reasons(unit)}"
    yield from _listed("What to do:", _to_do(unit))
    if health is None:
        yield ""
        yield "Nothing has been estimated yet."
        return
    yield from _listed("What is believed (90 % intervals):", _believed(health))
    yield ""
    yield f"On what grounds (basis: {health['basis']}, as of {health['updated_at']}):"
    yield from (f"  - {line}" for line in health["evidence"] or ["the device's own word"])
    yield from _listed("Evidence that was not used:", map(_rejected, health["rejected"]))
    yield from _listed("Against its peers:", _peers(health["peers"]))
    advice = health["next_test_advice"]
    if advice is not None:
        yield from _listed("Next test:", [advice["text"], *([] if ready is None else [ready])])
    counts = {(row["quantity"], row["reason"]): row["count"] for row in unit["fault_counts"]}
    told = [_fault(fault, counts) for fault in unit["faults"]]
    yield from _listed("Readings that were refused or not believed:", told)


def _without_reasons(unit: dict[str, Any]) -> str:
    if unit["verdict"] == "ok":
        return "nothing speaks against it"
    told = unit["health"] is not None and unit["health"]["cells"]
    return "no evidence yet, only what age and chemistry let expect" if told else "nothing is known"


def _since(reason: dict[str, Any]) -> str:
    # An agent of an older version does not tell.
    since = reason.get("since")
    return "" if since is None else f" (believed since {since[:10]})"


def _to_do(unit: dict[str, Any]) -> Iterable[str]:
    reasons = (
        Reason(reason["code"], reason["text"], verdict=Verdict(reason["verdict"]))
        for reason in unit["reasons"]
    )
    return advice(Verdict(unit["verdict"]), reasons)


def _listed(title: str, lines: Iterable[str]) -> Iterator[str]:
    lines = list(lines)
    if lines:
        yield from ("", title, *(f"  - {line}" for line in lines))


def _rejected(one: dict[str, Any]) -> str:
    many = "" if one["times"] == 1 else "s"
    last = str(one["last"])[:10]
    return f"{one['times']} {one['what']}{many}, last on {last}: {one['why']}"


def _peers(scores: list[dict[str, Any]]) -> Iterator[str]:
    """Each measure once, where the unit stands worst; all of it is in the API."""
    worst: dict[str, dict[str, Any]] = {}
    for score in scores:
        held = worst.get(score["measure"])
        if held is None or score["score"] > held["score"]:
            worst[score["measure"]] = score
    yield from (str(score["text"]) for score in worst.values())


def _believed(health: dict[str, Any]) -> Iterator[str]:
    cells = sorted(health["cells"], key=lambda cell: cell["state_of_health"]["estimate"])
    for cell in cells[:1]:
        yield (
            f"weakest cell {cell['cell']}: {percent(cell['state_of_health'])} of rated capacity, "
            f"resistance x {_range(cell['resistance_growth'], 2)}, by {cell['basis']}"
        )
    for cell in cells[1:]:
        if cell["verdict"] not in ("ok", "unknown"):
            yield f"cell {cell['cell']}: {percent(cell['state_of_health'])} of rated capacity"
    ride = health["ride_through_s"]
    if ride is not None:
        low, high = duration(ride["lower"]), duration(ride["upper"])
        chance = health["ride_through_probability"]
        enough = "" if chance is None else f"; long enough with probability {chance:.2f}"
        yield f"ride-through at rated power: {duration(ride['estimate'])} ({low} to {high}){enough}"
    yield from ends_of_life(health)


def ends_of_life(health: dict[str, Any]) -> Iterator[str]:
    """Say when the unit's life ends, by capacity and by ride-through, as far as that is known."""
    now = str(health["updated_at"])[:10]
    for key, what in (
        ("end_of_life", "capacity (70 % of rated)"),
        ("end_of_life_by_ride_through", "ride-through (usual charge, rated power)"),
    ):
        # An agent of an older version does not tell all of them.
        life = health.get(key)
        told = health.get(f"{key}_unknown") if life is None else _dates(life, now)
        if told is not None:
            yield f"end of life by {what}: {told}"


def _dates(life: dict[str, str], today: str) -> str:
    first, middle, last = (_when(life[key], today) for key in ("lower", "estimate", "upper"))
    return middle if first == middle == last else f"{middle} ({first} to {last})"


def _when(moment: str, today: str) -> str:
    """Give a time that is to come to the month: nobody knows a day of 2031."""
    return "already" if moment[:10] <= today else moment[:7]


def _fault(fault: dict[str, Any], counts: dict[tuple[str, str], int]) -> str:
    index = "" if fault["index"] is None else f" {fault['index']}"
    times = counts.get((fault["quantity"], fault["reason"]))
    often = "" if times is None else f"; {times} in all of this quantity"
    why = _FAULTS.get(fault["reason"], "")
    where = f"{fault['raw']}, {fault['source']}"
    return f"{fault['quantity']}{index}: {fault['reason']}{why} ({where}){often}"


def _range(interval: dict[str, float], digits: int) -> str:
    estimate, low, high = (f"{interval[key]:.{digits}f}" for key in ("estimate", "lower", "upper"))
    return f"{estimate} ({low} to {high})"
