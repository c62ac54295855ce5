"""What the agents of one sign-in share on pysnmp: an engine, its tables and its sockets.

An engine costs 50 ms and knows one set of keys per user name. It forgets nothing of an agent: not
its address, and not the copy of a user's keys that it makes for each engine id that an agent
names. So it is given up some seconds after somebody has left, and once a day in any case; who is
still there goes on with a new one.
"""

import asyncio
import socket
from collections.abc import Hashable
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from pyasn1.error import PyAsn1Error
from pysnmp.carrier.asyncio.dgram import udp, udp6
from pysnmp.entity import config
from pysnmp.error import PySnmpError
from pysnmp.hlapi.v3arch.asyncio import SnmpEngine

SETTLE_S = 10.0
"""So long after somebody has left an engine is given up: a reload or a scan lets many go."""
RENEW_S = 86400.0
RECEIVE_BYTES = 8 << 20  # 500 answers at once overflow the default buffer (measured)
HOSTILE = (PySnmpError, PyAsn1Error, ArithmeticError, AttributeError, LookupError, TypeError,
           ValueError)  # fmt: skip
Foreign = Any  # pysnmp has no types


class User(Protocol):
    """Whoever has joined."""

    def step_aside(self) -> None:
        """Leave; at its end, where a request is under way."""
        ...


class Hearing(udp.UdpAsyncioTransport):  # type: ignore[misc] # pysnmp has no types
    """A socket that remembers the last datagram of each agent, to tell garbage from silence."""

    domain: tuple[int, ...] = udp.DOMAIN_NAME

    def __init__(self) -> None:
        super().__init__()
        self.last: dict[tuple[str, int], bytes] = {}

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        """Enlarge the receive buffer as far as the system lets us."""
        wire = transport.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        super().connection_made(transport)

    def datagram_received(self, datagram: bytes, transportAddress: Foreign) -> None:  # noqa: N803
        """Let pysnmp parse, and survive what it does not survive."""
        address = (str(transportAddress[0]), int(transportAddress[1]))
        if address in self.last:
            self.last[address] = datagram
        try:
            self._callback_function(self, transportAddress, datagram)
        except HOSTILE:
            return


class _Hearing6(Hearing):
    """The same for IPv6."""

    domain = udp6.DOMAIN_NAME
    SOCK_FAMILY = udp6.Udp6AsyncioTransport.SOCK_FAMILY
    ADDRESS_TYPE = udp6.Udp6AsyncioTransport.ADDRESS_TYPE

    normalize_address = udp6.Udp6AsyncioTransport.normalize_address


class Shared:
    """One engine with its sockets, and who uses it. ``retired``: nobody joins any more."""

    def __init__(self, pool: dict[Hashable, "Shared"], key: Hashable) -> None:
        self.engine = SnmpEngine()
        self.retired = False
        self._pool = pool
        self._key = key
        self._users: set[User] = set()
        self._sockets: dict[tuple[int, ...], Hearing] = {}
        self._loop = asyncio.get_running_loop()
        self._made_s = self._loop.time()
        self._settling: asyncio.TimerHandle | None = None

    def add(self, user: User) -> None:
        """Take ``user`` in."""
        self._users.add(user)

    def leave(self, user: User) -> None:
        """Let ``user`` go; what was known of it goes with the engine, now or soon."""
        self._users.discard(user)
        if not self._users:
            self.retire()
        elif self._settling is None and not self.retired:
            self._settling = self._loop.call_later(SETTLE_S, self.retire)

    def renew(self) -> None:
        """Retire if it is old."""
        if self._loop.time() - self._made_s > RENEW_S:
            self.retire()

    def retire(self) -> None:
        """Take nobody any more, send away who is there, and end with the last of them."""
        self.retired = True
        if self._pool.get(self._key) is self:
            del self._pool[self._key]
        if self._settling is not None:
            self._settling.cancel()
        users = list(self._users)
        for user in users:
            user.step_aside()
        if not users:
            self.engine.close_dispatcher()

    def hearing(self, family: socket.AddressFamily) -> Hearing:
        """Give the socket for an address family."""
        six = family == socket.AF_INET6
        domain = udp6.DOMAIN_NAME if six else udp.DOMAIN_NAME
        if domain not in self._sockets:
            transport = (_Hearing6() if six else Hearing()).open_client_mode()
            config.add_transport(self.engine, domain, transport)
            self._sockets[domain] = transport
        return self._sockets[domain]

    def forget_engine_id(self, domain: tuple[int, ...], address: tuple[str, int]) -> None:
        """Make the next v3 request to ``address`` ask for the engine id again.

        pysnmp does so by itself after 300 s only, and a device may have been swapped. Both
        attributes are private to it; where they are gone, its own way remains.
        """
        model = self.engine.message_processing_subsystems[3]
        known = getattr(model, "_SnmpV3MessageProcessingModel__engineIdCache", {})
        expiring = getattr(model, "_SnmpV3MessageProcessingModel__engineIdCacheExpQueue", {})
        if known.pop((domain, address), None) is not None:
            for keys in expiring.values():
                keys[:] = [key for key in keys if key != (domain, address)]


_POOLS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Shared]] = WeakKeyDictionary()


def join(key: Hashable, user: User) -> Shared:
    """Give what all of ``key`` share just now, with ``user`` among them."""
    pool = _POOLS.setdefault(asyncio.get_running_loop(), {})
    shared = pool.get(key)
    if shared is None:
        shared = pool[key] = Shared(pool, key)
    shared.add(user)
    return shared
