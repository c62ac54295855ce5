"""The runbooks of the alerts: a page is at hand where the site has no way to the internet."""

import time
from functools import cache
from importlib import resources

from aiohttp import web

from agent.export.answer import send
from agent.export.context import CONTEXT
from agent.export.site.layout import Frame, notices, page, panel
from agent.export.site.markup import Child, h
from agent.export.site.prose import prose

_SUFFIX = ".md"


@cache
def runbooks() -> dict[str, str]:
    """Give the text of each runbook by the name of its alert."""
    folder = resources.files("agent.export").joinpath("runbooks")
    return {
        entry.name.removesuffix(_SUFFIX): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(_SUFFIX)
    }


async def runbook(request: web.Request) -> web.StreamResponse:
    """Serve one runbook, as a page to people and as it is written to programs."""
    name = request.match_info["name"].removesuffix(_SUFFIX)
    text = runbooks().get(name)
    if text is None:
        raise web.HTTPNotFound(text="no such runbook; /docs/runbooks/ lists them")
    if "text/html" not in request.headers.get("Accept", ""):
        return web.Response(text=text, content_type="text/markdown", headers={"Vary": "Accept"})
    title, *rest = prose(text, lambda target: target)
    return await _send(request, name, title, panel("Runbook", rest))


async def index(request: web.Request) -> web.StreamResponse:
    """Serve the list of runbooks."""
    links = [h("li", h("a", name, href=f"{name}{_SUFFIX}")) for name in runbooks()]
    return await _send(request, "Runbooks", h("h1", "Runbooks"), h("ul", links))


async def _send(request: web.Request, title: str, *body: Child) -> web.StreamResponse:
    context = request.app[CONTEXT]
    frame = Frame(
        *(title, "runbooks", context.agent.version, time.time()),
        depth=2,
        styles=("style.css", "unit.css"),
        notices=notices(context),
    )
    headers = {"Content-Type": "text/html; charset=utf-8", "Vary": "Accept, Accept-Encoding"}
    return await send(request, [page(frame, *body).encode()], headers)
