"""Which profile fits a Modbus unit that nobody has named: by probing registers."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.decode import words
from agent.decode.words import RawValue
from agent.errors import BadAnswer, NoAnswer, Refused, Unidentified
from agent.poll.chain import settled
from agent.poll.modbus_reader import unreached
from agent.profiles.schema import Identify, Probe, Profile, Protocol, Words
from agent.transport.base import ModbusLink

_SHOWN = 40


async def identify_modbus(
    link: ModbusLink,
    unit_id: int,
    profiles: Iterable[Profile],
    *,
    timeout_s: float,
    patience: int = 1,
    unheard: set[Words] | None = None,
) -> Profile:
    """Find the profile of a Modbus unit, its fields at the unit's own registers.

    Some devices are silent where they should refuse. Until the unit has answered at all,
    ``patience`` probes may go unanswered; after that, as many more. Probes in ``unheard``
    are left for last, and those that met silence are added to it: so a caller that comes
    again gets further, at one time-out for each attempt.

    Raises:
        Unidentified: no family fits.
        TransportError: the device did not answer.
    """
    candidates = sorted(
        (profile for profile in profiles if profile.protocol is Protocol.MODBUS),
        key=lambda profile: profile.identify.order,
    )
    asker = _Asker(link, unit_id, timeout_s, patience, set() if unheard is None else unheard)
    notes = []
    for profile in candidates:
        if profile.identify.probes and await asker.fits(profile.identify):
            try:
                return await settled(link, unit_id, profile, timeout_s=timeout_s)
            except Unidentified as reason:
                notes.append(str(reason))
    if not asker.alive:
        asker.unheard.clear()
        raise NoAnswer(f"unit id {unit_id} was silent to {asker.silences} different questions")
    raise Unidentified(_explain(unit_id, asker, candidates, notes))


def _explain(unit_id: int, asker: "_Asker", candidates: list[Profile], notes: list[str]) -> str:
    said: dict[str, str] = {}
    for where, value in asker.seen.items():
        if value not in (None, ""):
            said.setdefault(str(where), f"{where}: {str(value)[:_SHOWN]!r}")
    tried = ", ".join(profile.name for profile in candidates)
    parts = [
        f"no profile fits unit id {unit_id}",
        "it says " + "; ".join(said.values())
        if said
        else "none of the probing registers can be read",
        *notes,
        f"tried {tried}",
    ]
    return (
        ". ".join(parts) + ". Name one with --profile (profile: in the configuration), or save "
        f"what it says with bbu-agent record --unit-id {unit_id} for a new profile"
    )


@dataclass(slots=True)
class _Asker:
    link: ModbusLink
    unit_id: int
    timeout_s: float
    patience: int
    unheard: set[Words]
    seen: dict[Words, RawValue | None] = field(default_factory=dict)
    alive: bool = False
    silences: int = 0

    async def fits(self, rule: Identify) -> bool:
        for probe in rule.probes:
            holds = await self._holds(probe)
            if holds == rule.any_probe:
                return holds
        return not rule.any_probe

    async def _holds(self, probe: Probe) -> bool:
        if not isinstance(probe.where, Words):
            return False
        if probe.where not in self.seen:
            if not self.alive and probe.where in self.unheard:
                return False
            self.seen[probe.where] = await self._ask(probe.where)
        value = self.seen[probe.where]
        if value is None:
            return False
        if probe.between is not None:
            lowest, highest = probe.between
            if isinstance(value, str) or not lowest <= value <= highest:
                return False
        return probe.matches is None or probe.matches.search(str(value)) is not None

    async def _ask(self, where: Words) -> RawValue | None:
        try:
            got = await self._read(where)
        except Refused as refusal:
            silence = unreached(self.unit_id, refusal)
            if silence is not None:
                raise silence from refusal
            self.alive = True
            return None
        except NoAnswer:
            self.silences += 1
            self.unheard.add(where)
            if self.silences >= self.patience * (2 if self.alive else 1):
                raise
            return None
        self.alive = True
        registers = dict(zip(where.registers, got, strict=True))
        try:
            return words.raw_value(where, registers)
        except ValueError:
            return None

    async def _read(self, where: Words) -> list[int]:
        try:
            return await self._request(where)
        except BadAnswer:
            # Noise on the line is likelier than a broken device, and wire time is cheap.
            return await self._request(where)

    async def _request(self, where: Words) -> list[int]:
        table, address = where.register
        return await self.link.read(
            self.unit_id, table, address, where.count, timeout_s=self.timeout_s
        )
