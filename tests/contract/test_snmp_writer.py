"""Writing to an SNMP agent, against Debian's snmpd."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from agent.errors import NoAnswer, Refused
from agent.model import Oid, SnmpKind, SnmpValue
from agent.targets import Community, Secret, SnmpHost
from agent.transport.base import SnmpWriter
from agent.transport.snmp import open_writer

TIMEOUT_S = 5.0
TRAPS: Oid = (1, 3, 6, 1, 2, 1, 11, 30, 0)
"""snmpEnableAuthenTraps: 1 or 2."""
SERVICES: Oid = (1, 3, 6, 1, 2, 1, 1, 7, 0)
"""sysServices, which nobody may write."""


def number(value: int) -> SnmpValue:
    return SnmpValue(SnmpKind.INTEGER, value)


@pytest.fixture
def port(start_snmpd: Callable[..., Any]) -> int:
    # snmpd's own parser takes a second community for the same source.
    return int(start_snmpd(extra="rwcommunity writer 127.0.0.1").port)


async def writer(port: int, community: str) -> AsyncIterator[SnmpWriter]:
    client = open_writer(SnmpHost("127.0.0.1", Community(Secret(community), 2), port))
    yield client
    await client.close()


async def test_all_is_written_or_nothing(port: int) -> None:
    async for client in writer(port, "writer"):
        traps = (await client.get([TRAPS], timeout_s=TIMEOUT_S))[TRAPS]
        other = number(1 if traps == number(2) else 2)
        with pytest.raises(Refused):
            await client.set({TRAPS: other, SERVICES: number(5)}, timeout_s=TIMEOUT_S)
        assert (await client.get([TRAPS], timeout_s=TIMEOUT_S))[TRAPS] == traps
        await client.set({TRAPS: other}, timeout_s=TIMEOUT_S)
        assert (await client.get([TRAPS], timeout_s=TIMEOUT_S))[TRAPS] == other


async def test_a_value_of_another_type_is_refused(port: int) -> None:
    async for client in writer(port, "writer"):
        with pytest.raises(Refused):
            await client.set({TRAPS: SnmpValue(SnmpKind.OID, TRAPS)}, timeout_s=TIMEOUT_S)


async def test_who_may_only_read_writes_nothing(port: int) -> None:
    async for client in writer(port, "public"):
        before = await client.get([TRAPS], timeout_s=TIMEOUT_S)
        with pytest.raises((Refused, NoAnswer)):
            await client.set({TRAPS: number(2)}, timeout_s=1.0)
        assert await client.get([TRAPS], timeout_s=TIMEOUT_S) == before
