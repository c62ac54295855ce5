"""Too many connections and who does not read: the agent holds no more, and can be watched."""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from agent.export import answer
from agent.export.door import Door, _client
from agent.export.facts import Dropped
from agent.export.web import make_runner
from agent.export.webconfig import guard as guard_room
from agent.export.webconfig.guard import Guard
from agent.export.webconfig.types import WebConfig
from tests.unit.export.webconfig.conftest import certificate

_PATIENCE_S = 20.0
MOST, KEPT, UNREAD = 6, 2, 3
LARGE = 16 << 20
CROWD, LONER = "127.0.0.2", "127.0.0.3"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Guarded:
    """A server of ``MOST`` connections: ``/held`` is answered when ``go_on`` is set."""

    port: int = 0
    held: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    clients: list[Streams] = field(default_factory=list)
    dropped: Counter[Dropped] = field(default_factory=Counter)

    async def connect(self, asked: str | None = None, client: str = "127.0.0.1") -> Streams:
        here = (client, 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=here)
        self.clients.append((reader, writer))
        if asked is not None:
            writer.write(f"GET {asked} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return reader, writer

    async def status(self, path: str) -> bytes:
        reader, _ = await self.connect(path)
        async with asyncio.timeout(_PATIENCE_S):
            return (await reader.readline())[9:12]

    async def hold(
        self, number: int, path: str = "/held", client: str = "127.0.0.1"
    ) -> list[Streams]:
        held = []
        for _ in range(number):
            held.append(await self.connect(path, client))
            async with asyncio.timeout(_PATIENCE_S):
                await self.held.get()
        return held

    async def let_go(self, held: list[Streams]) -> None:
        """Let all go on; those ``held`` have their answers."""
        self.go_on.set()
        async with asyncio.timeout(_PATIENCE_S):
            for reader, _ in held:
                assert (await reader.readline())[9:12] == b"200"


@pytest.fixture
async def guarded() -> AsyncIterator[Guarded]:
    here = Guarded()

    async def at_once(request: web.Request) -> web.Response:
        return web.Response(body=bytes(LARGE) if request.query_string else b"here")

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
    guard._door = Door(MOST, KEPT, UNREAD)
    guard.protect(app)
    here.dropped = app[answer.DROPPED]
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
    assert guarded.dropped == {Dropped.WAITING: 2 * MOST + 1}
    # The last of them are still there, and are answered.
    reader, writer = waiting[-1]
    writer.write(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(_PATIENCE_S):
        assert (await reader.readline())[9:12] == b"200"


async def test_while_most_are_busy_only_the_watchers_are_answered(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    held = await guarded.hold(MOST - KEPT)
    for _ in range(3):
        reader, _ = await guarded.connect("/page")
        async with asyncio.timeout(_PATIENCE_S):
            told = await reader.read()
        assert told.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 5\r\n" in told
        assert b'"4 requests are under way already; try again later"' in told
        assert await guarded.status("/metrics") == b"200"
    assert caplog.text.count("answers 503") == 1
    assert guarded.dropped[Dropped.REFUSED] == 3
    await guarded.let_go(held)
    assert await guarded.status("/page") == b"200"


async def is_over(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(_PATIENCE_S):
        with contextlib.suppress(ConnectionResetError):
            while await reader.read(1 << 16):
                pass
    return True


async def test_with_all_of_them_busy_who_has_the_most_makes_room(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    (alone,) = await guarded.hold(1, client=LONER)
    first, *others = await guarded.hold(MOST - KEPT - 1, client=CROWD)
    others += await guarded.hold(KEPT, "/probe", CROWD)
    for _ in range(2):  # who comes may be of the crowd itself
        assert await guarded.status("/metrics") == b"200"
    assert await is_over(first[0])
    assert f"ends one of {MOST - 1} requests of {CROWD}" in caplog.text
    assert guarded.dropped[Dropped.CROWD] == 1
    await guarded.connect("/page", CROWD)
    assert await guarded.status("/metrics") == b"200"
    await guarded.let_go([alone, *others])


async def unread(guarded: Guarded, client: str, path: str = "/metrics") -> Streams:
    """Ask for much, and take no more than the first line of it."""
    reader, writer = await guarded.connect(f"{path}?all", client)
    async with asyncio.timeout(_PATIENCE_S):
        assert (await reader.readline())[9:12] == b"200"
    return reader, writer


async def test_scrapes_that_nobody_reads_are_few(guarded: Guarded) -> None:
    alone, _ = await unread(guarded, LONER)
    crowd = [await unread(guarded, CROWD) for _ in range(MOST)]
    for reader, _ in crowd[: 1 + MOST - UNREAD]:
        assert await is_over(reader)
    assert guarded.dropped == {Dropped.CROWD: 1 + MOST - UNREAD}
    for reader in (alone, crowd[-1][0]):
        async with asyncio.timeout(_PATIENCE_S):
            while (await reader.readline()).strip():
                pass
            assert len(await reader.readexactly(LARGE)) == LARGE


async def test_pages_that_nobody_reads_keep_nobody_from_theirs(guarded: Guarded) -> None:
    alone, _ = await unread(guarded, LONER, "/page")
    crowd = [await unread(guarded, CROWD, "/page") for _ in range(MOST - KEPT - 1)]
    for _ in range(2):
        assert await guarded.status("/page") == b"200"
    assert await is_over(crowd[0][0])
    assert guarded.dropped == {Dropped.CROWD: 1}
    async with asyncio.timeout(_PATIENCE_S):
        while (await alone.readline()).strip():
            pass
        assert len(await alone.readexactly(LARGE)) == LARGE


async def test_of_a_crowd_those_go_first_that_do_not_read(guarded: Guarded) -> None:
    older = await guarded.hold(2)
    reader, _ = await unread(guarded, "127.0.0.1")
    younger = await guarded.hold(MOST - 3, "/probe")
    assert await guarded.status("/metrics") == b"200"
    assert await is_over(reader)
    await guarded.let_go([*older, *younger])


def test_of_ipv6_a_client_is_its_network() -> None:
    assert _client("2001:db8:1:2:aaaa::1") == _client("2001:db8:1:2::2") == "2001:db8:1:2::/64"
    assert _client("fe80::1%eth0") == "fe80::/64"
    assert [_client(each) for each in ("192.0.2.7", "")] == ["192.0.2.7", ""]


async def test_who_does_not_read_a_plain_answer_is_cut_off(monkeypatch: Any) -> None:
    monkeypatch.setattr(answer, "SLOWEST_S", 0.05)
    monkeypatch.setattr(answer, "_SLOWEST_BYTES_PER_S", 1e9)

    cut_off, over = answer.cut_off, asyncio.Event()

    def noted(request: web.Request) -> None:
        cut_off(request)
        over.set()

    monkeypatch.setattr(answer, "cut_off", noted)

    async def large(_request: web.Request) -> web.Response:
        return web.Response(body=bytes(LARGE))

    app = web.Application(middlewares=[answer.in_time])
    app[answer.DROPPED] = Counter()
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
            assert len(await reader.read()) < LARGE
    assert app[answer.DROPPED] == {Dropped.UNREAD: 1}
    writer.close()
    await runner.cleanup()


async def test_behind_tls_too_who_takes_nothing_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_room, "SLOWEST_S", 0.3)
    certificate(tmp_path, "server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    over, ended = asyncio.Event(), asyncio.Event()
    lost = web.RequestHandler.connection_lost

    def noted(handler: Any, error: BaseException | None) -> None:
        lost(handler, error)
        ended.set()

    async def large(request: web.Request) -> web.StreamResponse:
        response = await answer.send(request, [bytes(LARGE)], {})
        over.set()
        return response

    monkeypatch.setattr(web.RequestHandler, "connection_lost", noted)
    # A piece as large as the answer: all of it is held at once.
    monkeypatch.setattr(answer, "_PIECE_BYTES", LARGE)
    app = web.Application()
    app.add_routes([web.get("/", large)])
    guard = Guard(None, WebConfig(context))
    guard.protect(app)
    runner = make_runner(app)
    await runner.setup()
    await guard.listen(runner, "127.0.0.1", 0)
    trust = ssl.create_default_context(cafile=tmp_path / "server.crt")
    port = runner.addresses[0][1]
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await over.wait()
            await ended.wait()
    finally:
        writer.transport.abort()
        await runner.cleanup()
        guard.close()


@pytest.mark.parametrize("whole", [True, False])
async def test_who_leaves_in_the_middle_is_no_error(
    caplog: pytest.LogCaptureFixture, *, whole: bool
) -> None:
    over = asyncio.Event()

    async def large(request: web.Request) -> web.StreamResponse:
        if whole:
            return web.Response(body=bytes(LARGE))
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
