"""Too many connections and who does not read: the agent holds no more, and can be watched."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from agent.export import answer
from agent.export.door import Door
from agent.export.web import make_runner
from agent.export.webconfig.guard import Guard
from agent.export.webconfig.types import WebConfig

_PATIENCE_S = 20.0
MOST, KEPT = 6, 2

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Guarded:
    """A server of ``MOST`` connections: ``/held`` is answered when ``go_on`` is set."""

    port: int = 0
    held: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    clients: list[Streams] = field(default_factory=list)

    async def connect(self, asked: str | None = None) -> Streams:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.clients.append((reader, writer))
        if asked is not None:
            writer.write(f"GET {asked} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return reader, writer

    async def status(self, path: str) -> bytes:
        reader, _ = await self.connect(path)
        async with asyncio.timeout(_PATIENCE_S):
            return (await reader.readline())[9:12]

    async def hold(self, number: int, path: str = "/held") -> None:
        for _ in range(number):
            await self.connect(path)
            async with asyncio.timeout(_PATIENCE_S):
                await self.held.get()

    async def let_go(self, number: int) -> None:
        """Let the first ``number`` have their answers."""
        self.go_on.set()
        async with asyncio.timeout(_PATIENCE_S):
            for reader, _ in self.clients[:number]:
                assert (await reader.readline())[9:12] == b"200"


@pytest.fixture
async def guarded() -> AsyncIterator[Guarded]:
    here = Guarded()

    async def at_once(_request: web.Request) -> web.Response:
        return web.Response(text="here")

    async def held(_request: web.Request) -> web.Response:
        here.held.put_nowait(None)
        await here.go_on.wait()
        return web.Response(text="at last")

    app = web.Application(middlewares=[answer.in_time])
    app.add_routes(
        [web.get("/metrics", at_once), web.get("/page", at_once), web.get("/held", held)]
    )
    app.add_routes([web.get("/probe", held)])
    guard = Guard(None, WebConfig())
    guard._door = Door(MOST, KEPT)
    guard.protect(app)
    runner = make_runner(app)
    await runner.setup()
    await guard.listen(runner, "127.0.0.1", 0)
    here.port = runner.addresses[0][1]
    yield here
    here.go_on.set()
    for _, writer in here.clients:
        writer.close()
    await runner.cleanup()
    guard.close()


async def test_who_only_waits_makes_room_the_oldest_first(guarded: Guarded) -> None:
    waiting = [await guarded.connect() for _ in range(3 * MOST)]
    assert await guarded.status("/metrics") == b"200"
    async with asyncio.timeout(_PATIENCE_S):
        ended = [await reader.read() for reader, _ in waiting[: 2 * MOST + 1]]
    assert set(ended) == {b""}
    # The last of them are still there, and are answered.
    reader, writer = waiting[-1]
    writer.write(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(_PATIENCE_S):
        assert (await reader.readline())[9:12] == b"200"


async def test_while_most_are_busy_only_the_watchers_are_answered(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    await guarded.hold(MOST - KEPT)
    for _ in range(3):
        reader, _ = await guarded.connect("/page")
        async with asyncio.timeout(_PATIENCE_S):
            told = await reader.read()
        assert told.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 5\r\n" in told
        assert b'"4 requests are under way already; try again later"' in told
        assert await guarded.status("/metrics") == b"200"
    assert caplog.text.count("answers 503") == 1
    await guarded.let_go(MOST - KEPT)
    assert await guarded.status("/page") == b"200"


async def test_with_all_of_them_busy_nobody_else_gets_in(guarded: Guarded) -> None:
    await guarded.hold(MOST - KEPT)
    await guarded.hold(KEPT, "/probe")
    reader, _ = await guarded.connect("/metrics")
    async with asyncio.timeout(_PATIENCE_S):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    await guarded.let_go(MOST)


async def test_who_does_not_read_a_plain_answer_is_cut_off(monkeypatch: Any) -> None:
    monkeypatch.setattr(answer, "SLOWEST_S", 0.05)
    monkeypatch.setattr(answer, "_SLOWEST_BYTES_PER_S", 1e9)

    cut_off, over = answer._cut_off, asyncio.Event()

    def noted(request: web.Request) -> None:
        cut_off(request)
        over.set()

    monkeypatch.setattr(answer, "_cut_off", noted)

    async def large(_request: web.Request) -> web.Response:
        return web.Response(body=bytes(16 << 20))

    app = web.Application(middlewares=[answer.in_time])
    app.add_routes([web.get("/", large)])
    runner = make_runner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", runner.addresses[0][1])
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(_PATIENCE_S):
        await reader.readline()
        await over.wait()
        with contextlib.suppress(ConnectionResetError):
            assert len(await reader.read()) < 16 << 20
    writer.close()
    await runner.cleanup()


@pytest.mark.parametrize("whole", [True, False])
async def test_who_leaves_in_the_middle_is_no_error(
    caplog: pytest.LogCaptureFixture, *, whole: bool
) -> None:
    over = asyncio.Event()

    async def large(request: web.Request) -> web.StreamResponse:
        if whole:
            return web.Response(body=bytes(16 << 20))
        return await answer.send(request, [bytes(1 << 20)] * 16, {})

    @web.middleware
    async def noted(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        finally:
            over.set()

    app = web.Application(middlewares=[noted, answer.in_time])
    app.add_routes([web.get("/", large)])
    runner = make_runner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    reader, writer = await asyncio.open_connection("127.0.0.1", runner.addresses[0][1])
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(_PATIENCE_S):
        await reader.readline()
        writer.transport.abort()
        await over.wait()
    await runner.cleanup()
    assert caplog.records == []
