from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from agent.errors import ProfileError, Refused
from agent.model import Oid, SnmpKind, SnmpValue
from agent.poll.selftest import look, start
from agent.profiles.load import load, parse

UPS: Oid = (1, 3, 6, 1, 2, 1, 33, 1, 7)
TEST, LOCK, RESULT, QUICK = (*UPS, 1, 0), (*UPS, 2, 0), (*UPS, 3, 0), (*UPS, 7, 4)
RFC, APC, NONE = load("rfc1628-ups"), load("apc-powernet"), load("eltek-legacy")
APC_TEST: Oid = (1, 3, 6, 1, 4, 1, 318, 1, 1, 1, 7, 2, 2, 0)


def number(value: int) -> SnmpValue:
    return SnmpValue(SnmpKind.INTEGER, value)


@dataclass
class Device:
    """An SNMP agent that takes what it is written."""

    objects: dict[Oid, SnmpValue]
    written: list[dict[Oid, SnmpValue]] = field(default_factory=list)

    async def get(self, oids: Sequence[Oid], *, timeout_s: float) -> Mapping[Oid, SnmpValue | None]:
        assert timeout_s > 0
        return {oid: self.objects.get(oid) for oid in oids}

    async def set(self, values: Mapping[Oid, SnmpValue], *, timeout_s: float) -> None:
        assert timeout_s > 0
        self.written.append(dict(values))
        self.objects[RESULT] = number(5)

    async def close(self) -> None:
        """Nothing is open."""


def ups(result: int = 6) -> Device:
    idle = SnmpValue(SnmpKind.OID, (*UPS, 7, 1))
    return Device({TEST: idle, LOCK: number(41), RESULT: number(result)})


async def test_looking_writes_nothing() -> None:
    device = ups()
    plan = await look(device, RFC, timeout_s=1)
    assert list(plan.write.items()) == [(LOCK, number(41)), (TEST, SnmpValue(SnmpKind.OID, QUICK))]
    assert plan.before[RESULT] == number(6)
    assert device.written == []


async def test_the_lock_goes_with_the_write() -> None:
    device = ups()
    plan = await look(device, RFC, timeout_s=1)
    after = await start(device, RFC, plan, timeout_s=1)
    assert device.written == [dict(plan.write)]
    assert after[RESULT] == number(5)


async def test_a_family_without_a_lock() -> None:
    device = Device({APC_TEST: number(1)})
    assert (await look(device, APC, timeout_s=1)).write == {APC_TEST: number(2)}


@pytest.mark.parametrize(
    ("device", "text"),
    [
        (ups(result=5), "under way already"),
        (Device({LOCK: number(1)}), "does not have the object"),
        (Device({TEST: number(1)}), "does not have the lock"),
    ],
    ids=["it tests itself", "no such object", "no lock"],
)
async def test_what_the_device_says_against_it(device: Device, text: str) -> None:
    with pytest.raises(Refused, match=text):
        await look(device, RFC, timeout_s=1)
    assert device.written == []


async def test_a_family_that_declares_none() -> None:
    with pytest.raises(Refused, match="declares nothing"):
        await look(ups(), NONE, timeout_s=1)


def test_a_modbus_profile_declares_none() -> None:
    text = (
        "{name: x, title: X, protocol: modbus, sources: [s], self_test: {oid: 1.3.6.1, value: 1}}"
    )
    with pytest.raises(ProfileError, match="self_test: is nothing of protocol modbus"):
        parse(text, "x.yaml")
