"""Serve a line of units as Modbus RTU on a pseudo-terminal, at the speed of a real wire."""

import asyncio
import contextlib
import os
import pty
import tty
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from simulators.wire.alarm import Alarm
from simulators.wire.faults import WireFaultKind
from simulators.wire.frames import rtu_frame, rtu_request, take_rtu
from simulators.wire.line import Line, Reply

# Start, eight data, parity and stop bit, as the Open Rack lines have it (8E1). The
# pseudo-terminal itself knows no parity, so masters must open it with none.
_BITS_PER_CHARACTER = 11
_SILENT_CHARACTERS = 3.5
# Above 19200 baud the specification fixes the gap between frames.
_FAST_GAP_S = 0.00175
_FAST_BAUD = 19200
_READ_SIZE = 4096
_PIECE_S = 0.002  # how much of the wire comes at once, as from a UART with a small buffer
_OTHER_ASKS_S = 0.5
_OTHER_READS = bytes((3, 0, 0, 0, 8))


@dataclass(slots=True)
class _Talk:
    """Somebody's frame on the wire, between two times of the loop's clock."""

    begin_s: float
    end_s: float
    spoilt: bool = False


class SerialLine:
    """A pseudo-terminal that behaves like an RS-485 line with the units of ``line`` on it.

    ``path`` becomes a symbolic link to the terminal. Octets come when they would on a wire
    at ``baudrate``: after the request, the gap that ends it and the unit's turnaround, one
    after the other. Who talks at once with another is garbled, and so is the other.
    """

    def __init__(
        self, line: Line, path: Path, *, baudrate: int = 19200, turnaround_s: float = 0.002
    ) -> None:
        self.line = line
        self.path = path
        self.baudrate = baudrate
        self.turnaround_s = turnaround_s
        self.started = 0.0
        self._buffer = bytearray()
        self._asked_until_s = 0.0
        self._talks: list[_Talk] = []
        self._alarm: Alarm | None = None
        self._master = -1
        self._slave = -1

    def wire_s(self, octets: int) -> float:
        """Give the seconds that ``octets`` take on the wire."""
        return octets * _BITS_PER_CHARACTER / self.baudrate

    @property
    def gap_s(self) -> float:
        """The silence that ends a frame."""
        return _FAST_GAP_S if self.baudrate > _FAST_BAUD else self.wire_s(1) * _SILENT_CHARACTERS

    def start(self) -> None:
        """Open the terminal, link it and answer from now on."""
        self._master, self._slave = pty.openpty()
        # Keeping our own hand on the slave side keeps the line alive between masters.
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        self.path.symlink_to(os.ttyname(self._slave))
        loop = asyncio.get_running_loop()
        self.started = loop.time()
        self._alarm = Alarm()
        loop.add_reader(self._master, self._readable)
        self._alarm.at(self.started, self._other_master)

    def stop(self) -> None:
        """Remove the link and close the terminal."""
        if self._master < 0 or self._alarm is None:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        self._alarm.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    def _readable(self) -> None:
        try:
            self._buffer += os.read(self._master, _READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        while (request := take_rtu(self._buffer)) is not None:
            unit_id, pdu = request
            # What a master writes while it is still sending waits in its own UART.
            begin_s = max(now_s, self._asked_until_s)
            talk = self._claim(begin_s, begin_s + self.wire_s(len(pdu) + 3))
            self._asked_until_s = talk.end_s
            self._answer(talk, unit_id, pdu)

    def _answer(self, asked: _Talk, unit_id: int, pdu: bytes) -> None:
        """Let the unit answer what was asked, if it could hear it."""
        if asked.spoilt:
            return
        reply = self.line.ask(unit_id, pdu, asked.begin_s - self.started)
        if reply is None:
            return
        rude = WireFaultKind.COLLISION in reply.mangled
        begin_s = asked.end_s + self.gap_s + self.turnaround_s + reply.delay_s
        if reply.delay_s > 0 and not rude and self._alarm is not None:
            # A unit that is late waits for silence, which only the moment can show.
            self._alarm.at(begin_s, partial(self._speak_when_quiet, reply))
            return
        self._speak(reply, begin_s)

    def _speak_when_quiet(self, reply: Reply) -> None:
        now_s = asyncio.get_running_loop().time()
        busy = [talk.end_s for talk in self._talks if talk.begin_s <= now_s < talk.end_s]
        self._speak(reply, max([now_s, *(end_s + self.gap_s for end_s in busy)]))

    def _speak(self, reply: Reply, begin_s: float) -> None:
        self._send(rtu_frame(reply), begin_s)

    def _send(self, frame: bytes, begin_s: float) -> _Talk:
        """Put a frame on the wire from ``begin_s`` on; it reaches the master piece by piece."""
        talk = self._claim(begin_s, begin_s + self.wire_s(len(frame)))
        step = max(1, round(_PIECE_S / self.wire_s(1)))
        if self._alarm is not None:
            for first in range(0, len(frame), step):
                piece = frame[first : first + step]
                arrived_s = begin_s + self.wire_s(first + len(piece))
                self._alarm.at(arrived_s, partial(self._write, piece, talk))
        return talk

    def _claim(self, begin_s: float, end_s: float) -> _Talk:
        """Take the wire for a frame; whoever talks at the same time is spoilt with it."""
        now_s = asyncio.get_running_loop().time()
        self._talks = [talk for talk in self._talks if talk.end_s > now_s]
        mine = _Talk(begin_s, end_s)
        for talk in self._talks:
            if talk.begin_s < end_s and begin_s < talk.end_s:
                talk.spoilt = mine.spoilt = True
        self._talks.append(mine)
        return mine

    def _write(self, piece: bytes, talk: _Talk) -> None:
        if self._master < 0:
            return
        if talk.spoilt:
            piece = bytes(octet ^ 0x55 for octet in piece)
        # A master that does not read loses what a wire would lose.
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, piece)

    def _other_master(self) -> None:
        """Let a second master ask one unit after the other, deaf to the first."""
        now_s = asyncio.get_running_loop().time()
        fault = self.line.acting(WireFaultKind.SECOND_MASTER, now_s - self.started)
        every_s = _OTHER_ASKS_S
        if fault is not None and self.line.stations:
            every_s = fault.value or _OTHER_ASKS_S
            places = sorted(self.line.stations)
            unit_id = places[int(now_s / every_s) % len(places)]
            talk = self._send(rtu_request(unit_id, _OTHER_READS), now_s)
            self._answer(talk, unit_id, _OTHER_READS)
        if self._alarm is not None:
            self._alarm.at(now_s + every_s, self._other_master)
