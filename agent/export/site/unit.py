"""The Unit page, and the same as a report: one file that is complete in itself."""

import base64
import hashlib
import time
from collections.abc import Callable, Sequence
from urllib.parse import quote

from aiohttp import web

from agent.export.answer import beside, send
from agent.export.context import CONTEXT, Context, unit_view
from agent.export.harmless import file_name
from agent.export.site.assets import content
from agent.export.site.layout import Frame, notices, page, verdict_badge
from agent.export.site.markup import NOTHING, Html, h
from agent.export.site.unit_ageing import ageing
from agent.export.site.unit_cells import cells
from agent.export.site.unit_claims import claims
from agent.export.site.unit_head import figures, verdict
from agent.export.site.unit_past import downloads, happened, history
from agent.export.site.unit_readings import alarms, identity, polling, readings, temperatures
from agent.export.site.words import clock, place
from agent.export.stream import NEWS
from agent.export.verdicts import judge
from agent.model import Event, Shelf
from agent.store.course import Course
from agent.store.live import UnitView

_MOST_EVENTS = 200
_HTML = {"Content-Type": "text/html; charset=utf-8"}


async def unit(request: web.Request) -> web.StreamResponse:
    """Serve the page of one unit; an unknown one is a 404 that lists near names."""
    view = unit_view(request, request.match_info["name"])
    context = request.app[CONTEXT]
    name = view.info.name
    version = await request.app[NEWS].update()
    course, events, now_s = await _past(context, name)
    frame = Frame(
        *(name, "unit", context.agent.version, now_s),
        depth=1,
        stream=f"api/v1/stream?unit={quote(name, safe='')}&since={context.boot}-{version}",
        scripts=("live.js", "uplot.js", "history.js"),
        styles=("style.css", "unit.css", "uplot.css"),
        notices=notices(context),
        refresh=True,
    )
    body = await _body(view, _shelf_of(context, view), course, events, now_s)
    past = (history(view), happened(name, events), downloads(name))
    whole = page(frame, _title(view), body, past)
    return await send(request, [whole.encode()], _HTML)


async def report(request: web.Request) -> web.StreamResponse:
    """Serve the unit's report: the page without anything that it would have to fetch."""
    view = unit_view(request, request.match_info["name"])
    context = request.app[CONTEXT]
    name = view.info.name
    course, events, now_s = await _past(context, name)
    body = await _body(view, _shelf_of(context, view), course, events, now_s)
    style = content("style.css") + content("unit.css")
    foot = h("p", "Written by bbu-agent ", context.agent.version, " on ", clock(now_s), ".")
    whole = h(
        "html",
        h(
            "head",
            h("meta", charset="utf-8"),
            h("meta", name="viewport", content="width=device-width, initial-scale=1"),
            h("title", f"{name}: battery report"),
            h("style", Html(style)),
        ),
        h(
            "body",
            h("main", _title(view), body, happened(name, events, linked=False), foot),
        ),
        lang="en",
    )
    mark = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    headers = {
        **_HTML,
        "Content-Disposition": f'attachment; filename="{file_name(name)}-report.html"',
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{mark}'",
    }
    return await send(request, [f"<!doctype html>\n{whole}".encode()], headers)


async def _past(context: Context, name: str) -> tuple[list[Course], list[Event], float]:
    course = await context.history.course(name)
    events = await context.history.events(unit=name, limit=_MOST_EVENTS)
    return course, events, time.time()


def _shelf_of(context: Context, view: UnitView) -> Shelf | None:
    here = (view.info.location.rack, view.info.location.shelf)
    return next((s for s in context.store.shelves if (s.rack, s.shelf) == here), None)


async def _body(
    view: UnitView,
    shelf: Shelf | None,
    course: Sequence[Course],
    events: Sequence[Event],
    now_s: float,
) -> Html:
    makers: tuple[Callable[[], Html], ...] = (
        lambda: verdict(view),
        lambda: figures(view, shelf, now_s),
        lambda: cells(view),
        lambda: ageing(course, events) if _has_cells(view, course) else NOTHING,
        lambda: claims(view),
        lambda: alarms(view),
        lambda: temperatures(view),
        lambda: identity(view),
        lambda: polling(view),
        lambda: readings(view),
    )
    # Of 4,096 readings the cells alone take 59 ms.
    parts = await beside(lambda: [make() for make in makers])
    return h("div", parts, class_="grid")


def _has_cells(view: UnitView, course: Sequence[Course]) -> bool:
    return bool(course) or (view.health is not None and bool(view.health.cells))


def _title(view: UnitView) -> Html:
    judged, _ = judge(view)
    where = view.info.location
    model = " ".join(
        view.identity[key] for key in ("manufacturer", "model") if key in view.identity
    )
    crumbs = [text for text in (f"rack / shelf / slot: {place(where)}", model) if text]
    return h(
        "div",
        h("h1", view.info.name, " ", verdict_badge(judged)),
        h("p", " · ".join(crumbs), class_="quiet"),
        id="title",
        data_live=True,
    )
