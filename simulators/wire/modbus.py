"""Serve lines of units over TCP: Modbus TCP, or serial frames over TCP."""

import asyncio

from simulators.wire.faults import WireFaultKind
from simulators.wire.frames import rtu_frame, take_rtu, take_tcp, tcp_frame
from simulators.wire.line import Line

_DROP_AFTER = 10
_GIVE_UP_S = 0.5


class _Connection(asyncio.Protocol):
    """One master's connection. Requests may be pipelined; each is answered on its own."""

    def __init__(self, server: "ModbusServer") -> None:
        self._server = server
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._requests = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self._server.connections.add(transport)

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._transport is not None:
            self._server.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._server.rtu:
            while (frame := take_rtu(self._buffer)) is not None:
                self._answer(*frame, None)
            return
        try:
            while (request := take_tcp(self._buffer)) is not None:
                transaction, unit_id, pdu = request
                self._answer(unit_id, pdu, transaction)
        except ValueError:
            if self._transport is not None:
                self._transport.close()

    def _answer(self, unit_id: int, pdu: bytes, transaction: int | None) -> None:
        server = self._server
        now_s = server.clock()
        self._requests += 1
        if server.line.faults and server.drops(now_s, self._requests):
            if self._transport is not None:
                self._transport.abort()
            return
        reply = server.line.ask(unit_id, pdu, now_s - server.started)
        wait_s = server.turn_s(now_s, None if reply is None else reply.delay_s)
        if reply is None:
            return
        frame = rtu_frame(reply) if transaction is None else tcp_frame(reply, transaction)
        if wait_s > 0:
            server.later(wait_s, self._write, frame)
        else:
            self._write(frame)

    def _write(self, frame: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)


class ModbusServer:
    """A TCP port with the units of ``line`` behind it.

    ``rtu`` serves serial frames instead of Modbus TCP; ``latency_s`` is what the gateway
    adds to each answer. With ``one_at_a_time`` a request waits for the one before it, a
    silent unit holds up the others for half a second, or as the fault of that name says.
    """

    def __init__(
        self,
        line: Line,
        *,
        rtu: bool = False,
        latency_s: float = 0.0,
        one_at_a_time: bool = False,
    ) -> None:
        self.line = line
        self.rtu = rtu
        self.latency_s = latency_s
        self.one_at_a_time = one_at_a_time
        self.started = 0.0
        self.connections: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None
        self._free_s = 0.0

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen, and give the port (``port`` 0 takes a free one)."""
        loop = asyncio.get_running_loop()
        self.clock, self.later = loop.time, loop.call_later
        self.started = loop.time()
        self._server = await loop.create_server(lambda: _Connection(self), host, port)
        return int(self._server.sockets[0].getsockname()[1])

    def drops(self, now_s: float, requests: int) -> bool:
        """Say whether a connection that makes its request number ``requests`` is dropped."""
        fault = self.line.acting(WireFaultKind.DROPPED, now_s - self.started)
        return fault is not None and requests >= (int(fault.value) or _DROP_AFTER)

    def turn_s(self, now_s: float, delay_s: float | None) -> float:
        """Give how long an answer waits; ``delay_s`` is the unit's own, None for silence."""
        fault = None
        if self.line.faults:
            fault = self.line.acting(WireFaultKind.ONE_AT_A_TIME, now_s - self.started)
        if fault is None and not self.one_at_a_time:
            return (delay_s or 0.0) + self.latency_s
        silent_s = fault.value if fault is not None and fault.value > 0 else _GIVE_UP_S
        busy_s = silent_s if delay_s is None else delay_s + self.latency_s
        self._free_s = max(now_s, self._free_s) + busy_s
        return self._free_s - now_s

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
            for transport in list(self.connections):
                transport.abort()
            await self._server.wait_closed()
