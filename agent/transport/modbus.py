"""Modbus in serial frames, on a line or over TCP: the only importer of pymodbus.

pymodbus connects, encodes the requests and owns the transports. What counts as a reply is
decided by ``modbus_frames``: pymodbus itself accepts replies of the wrong length or
function code and cannot tell silence from garbage. Modbus TCP proper is in ``modbus_tcp``.
"""

import asyncio
import logging
import math
import termios
from typing import Any

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerRTU, FramerType
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from agent.errors import BadAnswer, NoAnswer, Refused, Unreachable
from agent.model import Table
from agent.targets import Framer, ModbusHost, Parity, SerialLine
from agent.transport.advice import advise, advise_silence
from agent.transport.base import ModbusLink
from agent.transport.late import LISTEN_S, Owed, Owing
from agent.transport.modbus_frames import (
    Expected,
    Found,
    Reply,
    expect,
    explain_rtu,
    find_rtu,
    is_frame_of,
    refusal_text,
)
from agent.transport.modbus_tcp import LAST_WORD_S, MUTE_READS, TcpLink

REQUESTS: dict[int, type[ModbusPDU]] = {
    1: ReadCoilsRequest,
    2: ReadDiscreteInputsRequest,
    3: ReadHoldingRegistersRequest,
    4: ReadInputRegistersRequest,
}
PARITY = {Parity.NONE: "N", Parity.EVEN: "E", Parity.ODD: "O"}
BUFFER_BYTES = 4096  # several times what a reply and all stray frames before it can be
CHUNK_BYTES = 1 << 20  # beyond it pymodbus throws away without a word what came in one go
MIN_GAP_S = 0.00175  # between frames above 19200 baud (serial line guide, section 2.5.1.1)
QUIET_S = 0.02  # without a byte, and what a late unit was saying is over

Client = AsyncModbusSerialClient | AsyncModbusTcpClient

# What goes wrong comes out as our errors; pymodbus would log each one a second time.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


def open_modbus(target: SerialLine | ModbusHost, max_in_flight: int = 1) -> ModbusLink:
    """Make a link to ``target``. It connects at the first read.

    ``max_in_flight`` is for Modbus TCP: serial frames have no number, and go one at a time.
    """
    if isinstance(target, ModbusHost) and target.framer is Framer.TCP:
        return TcpLink(target, max_in_flight)
    return _Link(target)


class _Ear:
    """Hears what comes in on one line and picks the one reply that is awaited."""

    def __init__(self) -> None:
        self.expected: Expected | None = None
        self.reply: Reply | None = None
        self.problem: str | None = None
        self.heard = b""
        self.heard_at = self.asked_s = 0.0
        self.owing = Owing()
        self.limit: asyncio.Timeout | None = None
        self.latest_s = 0.0

    def until(self, limit: asyncio.Timeout, latest_s: float) -> None:
        """Let an answer that has begun go beyond ``limit``, but not beyond ``latest_s``."""
        self.limit, self.latest_s = limit, latest_s

    def _hear_on(self) -> None:
        limit = self.limit
        if limit is None or limit.expired():
            return
        heard_out_s = min(self.heard_at + LAST_WORD_S, self.latest_s)
        if heard_out_s > (limit.when() or math.inf):
            limit.reschedule(heard_out_s)

    def listen(self, expected: Expected | None) -> None:
        """Forget what was heard and await ``expected`` from now on."""
        self.expected, self.reply, self.problem, self.heard = expected, None, None, b""
        self.limit = None
        self.asked_s = asyncio.get_running_loop().time()

    def take(self, data: bytes) -> tuple[int, ModbusPDU | None]:
        """Judge ``data``, all bytes not yet done with; give back how many now are."""
        self.heard_at = asyncio.get_running_loop().time()
        late = self.owing.take(data, self.expected, self.heard_at) if self.owing else 0
        if self.expected is None or self.problem is not None:
            return (len(data) if len(data) > BUFFER_BYTES else late), None
        if len(data) > BUFFER_BYTES:
            found = Found(len(data), problem=f"a flood of {len(data)} bytes")
        else:
            found = find_rtu(data, self.expected)
        self.reply, self.problem = found.reply, found.problem
        if found.reply is None and found.problem is None:
            self.heard = data[late:]
            if self.heard:
                self._hear_on()
            return max(late, found.used), None
        self.heard = data[:BUFFER_BYTES]
        return len(data), ModbusPDU(dev_id=self.expected.unit_id)


