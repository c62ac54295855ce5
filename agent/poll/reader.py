"""One pass over one unit: what asks for it, and what it brings.

A pass ends at the first silence, so that a unit that stopped answering costs its bus one
time-out. What had been read by then is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.errors import TransportError
from agent.model import Raw
from agent.profiles.schema import Field


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass brought. ``error`` is what ended it early; then ``fields`` is part."""

    raw: Raw
    fields: tuple[Field, ...]
    error: TransportError | None = None


class Reader(Protocol):
    """Reads the fields of one unit."""

    async def read(self, fields: Sequence[Field]) -> Pass:
        """Read ``fields``. Raises nothing of ``agent.errors``: see ``Pass.error``."""
        ...

    def forget(self) -> None:
        """Ask again for what the unit refused so far: another device may be in its place."""
        ...
