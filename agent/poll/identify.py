"""Which profile fits a device that nobody has named: ask, from cheap to dear."""

from collections.abc import Iterable, Mapping, Sequence

from agent.decode import varbinds
from agent.errors import Refused, Unidentified
from agent.model import Oid, SnmpKind, SnmpValue
from agent.poll.identify_modbus import identify_modbus
from agent.profiles.schema import Identify, Object, ObjectType, Probe, Profile, Protocol
from agent.transport.base import SnmpClient

__all__ = ["SYS_DESCR", "SYS_OBJECT_ID", "identify_modbus", "identify_snmp"]

_LONGEST_ARC = 10
"""Digits of the largest number in an object identifier, 2**32 - 1 (RFC 2578, section 3.5)."""
SYS_DESCR: Oid = (1, 3, 6, 1, 2, 1, 1, 1, 0)
SYS_OBJECT_ID: Oid = (1, 3, 6, 1, 2, 1, 1, 2, 0)


async def identify_snmp(
    client: SnmpClient, profiles: Iterable[Profile], *, timeout_s: float
) -> Profile:
    """Find the profile of an SNMP agent by its sysObjectID, sysDescr and probing objects.

    The families that the object id or description names are probed first. Many cards answer
    with a generic object id, or one that another maker's card carries too: then the probes
    decide among all families.

    Raises:
        Unidentified: no family fits.
        TransportError: the device did not answer.
    """
    told = await _answers(client, [SYS_OBJECT_ID, SYS_DESCR], timeout_s)
    object_id = _object_id(told.get(SYS_OBJECT_ID))
    described = _described(told.get(SYS_DESCR))
    candidates = [profile for profile in profiles if profile.protocol is Protocol.SNMP]
    named = [profile for profile in candidates if _names(profile, object_id, described)]
    named.sort(key=lambda profile: (-_prefix_length(profile, object_id), profile.identify.order))
    others = [profile for profile in candidates if profile not in named and profile.identify.probes]
    others.sort(key=lambda profile: profile.identify.order)
    for group in (named, others):
        oids = [
            probe.where.oid
            for profile in group
            for probe in profile.identify.probes
            if isinstance(probe.where, Object)
        ]
        answers = await _answers(client, oids, timeout_s)
        for profile in group:
            if _probed(profile.identify, answers):
                return profile
    tried = ", ".join(profile.name for profile in (*named, *others))
    shown = ".".join(map(str, object_id)) or "none"
    raise Unidentified(
        f"no profile fits: sysObjectID {shown}, sysDescr {described[:80]!r}; tried {tried}. "
        "Name one with profile:, or save all it says with bbu-agent record, for a new profile"
    )


async def _answers(
    client: SnmpClient, oids: Sequence[Oid], timeout_s: float
) -> Mapping[Oid, SnmpValue | None]:
    """Ask for ``oids``; an agent that answers nothing but errors has none of them."""
    if not oids:
        return {}
    try:
        return await client.get(list(dict.fromkeys(oids)), timeout_s=timeout_s)
    except Refused:
        return {}


def _object_id(value: SnmpValue | None) -> Oid:
    if value is None:
        return ()
    if isinstance(value.value, tuple):
        return value.value
    # Some agents answer with the dotted text, with or without a leading dot.
    text = value.value.decode("ascii", "replace") if isinstance(value.value, bytes) else ""
    parts = text.strip(". \0").split(".")
    numbers = all(part.isdecimal() and len(part) <= _LONGEST_ARC for part in parts)
    return tuple(map(int, parts)) if numbers else ()


def _described(value: SnmpValue | None) -> str:
    if value is None or value.kind is SnmpKind.NULL:
        return ""
    return str(varbinds.raw_value(ObjectType.TEXT, value))


def _names(profile: Profile, object_id: Oid, described: str) -> bool:
    pattern = profile.identify.sys_descr
    return _prefix_length(profile, object_id) > 0 or (
        pattern is not None and pattern.search(described) is not None
    )


def _probed(rule: Identify, answers: Mapping[Oid, SnmpValue | None]) -> bool:
    """Say whether the probes of ``rule`` hold; a family without any is known by its name."""
    if not rule.probes:
        return True
    held = (_object_holds(probe, answers) for probe in rule.probes)
    return any(held) if rule.any_probe else all(held)


def _prefix_length(profile: Profile, object_id: Oid) -> int:
    fits = [
        len(prefix)
        for prefix in profile.identify.sys_object_ids
        if object_id[: len(prefix)] == prefix
    ]
    return max(fits, default=0)


def _object_holds(probe: Probe, answers: Mapping[Oid, SnmpValue | None]) -> bool:
    if not isinstance(probe.where, Object):
        return False
    value = answers.get(probe.where.oid)
    if value is None:
        return False
    try:
        raw = varbinds.raw_value(probe.where.type, value)
    except ValueError:
        return False
    if raw == "" and probe.where.type is not ObjectType.TEXT:
        return False
    return probe.matches is None or probe.matches.search(str(raw)) is not None
