"""Where everything that polling brings comes together: store, health, events, urgency."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.events.look import Look
from agent.events.outlook import Foresight, standby
from agent.events.tally import last_seen_s, number
from agent.events.watch import Seen, UnitWatch
from agent.health.lots import LotBook
from agent.health.peers import PeerBook
from agent.model import Battery, Event, Health, Sample, UnitInfo, UnitState, UnitStatus
from agent.poll import lots
from agent.poll.assess import Archive, Assessor
from agent.poll.compare import Comparer, populations
from agent.poll.identities import Identities
from agent.poll.leisure import Leisure
from agent.poll.lots import LotMember
from agent.poll.past import WATCH, Past
from agent.poll.watches import Watches, place_of
from agent.profiles.schema import Cadence, Profile
from agent.store.live import LiveStore
from agent.tasks import Turn

CALM_AFTER_S = 60.0
"""How long a shelf stays at the discharge interval after its last discharge: the voltages
relax in that time and tell of the resistance."""
LOOK_EVERY_S = 300.0
"""Between two looks ahead of a unit at rest whose charge stays the same to a percent."""
_SLOW_S = 3 * 3600.0
_SILENT = frozenset({UnitState.DOWN, UnitState.DORMANT})


@dataclass(slots=True)
class _Followed:
    info: UnitInfo
    overrides: Mapping[str, object]
    assessor: Assessor
    watch: UnitWatch
    comparer: Comparer
    foresight: Foresight | None = None
    looked: tuple[Event, float | None] | None = None
    looked_s: float = -math.inf
    horizons_s: Mapping[str, float] = field(default_factory=dict)

    def compared(self, health: Health, now_s: float) -> Health:
        """Add how the unit stands among its peers."""
        lot, known = self.assessor.lot_name, self.assessor.known
        return self.comparer.judged(health, now_s, populations(self.info.location, lot, known))

    def keep(self, now_s: float, *, urgent: bool) -> None:
        """Record what was learnt of the battery, and of its discharges what no event tells."""
        memory = self.watch.memory()
        self.assessor.keep(now_s, urgent=urgent, beside={WATCH: memory} if memory else {})


@dataclass(slots=True)
class Intake:
    """Takes samples and statuses (the ``Sink`` of polling) and feeds the store.

    ``alarmed`` is called with a unit that discharges, loses its input or sags, and the
    monotonic time until when its shelf deserves all attention.
    """

    store: LiveStore
    archive: Archive
    alarmed: Callable[[UnitInfo, float], None]
    units: dict[str, _Followed] = field(default_factory=dict)
    watches: Watches = field(default_factory=Watches)
    identities: Identities = field(default_factory=Identities)
    lots: LotBook = field(default_factory=LotBook)
    peers: PeerBook = field(default_factory=PeerBook)
    leisure: Leisure = field(default_factory=Leisure)

    def follow(
        self,
        infos: Sequence[UnitInfo],
        overrides: Mapping[str, Mapping[str, object]],
        past: Past | None = None,
    ) -> None:
        """Follow exactly ``infos``; a unit that stays configured alike keeps its engine.

        ``overrides`` are the configured facts of each unit's battery; ``past`` is what earlier
        runs have recorded.
        """
        past = past or Past()
        names = [info.name for info in infos]
        self.identities.recall(past.learnt, names)
        lots.recall(self.lots, past.learnt, names)
        before, self.units = self.units, {}
        for info in infos:
            held = before.get(info.name)
            if held is not None and _alike(held, info, overrides[info.name]):
                if place_of(held.info) != place_of(info):
                    held.watch.join(self.watches.make(info))
                held.info = info
                self.units[info.name] = held
                continue
            self._begin(info, overrides[info.name], past)
        if not before:
            self._resume_racks(infos, past)
        for name in before.keys() - self.units.keys():
            self.peers.drop(name)
            incidents = before[name].watch.incidents
            ended = incidents.abandon() if incidents.told else None
            if ended is not None:
                self.archive.keep_event(ended)
        for event in self.watches.stay(infos):
            self.store.put_event(event)
            self.archive.keep_event(event)

    def _begin(self, info: UnitInfo, overrides: Mapping[str, object], past: Past) -> None:
        """Follow a unit that was not followed so far, from what is on record."""
        name = info.name
        assessor = Assessor(
            name,
            self.archive,
            learnt=past.engine(name),
            identities=self.identities,
            lot=LotMember(name, self.lots),
        )
        watch = self.watches.make(info)
        watch.recall(past.memory(name), past.last(name))
        self.units[name] = _Followed(info, overrides, assessor, watch, Comparer(name, self.peers))
        going_on, ended = past.interrupted(name)
        for event in ended:
            self._settle(event)
        for event in going_on:
            watch.incidents.resume(event)
            self.store.resume_event(event)

    def _resume_racks(self, infos: Sequence[UnitInfo], past: Past) -> None:
        self.watches.recall(infos, past.happened)
        for name in past.outages():
            going_on, ended = past.interrupted(name)
            parts = [part for info in infos for part in past.discharges(info, name)]
            for event in going_on:
                if any(part.end_s is None for part in parts):
                    self.watches.resume(event, parts)
                    self.store.resume_event(event)
                else:
                    ended.append(replace(event, end_s=last_seen_s(event)))
            for event in ended:
                self._settle(event)

    def _settle(self, ended: Event) -> None:
        """Record the end of an event that began before, and what it means for the rack."""
        followed = self.units.get(ended.unit)
        outage = None if followed is None else self.watches.settle(followed.info, ended)
        for event in (ended, outage):
            if event is not None:
                self.store.resume_event(event)
                self.archive.keep_event(event)

    def found(self, unit: str, profile: Profile) -> None:
        """Take the facts of the identified family, under those of the configuration."""
        followed = self.units[unit]
        facts: Mapping[str, object] = followed.overrides
        battery: Battery = replace(profile.battery, **facts)  # type: ignore[arg-type]
        followed.assessor.battery = battery
        followed.watch.incidents.rated_ah = battery.rated_capacity_ah
        followed.horizons_s = followed.assessor.horizons_s = {
            row.quantity: _SLOW_S if row.cadence is Cadence.SLOW else math.inf
            for row in profile.fields
            if row.cadence is not Cadence.FAST
        }
        self.store.identified(unit, followed.horizons_s)

    def sample(self, sample: Sample, profile: Profile) -> None:
        """Store a sample, whatever may be made of it."""
        _ = profile
        followed = self.units[sample.unit]
        self._check_slot(followed, sample)
        self.store.put_sample(sample, horizons_s=followed.horizons_s)

    def learn(self, sample: Sample) -> None:
        """Follow the discharge that a sample tells of, tell of it, let the engine learn."""
        followed = self.units[sample.unit]
        seen = followed.watch.observe(Look.of(sample))
        for event in seen.events:
            self._keep(followed, self._judged(followed, event), seen.power_w)
        if seen.ended is not None:
            followed.foresight = followed.looked = None
        self.store.put_findings(sample.unit, followed.watch.findings)
        if seen.urgent:
            self.alarmed(followed.info, sample.mono_s + CALM_AFTER_S)
        self._foresee(followed, seen)
        self._learn(followed, sample, seen)

    def glance(self, sample: Sample) -> None:
        """Take current and voltage alone: they tell when load came or went."""
        self.units[sample.unit].watch.incidents.glance(Look.of(sample))

    def _foresee(self, followed: _Followed, seen: Seen) -> None:
        """Project the time left under load, from what was believed before the load came."""
        tally, look, name = followed.watch.incidents.tally, seen.look, followed.info.name
        if tally is None:
            if seen.ended is not None:
                self.store.put_outlook(name, None)
            return
        if followed.foresight is None:
            standing = followed.assessor.standing(tally.onset_s - look.mono_s + look.wall_s)
            if standing is None:
                return
            rest_v = {} if tally.rest is None else tally.rest.cells_v
            standing = standing.witnessed(tally.first_charge)
            required_s = followed.assessor.battery.required_seconds
            followed.foresight = Foresight(standing, required_s, rest_v)
        if seen.power_w is not None:
            outlook = followed.foresight.watch(
                look,
                power_w=seen.power_w,
                charge_ah=tally.charge_ah or 0.0,
                elapsed_s=look.mono_s - tally.onset_s,
            )
            self.store.put_outlook(name, outlook)

    def _judged(self, followed: _Followed, event: Event) -> Event:
        """Put into the record of a discharge that is over what had been predicted for it."""
        foresight = followed.foresight
        energy_wh = number(event.detail, "energy_wh")
        if foresight is None or event.end_s is None or energy_wh is None:
            return event
        facts = foresight.verdict(
            duration_s=number(event.detail, "duration_s") or 0.0,
            energy_wh=energy_wh,
            lowest_v=number(event.detail, "lowest_cell_v"),
        )
        return followed.watch.amend(event, **facts)

    def _learn(self, followed: _Followed, sample: Sample, seen: Seen) -> None:
        running = followed.watch.running is not None
        self.archive.keep_sample(sample, closely=running or bool(seen.events))
        if running or seen.ended is not None:
            # Under load the outlook tells more, and the line needs the time.
            followed.assessor.put_off(sample.wall_s)
        begun_s = time.monotonic()
        spare = self.leisure.any(begun_s)
        health = followed.assessor.observe(sample, urgent=False, spare=spare)
        if not running:
            followed.comparer.see(sample)
        if health is not None:
            health = followed.compared(health, sample.wall_s)
            self.store.put_health(sample.unit, health)
            self.archive.keep_health(sample.unit, health)
            if not running:
                self._look_ahead(followed, sample.wall_s)
            self.leisure.spend(time.monotonic() - begun_s)
        followed.keep(sample.wall_s, urgent=seen.lasting)

    def _look_ahead(self, followed: _Followed, now_s: float) -> None:
        """Say how long the unit at rest would carry the load that it last had."""
        last = self.store.ledger(followed.info.name).last.get("discharge")
        if last is None:
            return
        energy_wh, length_s = number(last.detail, "energy_wh"), number(last.detail, "duration_s")
        told = followed.assessor.known.get("state_of_charge")
        charge = told if isinstance(told, float) else None
        basis = (last, None if charge is None else round(charge, 2))
        if followed.looked == basis and 0.0 <= now_s - followed.looked_s < LOOK_EVERY_S:
            return
        standing = followed.assessor.standing(now_s)
        if energy_wh is None or not length_s or standing is None:
            return
        followed.looked, followed.looked_s = basis, now_s
        required_s = followed.assessor.battery.required_seconds
        power_w = energy_wh * 3600.0 / length_s
        standing = standing.witnessed(charge)
        outlook = standby(standing, power_w=power_w, required_s=required_s, at_s=now_s)
        self.store.put_outlook(followed.info.name, outlook)

    def _keep(self, followed: _Followed, event: Event, power_w: float | None) -> None:
        """Record an event of a unit, and what it means for the rack."""
        for one in (event, self.watches.rack(followed.info, event, power_w)):
            if one is not None:
                self.store.put_event(one)
                self.archive.keep_event(one)

    def status(self, unit: str, status: UnitStatus) -> None:
        """Store how polling goes; a unit that falls silent under load is lost."""
        self.store.put_status(unit, status)
        followed = self.units[unit]
        if status.state in _SILENT:
            event = followed.watch.vanish(time.monotonic())
            if event is not None:
                self._keep(followed, event, None)
            self.store.put_findings(unit, followed.watch.findings)

    async def keep_all(self, now_s: float) -> None:
        """Record what every engine has learnt, before the agent stops."""
        turn = Turn()
        for followed in list(self.units.values()):
            followed.keep(now_s, urgent=True)
            await turn.pause()

    def _check_slot(self, followed: _Followed, sample: Sample) -> None:
        for row in sample.readings:
            if row.quantity == "serial_number" and followed.assessor.replaced(str(row.value)):
                self.store.forget(sample.unit)
                self.peers.drop(sample.unit)
                followed.comparer = Comparer(sample.unit, self.peers)
                followed.looked = None
                ended = followed.watch.incidents.abandon()
                if ended is not None:
                    self._keep(followed, ended, None)
                rated_ah = followed.watch.incidents.rated_ah
                followed.watch = self.watches.make(followed.info)
                followed.watch.incidents.rated_ah = rated_ah
                detail = {"serial_number": str(row.value)}
                event = Event(sample.unit, "replaced", sample.wall_s, sample.wall_s, detail)
                self.archive.keep_event(event)


def _alike(held: _Followed, info: UnitInfo, overrides: Mapping[str, object]) -> bool:
    """Say whether the same device with the same battery goes on, wherever it is said to sit."""
    same = replace(held.info, location=info.location) == info
    return same and held.overrides == overrides
