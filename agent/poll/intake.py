"""Where everything that polling brings comes together: store, health, events, urgency."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.model import Battery, Event, Sample, UnitInfo, UnitStatus
from agent.poll.assess import Archive, Assessor, State
from agent.poll.incidents import Incidents, last_seen_s
from agent.profiles.schema import Cadence, Profile
from agent.store.live import LiveStore

CALM_AFTER_S = 60.0
"""How long a shelf stays at the discharge interval after its last discharge: the voltages
relax in that time and tell of the resistance."""
_SLOW_S = 3 * 3600.0
RESUME_WITHIN_S = 120.0
"""How long after an agent's last look at an event the next agent still goes on with it."""


@dataclass(slots=True)
class _Followed:
    info: UnitInfo
    overrides: Mapping[str, object]
    assessor: Assessor
    incidents: Incidents
    horizons_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Intake:
    """Takes samples and statuses (the ``Sink`` of polling) and feeds the store.

    ``alarmed`` is called with a unit when it discharges, and the monotonic time until when
    its shelf deserves all attention.
    """

    store: LiveStore
    archive: Archive
    alarmed: Callable[[UnitInfo, float], None]
    units: dict[str, _Followed] = field(default_factory=dict)

    def follow(
        self,
        infos: Sequence[UnitInfo],
        overrides: Mapping[str, Mapping[str, object]],
        learnt: Mapping[str, tuple[str | None, State]],
        *,
        interrupted: Sequence[Event] = (),
        now_s: float = 0.0,
    ) -> None:
        """Follow exactly ``infos``; a unit that stays configured alike keeps its engine.

        ``overrides`` are the configured facts of each unit's battery; ``learnt`` is what
        earlier runs have recorded, with serial numbers. ``interrupted`` are events that an
        earlier run, before the unix time ``now_s``, has seen begin and not end.
        """
        before, self.units = self.units, {}
        for info in infos:
            held = before.get(info.name)
            if held is not None and _alike(held, info, overrides[info.name]):
                held.info = info
                self.units[info.name] = held
                continue
            assessor = Assessor(info.name, self.archive, learnt=learnt.get(info.name))
            self.units[info.name] = _Followed(
                info, overrides[info.name], assessor, Incidents(info.name)
            )
            self._resume([event for event in interrupted if event.unit == info.name], now_s)

    def _resume(self, events: Sequence[Event], now_s: float) -> None:
        for event in events:
            seen_s = last_seen_s(event)
            if abs(now_s - seen_s) > RESUME_WITHIN_S:
                # Nobody knows when it ended; that it was still under way is all we know.
                self.archive.keep_event(replace(event, end_s=seen_s))
                continue
            self.units[event.unit].incidents.resume(event)
            self.store.resume_event(event)

    def found(self, unit: str, profile: Profile) -> None:
        """Take the facts of the identified family, under those of the configuration."""
        followed = self.units[unit]
        facts: Mapping[str, object] = followed.overrides
        battery: Battery = replace(profile.battery, **facts)  # type: ignore[arg-type]
        followed.assessor.battery = battery
        followed.horizons_s = {
            row.quantity: _SLOW_S for row in profile.fields if row.cadence is not Cadence.FAST
        }

    def sample(self, sample: Sample, profile: Profile) -> None:
        """Store a sample, follow its discharge, let the engine learn."""
        _ = profile
        followed = self.units[sample.unit]
        self._check_slot(followed, sample)
        self.store.put_sample(sample, horizons_s=followed.horizons_s)
        under_way = followed.incidents.open is not None
        event = followed.incidents.observe(sample)
        running = followed.incidents.open is not None
        if event is not None:
            self.store.put_event(event)
            self.archive.keep_event(event)
        if running or (event is not None and event.kind == "discharge"):
            self.alarmed(followed.info, sample.mono_s + CALM_AFTER_S)
        self.archive.keep_sample(sample, closely=running or event is not None)
        news = running != under_way
        health = followed.assessor.observe(sample, urgent=news)
        if health is not None:
            self.store.put_health(sample.unit, health)
        followed.assessor.keep(sample.wall_s, urgent=news)

    def status(self, unit: str, status: UnitStatus) -> None:
        """Store how polling goes."""
        self.store.put_status(unit, status)

    def keep_all(self, now_s: float) -> None:
        """Record what every engine has learnt, before the agent stops."""
        for followed in self.units.values():
            followed.assessor.keep(now_s, urgent=True)

    def _check_slot(self, followed: _Followed, sample: Sample) -> None:
        for row in sample.readings:
            whole = row.quantity == "serial_number" and row.index is None
            if whole and followed.assessor.replaced(str(row.value)):
                self.store.forget(sample.unit)
                under_way = followed.incidents.open
                if under_way is not None:
                    ended = replace(under_way, end_s=last_seen_s(under_way))
                    self.archive.keep_event(ended)
                followed.incidents = Incidents(sample.unit)
                detail = {"serial_number": str(row.value)}
                event = Event(sample.unit, "replaced", sample.wall_s, sample.wall_s, detail)
                self.archive.keep_event(event)


def _alike(held: _Followed, info: UnitInfo, overrides: Mapping[str, object]) -> bool:
    """Say whether the same device with the same battery goes on, wherever it is said to sit."""
    same = replace(held.info, location=info.location) == info
    return same and held.overrides == overrides
