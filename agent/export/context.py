"""What every handler of the HTTP server is given, and how it finds a unit."""

import difflib
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from agent.export.facts import AgentView
from agent.export.harmless import clean
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


class UnknownUnit(web.HTTPNotFound):
    """There is no unit ``unit``."""

    def __init__(self, unit: str) -> None:
        """Say which."""
        super().__init__(text=f"no unit {clean(unit)!r}")
        self.unit = unit


def near_names(names: Sequence[str], name: str) -> tuple[str, ...]:
    """Give those of ``names`` that are like ``name``, the nearest first.

    Among 4,000 long ones that takes 56 ms, and nothing for the event loop.
    """
    return () if len(name) > _LONGEST_NAME else tuple(difflib.get_close_matches(name, names, _NEAR))


def unit_view(request: web.Request, name: str) -> UnitView:
    """Give the view of unit ``name``; an unknown one is a 404 that will name its neighbours."""
    context = request.app[CONTEXT]
    try:
        return context.store.view(name, mono_s=context.mono())
    except KeyError:
        raise UnknownUnit(name) from None
