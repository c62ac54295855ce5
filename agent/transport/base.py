"""What every transport looks like to a poller: two small interfaces and nothing else.

Every failure is one of ``agent.errors``: ``Unreachable``, ``NoAnswer``, ``BadAnswer``,
``Refused`` or ``AuthFailed``. No other exception leaves a transport.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from agent.model import Oid, SnmpValue, Table


class ModbusLink(Protocol):
    """One serial line or one TCP connection, owned by one caller at a time."""

    async def read(
        self, unit_id: int, table: Table, address: int, count: int, *, timeout_s: float
    ) -> list[int]:
        """Read ``count`` words (0 or 1 each for coils and discretes) in one transaction.

        The answer has exactly ``count`` values, came from ``unit_id`` and carries the
        function code that was asked, or an error is raised.
        """
        ...

    async def close(self) -> None:
        """Let go of the line or connection. The next read opens it again."""
        ...


class SnmpClient(Protocol):
    """One SNMP agent."""

    async def get(self, oids: Sequence[Oid], *, timeout_s: float) -> Mapping[Oid, SnmpValue | None]:
        """Read each of ``oids``; None where the agent says that it has no such value.

        Asks in batches as large as this agent has been seen to take.
        """
        ...

    async def walk(self, root: Oid, *, timeout_s: float) -> Mapping[Oid, SnmpValue]:
        """Read everything under ``root``. A walk that does not advance is a ``BadAnswer``."""
        ...

    async def close(self) -> None:
        """Let go of the socket."""
        ...
