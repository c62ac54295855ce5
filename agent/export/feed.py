"""What has changed since a moment ago, worked out once for everybody who listens."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from agent.export.answer import cut_off
from agent.export.json import Json
from agent.tasks import begin

log = logging.getLogger(__name__)

TICK_S = 0.5
MOST_CLIENTS = 64
"""Streams served at once; more are refused, for each costs a connection and a queue."""
_MOST_WAITING = 8
"""Messages that may wait for a client; one that falls further behind is dropped."""
_SLOWEST_S = 20.0
"""How long one message may take to leave."""
HEARTBEAT_S = 5.0


class News(Protocol):
    """What a feed tells of. Versions count its changes, from 0."""

    async def update(self) -> int:
        """Look at everything; give the version now."""
        ...

    def since(self, version: int, only: str | None = None) -> Mapping[str, Json]:
        """Give what has changed after ``version``, empty if nothing has; of one unit if asked."""
        ...


class Changes:
    """Remembers at which version each of many things last looked different."""

    def __init__(self) -> None:
        self.version = 0
        self._looks: dict[tuple[str, ...], tuple[object, int]] = {}

    def update(self, looks: Mapping[tuple[str, ...], object]) -> int:
        """Take how everything looks now; what is not in ``looks`` is forgotten."""
        now = self.version + 1
        for name, look in looks.items():
            held = self._looks.get(name)
            if held is None or held[0] != look:
                self._looks[name] = look, now
                self.version = now
        if len(self._looks) > len(looks):
            self._looks = {name: self._looks[name] for name in looks}
            self.version = now
        return self.version

    def after(self, version: int) -> list[tuple[str, ...]]:
        """Name what has changed after ``version``."""
        return [name for name, (_, changed) in self._looks.items() if changed > version]


@dataclass(eq=False, slots=True)
class _Client:
    only: str | None = None
    waiting: asyncio.Queue[bytes | None] = field(
        default_factory=lambda: asyncio.Queue(_MOST_WAITING)
    )

    def offer(self, message: bytes) -> bool:
        try:
            self.waiting.put_nowait(message)
        except asyncio.QueueFull:
            return False
        return True

    def dismiss(self) -> None:
        while not self.waiting.empty():
            self.waiting.get_nowait()
        self.waiting.put_nowait(None)


class Feed:
    """Server-sent events of one sort of news. ``boot`` marks this run of the agent.

    One task looks twice a second for as long as somebody listens; what it finds is made into
    bytes once and goes to all.
    """

    def __init__(self, news: News, boot: str) -> None:
        self._news = news
        self._boot = boot
        self._clients: set[_Client] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def clients(self) -> int:
        """How many listen."""
        return len(self._clients)

    async def close(self) -> None:
        """Send everybody away."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for client in self._clients:
            client.dismiss()

    async def serve(self, request: web.Request, only: str | None = None) -> web.StreamResponse:
        """Send news, of one unit or of all, until the client leaves or is too slow.

        ``since`` (or the header Last-Event-ID, which browsers send) is the id of the last
        message, or the version of the page; what has changed after it comes first.
        """
        if len(self._clients) >= MOST_CLIENTS:
            raise web.HTTPServiceUnavailable(
                text=f"{MOST_CLIENTS} streams are open already; try again later",
                headers={"Retry-After": "30"},
            )
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        if request.method == "HEAD":
            return response
        client = _Client(only)
        self._clients.add(client)  # before it catches up, so that it misses nothing
        self._start()
        try:
            await response.prepare(request)
            await self._catch_up(request, response, only)
            await self._forward(client, response)
        except ConnectionError:
            pass  # it has gone
        except TimeoutError:
            cut_off(request)  # it reads too slowly; the page connects again by itself
        finally:
            self._clients.discard(client)
        return response

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._task = begin(self._run(), "live feed", self._broken)

    async def _catch_up(
        self, request: web.Request, response: web.StreamResponse, only: str | None
    ) -> None:
        last = request.headers.get("Last-Event-ID") or request.query.get("since", "")
        version = await self._news.update()
        identity = f"{self._boot}-{version}"
        boot, _, text = last.partition("-")
        if not last:
            await _write(response, _message("hello", {}, identity))
        elif boot != self._boot or not (text.isascii() and text.isdecimal()):
            # Another run of the agent: nothing of what the client knows counts any more.
            await _write(response, _message("restart", {}, identity))
        else:
            news = self._news.since(int(text[:18]), only)
            await _write(response, _message("news", news, identity))

    async def _forward(self, client: _Client, response: web.StreamResponse) -> None:
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    message = await client.waiting.get()
            except TimeoutError:
                message = b"event: heartbeat\ndata: {}\n\n"
            if message is None:
                return
            await _write(response, message)

    async def _run(self) -> None:
        version = await self._news.update()
        while self._clients:
            await asyncio.sleep(TICK_S)
            before, version = version, await self._news.update()
            if version == before:
                continue
            for only in {client.only for client in self._clients}:
                news = self._news.since(before, only)
                if news:
                    self._tell(only, _message("news", news, f"{self._boot}-{version}"))

    def _broken(self, name: str, error: BaseException) -> None:
        """Send everybody away after an error of ours: a page must not look live and stand still."""
        log.error("the %s met an error of our own; pages connect again", name, exc_info=error)
        for client in self._clients:
            client.dismiss()

    def _tell(self, only: str | None, message: bytes) -> None:
        listening = [client for client in self._clients if client.only == only]
        for client in listening:
            if not client.offer(message):
                self._clients.discard(client)
                client.dismiss()


async def _write(response: web.StreamResponse, message: bytes) -> None:
    async with asyncio.timeout(_SLOWEST_S):
        await response.write(message)


def _message(event: str, data: Mapping[str, Json], identity: str) -> bytes:
    # JSON has no line breaks of its own here, so that one data line holds it all.
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"id: {identity}\nevent: {event}\ndata: {body}\n\n".encode()
