"""Start one self-test: the only writing that this program does, and only when told to."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.errors import Refused
from agent.model import Oid, SnmpKind, SnmpValue
from agent.profiles.schema import Field, Object, Profile, SelfTestStart
from agent.transport.base import SnmpWriter

_RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be written and what the device says of its tests now.

    ``before`` is by object; ``write`` holds the lock's value too, where there is one.
    """

    before: Mapping[Oid, SnmpValue | None]
    write: Mapping[Oid, SnmpValue]


async def look(client: SnmpWriter, profile: Profile, *, timeout_s: float) -> Plan:
    """See whether the device would take the test, and with what it is to be written.

    Raises:
        Refused: a test runs already, or the device does not have the object.
        TransportError: it does not answer.
    """
    how = _how(profile)
    results = _results(profile)
    asked = [how.oid, *results, *([] if how.lock is None else [how.lock])]
    before = await client.get(asked, timeout_s=timeout_s)
    if before.get(how.oid) is None:
        raise Refused("it does not have the object that starts a self-test", 0)
    if any(_runs(results[oid], before.get(oid)) for oid in results):
        raise Refused("a self-test is under way already", 0)
    kind = SnmpKind.INTEGER if isinstance(how.value, int) else SnmpKind.OID
    write = {how.oid: SnmpValue(kind, how.value)}
    if how.lock is not None:
        lock = before.get(how.lock)
        if lock is None or not isinstance(lock.value, int):
            raise Refused("it does not have the lock that its profile names", 0)
        write = {how.lock: SnmpValue(SnmpKind.INTEGER, lock.value), **write}
    return Plan(before, write)


async def start(
    client: SnmpWriter, profile: Profile, plan: Plan, *, timeout_s: float
) -> Mapping[Oid, SnmpValue | None]:
    """Write ``plan`` and give what the device says afterwards.

    Raises:
        Refused: the device says no; nothing was started.
        TransportError: no answer came. Whether the test started is then not known.
    """
    await client.set(plan.write, timeout_s=timeout_s)
    asked = [_how(profile).oid, *_results(profile)]
    return await client.get(asked, timeout_s=timeout_s)


def _how(profile: Profile) -> SelfTestStart:
    if profile.self_test is None:
        raise Refused(f"the profile {profile.name} declares nothing that starts a self-test", 0)
    return profile.self_test


def _results(profile: Profile) -> dict[Oid, Field]:
    return {
        row.where.oid: row
        for row in profile.fields
        if row.quantity == "self_test_result"
        and isinstance(row.where, Object)
        and not row.where.column
    }


def _runs(row: Field, value: SnmpValue | None) -> bool:
    """Say whether the device's result of its last test means that one is running."""
    return value is not None and (value.value, _RUNNING) in row.states
