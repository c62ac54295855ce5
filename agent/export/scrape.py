"""What Prometheus asks for: ``/metrics``, ``/probe`` and ``/sd``."""

import asyncio
import time
from typing import NamedTuple

from aiohttp import web

from agent.export.answer import DROPPED, beside, send, takes_zip, zipped
from agent.export.context import CONTEXT, unit_view
from agent.export.fragments import all_views
from agent.export.harmless import clean
from agent.export.metrics.agent import add_agent, add_history, add_http, add_process
from agent.export.metrics.events import add_events
from agent.export.metrics.exposition import OPENMETRICS_TYPE, TEXT_TYPE, Page, prefers_openmetrics
from agent.export.metrics.places import add_places
from agent.export.metrics.series import UNIT_SERIES
from agent.tasks import Turn


class _Form(NamedTuple):
    """How a page is written."""

    openmetrics: bool
    packed: bool


MAKING: web.AppKey[dict[_Form, asyncio.Task[list[bytes]]]] = web.AppKey("making", dict)
"""Pages of all series that are being made."""


async def metrics(request: web.Request) -> web.StreamResponse:
    """Serve every series; ``name[]`` limits them to some names."""
    names = request.query.getall("name[]", ())
    form = _form_for(request)
    if names:
        return await _answer(request, await _made(request.app, Page(names), form), form)
    # Who asks while a page is being made shares it: a crowd costs one page and not hundreds.
    making = request.app[MAKING]
    if form not in making:
        making[form] = asyncio.create_task(_made(request.app, Page(), form), name="scrape")
        making[form].add_done_callback(lambda _: making.pop(form))
    return await _answer(request, await asyncio.shield(making[form]), form)


async def _made(app: web.Application, page: Page, form: _Form) -> list[bytes]:
    context = app[CONTEXT]
    views = []
    series = app[UNIT_SERIES]
    series.keep(context.store.names)
    turn = Turn()
    for name in context.store.names:
        await turn.pause()
        try:
            view = context.store.view(name, mono_s=context.mono())
        except KeyError:
            continue  # a reload took the unit away while others had their turn
        views.append(view)
        series.add(page, view)
        add_events(page, view, wall_s=time.time())
    shelves, wider = context.store.shelves, context.store.wider
    outages = dict(context.store.groups)
    await beside(lambda: add_places(page, shelves, views, outages, wall_s=time.time(), wider=wider))
    add_agent(page, context.agent)
    add_http(page, app[DROPPED])
    add_history(page, context.history)
    add_process(page)
    return await _chunks(page, form)


async def probe(request: web.Request) -> web.StreamResponse:
    """Serve the series of one unit."""
    name = request.query.get("unit")
    if name is None:
        raise web.HTTPBadRequest(text="say which unit: /probe?unit=NAME")
    page = Page(request.query.getall("name[]", ()))
    view = unit_view(request, name)
    request.app[UNIT_SERIES].add(page, view)
    add_events(page, view, wall_s=time.time())
    form = _form_for(request)
    return await _answer(request, await _chunks(page, form), form)


def _form_for(request: web.Request) -> _Form:
    return _Form(prefers_openmetrics(request.headers.get("Accept", "")), takes_zip(request))


async def _chunks(page: Page, form: _Form) -> list[bytes]:
    chunks = []
    turn = Turn()
    for chunk in page.chunks(openmetrics=form.openmetrics):
        chunks.append(chunk)
        await turn.pause()
    return await zipped(chunks) if form.packed else chunks


async def _answer(request: web.Request, chunks: list[bytes], form: _Form) -> web.StreamResponse:
    headers = {
        "Content-Type": OPENMETRICS_TYPE if form.openmetrics else TEXT_TYPE,
        "Vary": "Accept, Accept-Encoding",
    }
    return await send(request, chunks, headers, packed=form.packed)


async def discovery(request: web.Request) -> web.Response:
    """Serve the HTTP service discovery of Prometheus: one target for each unit, all here.

    The target is the address by which we were asked: it is known to reach us.
    """
    context = request.app[CONTEXT]
    groups = []
    for view in await all_views(context.store, context.mono):
        place = view.info.location
        labels = {
            "__metrics_path__": "/probe",
            "__param_unit": view.info.name,
            "instance": view.info.name,
            "rack": clean(place.rack or ""),
            "shelf": clean(place.shelf or ""),
            "slot": clean(place.slot or ""),
        }
        known = {label: value for label, value in labels.items() if value}
        groups.append({"targets": [request.host], "labels": known})
    return web.json_response(groups)
