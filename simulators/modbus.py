"""Serve lines of units over TCP: Modbus TCP, or serial frames over TCP."""

import asyncio

from simulators.line import Line, rtu_frame, take_rtu, take_tcp, tcp_frame


class _Connection(asyncio.Protocol):
    """One master's connection. Requests may be pipelined; each is answered on its own."""

    def __init__(self, server: "ModbusServer") -> None:
        self._server = server
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

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
        loop = asyncio.get_running_loop()
        reply = self._server.line.ask(unit_id, pdu, loop.time() - self._server.started)
        if reply is None:
            return
        frame = rtu_frame(reply) if transaction is None else tcp_frame(reply, transaction)
        delay_s = reply.delay_s + self._server.latency_s
        if delay_s > 0:
            loop.call_later(delay_s, self._write, frame)
        else:
            self._write(frame)

    def _write(self, frame: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)


class ModbusServer:
    """A TCP port with the units of ``line`` behind it.

    ``rtu`` serves serial frames instead of Modbus TCP; ``latency_s`` is what the gateway
    adds to each answer.
    """

    def __init__(self, line: Line, *, rtu: bool = False, latency_s: float = 0.0) -> None:
        self.line = line
        self.rtu = rtu
        self.latency_s = latency_s
        self.started = 0.0
        self.connections: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen, and give the port (``port`` 0 takes a free one)."""
        loop = asyncio.get_running_loop()
        self.started = loop.time()
        self._server = await loop.create_server(lambda: _Connection(self), host, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
            for transport in list(self.connections):
                transport.abort()
            await self._server.wait_closed()
