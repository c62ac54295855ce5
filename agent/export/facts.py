"""What the exporters need to know of the agent itself; the application provides it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class BusFacts:
    """How one line or gateway does. Totals since the start.

    ``busy_s`` is the time spent in transactions, over how many may be in flight; ``utilisation``
    the share of the recent past so spent, 0 to 1. ``errors`` counts by cause.
    """

    name: str
    polls: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    busy_s: float = 0.0
    utilisation: float | None = None


@dataclass(frozen=True, slots=True)
class ReloadFacts:
    """How the last loading of the configuration went; ``success_at`` is unix seconds.

    ``error`` says what is wrong with the file, one line each. ``shard`` is the share of the
    fleet, i/n, that the configuration in use gives the agent; None: all of it. ``web`` says the
    same as ``successful`` of the web configuration; None where there is none.
    """

    successful: bool = True
    success_at: float | None = None
    error: str | None = None
    shard: str | None = None
    web: bool | None = None


class Dropped(StrEnum):
    """Why the HTTP server ended a connection."""

    WAITING = "waiting"
    CROWD = "crowd"
    UNREAD = "unread"
    REFUSED = "refused"


class AgentView(Protocol):
    """The agent as the exporters see it."""

    @property
    def version(self) -> str:
        """The version of the agent."""
        ...

    def buses(self) -> Sequence[BusFacts]:
        """Every line and gateway."""
        ...

    def reload_facts(self) -> ReloadFacts:
        """How the last loading of the configuration went."""
        ...

    def loop_lag_s(self) -> float | None:
        """How late the event loop lately ran what was due, in seconds at worst."""
        ...
