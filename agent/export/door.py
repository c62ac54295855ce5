"""How many connections the HTTP server holds, and who gets in when they are taken.

Each is a file and some tens of kilobytes, TLS or not, from the moment that it is accepted. Who
waits without asking anything makes room for who comes; who asks while most are busy is told so,
except for what an agent is watched by.
"""

import contextlib
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

log = logging.getLogger(__name__)

MOST = 256
"""Connections at once: two full sets of streams, and as many again."""
KEPT = 32
"""Of these the last, which answer nothing but ``WATCHED``."""
WATCHED = frozenset({"/metrics", "/probe", "/-/healthy", "/-/ready"})
_TOLD_EVERY_S = 60.0

Refusal = Callable[[str], web.Response]


class Door:
    """Counts connections from all addresses of one server, by their sockets."""

    def __init__(self, most: int = MOST, kept: int = KEPT) -> None:
        self._most = most
        self._kept = kept
        self._open: list[socket.socket] = []
        self._busy: Counter[int] = Counter()
        self._told_s = -_TOLD_EVERY_S

    def listening(self, taken: socket.socket) -> socket.socket:
        """Give ``taken``, which is given away, as a socket that accepts who finds room."""
        return _Listening(self, taken)

    def admits(self, connection: socket.socket) -> bool:
        """Take in a connection that was accepted, in place of the one that waits the longest."""
        self._open = [each for each in self._open if each.fileno() >= 0]
        if len(self._open) >= self._most and not self._make_room():
            self._tell("refuses a connection")
            return False
        self._open.append(connection)
        return True

    def _make_room(self) -> bool:
        waiting = next((each for each in self._open if not self._busy[each.fileno()]), None)
        if waiting is None:
            return False
        self._open.remove(waiting)
        with contextlib.suppress(OSError):
            # Not closed: the event loop holds it, and sees that it has ended.
            waiting.shutdown(socket.SHUT_RDWR)
        return True

    def guarding(self, refusal: Refusal) -> Middleware:
        """Give the middleware that says who is busy; ``refusal`` makes the answer to the others."""

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = request.get_extra_info("socket")
            if connection is None:
                return await handler(request)
            under_way = self._busy.total()
            if under_way >= self._most - self._kept and request.path not in WATCHED:
                self._tell("answers 503")
                response = refusal(f"{under_way} requests are under way already; try again later")
                response.force_close()
                return response
            # A number may be given anew while its last request still goes on: both are busy.
            place = connection.fileno()
            self._busy[place] += 1
            try:
                return await handler(request)
            finally:
                self._busy -= Counter((place,))

        return guarded

    def _tell(self, what: str) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= _TOLD_EVERY_S:
            self._told_s = now_s
            log.warning("the HTTP server %s: %d requests are under way", what, self._busy.total())


class _Listening(socket.socket):
    """A listening socket whose connections go by the door."""

    def __init__(self, door: Door, taken: socket.socket) -> None:
        super().__init__(taken.family, taken.type, taken.proto, fileno=taken.detach())
        self._door = door

    def accept(self) -> tuple[socket.socket, object]:
        """Accept a connection, or say that it was none."""
        connection, address = super().accept()
        if not self._door.admits(connection):
            connection.close()
            raise ConnectionAbortedError
        return connection, address
