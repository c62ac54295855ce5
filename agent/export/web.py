"""The HTTP application: what is served where, and how errors look.

Nothing here asks a device anything: every answer comes from the store.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus

from aiohttp import web

from agent.errors import AgentError, ConfigError, StoreError
from agent.export import api, events, openapi, past, scrape, stream
from agent.export.answer import BULK, DROPPED, MOST_BULKY, beside, in_time
from agent.export.context import CONTEXT, Context, Reload, UnknownUnit, near_names
from agent.export.facts import AgentView
from agent.export.fragments import all_views
from agent.export.metrics.series import UNIT_SERIES, UnitSeries
from agent.export.site import site
from agent.export.site.error import error_page
from agent.export.site.error import wanted as error_page_wanted
from agent.model import UnitState
from agent.store.history import HistoryStore
from agent.store.live import LiveStore

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Our own scripts and styles and nothing else: none in the page, none from elsewhere.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_SHOWN_NAMES = 5
SILENT_S = 120.0
"""After so long without a whole request a connection is closed; longer than most proxies keep an
idle one, so that it is they who close it."""
LAST_ANSWERS_S = 1.0
"""How long a stop waits for answers that are under way."""


def problem(status: HTTPStatus, detail: str) -> web.Response:
    """Answer with an error as RFC 9457 describes it."""
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
    }
    return web.json_response(body, status=status, content_type="application/problem+json")


@web.middleware
async def errors_as_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn an HTTP error into a problem document, or into a page where a person asks."""
    try:
        return await handler(request)
    except StoreError as error:
        return _told(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error))
    except web.HTTPError as error:
        status, detail = HTTPStatus(error.status), error.text or error.reason
        near: tuple[str, ...] = ()
        if isinstance(error, UnknownUnit):
            near = await beside(partial(near_names, request.app[CONTEXT].store.names, error.unit))
            detail += f"; did you mean {', '.join(near)}?" if near else ""
        response = _told(request, status, detail, near)
        for name in ("Allow", "Retry-After"):
            if name in error.headers:
                response.headers[name] = error.headers[name]
        return response


def _told(
    request: web.Request, status: HTTPStatus, detail: str, near: tuple[str, ...] = ()
) -> web.Response:
    if error_page_wanted(request):
        return error_page(request, status, detail, near)
    return problem(status, detail)


async def add_safety(_request: web.Request, response: web.StreamResponse) -> None:
    """Add the safety headers to every answer."""
    response.headers.update(_HEADERS)


async def healthy(_request: web.Request) -> web.Response:
    """Say that the process serves."""
    return web.Response(text="healthy\n")


async def ready(request: web.Request) -> web.Response:
    """Say whether every unit has been tried once."""
    context = request.app[CONTEXT]
    waiting = [
        view.info.name
        for view in await all_views(context.store, context.mono)
        if view.status.state is UnitState.NEW and view.status.polls == 0
    ]
    if waiting:
        more = ", ..." if len(waiting) > _SHOWN_NAMES else ""
        names = ", ".join(waiting[:_SHOWN_NAMES]) + more
        return problem(
            HTTPStatus.SERVICE_UNAVAILABLE, f"{len(waiting)} units not tried yet: {names}"
        )
    return web.Response(text="ready\n")


async def reload_config(request: web.Request) -> web.Response:
    """Load the configuration again; when it is wrong the old one goes on."""
    context = request.app[CONTEXT]
    if request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
        raise web.HTTPForbidden(text="a page of another site may not reload the agent")
    if context.reload is None:
        raise web.HTTPNotImplemented(text="this agent cannot reload its configuration")
    try:
        await context.reload()
    except ConfigError as error:
        return web.Response(text=f"{error}\n", status=HTTPStatus.BAD_REQUEST)
    except (AgentError, OSError) as error:
        return web.Response(text=f"{error}\n", status=HTTPStatus.INTERNAL_SERVER_ERROR)
    return web.Response(text="reloaded\n")


def make_app(
    store: LiveStore,
    agent: AgentView,
    history: HistoryStore,
    *,
    reload: Reload | None = None,
    mono: Callable[[], float] = time.monotonic,
) -> web.Application:
    """Build the application over what it reads.

    ``reload`` loads the configuration again and raises ``ConfigError`` when it is wrong;
    ``mono`` is the clock that the readings were taken by, in seconds.
    """
    app = web.Application(middlewares=[in_time, errors_as_problems])
    app.on_response_prepare.append(add_safety)
    app[CONTEXT] = Context(store, agent, history, reload, mono)
    app[UNIT_SERIES] = UnitSeries()
    app[scrape.MAKING] = {}
    app[DROPPED] = Counter()
    app[BULK] = asyncio.Semaphore(MOST_BULKY)
    stream.prepare(app)
    site.prepare(app)
    app.add_routes([*site.routes(), *_routes()])
    return app


def _routes() -> list[web.RouteDef]:
    """Give what is served beside the pages."""
    return [
        web.get("/metrics", scrape.metrics),
        web.get("/probe", scrape.probe),
        web.get("/sd", scrape.discovery),
        web.get("/-/healthy", healthy),
        web.get("/-/ready", ready),
        web.post("/-/reload", reload_config),
        web.get("/api/v1/units", api.units),
        web.get("/api/v1/units/{name}", api.unit),
        web.get("/api/v1/units/{name}/history", past.history),
        web.get("/api/v1/units/{name}/history.csv", past.history_csv),
        web.get("/api/v1/units/{name}/series", past.series),
        web.get("/api/v1/units/{name}/estimates", past.estimates),
        web.get("/api/v1/units/{name}/seen", past.seen),
        web.get("/api/v1/units/{name}/readings.csv", past.readings_csv),
        web.get("/api/v1/stream", stream.stream),
        web.get("/api/v1/openapi.json", openapi.openapi),
        web.get("/api/v1/events", events.events),
        web.get("/api/v1/events/telemetry", events.telemetry),
        web.get("/api/v1/shelves", events.shelves),
        web.get("/api/v1/groups", events.groups),
    ]


def make_runner(app: web.Application) -> web.AppRunner:
    """Make what serves ``app``: whoever is silent gives the connection back."""
    return web.AppRunner(
        app, access_log=None, shutdown_timeout=LAST_ANSWERS_S, keepalive_timeout=SILENT_S
    )
