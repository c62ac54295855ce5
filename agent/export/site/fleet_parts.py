"""The pieces of the Fleet page above its table: counts, shelves, outages, silent units."""

import time
from collections import Counter
from collections.abc import Mapping
from urllib.parse import quote

from aiohttp import web

from agent.events.kinds import OF_RACK
from agent.export.context import CONTEXT, Context
from agent.export.fragments import Fragments
from agent.export.site.advice import MEANINGS
from agent.export.site.fleet_map import Notes, Place, ShelfNotes
from agent.export.site.fleet_row import ORDER, Row
from agent.export.site.layout import panel, table
from agent.export.site.markup import Html, h
from agent.export.site.words import clock, since, span
from agent.tasks import Turn

_SHOWN_SILENT = 50
ROWS: web.AppKey[Fragments[Row]] = web.AppKey("rows", Fragments)
NOTES: web.AppKey[ShelfNotes] = web.AppKey("notes", ShelfNotes)


async def shelf_notes(app: web.Application, rows: Mapping[str, Row]) -> Notes:
    """Say what every configured shelf can count on."""
    context, notes = app[CONTEXT], app[NOTES]
    sitting: dict[Place, list[str]] = {}
    for one in rows.values():
        sitting.setdefault((one.location.rack, one.location.shelf), []).append(one.name)
    found = {}
    turn = Turn()
    for shelf in context.store.shelves:
        await turn.pause()
        place: Place = (shelf.rack, shelf.shelf)
        units = sitting.get(place, [])
        try:
            found[place] = notes.get(context.store, shelf, units, context.mono(), time.time())
        except KeyError:
            continue  # a reload took a unit away while others had their turn
    return found


def summary(rows: Mapping[str, Row], now_s: float) -> Html:
    """Count the verdicts, and say how old the data is."""
    counts = Counter(one.verdict for one in rows.values())
    tiles = [
        h(
            "a",
            h("strong", counts[verdict]),
            h("span", verdict, class_=f"shape {verdict}"),
            h("small", MEANINGS[verdict]),
            href=f"?verdict={verdict}#units",
            class_=f"tile {verdict}{'' if counts[verdict] else ' none'}",
            data_verdict=verdict,
        )
        for verdict in ORDER
    ]
    up = [one for one in rows.values() if one.up]
    ages = [now_s - one.last_ok for one in up if one.last_ok is not None]
    said = [f"{len(up)} of {len(rows)} units answer"]
    if ages:
        said.append(f"the oldest of their answers is {span(max(0.0, *ages))} old")
    waiting = sum(not one.tried for one in rows.values())
    if waiting:
        said.append(f"{waiting} not tried yet")
    if not rows:
        said = ["No unit is configured: add units to the configuration file and reload"]
    return h("div", h("div", tiles, class_="tiles"), h("p", "; ".join(said) + "."), id="summary")


def under_way(context: Context) -> Html:
    """Tell of racks that are on battery just now."""
    found: list[Html] = []
    for name, ledger in sorted(context.store.groups.items()):
        event = ledger.last.get("outage")
        if event is not None and event.end_s is None:
            rack = name.removeprefix(OF_RACK)
            link = h("a", f"Rack {rack} is on battery", href=f"outage?rack={quote(rack, safe='')}")
            found.append(h("p", link, " since ", clock(event.start_s), class_="banner bad"))
    return h("div", found, id="under-way", role="status")


def silent(rows: Mapping[str, Row], now_s: float) -> Html:
    """List the units that do not answer, with the cause of their silence."""
    quiet = sorted(
        (one for one in rows.values() if one.silent_since is not None),
        key=lambda one: (-(one.silent_since or 0.0), one.name),
    )
    if not quiet:
        return h("div", id="silent")
    body = [
        h(
            "tr",
            h("th", h("a", one.name, href=f"units/{quote(one.name, safe='')}"), scope="row"),
            h("td", since(one.silent_since, now_s), data_name="Silent since"),
            h("td", clock(one.last_ok), data_name="Last answer"),
            h("td", one.error or "no fresh answer", data_name="Cause"),
        )
        for one in quiet[:_SHOWN_SILENT]
    ]
    more = len(quiet) - _SHOWN_SILENT
    heads = ("Unit", "Silent since", "Last answer", "Cause")
    return panel(
        f"Not answering ({len(quiet)})",
        table(heads, body, class_="cards", label="Units that do not answer"),
        more > 0 and h("p", h("a", f"and {more} more", href="?answers=no#units")),
        id_="silent",
    )
