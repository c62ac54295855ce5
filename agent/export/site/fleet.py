"""The Fleet page: what is wrong, where, and why; the whole of it without scripts."""

import hashlib
import time
from collections.abc import Mapping, Sequence

from aiohttp import web

from agent.export.answer import Turn, known, send, unchanged
from agent.export.context import CONTEXT
from agent.export.feed import Feed
from agent.export.site.fleet_live import FleetNews
from agent.export.site.fleet_map import by_place, racks
from agent.export.site.fleet_parts import ROWS, shelf_notes, silent, summary, under_way
from agent.export.site.fleet_row import COLUMNS, ORDER, Row
from agent.export.site.layout import Frame, notices, page, panel, table
from agent.export.site.markup import Child, Html, h

NEWS: web.AppKey[FleetNews] = web.AppKey("fleet news", FleetNews)
FEED: web.AppKey[Feed] = web.AppKey("fleet feed", Feed)


async def fleet(request: web.Request) -> web.StreamResponse:
    """Serve the Fleet page; ``q``, ``verdict``, ``rack`` and ``answers`` limit its table."""
    context = request.app[CONTEXT]
    version = await request.app[NEWS].update()
    etag = f"{context.boot}-{version}-{request.query_string}"
    etag = hashlib.sha256(etag.encode()).hexdigest()[:16]
    if known(request, etag):
        return unchanged(etag)
    rows = await request.app[ROWS].all(context.store, context.mono)
    notes = await shelf_notes(request.app, rows)
    now_s = time.time()
    frame = Frame(
        *("Fleet", "", context.agent.version, now_s),
        stream=f"live/fleet?since={context.boot}-{version}",
        scripts=("live.js", "fleet.js"),
        notices=notices(context),
    )
    chosen = _chosen(rows, request.query)
    turn = Turn()
    body: list[Html] = []
    for one in sorted(chosen, key=lambda found: (found.rank, found.name)):
        await turn.pause()
        body.append(one.html(now_s))
    whole = page(
        frame,
        h("h1", "Battery backup units"),
        summary(rows, now_s),
        under_way(context),
        panel("Racks", racks(by_place(rows.values()), notes), _legend(), class_="wide"),
        silent(rows, now_s),
        _list(rows, request.query, body),
    )
    headers = {"Content-Type": "text/html; charset=utf-8"}
    return await send(request, [whole.encode()], headers, etag=etag)


def _chosen(rows: Mapping[str, Row], query: Mapping[str, str]) -> list[Row]:
    """Give the units that the address asks for, as ``fleet.js`` does in the browser."""
    words = query.get("q", "").casefold().split()
    return [
        one
        for one in rows.values()
        if query.get("verdict") in (None, "", one.verdict)
        and query.get("rack") in (None, "", one.location.rack)
        and query.get("answers") in (None, "", "yes" if one.up else "no")
        and all(word in one.words for word in words)
    ]


def _list(rows: Mapping[str, Row], query: Mapping[str, str], body: Sequence[Html]) -> Html:
    count = f"{len(body)} of {len(rows)}" if len(body) != len(rows) else str(len(rows))
    none = None if body else "No unit fits. Empty the search to see all."
    return panel(
        "Units, worst first",
        _filters(rows, query),
        h("p", f"{count} units shown", id="count", role="status"),
        table(COLUMNS, list(body), class_="cards units", label="All units"),
        h("p", none or "", id="none"),
        id_=None,
        class_="wide list",
    )


def _filters(rows: Mapping[str, Row], query: Mapping[str, str]) -> Html:
    places = list(by_place(rows.values()))
    return h(
        "form",
        _field(
            "Search",
            h(
                "input",
                type="search",
                name="q",
                value=query.get("q") or None,
                placeholder="name, serial, reason",
                autocomplete="off",
            ),
        ),
        _choice("Verdict", "verdict", [str(verdict) for verdict in ORDER], query),
        _choice("Rack", "rack", [rack for rack in places if rack is not None], query),
        _choice("Answers", "answers", ["yes", "no"], query),
        h("button", "Show"),
        h("a", "Show all", href="./#units", class_="quiet"),
        id="units",
        class_="filters",
        role="search",
        action="./#units",
    )


def _field(name: str, control: Child) -> Html:
    return h("label", h("span", name), control)


def _choice(label: str, name: str, values: list[str], query: Mapping[str, str]) -> Html:
    chosen = query.get(name)
    options = [h("option", value, value=value, selected=value == chosen) for value in values]
    return _field(label, h("select", h("option", "any", value=""), options, name=name))


def _legend() -> Html:
    shapes = [h("span", verdict, class_=f"shape {verdict}") for verdict in ORDER]
    return h("p", shapes, h("span", "dashed: does not answer", class_="dashed"), class_="legend")


async def stream(request: web.Request) -> web.StreamResponse:
    """Serve what changes on the Fleet page, as server-sent events."""
    return await request.app[FEED].serve(request)
