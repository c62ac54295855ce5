"""An intake for one unit, with everything that it writes to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agent.model import (
    Event,
    Health,
    Location,
    Sample,
    UnitInfo,
    UnitState,
    UnitStatus,
    Value,
    Verdict,
)
from agent.poll.assess import State
from agent.poll.intake import Intake
from agent.poll.past import Past
from agent.profiles.load import load
from agent.store.live import LiveStore
from tests.unit.poll.samples import WALL_S, sample

INFO = UnitInfo("u", "orv3-bbu", Location("r1", "a", "1"), "shelf-a", "unit id 48")
PROFILE = load("orv3-bbu")


@dataclass
class Records:
    """An archive that writes down what it is given."""

    states: list[tuple[str, str | None, State]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    closely: list[bool] = field(default_factory=list)

    def keep_state(self, unit: str, serial: str | None, state: State) -> None:
        self.states.append((unit, serial, state))

    def keep_event(self, event: Event) -> None:
        self.events.append(event)

    def keep_health(self, unit: str, health: Health) -> None:
        assert (bool(unit), bool(health.verdict)) == (True, True)

    def keep_seen(self, unit: str, time_s: float, body: State) -> int:
        assert (bool(unit), time_s > 0, bool(body)) == (True, True, True)
        return 1

    def keep_sample(self, sample: Sample, *, closely: bool) -> None:
        assert sample.unit
        self.closely.append(closely)


@dataclass
class Bench:
    """An intake for one unit with everything that it writes to."""

    store: LiveStore
    records: Records
    alarms: list[tuple[str, float]]
    intake: Intake

    def take(self, at_s: float, *volts: float, **facts: Value) -> None:
        self.take_of("u", at_s, *volts, **facts)

    def take_of(self, unit: str, at_s: float, *volts: float, **facts: Value) -> None:
        taken = replace(sample(at_s, *volts, **facts), unit=unit)
        self.intake.sample(taken, PROFILE)
        self.intake.learn(taken)

    def values(self, at_s: float) -> Mapping[str, Value]:
        view = self.store.view("u", mono_s=at_s)
        return {row.quantity: row.value for row in view.readings}

    def verdict(self) -> Verdict | None:
        health = self.store.view("u", mono_s=0).health
        return None if health is None else health.verdict


def bench(
    learnt: Mapping[str, tuple[str | None, State]] | None = None,
    happened: tuple[Event, ...] = (),
    now_s: float = WALL_S,
    infos: tuple[UnitInfo, ...] = (INFO,),
) -> Bench:
    store = LiveStore(infos, [], stale_after_s=30)
    records = Records()
    alarms: list[tuple[str, float]] = []
    intake = Intake(store, records, lambda info, until_s: alarms.append((info.name, until_s)))
    intake.follow(infos, {info.name: {} for info in infos}, Past(learnt or {}, happened, now_s))
    for info in infos:
        intake.found(info.name, PROFILE)
        intake.status(info.name, UnitStatus(UnitState.UP))
    return Bench(store, records, alarms, intake)
