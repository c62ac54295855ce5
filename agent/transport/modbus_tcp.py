"""Modbus TCP: one connection, on which requests of different units may be under way together.

pymodbus has no part in it: its client sends one request at a time, and forgets with each one
what has come of an answer.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import cast

from agent.errors import BadAnswer, NoAnswer, Refused, Unreachable
from agent.model import Table
from agent.targets import ModbusHost
from agent.transport.advice import advise, advise_silence
from agent.transport.late import LISTEN_S, Owed, Owing
from agent.transport.modbus_frames import Expected, expect, refusal_text
from agent.transport.modbus_stream import Heard, Stream

LAST_WORD_S = 0.1
"""An answer that has begun in time is heard on as long as it goes on, in seconds."""
MUTE_READS = 3
"""So many silent requests in a row, and a connection is taken for dead."""
_HIGHEST_NUMBER = 0xFFFF


@dataclass(slots=True)
class _Waiting:
    """A request under way. ``answer`` is None where the connection broke."""

    answer: asyncio.Future[Heard | None]
    asked_s: float
    deadline_s: float
    timer: asyncio.TimerHandle


class _Connection(asyncio.Protocol):
    """Sends requests and gives each what came for it. Times are of the loop's clock."""

    def __init__(self) -> None:
        self._stream = Stream()
        self._waiting: dict[int, _Waiting] = {}
        self._transport: asyncio.WriteTransport | None = None
        self._heard_s = self._replied_s = -math.inf
        self._mute_reads = 0
        self._loop = asyncio.get_running_loop()

    @property
    def usable(self) -> bool:
        """Say whether another request may be sent."""
        return self._transport is not None and self._mute_reads < MUTE_READS

    def uses(self, number: int) -> bool:
        """Say whether a request with ``number`` is under way."""
        return number in self._waiting

    async def ask(
        self, number: int, expected: Expected, address: int, deadline_s: float
    ) -> Heard | None:
        """Send a request and give what came of it; None where the connection broke."""
        if self._transport is None:
            return None
        timer = self._loop.call_at(deadline_s, self._time_out, number)
        answer: asyncio.Future[Heard | None] = self._loop.create_future()
        waiting = _Waiting(answer, self._loop.time(), deadline_s, timer)
        self._waiting[number] = waiting
        self._transport.write(self._stream.ask(number, expected, address))
        try:
            return await answer
        finally:
            waiting.timer.cancel()
            if self._waiting.pop(number, None) is not None:
                self._stream.give_up(number)
                self._close_if_worn()

    async def idle(self) -> None:
        """Wait until no request is under way."""
        while self._waiting:
            await asyncio.wait([waiting.answer for waiting in self._waiting.values()])

    def close(self) -> None:
        """Let go of the connection; what is under way is broken."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Give what came to whom it is for."""
        self._heard_s = self._loop.time()
        for number, heard in self._stream.take(data):
            if heard.reply is not None:
                self._mute_reads, self._replied_s = 0, self._heard_s
            self._finish(number, heard)
        self._close_if_worn()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everyone who waits."""
        del exc
        self._transport = None
        for number in list(self._waiting):
            self._stream.give_up(number)
            self._finish(number, None)

    def _time_out(self, number: int) -> None:
        waiting = self._waiting[number]
        until_s = min(self._heard_s + LAST_WORD_S, waiting.deadline_s + LISTEN_S)
        if self._stream.begun(number) and self._loop.time() < until_s:
            waiting.timer = self._loop.call_at(until_s, self._time_out, number)
            return
        heard = self._stream.give_up(number)
        if heard.problem is None and waiting.asked_s >= self._replied_s:
            self._mute_reads += 1
        self._finish(number, heard)
        self._close_if_worn()

    def _finish(self, number: int, heard: Heard | None) -> None:
        waiting = self._waiting.pop(number)
        waiting.timer.cancel()  # it may be due in this very turn of the loop
        if not waiting.answer.done():
            waiting.answer.set_result(heard)

    def _close_if_worn(self) -> None:
        worn = self._stream.doubted or self._mute_reads >= MUTE_READS
        if self._stream.lost or (worn and not self._waiting):
            self.close()


class TcpLink:
    """See ``ModbusLink``. Up to ``max_in_flight`` requests, each of another unit, are under way.

    A unit's own requests keep their order. What other requests may have spoilt is asked for once
    more, with nothing else under way.
    """

    def __init__(self, target: ModbusHost, max_in_flight: int = 1) -> None:
        self._target = target
        self._most = max_in_flight
        self._places = asyncio.Semaphore(max_in_flight)
        self._turns: dict[int, asyncio.Lock] = {}
        self._repeating = asyncio.Lock()
        self._opening = asyncio.Lock()
        self._owing = Owing()
        self._connection: _Connection | None = None
        self._number = 0

    async def read(
        self, unit_id: int, table: Table, address: int, count: int, *, timeout_s: float
    ) -> list[int]:
        """See ``ModbusLink.read``."""
        expected = expect(unit_id, table, address, count)
        async with self._turns.setdefault(unit_id, asyncio.Lock()):
            async with self._places:
                heard = await self._ask(expected, address, timeout_s)
            if heard.problem is not None and (heard.shared or self._spoken_over(unit_id)):
                async with self._alone():
                    heard = await self._ask(expected, address, timeout_s)
        return self._values(expected, heard, timeout_s)

    async def close(self) -> None:
        """See ``ModbusLink.close``."""
        async with self._opening:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _values(self, expected: Expected, heard: Heard, timeout_s: float) -> list[int]:
        if heard.problem is not None:
            raise BadAnswer(self._say(expected, heard.problem), heard.payload)
        if heard.reply is None:
            raise NoAnswer(self._say(expected, f"silent for {timeout_s:.3g} s"))
        code = heard.reply.exception_code
        if code is not None:
            raise Refused(self._say(expected, refusal_text(code)), code)
        return heard.reply.values

    async def _ask(self, expected: Expected, address: int, timeout_s: float) -> Heard:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_s
        connection = await self._connected(timeout_s)
        asked_s, heard = loop.time(), Heard()
        try:
            came = await connection.ask(self._next(connection), expected, address, deadline_s)
            if came is None:
                raise Unreachable(f"{self._target}: the connection broke during a read")
            heard = came
        finally:
            if heard.reply is None:
                # A number tells its answer from the next: nobody has to wait for it.
                silent = not heard.payload
                self._owing.give_up(Owed(expected, address, asked_s, asked_s, silent=silent))
        return heard

    def _next(self, connection: _Connection) -> int:
        """Give the number of the next request; those of an old connection do not come again."""
        self._number = self._number % _HIGHEST_NUMBER + 1
        while connection.uses(self._number):
            self._number = self._number % _HIGHEST_NUMBER + 1
        return self._number

    def _spoken_over(self, unit_id: int) -> bool:
        """Tell whether a late answer of another unit may be what spoilt the one of ``unit_id``."""
        return self._owing.may_have_spoken(unit_id, asyncio.get_running_loop().time())

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Wait until nothing is under way, and let nothing begin."""
        async with self._repeating, AsyncExitStack() as places:
            for _ in range(self._most):
                await places.enter_async_context(self._places)
            yield

    async def _connected(self, timeout_s: float) -> _Connection:
        connection = self._connection
        if connection is not None and connection.usable:
            return connection
        try:
            async with asyncio.timeout(timeout_s), self._opening:
                return await self._open()
        except TimeoutError:
            raise Unreachable(advise_silence(self._target, timeout_s)) from None
        except (OSError, ValueError) as error:
            raise Unreachable(advise(self._target, error)) from error

    async def _open(self) -> _Connection:
        """Give the connection that another request has opened meanwhile, or a new one."""
        connection = self._connection
        if connection is not None:
            if not connection.usable:
                await connection.idle()  # who is still heard on it proves that it lives
            if connection.usable:
                return connection
            connection.close()
            self._connection = None
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(_Connection, self._target.host, self._target.port)
        self._connection = made
        return made

    def _say(self, expected: Expected, what: str) -> str:
        return f"{self._target}: unit {expected.unit_id}: {what}"
