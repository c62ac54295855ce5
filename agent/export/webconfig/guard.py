"""Who may ask the HTTP server: it listens, lets users in, and follows its file."""

import asyncio
import logging
import os
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from socket import socket

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from agent.errors import ConfigError
from agent.export.answer import SLOWEST_S
from agent.export.door import Door
from agent.export.webconfig.load import load
from agent.export.webconfig.types import WebConfig
from agent.export.webconfig.users import Busy, Users

log = logging.getLogger(__name__)

_LOOK_S = 1.0
_Stamp = tuple[tuple[int, int, int] | None, ...]


class Guard:
    """Listens as one web configuration says, and as it says then when it changes.

    Everything is behind it, health and readiness included, as with Prometheus's exporters.
    Without a ``path`` it serves plain HTTP to everybody.
    """

    def __init__(self, path: Path | None, config: WebConfig) -> None:
        self._path = path
        self._config = config
        self._users = Users(config.users)
        self._door = Door()
        self._sockets: list[socket] = []
        self._sites: list[web.BaseSite] = []
        self._stamp = _stamp(config.files)
        self._taken = True

    @property
    def up_to_date(self) -> bool | None:
        """Whether it listens as its file says; None where it has none."""
        return None if self._path is None else self._taken

    @property
    def scheme(self) -> str:
        """The scheme of the addresses that it serves."""
        return "http" if self._config.context is None else "https"

    def protect(self, app: web.Application) -> None:
        """Stand before everything in ``app``, which has not started yet."""
        app.middlewares[:0] = [self._door.protect(app, _busy), self._middleware()]
        app.on_response_prepare.append(self._add_headers)

    async def listen(self, runner: web.BaseRunner, host: str, port: int) -> None:
        """Take the address and serve on it; an ``OSError`` where that cannot be."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, host or None, port, start_serving=False)
        taken = [each.dup() for each in server.sockets]
        server.close()
        self._sockets += taken
        self._sites += await _serve(runner, taken, self._config, self._door)

    async def follow(self, runner: web.BaseRunner) -> None:
        """Take changes of the files up until cancelled; a wrong one changes nothing."""
        while self._path is not None:
            await asyncio.sleep(_LOOK_S)
            stamp = await asyncio.to_thread(_stamp, self._config.files)
            if stamp != self._stamp:
                self._stamp = stamp
                self._taken = await self._change(runner, self._path)

    async def _change(self, runner: web.BaseRunner, path: Path) -> bool:
        try:
            config = await asyncio.to_thread(load, path, environ=os.environ)
        except ConfigError as error:
            log.warning("web configuration not reloaded, the old one goes on:\n%s", error)
            return False
        # The queue of new connections is the socket's: none is refused in between.
        try:
            sites = await _serve(runner, self._sockets, config, self._door)
        except OSError as error:
            log.warning("web configuration not taken up, the old one goes on: %s", error)
            return False
        self._users.close()
        self._config, self._users = config, Users(config.users)
        self._stamp = await asyncio.to_thread(_stamp, config.files)
        old, self._sites = self._sites, sites
        for site in old:
            await site.stop()
        for warning in config.warnings:
            log.warning("%s", warning)
        log.info("web configuration reloaded")
        return True

    def close(self) -> None:
        """Let go of the addresses."""
        self._users.close()
        for each in self._sockets:
            each.close()

    async def _add_headers(self, _request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(self._config.headers)

    def _middleware(self) -> Middleware:
        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                admitted = await self._users.admits(request.headers.get("Authorization"))
            except Busy:
                return _busy("too many logins at once")
            if not admitted:
                challenge = {"WWW-Authenticate": 'Basic realm="bbu-agent", charset="UTF-8"'}
                return _refusal(HTTPStatus.UNAUTHORIZED, "sign in as a user of it", challenge)
            return await handler(request)

        return guarded


async def _serve(
    runner: web.BaseRunner, sockets: Iterable[socket], config: WebConfig, door: Door
) -> list[web.BaseSite]:
    """Serve on every socket, or, with an ``OSError``, on none."""
    sites: list[web.BaseSite] = []
    # Behind TLS what was sent may wait where nobody sees it, after the answer is over.
    unread_s = None if config.context is None else SLOWEST_S
    try:
        for each in sockets:
            listening = door.listening(each.dup(), unread_s)
            site = web.SockSite(runner, listening, ssl_context=config.context)
            await site.start()
            sites.append(site)
    except OSError:
        for started in sites:
            await started.stop()
        raise
    return sites


def _busy(why: str) -> web.Response:
    return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, why, {"Retry-After": "5"})


def _refusal(status: HTTPStatus, detail: str, headers: dict[str, str]) -> web.Response:
    body = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    return web.json_response(
        body, status=status, headers=headers, content_type="application/problem+json"
    )


def _stamp(files: Iterable[Path]) -> _Stamp:
    return tuple(_state(path) for path in files)


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
