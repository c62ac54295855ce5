"""The Fleet page: what is wrong, where, and why; the whole of it without scripts."""

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import urlencode

from aiohttp import web

from agent.export.answer import known, send, unchanged
from agent.export.context import CONTEXT
from agent.export.feed import Feed
from agent.export.site.fleet_live import FleetNews
from agent.export.site.fleet_map import by_place, racks
from agent.export.site.fleet_parts import ROWS, shelf_notes, silent, summary, under_way
from agent.export.site.fleet_row import COLUMNS, ORDER, Row
from agent.export.site.layout import Frame, notices, page, panel, table
from agent.export.site.markup import Child, Html, h
from agent.tasks import Turn

MOST_ROWS = 200
"""Rows of the table at first; a browser takes its time over thousands."""
_RACKS, _ROWS = Html("<!--racks-->"), Html("<!--rows-->")
"""Where the two parts go that grow with the fleet. No text can look like them: it is escaped."""
_FEW_RACKS = 2
"""Up to so many, their map leaves room beside it."""
_FILTERS = ("q", "verdict", "rack", "answers")
NEWS: web.AppKey[FleetNews] = web.AppKey("fleet news", FleetNews)
FEED: web.AppKey[Feed] = web.AppKey("fleet feed", Feed)


async def fleet(request: web.Request) -> web.StreamResponse:
    """Serve the Fleet page; ``q``, ``verdict``, ``rack`` and ``answers`` limit its table.

    It shows the worst only, unless ``all`` of them are asked for.
    """
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
    places = by_place(rows.values())
    chosen = sorted(_chosen(rows, request.query), key=lambda found: (found.rank, found.name))
    shown = chosen if "all" in request.query else chosen[:MOST_ROWS]
    whole = page(
        frame,
        h("h1", "Battery backup units"),
        summary(rows, now_s),
        under_way(context),
        h(
            "div",
            panel("Racks", h("div", _RACKS, class_="map"), _legend()),
            silent(rows, now_s),
            class_="overview few" if len(places) <= _FEW_RACKS else "overview",
        ),
        panel(
            "Units, worst first",
            _filters(list(places), request.query),
            *_table(len(shown), len(chosen), len(rows), request.query),
            class_="wide list",
        ),
    )
    headers = {"Content-Type": "text/html; charset=utf-8"}
    chunks = await _filled(whole, racks(places, notes), (one.html(now_s) for one in shown))
    return await send(request, chunks, headers, etag=etag)


async def _filled(whole: Html, racks: Iterable[Html], rows: Iterable[Html]) -> list[bytes]:
    """Put the two long parts into their places, and give way to others in between."""
    head, _, rest = whole.partition(_RACKS)
    middle, _, foot = rest.partition(_ROWS)
    turn = Turn()
    chunks = [head.encode()]
    for part in (racks, [middle], rows, [foot]):
        for piece in part:
            chunks.append(piece.encode())
            await turn.pause()
    return chunks


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


def _table(rows: int, fitting: int, units: int, query: Mapping[str, str]) -> Iterator[Html]:
    """Give the table with what is said above and below it."""
    count = f"{units} units" if fitting == units else f"{fitting} of {units} units"
    if rows < fitting:
        count += f", the worst {rows} shown"
    yield h("p", count, id="count", role="status")
    yield table(COLUMNS, [_ROWS], class_="cards units", label="All units")
    yield h("p", None if rows else "No unit fits. Empty the search to see all.", id="none")
    everything = urlencode({**{key: query[key] for key in _FILTERS if key in query}, "all": "yes"})
    link = h("a", f"Show all {fitting}", href=f"?{everything}#units")
    yield h("p", link, id="more", hidden=rows == fitting)


def _filters(racks: Sequence[str | None], query: Mapping[str, str]) -> Html:
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
        _choice("Rack", "rack", [rack for rack in racks if rack is not None], query),
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