class _SerialFrames(FramerRTU):
    """pymodbus' framer for serial frames, with our judgement of what a reply is."""

    def __init__(self, ear: _Ear) -> None:
        super().__init__(DecodePDU(False))  # noqa: FBT003 - pymodbus' own signature
        self.ear = ear

    def handleFrame(  # noqa: N802 - pymodbus' name
        self, data: bytes, exp_devid: int, exp_tid: int
    ) -> tuple[int, ModbusPDU | None]:
        """Hand all bytes to the ear."""
        _ = exp_devid, exp_tid
        return self.ear.take(data)


class _Link:
    """See ``ModbusLink``. One request is in flight at a time."""

    def __init__(self, target: SerialLine | ModbusHost) -> None:
        self._target = target
        self._gap_s = _frame_gap_s(target)
        self._lock = asyncio.Lock()
        self._ear = _Ear()
        self._client: Client | None = None
        self._mute_reads = 0

    async def read(
        self, unit_id: int, table: Table, address: int, count: int, *, timeout_s: float
    ) -> list[int]:
        """See ``ModbusLink.read``."""
        expected = expect(unit_id, table, address, count)
        async with self._lock:
            await self._settle(expected, address)
            await self._hear_out()
            try:
                return await self._ask(expected, address, timeout_s)
            except BadAnswer:
                if not self._spoken_over(unit_id):
                    raise
            return await self._ask(expected, address, timeout_s)

    async def close(self) -> None:
        """See ``ModbusLink.close``."""
        async with self._lock:
            self._drop()

    async def _ask(self, expected: Expected, address: int, timeout_s: float) -> list[int]:
        deadline = asyncio.get_running_loop().time() + timeout_s
        client = await self._connected(timeout_s)
        return await self._transact(client, expected, address, deadline, timeout_s)

    def _spoken_over(self, unit_id: int) -> bool:
        """Tell whether a late answer of another unit may be what spoilt the one of ``unit_id``."""
        return self._ear.owing.may_have_spoken(unit_id, asyncio.get_running_loop().time())

    async def _transact(
        self, client: Client, expected: Expected, address: int, deadline: float, timeout_s: float
    ) -> list[int]:
        await self._keep_gap()
        ear, answered = self._ear, False
        ear.listen(expected)
        try:
            async with asyncio.timeout_at(deadline) as limit:
                ear.until(limit, deadline + LISTEN_S)
                await client.execute(False, _request(expected, address))  # noqa: FBT003
            answered = ear.reply is not None
        except TimeoutError:
            answered = is_frame_of(ear.heard, expected.unit_id)
            raise self._silence(client, expected, timeout_s) from None
        except (ModbusException, OSError) as error:
            self._drop()
            raise Unreachable(f"{self._target}: the connection broke during a read") from error
        finally:
            reply, problem, heard = ear.reply, ear.problem, ear.heard
            if not answered:
                self._give_up(expected, address, timeout_s)
            ear.listen(None)
        if reply is None:
            self._drop()
            raise BadAnswer(self._say(expected, problem or "no answer to this request"), heard)
        self._mute_reads = 0
        if reply.exception_code is not None:
            text = refusal_text(reply.exception_code)
            raise Refused(self._say(expected, text), reply.exception_code)
        return reply.values

    def _silence(
        self, client: Client, expected: Expected, timeout_s: float
    ) -> NoAnswer | BadAnswer:
        """Tell silence from bytes that are no answer, after the time-out."""
        heard = client.ctx.recv_buffer or self._ear.heard
        if heard:
            self._mute_reads = 0
            return BadAnswer(self._say(expected, explain_rtu(heard, expected)), heard)
        self._mute_reads += 1
        if self._mute_reads >= MUTE_READS and isinstance(self._target, ModbusHost):
            self._drop()
        return NoAnswer(self._say(expected, f"silent for {timeout_s:.3g} s"))

    def _give_up(self, expected: Expected, address: int, timeout_s: float) -> None:
        """Remember a request that may still be answered when nobody wants it any more."""
        ear = self._ear
        until_s = asyncio.get_running_loop().time() + max(timeout_s, LISTEN_S)
        ear.owing.give_up(Owed(expected, address, ear.asked_s, until_s, silent=not ear.heard))

    async def _settle(self, expected: Expected, address: int) -> None:
        """Wait until no old request to a unit can be answered any more.

        Raises:
            NoAnswer: waiting does not help, because the unit is known to be very late.
        """
        loop, owing = asyncio.get_running_loop(), self._ear.owing
        while owing:
            wait_s = owing.wait_s(expected.unit_id, loop.time())
            if wait_s <= 0:
                break
            await asyncio.sleep(min(wait_s, 0.02))
        if owing and owing.mistakable(expected, address, loop.time()):
            raise NoAnswer(self._say(expected, "may still answer an earlier request"))

    async def _hear_out(self) -> None:
        """Wait until a late unit that is speaking has said all: both would be spoilt."""
        client, ear = self._client, self._ear
        if client is None or not (self._gap_s and ear.owing):
            return
        loop = asyncio.get_running_loop()
        end_s = loop.time() + LISTEN_S
        while client.ctx.recv_buffer:
            wait_s = min(ear.heard_at + QUIET_S, end_s) - loop.time()
            if wait_s <= 0:
                return
            await asyncio.sleep(wait_s)

    async def _keep_gap(self) -> None:
        wait_s = self._ear.heard_at + self._gap_s - asyncio.get_running_loop().time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    async def _connected(self, timeout_s: float) -> Client:
        if self._client is not None and self._client.connected:
            return self._client
        self._drop()
        client = self._make_client()
        try:
            async with asyncio.timeout(timeout_s):
                client.ctx.transport, _ = await client.ctx.call_create()
        except TimeoutError:
            raise Unreachable(advise_silence(self._target, timeout_s)) from None
        except (OSError, termios.error, ValueError) as error:
            raise Unreachable(advise(self._target, error)) from error
        # Ours before the next await: a read that is ended there must not leave the line locked.
        self._client, self._mute_reads = client, 0
        await asyncio.sleep(0)  # a serial transport starts in the next turn of the loop
        return client

    def _make_client(self) -> Client:
        target = self._target
        client: Client
        common: dict[str, Any] = {
            "reconnect_delay": 0,
            "retries": 0,
            "timeout": 86_400.0,  # time is kept here, so that it can differ by request
            "trace_connect": self._on_connect,
        }
        if isinstance(target, SerialLine):
            client = AsyncModbusSerialClient(
                target.path,
                framer=FramerType.RTU,
                baudrate=target.baudrate,
                parity=PARITY[target.parity],
                stopbits=target.stop_bits,
                **common,
            )
        else:
            client = AsyncModbusTcpClient(target.host, port=target.port, **common)
        client.ctx.framer = _SerialFrames(self._ear)
        client.ctx.max_buffer_size = CHUNK_BYTES
        return client

    def _on_connect(self, connected: bool) -> None:  # noqa: FBT001 - pymodbus' own signature
        client = self._client
        if connected or client is None or self._ear.expected is None:
            return
        if not client.ctx.response_future.done():
            client.ctx.response_future.set_exception(ConnectionResetError("connection lost"))

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _say(self, expected: Expected, what: str) -> str:
        return f"{self._target}: unit {expected.unit_id}: {what}"


def _request(expected: Expected, address: int) -> ModbusPDU:
    request = REQUESTS[expected.function]
    return request(dev_id=expected.unit_id, address=address, count=expected.count)


def _frame_gap_s(target: SerialLine | ModbusHost) -> float:
    """Give the silence of 3.5 characters of 11 bits that must part two frames."""
    if isinstance(target, ModbusHost):
        return 0.0
    return max(3.5 * 11 / target.baudrate, MIN_GAP_S)
