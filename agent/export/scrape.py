"""What Prometheus asks for: ``/metrics``, ``/probe`` and ``/sd``."""

import asyncio
import time
import zlib
from collections.abc import Iterable

from aiohttp import web

from agent.export.agent_metrics import add_agent, add_history, add_process
from agent.export.context import CONTEXT, unit_view
from agent.export.event_metrics import add_events, add_places
from agent.export.exposition import (
    OPENMETRICS_TYPE,
    TEXT_TYPE,
    Page,
    clean,
    prefers_openmetrics,
    weight,
)
from agent.export.unit_metrics import add_unit

# The event loop gets its turn between two units or families once this much time has gone by.
_TURN_S = 0.001
_GZIP_LEVEL = 1  # a fifth of the CPU of level 6 at four fifths of its gain
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class _Turn:
    """Lets the event loop run once we have had it for long enough."""

    def __init__(self) -> None:
        self._until = time.perf_counter() + _TURN_S

    async def pause(self) -> None:
        if time.perf_counter() > self._until:
            await asyncio.sleep(0)
            self._until = time.perf_counter() + _TURN_S


async def metrics(request: web.Request) -> web.StreamResponse:
    """Serve every series; ``name[]`` limits them to some names."""
    context = request.app[CONTEXT]
    page = Page(request.query.getall("name[]", ()))
    views = []
    turn = _Turn()
    for name in context.store.names:
        await turn.pause()
        try:
            view = context.store.view(name, mono_s=context.mono())
        except KeyError:
            continue  # a reload took the unit away while others had their turn
        views.append(view)
        add_unit(page, view)
        add_events(page, view, wall_s=time.time())
    shelves, groups = context.store.shelves, context.store.groups
    add_places(page, shelves, views, groups, wall_s=time.time())
    add_agent(page, context.agent)
    add_history(page, context.history)
    add_process(page)
    return await _answer(request, page)


async def probe(request: web.Request) -> web.StreamResponse:
    """Serve the series of one unit."""
    name = request.query.get("unit")
    if name is None:
        raise web.HTTPBadRequest(text="say which unit: /probe?unit=NAME")
    page = Page(request.query.getall("name[]", ()))
    view = unit_view(request, name)
    add_unit(page, view)
    add_events(page, view, wall_s=time.time())
    return await _answer(request, page)


async def _answer(request: web.Request, page: Page) -> web.StreamResponse:
    openmetrics = prefers_openmetrics(request.headers.get("Accept", ""))
    chunks = []
    turn = _Turn()
    for chunk in page.chunks(openmetrics=openmetrics):
        chunks.append(chunk)
        await turn.pause()
    headers = {
        "Content-Type": OPENMETRICS_TYPE if openmetrics else TEXT_TYPE,
        "Vary": "Accept, Accept-Encoding",
    }
    if weight(request.headers.get("Accept-Encoding", ""), "gzip") > 0:
        chunks = await asyncio.to_thread(_zipped, chunks)
        headers["Content-Encoding"] = "gzip"
    # Piece by piece: a large page given as a whole would be copied while all else waits.
    response = web.StreamResponse(headers=headers)
    response.content_length = sum(map(len, chunks))
    await response.prepare(request)
    if request.method != "HEAD":
        for chunk in chunks:
            await response.write(chunk)
    await response.write_eof()
    return response


def _zipped(chunks: Iterable[bytes]) -> list[bytes]:
    packer = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_WINDOW)
    return [*(packer.compress(chunk) for chunk in chunks), packer.flush()]


async def discovery(request: web.Request) -> web.Response:
    """Serve the HTTP service discovery of Prometheus: one target for each unit, all here.

    The target is the address by which we were asked: it is known to reach us.
    """
    context = request.app[CONTEXT]
    groups = []
    for view in context.store.views(mono_s=context.mono()):
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
