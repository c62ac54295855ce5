"""The control socket of a running simulator: faults and events on command.

One JSON object a line in, one out: ``{"fault": {...}}``, ``{"event": {...}}`` with the keys
of a scenario file (times count from now), or ``{"heal": "UNIT"}``; the answer is
``{"done": text}`` or ``{"error": text}``.
"""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import ValidationError

from simulators.scenario import EventPart, FaultPart

NAME = "control.sock"
"""The name of the socket in the run folder."""
_PRIVATE = 0o600
_LONGEST = 65536
_PATIENCE_S = 5.0


class ControlError(Exception):
    """A command cannot be carried out. The text says why."""


@contextlib.contextmanager
def _short(folder: Path) -> Iterator[str]:
    """Give a path of the socket that fits the 108 octets of a socket address."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{NAME}"
    finally:
        os.close(handle)


class Control:
    """Listens in ``folder`` and hands commands on."""

    def __init__(
        self,
        folder: Path,
        *,
        fault: Callable[[FaultPart], str],
        event: Callable[[EventPart], str],
        heal: Callable[[str], str],
    ) -> None:
        self._folder = folder
        self._fault = fault
        self._event = event
        self._heal = heal
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Open the socket, for its owner alone."""
        path = self._folder / NAME
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        listener = socket.socket(socket.AF_UNIX)
        with _short(self._folder) as short:
            listener.bind(short)
        path.chmod(_PRIVATE)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=_LONGEST)

    async def stop(self) -> None:
        """Close the socket and remove it."""
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(FileNotFoundError):
                (self._folder / NAME).unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, TimeoutError):
            line = await asyncio.wait_for(reader.readline(), _PATIENCE_S)
            writer.write(json.dumps(self._obey(line)).encode() + b"\n")
            await writer.drain()
        writer.close()

    def _obey(self, line: bytes) -> dict[str, str]:
        try:
            return {"done": self._do(json.loads(line))}
        except ValidationError as error:
            told = [".".join(map(str, e["loc"])) + " " + e["msg"] for e in error.errors()]
            text = "; ".join(part.replace("Value error, ", "").strip() for part in told)
            return {"error": text}
        except ControlError as error:
            return {"error": str(error)}
        except (ValueError, AttributeError):
            return {"error": "not a command"}

    def _do(self, content: dict[str, object]) -> str:
        (command, what), *more = content.items()
        if command == "fault" and not more:
            return self._fault(FaultPart.model_validate(what))
        if command == "event" and not more:
            return self._event(EventPart.model_validate(what))
        if command == "heal" and not more:
            return self._heal(str(what))
        raise ControlError(f"{command} is no command of its own")


def command(folder: Path, content: dict[str, object]) -> str:
    """Send one command to the simulator that runs in ``folder``; give what it did.

    Raises:
        ControlError: nobody listens there, or the simulator refuses; the text says which.
    """
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_PATIENCE_S)
            with _short(folder) as short:
                client.connect(short)
            client.sendall(json.dumps(content).encode() + b"\n")
            with client.makefile("rb") as answer:
                told = json.loads(answer.readline(_LONGEST))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no answer"
        raise ControlError(f"{folder}: no simulator runs here: {reason}") from None
    if "error" in told:
        raise ControlError(str(told["error"]))
    return str(told["done"])
