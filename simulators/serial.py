"""Serve a line of units as Modbus RTU on a pseudo-terminal, at the speed of a real wire."""

import asyncio
import contextlib
import os
import pty
import tty
from pathlib import Path

from simulators.line import Line, rtu_frame, take_rtu

# Start, eight data, parity and stop bit, as the Open Rack lines have it (8E1). The
# pseudo-terminal itself knows no parity, so masters must open it with none.
_BITS_PER_CHARACTER = 11
_SILENT_CHARACTERS = 3.5
# Above 19200 baud the specification fixes the gap between frames.
_FAST_GAP_S = 0.00175
_FAST_BAUD = 19200
_READ_SIZE = 4096


class SerialLine:
    """A pseudo-terminal that behaves like an RS-485 line with the units of ``line`` on it.

    ``path`` becomes a symbolic link to the terminal. A reply comes after the time that
    request, gap, turnaround and reply take on a wire at ``baudrate``.
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
        self._busy_until = 0.0
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
        loop.add_reader(self._master, self._readable)

    def stop(self) -> None:
        """Remove the link and close the terminal."""
        if self._master < 0:
            return
        asyncio.get_running_loop().remove_reader(self._master)
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
        while (request := take_rtu(self._buffer)) is not None:
            unit_id, pdu = request
            begin = max(loop.time(), self._busy_until)
            heard = begin + self.wire_s(len(pdu) + 3) + self.gap_s
            self._busy_until = heard
            reply = self.line.ask(unit_id, pdu, loop.time() - self.started)
            if reply is None:
                continue
            frame = rtu_frame(reply)
            said = heard + self.turnaround_s + self.wire_s(len(frame))
            if reply.delay_s <= 0:
                # A unit that is late leaves the wire to the others until it speaks.
                self._busy_until = said
            loop.call_at(said + reply.delay_s, self._write, frame)

    def _write(self, frame: bytes) -> None:
        if self._master >= 0:
            # A master that does not read loses what a wire would lose.
            with contextlib.suppress(BlockingIOError):
                os.write(self._master, frame)
