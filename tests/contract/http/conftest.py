"""A served agent over a real socket, for the tests of what clients may rely on."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

import aiohttp
import pytest
from aiohttp import web

from agent.export.web import make_app, make_runner
from agent.model import Shelf, UnitInfo
from agent.store.history import HistoryStore
from agent.store.live import LiveStore
from tests.still_agent import StillAgent


@dataclass
class Served:
    """A running server; ``now_s`` is the monotonic clock that it shows ages by."""

    store: LiveStore
    history: HistoryStore
    session: aiohttp.ClientSession
    url: str
    app: web.Application
    now_s: float = 100.0
    reloads: int = 0
    reload_error: Exception | None = None

    def get(self, path: str, **options: object) -> "aiohttp.client._RequestContextManager":
        return self.session.get(self.url + path, **options)  # type: ignore[arg-type]


Serve = Callable[[Sequence[UnitInfo], Sequence[Shelf]], Awaitable[Served]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    runners: list[web.AppRunner] = []
    served: list[Served] = []

    async def start(units: Sequence[UnitInfo], shelves: Sequence[Shelf]) -> Served:
        store = LiveStore(units, shelves, stale_after_s=30)
        history = HistoryStore(None)
        session = aiohttp.ClientSession()
        here = Served(store, history, session, "", web.Application())

        async def reload() -> None:
            here.reloads += 1
            if here.reload_error is not None:
                raise here.reload_error

        app = make_app(store, StillAgent(), history, reload=reload, mono=lambda: here.now_s)
        here.app = app
        runner = make_runner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        here.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        runners.append(runner)
        served.append(here)
        return here

    yield start
    for here in served:
        await here.session.close()
        await here.history.close()
    for runner in runners:
        await runner.cleanup()
