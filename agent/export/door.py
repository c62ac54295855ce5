"""How many connections the HTTP server holds, and who gets in when they are taken.

Each is a file and some tens of kilobytes, TLS or not, from the moment that it is accepted. Who
waits without asking anything makes room for who comes; who asks while most are busy is told so,
except for what an agent is watched by. Before that the client with the most of them gives one up,
the oldest that it does not read: a crowd of slow readers locks out itself and nobody else.
"""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from agent.export.answer import DROPPED, reset
from agent.export.facts import Dropped

log = logging.getLogger(__name__)

MOST = 256
"""Connections at once: two full sets of streams, and as many again."""
KEPT = 32
"""Of these the last, which answer nothing but ``WATCHED``."""
WATCHED = frozenset({"/metrics", "/probe", "/-/healthy", "/-/ready"})
SCRAPE = "/metrics"
MOST_UNREAD = 16
"""Answers to ``SCRAPE`` that wait for who asked: megabytes each for as long as they do."""
_TOLD_EVERY_S = 60.0
_NETWORK_BYTES = 8
"""Of an IPv6 address: the rest of it a client chooses at will (RFC 4291, 2.5.4)."""

_UNREAD: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)
"""How tcp(7) is told how long what was sent may wait for its reader; Linux alone knows it."""

Refusal = Callable[[str], web.Response]


@dataclass(frozen=True, eq=False, slots=True)
class _Request:
    """A request under way: from which ``client``, on the socket of number ``place``."""

    client: str
    place: int
    path: str
    transport: asyncio.Transport

    @property
    def waits(self) -> bool:
        """Whether it waits for its client, who has not taken all that was sent."""
        return self.transport.get_write_buffer_size() > 0


class Door:
    """Counts connections from all addresses of one server, by their sockets."""

    def __init__(self, most: int = MOST, kept: int = KEPT, unread: int = MOST_UNREAD) -> None:
        self._most = most
        self._kept = kept
        self._unread = unread
        self._open: list[socket.socket] = []
        self._under_way: dict[_Request, None] = {}
        self._dropped: Counter[Dropped] = Counter()
        self._told_s = -_TOLD_EVERY_S

    def listening(self, taken: socket.socket, unread_s: float | None = None) -> socket.socket:
        """Give ``taken``, which is given away, as a socket that accepts who finds room.

        The kernel ends a connection of it whose client takes nothing for ``unread_s``.
        """
        return _Listening(self, taken, unread_s)

    def protect(self, app: web.Application, refusal: Refusal) -> Middleware:
        """Give the middleware that says who is busy; ``refusal`` makes the answer to the others.

        ``app`` counts from now on what is dropped here.
        """
        self._dropped = app[DROPPED] = app.get(DROPPED, Counter())

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection, transport = request.get_extra_info("socket"), request.transport
            if connection is None or transport is None:
                return await handler(request)
            if request.path == SCRAPE:
                self._end_unread()
            if not self._finds_room(request.path):
                response = refusal(
                    f"{len(self._under_way)} requests are under way already; try again later"
                )
                response.force_close()
                return response
            client = _client(request.remote or "")
            # A number may be given anew while its last request still goes on: both are busy.
            entered = _Request(client, connection.fileno(), request.path, transport)
            self._under_way[entered] = None
            try:
                return await handler(request)
            finally:
                self._under_way.pop(entered, None)

        return guarded

    def _end_unread(self) -> None:
        unread = [each for each in self._under_way if each.path == SCRAPE and each.waits]
        while len(unread) >= self._unread:
            unread.remove(self._end_one(unread))

    def _finds_room(self, path: str) -> bool:
        if path in WATCHED or len(self._under_way) < self._most - self._kept:
            return True
        unread = [each for each in self._under_way if each.waits]
        if unread:
            self._end_one(unread)
            return True
        self._dropped[Dropped.REFUSED] += 1
        self._tell("answers 503")
        return False

    def admits(self, connection: socket.socket) -> None:
        """Take in a connection that was accepted, in place of another if all are taken."""
        self._open = [each for each in self._open if each.fileno() >= 0]
        if len(self._open) >= self._most:
            self._make_room()
        self._open.append(connection)

    def _make_room(self) -> None:
        busy = {each.place for each in self._under_way}
        waiting = next((each for each in self._open if each.fileno() not in busy), None)
        if waiting is None:
            place = self._end_one([*self._under_way]).place
            self._open = [each for each in self._open if each.fileno() != place]
            return
        self._dropped[Dropped.WAITING] += 1
        self._open.remove(waiting)
        with contextlib.suppress(OSError):
            # Not closed: the event loop holds it, and sees that it has ended.
            waiting.shutdown(socket.SHUT_RDWR)

    def _end_one(self, among: Sequence[_Request]) -> _Request:
        """End and give one of who has the most ``among`` them, the oldest that it does not read."""
        shares = Counter(each.client for each in among)
        chosen = max(among, key=lambda each: (shares[each.client], each.waits))
        self._dropped[Dropped.CROWD] += 1
        self._tell(f"ends one of {shares[chosen.client]} requests of {chosen.client}")
        del self._under_way[chosen]
        reset(chosen.transport)
        return chosen

    def _tell(self, what: str) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= _TOLD_EVERY_S:
            self._told_s = now_s
            log.warning("the HTTP server %s: %d requests are under way", what, len(self._under_way))


def _client(address: str) -> str:
    """Give what stands for the client at ``address``: of IPv6 its network."""
    with contextlib.suppress(ValueError):
        found = ipaddress.ip_address(address)
        if isinstance(found, ipaddress.IPv6Address):
            network = ipaddress.IPv6Address(found.packed[:_NETWORK_BYTES].ljust(16, b"\0"))
            return f"{network}/64"
    return address


class _Listening(socket.socket):
    """A listening socket whose connections go by the door."""

    def __init__(self, door: Door, taken: socket.socket, unread_s: float | None) -> None:
        super().__init__(taken.family, taken.type, taken.proto, fileno=taken.detach())
        self._door = door
        self._unread_s = unread_s

    def accept(self) -> tuple[socket.socket, object]:
        """Accept a connection."""
        connection, address = super().accept()
        if self._unread_s is not None and _UNREAD is not None:
            connection.setsockopt(socket.IPPROTO_TCP, _UNREAD, round(self._unread_s * 1000))
        self._door.admits(connection)
        return connection, address
