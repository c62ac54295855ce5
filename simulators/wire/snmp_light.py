"""A light SNMP agent for v1 and v2c: hundreds of devices in one process."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simulators.maps.objects import Item, Oid, Syntax
from simulators.wire import ber
from simulators.wire.agent_faults import AgentWire, Tree, TreeError
from simulators.wire.faults import WireFault, WireFaultKind

_TAGS = {
    Syntax.INTEGER: 0x02,
    Syntax.GAUGE: 0x42,
    Syntax.TICKS: 0x43,
    Syntax.COUNTER: 0x41,
    Syntax.COUNTER64: 0x46,
    Syntax.TEXT: 0x04,
    Syntax.ADDRESS: 0x40,
    Syntax.OPAQUE: 0x44,
    Syntax.OID: 0x06,
    Syntax.NULL: 0x05,
}
_GET, _NEXT, _RESPONSE, _BULK = 0xA0, 0xA1, 0xA2, 0xA5
_NO_INSTANCE, _END_OF_VIEW = bytes((0x81, 0)), bytes((0x82, 0))
_TOO_BIG, _NO_SUCH_NAME, _GEN_ERR = 1, 2, 5
_MOST_OCTETS = 1472  # one Ethernet frame; what cards with little memory answer at most
_HEADROOM = 64
_MOST_REPEATS = 200
_EMPTY = ber.wrap(ber.NULL, b"")


@dataclass(frozen=True, slots=True)
class _Request:
    """A request that was understood. ``first`` and ``second`` are the two numbers of its PDU."""

    version: int
    kind: int
    number: int
    first: int
    second: int
    names: tuple[Oid, ...]
    binds: bytes


class LightAgent(asyncio.DatagramProtocol):
    """One device on a UDP port of its own, read with ``community`` by v1 and v2c.

    ``wire`` holds what goes wrong on its way.
    """

    def __init__(self, tree: Tree, community: str, wire: AgentWire | None = None) -> None:
        self._tree = tree
        self._community = community.encode()
        self._wire = wire
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen, and give the port (``port`` 0 takes a free one)."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(host, port)
        )
        return int(self._transport.get_extra_info("sockname")[1])

    def stop(self) -> None:
        """Close the port."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a request; what is none, or knows not the community, gets no answer."""
        transport = self._transport
        if transport is None:
            return
        found = {} if self._wire is None else self._wire.hit()
        if WireFaultKind.SILENT in found:
            return
        try:
            request = self._understand(data)
        except ValueError:
            return
        if request is None:
            return
        answer = self._answer(request, found)

        def send(datagram: bytes) -> None:
            if not transport.is_closing():
                transport.sendto(datagram, addr)

        if self._wire is None or not found:
            send(answer)
        else:
            self._wire.send(found, answer, send)

    def _understand(self, data: bytes) -> _Request | None:
        """Take a message apart; None if it is not for us.

        Raises:
            ValueError: it is not SNMP.
        """
        _, body, _ = ber.take(data)
        (_, version), (_, community), (kind, pdu) = _three(body)
        if community != self._community or ber.to_integer(version) not in (0, 1):
            return None
        parts = list(ber.elements(pdu))
        if kind not in (_GET, _NEXT, _BULK) or len(parts) != 4:  # noqa: PLR2004 - a PDU's parts
            return None
        number, first, second = (ber.to_integer(part) for _, part in parts[:3])
        names = []
        for _, bind in ber.elements(parts[3][1]):
            _, name, _ = ber.take(bind)
            names.append(ber.to_oid(name))
        version_number = ber.to_integer(version)
        binds = parts[3][1]
        return _Request(version_number, kind, number, first, second, tuple(names), binds)

    def _answer(self, request: _Request, found: dict[WireFaultKind, WireFault]) -> bytes:
        status = index = 0
        try:
            binds = self._binds(request)
        except TreeError as error:
            status, index = (_TOO_BIG, 0) if error.too_big else (_GEN_ERR, 1)
            binds = request.binds
        except _NoSuchName as error:
            status, index, binds = _NO_SUCH_NAME, error.index, request.binds
        if len(binds) > _MOST_OCTETS - _HEADROOM:
            status, index = _TOO_BIG, 0
        if status == _TOO_BIG:
            binds = request.binds if request.version == 0 else b""
        wrong = WireFaultKind.WRONG_TRANSACTION in found
        numbers = (request.number ^ 0x0101 if wrong else request.number, status, index)
        pdu = b"".join(ber.integer(value) for value in numbers) + ber.wrap(ber.SEQUENCE, binds)
        return ber.wrap(
            ber.SEQUENCE,
            ber.integer(request.version)
            + ber.wrap(ber.OCTETS, self._community)
            + ber.wrap(_RESPONSE, pdu),
        )

    def _binds(self, request: _Request) -> bytes:
        if request.kind == _BULK and request.version == 1:
            return b"".join(self._bulk(request))
        look = self._get if request.kind == _GET else self._next
        return b"".join(self._each(request, look))

    def _each(
        self, request: _Request, look: Callable[[Oid], tuple[Oid, bytes | None]]
    ) -> Iterator[bytes]:
        for index, name in enumerate(request.names, 1):
            place, value = look(name)
            if value is None:
                if request.version == 0:
                    raise _NoSuchName(index)
                value = _NO_INSTANCE if request.kind == _GET else _END_OF_VIEW
            yield _bind(place, value)

    def _get(self, name: Oid) -> tuple[Oid, bytes | None]:
        item = self._tree.get(name)
        return name, None if item is None else encode_item(item)

    def _next(self, name: Oid) -> tuple[Oid, bytes | None]:
        following = self._tree.after(name)
        if following is None:
            return name, None
        return following[0], encode_item(following[1])

    def _bulk(self, request: _Request) -> Iterator[bytes]:
        """Give the rows of a bulk request, as many as fit one datagram."""
        left = _MOST_OCTETS - _HEADROOM
        alone = max(0, request.first)
        places = list(request.names)
        for turn in range(max(1, min(request.second, _MOST_REPEATS))):
            ended = True
            for column in range(len(places)):
                if column < alone and turn > 0:
                    continue
                place, value = self._next(places[column])
                ended = ended and value is None
                places[column] = place
                row = _bind(place, _END_OF_VIEW if value is None else value)
                left -= len(row)
                if left < 0:
                    return
                yield row
            if ended or alone >= len(places) or request.second <= 0:
                return


class _NoSuchName(Exception):  # noqa: N818 - v1's own name for it
    """What v1 answers for an object that is not there."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


def _three(body: bytes) -> list[tuple[int, bytes]]:
    parts = list(ber.elements(body))
    if len(parts) != 3:  # noqa: PLR2004 - version, community, PDU
        raise ValueError("not a message of v1 or v2c")
    return parts


def _bind(name: Oid, value: bytes) -> bytes:
    return ber.wrap(ber.SEQUENCE, ber.oid(name) + value)


def encode_item(item: Item) -> bytes:
    """Give the octets of one value."""
    tag, value = _TAGS[item.syntax], item.value
    if isinstance(value, tuple):
        return ber.oid(value)
    if item.syntax is Syntax.NULL:
        return _EMPTY
    if isinstance(value, int):
        return ber.integer(value, tag)
    return ber.wrap(tag, value.encode("utf-8") if isinstance(value, str) else value)
