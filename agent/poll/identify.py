"""Which profile fits a device that nobody has named: ask, from cheap to dear."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.decode import varbinds, words
from agent.errors import Refused, Unidentified
from agent.model import Oid, Register, SnmpKind, SnmpValue
from agent.poll.readers import unreached
from agent.profiles.schema import Identify, Object, ObjectType, Probe, Profile, Protocol, Words
from agent.transport.base import ModbusLink, SnmpClient

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
    told = await client.get([SYS_OBJECT_ID, SYS_DESCR], timeout_s=timeout_s)
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
        answers = await client.get(list(dict.fromkeys(oids)), timeout_s=timeout_s) if oids else {}
        for profile in group:
            if _probed(profile.identify, answers):
                return profile
    tried = ", ".join(profile.name for profile in (*named, *others))
    shown = ".".join(map(str, object_id)) or "none"
    raise Unidentified(
        f"no profile fits: sysObjectID {shown}, sysDescr {described[:80]!r}; tried {tried}. "
        "Name one with profile:, or record the device for a new profile"
    )


async def identify_modbus(
    link: ModbusLink, unit_id: int, profiles: Iterable[Profile], *, timeout_s: float
) -> Profile:
    """Find the profile of a Modbus unit by its probing registers.

    Raises:
        Unidentified: no family fits.
        TransportError: the device did not answer.
    """
    candidates = sorted(
        (profile for profile in profiles if profile.protocol is Protocol.MODBUS),
        key=lambda profile: profile.identify.order,
    )
    asker = _Asker(link, unit_id, timeout_s)
    for profile in candidates:
        if profile.identify.probes and await asker.all_hold(profile.identify.probes):
            return profile
    seen = "; ".join(f"{where}: {value}" for where, value in asker.seen.items())
    tried = ", ".join(profile.name for profile in candidates)
    raise Unidentified(
        f"no profile fits unit id {unit_id}: {seen or 'nothing readable'}; tried {tried}. "
        "Name one with profile:, or record the device for a new profile"
    )


@dataclass(slots=True)
class _Asker:
    link: ModbusLink
    unit_id: int
    timeout_s: float
    seen: dict[Words, str | None] = field(default_factory=dict)

    async def all_hold(self, probes: Sequence[Probe]) -> bool:
        for probe in probes:
            if not isinstance(probe.where, Words):
                return False
            value = await self._value(probe.where)
            if value is None:
                return False
            if probe.matches is not None and probe.matches.search(value) is None:
                return False
        return True

    async def _value(self, where: Words) -> str | None:
        if where not in self.seen:
            self.seen[where] = await self._ask(where)
        return self.seen[where]

    async def _ask(self, where: Words) -> str | None:
        table, address = where.register
        try:
            got = await self.link.read(
                self.unit_id, table, address, where.count, timeout_s=self.timeout_s
            )
        except Refused as refusal:
            silence = unreached(self.unit_id, refusal)
            if silence is not None:
                raise silence from refusal
            return None
        registers: dict[Register, int] = dict(zip(where.registers, got, strict=True))
        try:
            value = words.raw_value(where, registers)
        except ValueError:
            return None
        return None if value is None else str(value)


def _object_id(value: SnmpValue | None) -> Oid:
    if value is None:
        return ()
    if isinstance(value.value, tuple):
        return value.value
    # Some agents answer with the dotted text, with or without a leading dot.
    text = value.value.decode("ascii", "replace") if isinstance(value.value, bytes) else ""
    parts = text.strip(". \0").split(".")
    return tuple(int(part) for part in parts) if all(p.isdecimal() for p in parts) else ()


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
