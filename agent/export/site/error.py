"""What a person sees where there is no such page."""

import time
from http import HTTPStatus
from urllib.parse import quote

from aiohttp import web

from agent.export.context import CONTEXT
from agent.export.site.layout import Frame, page, panel
from agent.export.site.markup import h


def wanted(request: web.Request) -> bool:
    """Tell whether a person asks, with a browser, for a page."""
    return "text/html" in request.headers.get("Accept", "") and not request.path.startswith("/api/")


def error_page(
    request: web.Request, status: HTTPStatus, detail: str, near: tuple[str, ...] = ()
) -> web.Response:
    """Say what is wrong; ``near`` are units whose names are like the one asked for."""
    depth = max(0, request.path.count("/") - 1)
    frame = Frame(
        *(status.phrase, "error", request.app[CONTEXT].agent.version, time.time()), depth=depth
    )
    links = [
        h("li", h("a", name, href=f"{frame.root}units/{quote(name, safe='')}")) for name in near
    ]
    body = panel(
        "What now",
        h("p", detail),
        links and [h("p", "Units with a name like it:"), h("ul", links)],
        h("p", h("a", "All units", href=frame.root or "./")),
    )
    text = page(frame, h("h1", f"{status.phrase} ({status.value})"), body)
    return web.Response(text=text, status=status, content_type="text/html")
