"""What every transport looks like to a poller: two small interfaces and nothing else.

Every failure is one of ``agent.errors``: ``Unreachable``, ``NoAnswer``, ``BadAnswer``,
``Refused`` or ``AuthFailed``. No other exception leaves a transport.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from agent.model import Oid, SnmpValue, Table


class ModbusLink(Protocol):
    """One serial line or one TCP connection, with one owner.

    Reads that are asked for at once take turns; only where the link was opened for several
    requests in flight, so many go together, each of another unit.
    """

    async def read(
        self, unit_id: int, table: Table, address: int, count: int, *, timeout_s: float
    ) -> list[int]:
        """Read ``count`` words (0 or 1 each for coils and discretes) in one transaction.

        The answer has exactly ``count`` values, came from ``unit_id`` and carries the
        function code that was asked, or an error is raised. ``timeout_s`` covers connecting
        too. A unit on serial frames that left a request unanswered is listened to for up to
        as long again before it is asked anew: a late answer could not be told from the next.
        An answer that another unit's late one may have spoilt is asked for once more.
        """
        ...

    async def close(self) -> None:
        """Let go of the line or connection. The next read opens it again."""
        ...


class SnmpClient(Protocol):
    """One SNMP agent.

    The ``kind`` of a value is a hint, because a fast engine may not know it: any integer
    may come as ``INTEGER`` (a TimeTicks too) and Opaque as ``OCTETS``. Decode by the type
    that the profile declares. ``OCTETS``, ``OID`` and ``ADDRESS`` are never integers.
    """

    async def get(self, oids: Sequence[Oid], *, timeout_s: float) -> Mapping[Oid, SnmpValue | None]:
        """Read each of ``oids``; None where the agent says that it has no such value.

        Asks in batches as large as this agent has been seen to take; ``timeout_s`` is for
        each request. ``Refused`` only if the agent gave nothing but errors.
        """
        ...

    async def walk(self, root: Oid, *, timeout_s: float) -> Mapping[Oid, SnmpValue]:
        """Read everything under ``root``. A walk that does not advance is a ``BadAnswer``."""
        ...

    async def close(self) -> None:
        """Let go of the socket."""
        ...


class SnmpWriter(Protocol):
    """One SNMP agent to which one command may write. The poller never holds one."""

    async def get(self, oids: Sequence[Oid], *, timeout_s: float) -> Mapping[Oid, SnmpValue | None]:
        """Read each of ``oids``; None where the agent has no such value."""
        ...

    async def set(self, values: Mapping[Oid, SnmpValue], *, timeout_s: float) -> None:
        """Write all ``values`` in one request, or none: integers and object identifiers.

        It is sent once: what was lost on the way is not written a second time. ``Refused``
        where the agent says no.
        """
        ...

    async def close(self) -> None:
        """Let go of the socket."""
        ...
