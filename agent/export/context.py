"""What every handler of the HTTP server is given, and how it finds a unit."""

import difflib
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from agent.export.exposition import clean
from agent.export.facts import AgentView
from agent.store.history import HistoryStore
from agent.store.live import LiveStore, UnitView

Reload = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Context:
    """What the handlers read. ``mono`` is the clock of the readings' ages.

    ``boot`` tells one run of the agent from the next: versions of the store start again.
    """

    store: LiveStore
    agent: AgentView
    history: HistoryStore
    reload: Reload | None = None
    mono: Callable[[], float] = time.monotonic
    boot: str = field(default_factory=lambda: secrets.token_hex(4))


_NEAR = 3
_LONGEST_NAME = 100
"""Beyond this a name is none; comparing it with thousands would hold up everything."""
CONTEXT = web.AppKey("context", Context)


def near_names(request: web.Request, name: str | None) -> tuple[str, ...]:
    """Give the units whose names are like ``name``, the nearest first."""
    if name is None or len(name) > _LONGEST_NAME:
        return ()
    return tuple(difflib.get_close_matches(name, request.app[CONTEXT].store.names, n=_NEAR))


def unit_view(request: web.Request, name: str) -> UnitView:
    """Give the view of unit ``name``; an unknown one is a 404 that names its neighbours."""
    context = request.app[CONTEXT]
    try:
        return context.store.view(name, mono_s=context.mono())
    except KeyError:
        near = near_names(request, name)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise web.HTTPNotFound(text=f"no unit {clean(name)!r}{hint}") from None
