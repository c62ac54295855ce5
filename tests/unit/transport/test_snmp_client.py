"""The client that pollers hold: what it does whatever the engine behind it."""

import asyncio

import pytest

from agent.errors import BadAnswer
from agent.model import Oid, SnmpKind, SnmpValue
from agent.targets import Community, Secret, SnmpHost
from agent.transport import snmp
from agent.transport.snmp_batch import Answer, Page, Step

ROOT: Oid = (1, 3, 6, 1, 4, 1, 9999)


class Endless:
    """An agent whose table has always one row more, each after a while."""

    def __init__(self) -> None:
        self.pages = 0

    async def get(self, batch: tuple[Oid, ...], timeout_s: float) -> Answer:
        assert timeout_s > 0
        return Answer({oid: SnmpValue(SnmpKind.INTEGER, 1) for oid in batch})

    async def page(self, step: Step, timeout_s: float) -> Page:
        assert timeout_s > 0
        assert step.root == ROOT
        self.pages += 1
        await asyncio.sleep(0.001)
        return Page([((*ROOT, self.pages), SnmpValue(SnmpKind.INTEGER, 1))], ended=False)

    async def close(self) -> None: ...


async def test_a_walk_ends_however_slowly_its_pages_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snmp, "LONGEST_WALK_S", 0.02)
    client = snmp._Client(SnmpHost("ups", Community(Secret("public"))), Endless())
    with pytest.raises(BadAnswer, match=r"the walk of 1\.3\.6\.1\.4\.1\.9999 does not end within"):
        await client.walk(ROOT, timeout_s=1.0)
    assert await client.get([ROOT], timeout_s=1.0) == {ROOT: SnmpValue(SnmpKind.INTEGER, 1)}
