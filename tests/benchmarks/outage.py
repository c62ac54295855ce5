"""Outages in simulated time: what the agent records and projects, against the truth.

Usage: ``python -m tests.benchmarks.outage [--fresh] [--interval=SECONDS] [SCENARIO ...]``
(grid-flicker, long-outage and second-module-lost; 2 s). The engines have seen the scenario's
past; with ``--fresh`` they meet the modules for the first time. The schedule, the request plan,
the intake and the health engine are the agent's own; the wire is a clock that counts characters
as an RS-485 line would, and the cells and what befalls them are the simulator's.
"""

import copy
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from agent.health.engine import HealthEngine
from agent.model import (
    Battery,
    Chemistry,
    Event,
    Health,
    Location,
    Outlook,
    Reading,
    Sample,
    UnitInfo,
    UnitStatus,
)
from agent.model import UnitState as State
from agent.poll.assess import State as Learnt
from agent.poll.assess import made_s
from agent.poll.bus import GLANCE_S
from agent.poll.intake import Intake
from agent.poll.past import Past
from agent.poll.schedule import Pace, Turn
from agent.poll.vital import counter_fields, glance_fields, vital_fields
from agent.profiles.load import load
from agent.profiles.schema import Cadence, Field, Profile
from agent.replay.telemetry import read_telemetry
from agent.store.live import LiveStore
from agent.transport.plan import blocks, plan
from simulators import scenario_file
from simulators.device.module import Module
from simulators.device.readings import module_values
from simulators.fleet import Fleet, build_fleet
from simulators.history import jobs, resume, work_all, write_state
from simulators.past import catch_up, quick_past
from simulators.scenario import Scenario
from simulators.stage import Stage
from simulators.telemetry import nominal_ohm

SCENARIOS = ("grid-flicker", "long-outage", "second-module-lost")
START_S = 1.76e9
TICK_S, FINE_S, MICRO_S = 0.1, 0.01, 1e-6
INTERVAL_S, URGENT_S = 2.0, 1.0
REQUEST_OCTETS, REPLY_OCTETS, BITS = 8, 5, 11
GAP_S, TURNAROUND_S = 0.00175, 0.002
PROJECTED_AT_S = 30.0
PROCESSES = 2
LEAST_S = 1.99
SENSOR_V = 0.003
"""Offset and noise of a cell's voltage sensor: cells closer than that cannot be told apart."""


@dataclass
class Truth:
    """What one module really delivered in one discharge."""

    unit: str
    start_s: float
    length_s: float = 0.0
    energy_wh: float = 0.0
    lows_v: list[float] = field(default_factory=list)

    def limiting(self, cell: str) -> bool:
        """Say whether ``cell`` was the lowest, or within what sensors can tell of it."""
        return self.lows_v[int(cell) - 1] - min(self.lows_v) <= SENSOR_V


class Guess(NamedTuple):
    """A projection 30 s into an outage, and the seconds that were really left."""

    unit: str
    outlook: Outlook
    left_s: float


@dataclass
class Records:
    """An archive that writes down the newest form of every event."""

    events: dict[tuple[str, str, float], Event] = field(default_factory=dict)

    def keep_state(self, unit: str, serial: str | None, state: Learnt) -> None:
        """Nothing is learnt for later."""

    def keep_event(self, event: Event) -> None:
        """Keep it."""
        self.events[event.unit, event.kind, event.start_s] = event

    def keep_health(self, unit: str, health: Health) -> None:
        """Nobody asks for the past."""

    def keep_seen(self, unit: str, time_s: float, body: Learnt) -> int:
        """Nobody is killed."""
        return len(unit) + len(body) + int(time_s)

    def keep_sample(self, sample: Sample, *, closely: bool) -> None:
        """Nobody asks for the past."""


@dataclass
class Polled:
    """One module as the poller has it."""

    module: Module
    info: UnitInfo
    profile: Profile
    turn: Turn
    bus: str
    reads: list[float] = field(default_factory=list)


@dataclass
class Outcome:
    """What one scenario showed."""

    truths: list[Truth] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    guesses: list[Guess] = field(default_factory=list)
    rates_s: dict[str, float] = field(default_factory=dict)
    first_s: dict[str, float] = field(default_factory=dict)


def wire_s(fields: tuple[Field, ...], profile: Profile, baudrate: int) -> float:
    """Give the seconds that reading ``fields`` takes on a serial line."""
    spans = plan(blocks(fields, profile.limits), profile.limits)
    octets = sum(REQUEST_OCTETS + REPLY_OCTETS + 2 * span.count for span in spans)
    return octets * BITS / baudrate + len(spans) * (2 * GAP_S + TURNAROUND_S)


def lived(scenario: Scenario, folder: Path) -> Fleet:
    """Live the scenario's past into ``folder``, as bbu-sim history does; give the fleet."""
    todo = jobs(scenario, years=scenario.past.years, end_s=START_S, out=folder, form="csv")
    write_state(folder, scenario, START_S, dict(work_all(todo, PROCESSES)))
    fleet = resume(scenario, folder)
    for name in fleet.modules:
        catch_up(fleet, name, START_S)
    return fleet


def learn(fleet: Fleet, folder: Path) -> Iterator[tuple[str, tuple[str | None, Learnt]]]:
    """Let an engine of each module read its past; give what it has learnt."""
    for name, module in fleet.modules.items():
        path = folder / name / "telemetry.csv.gz"
        if not path.exists():
            continue
        telemetry = read_telemetry(path, 1.0)
        facts: Any = battery(module)
        since_s = made_s({"manufacture_date": module.made_on}, START_S)
        engine = HealthEngine(Battery(**facts, commissioned_s=since_s), cells=telemetry.cells)
        for observation in telemetry.observations:
            engine.observe(observation)
        yield name, (None, engine.state())


class Play:
    """Lives through a scenario with an agent beside it. Time is counted from its start."""

    def __init__(
        self, name: str, *, interval_s: float = INTERVAL_S, past: Path | None = None
    ) -> None:
        self.scenario = scenario_file.load(name)
        learnt: dict[str, tuple[str | None, Learnt]] = {}
        if past is None:
            self.fleet: Fleet = build_fleet(self.scenario, start_s=START_S, born_s=START_S)
            quick_past(self.fleet, self.scenario.past.years)
        else:
            self.fleet = lived(self.scenario, past)
            learnt = dict(learn(self.fleet, past))
        self.random = random.Random(self.scenario.seed)
        self.now_s = 0.0
        self.records, self.outcome = Records(), Outcome()
        self.units = {unit.info.name: unit for unit in self._units(interval_s)}
        infos = [unit.info for unit in self.units.values()]
        self.store = LiveStore(infos, [], stale_after_s=3 * interval_s)
        self.intake = Intake(self.store, self.records, self._alarm)
        overrides = {name: battery(unit.module) for name, unit in self.units.items()}
        self.intake.follow(infos, overrides, Past(learnt))
        for unit in self.units.values():
            self.intake.found(unit.info.name, unit.profile)
        self.silent = {
            str(fault.unit): (fault.at or 0.0, fault.until)
            for fault in self.scenario.faults
            if str(fault.kind) == "silent"
        }
        self.stage = Stage(self.fleet, lambda _names: None)
        self.running: dict[str, Truth] = {}
        self.guessed: set[tuple[str, float]] = set()
        self.glanced_s: dict[str, float] = {}
        self.glances, self.fine_until_s = 0, 0.0
        self.busy_until = dict.fromkeys(self.scenario.buses, 0.0)

    def _units(self, interval_s: float) -> Iterator[Polled]:
        pace = Pace(interval_s=interval_s, discharge_interval_s=min(URGENT_S, interval_s))
        for name, module in self.fleet.modules.items():
            site = self.fleet.sites[name]
            place = Location(site.rack, site.shelf, site.slot)
            info = UnitInfo(name, module.design.profile, place, site.bus, str(site.unit_id))
            turn = Turn(pace, due_s=self.random.uniform(0, 1), jitter=self.random)
            line = [n for n, other in self.fleet.sites.items() if other.bus == site.bus]
            turn.phase_s = interval_s * line.index(name) / len(line)
            yield Polled(module, info, load(module.design.profile), turn, site.bus)

    def _alarm(self, info: UnitInfo, until_s: float) -> None:
        for unit in self.units.values():
            place, other = unit.info.location, info.location
            if (place.rack, place.shelf) == (other.rack, other.shelf):
                unit.turn.urgent(self.now_s, until_s)

    def quiet(self, name: str) -> bool:
        """Say whether the unit does not answer now."""
        if name not in self.silent:
            return False
        begin, end = self.silent[name]
        return begin <= self.now_s and (end is None or self.now_s < end)

    def run(self, after_s: float = 40.0) -> Outcome:
        """Live through every event and give what came of it."""
        last_s = max(event.at + event.length for event in self.scenario.events)
        while self.now_s < last_s + after_s:
            if self._outages() or self.stage.next_s() - self.now_s < 1.0:
                self.fine_until_s = self.now_s + 1.0
            near = self.now_s < self.fine_until_s
            self._tick(min(FINE_S if near else TICK_S, self._to_next()))
            for rack, began_s in self._outages():
                if self.now_s >= began_s + PROJECTED_AT_S and (rack, began_s) not in self.guessed:
                    self.guessed.add((rack, began_s))
                    self._guess(rack)
        self.outcome.events = list(self.records.events.values())
        return self.outcome

    def _to_next(self) -> float:
        next_s = self.stage.next_s() - self.now_s
        return next_s if next_s > MICRO_S else TICK_S

    def _outages(self) -> list[tuple[str, float]]:
        return [
            (str(event.rack), event.at)
            for event in self.scenario.events
            if event.kind == "outage" and event.at <= self.now_s < event.at + event.length
        ]

    def _tick(self, step_s: float) -> None:
        """Let time pass, with a poll whenever a line is free and a unit due."""
        self.stage.act(self.now_s + MICRO_S)
        for name, unit in self.units.items():
            module = unit.module
            module.air_c = self.fleet.air_c(name, module.now_s)
            module.step(step_s)
            self._follow(name, unit, step_s)
        self.now_s += step_s
        for bus in self.busy_until:
            self._poll(bus)

    def _follow(self, name: str, unit: Polled, step_s: float) -> None:
        """Keep the truth of the discharge under way."""
        module, running = unit.module, self.running.get(name)
        if module.pack.current_a < -1.0 and module.test is None:
            if running is None:
                running = self.running[name] = Truth(name, self.now_s)
                unit.reads.clear()
            running.length_s += step_s
            power_w = -module.pack.current_a * float(module.pack.volts.sum())
            running.energy_wh += power_w * step_s / 3600
            now_v = module.pack.volts.tolist()
            running.lows_v = [
                min(pair) for pair in zip(running.lows_v or now_v, now_v, strict=True)
            ]
        elif running is not None:
            del self.running[name]
            self.outcome.truths.append(running)
            self._rates(name, unit, running.start_s)

    def _rates(self, name: str, unit: Polled, start_s: float) -> None:
        if unit.reads:
            self.outcome.first_s[f"{name} at {start_s:g} s"] = unit.reads[0] - start_s
            steps = [b - a for a, b in zip(unit.reads, unit.reads[1:], strict=False)]
            if steps and not self.quiet(name):
                worst = self.outcome.rates_s.get(name, 0.0)
                self.outcome.rates_s[name] = max(worst, *steps)

    def _guess(self, rack: str) -> None:
        for name, unit in self.units.items():
            outlook = self.store.view(name, mono_s=self.now_s).ledger.outlook
            if unit.info.location.rack != rack or outlook is None or outlook.elapsed_s is None:
                continue
            if unit.module.load_w <= 0 or not unit.module.able:
                continue
            ghost = copy.deepcopy(unit.module)
            left_s = 0.0
            while ghost.able and left_s < 5000:
                ghost.step(0.5)
                left_s += 0.5
            # What the agent said some tenths of a second ago was said of that moment.
            left_s += self.now_s - (outlook.at_s - START_S)
            self.outcome.guesses.append(Guess(name, outlook, left_s))

    def _poll(self, bus: str) -> None:
        line = [unit for unit in self.units.values() if unit.bus == bus]
        while self.busy_until[bus] <= self.now_s:
            unit = min(line, key=lambda one: one.turn.due_s)
            if unit.turn.due_s > self.now_s:
                self._glance(bus, line, unit.turn.due_s - self.now_s)
                return
            baudrate = self.scenario.buses[bus].serial or 115200
            spare = not any(o is not unit and o.turn.late(self.now_s) for o in line)
            self.busy_until[bus] = self.now_s + self._turn(unit, baudrate, spare=spare)

    def _glance(self, bus: str, line: list[Polled], spare_s: float) -> None:
        """Look at one module of a shelf under load, as the agent's bus does when it is idle."""
        watched = [u for u in line if u.turn.hurried(self.now_s) and not self.quiet(u.info.name)]
        near = self.now_s - self.glanced_s.get(bus, -GLANCE_S) < GLANCE_S - MICRO_S
        if not watched or near or spare_s <= GLANCE_S:
            return
        self.glanced_s[bus] = self.now_s
        self.glances += 1
        unit = watched[self.glances % len(watched)]
        fields = glance_fields(unit.profile)
        baudrate = self.scenario.buses[bus].serial or 115200
        self.busy_until[bus] = self.now_s + wire_s(fields, unit.profile, baudrate)
        self.intake.glance(self._sample(unit, fields))

    def _turn(self, unit: Polled, baudrate: int, *, spare: bool) -> float:
        name, turn = unit.info.name, unit.turn
        if self.quiet(name):
            turn.failed(self.now_s + 0.5)
            state = turn.state(sound=True)
            self.intake.status(name, UnitStatus(state, START_S + self.now_s))
            return 0.5
        cadences = turn.cadences(self.now_s)
        vital, counted = turn.vital(self.now_s, spare=spare), turn.counting(self.now_s)
        fields = tuple(row for row in unit.profile.fields if row.cadence in cadences)
        if vital:
            fields = vital_fields(unit.profile)
        elif counted and Cadence.SLOW not in cadences:
            fields += counter_fields(unit.profile)
        took_s = wire_s(fields, unit.profile, baudrate)
        unit.reads.append(self.now_s)
        self.intake.status(name, UnitStatus(State.UP, START_S))
        sample = self._sample(unit, fields)
        self.intake.sample(sample, unit.profile)
        self.intake.learn(sample)
        turn.answered(self.now_s + took_s, cadences, vital=vital, counted=counted and not vital)
        return took_s

    def _sample(self, unit: Polled, fields: tuple[Field, ...]) -> Sample:
        values = module_values(unit.module, unit.module.measure())
        wanted = {row.quantity for row in fields}
        rows = tuple(
            Reading(quantity, index, value, self.now_s, "simulated")
            for (quantity, index), value in values.items()
            if value is not None and quantity in wanted
        )
        return Sample(unit.info.name, START_S + self.now_s, self.now_s, rows)


def battery(module: Module) -> Mapping[str, object]:
    """Give what a data sheet says of a module."""
    design = module.design
    return {
        "chemistry": Chemistry(design.pack.chemistry),
        "resistance_ohm": nominal_ohm(design.pack.chemistry, design.pack.capacity_ah),
        "series": design.pack.series,
        "parallel": design.pack.parallel,
        "rated_capacity_ah": design.pack.capacity_ah,
        "rated_power_w": design.rated_power_w,
        "required_seconds": design.required_s,
        "cell_cutoff_v": design.cutoff_v,
        "cell_float_v": design.float_v,
        "cell_max_v": design.max_v,
    }


def matched(truth: Truth, events: list[Event]) -> Event | None:
    """Give the recorded event of one unit's discharge."""
    near = [
        event
        for event in events
        if event.unit == truth.unit
        and event.kind in ("discharge", "self_test")
        and abs(event.start_s - START_S - truth.start_s) < max(1.4, truth.length_s / 2)
    ]
    return near[0] if near else None


def tell(name: str, outcome: Outcome) -> str:
    """Give the report of one scenario."""
    lines = [f"== {name}"]
    missed, lost, durations, energies, wrong = 0, 0, [], [], 0
    for truth in (truth for truth in outcome.truths if truth.length_s >= LEAST_S):
        event = matched(truth, outcome.events)
        if event is not None and event.detail.get("lost") is True:
            lost += 1
            continue
        if event is None or event.end_s is None:
            missed += 1
            continue
        durations.append(float(event.detail["duration_s"]) - truth.length_s)
        energies.append(float(event.detail["energy_wh"]) / truth.energy_wh - 1)
        wrong += not truth.limiting(str(event.detail["lowest_cell"]))
    if durations:
        lines.append(
            f"{len(durations)} discharges of 2 s and more recorded, {lost} recorded as lost under "
            f"load, {missed} missed; duration off "
            f"by at most {max(map(abs, durations)):.2f} s, energy by at most "
            f"{max(map(abs, energies)):.1%}, limiting cell wrong {wrong} times"
        )
    short = [truth for truth in outcome.truths if truth.length_s < LEAST_S]
    if short:
        seen = sum(matched(truth, outcome.events) is not None for truth in short)
        counted = sum(float(e.detail["count"]) for e in outcome.events if e.kind == "flicker")
        lines.append(f"{len(short)} shorter ones: {seen} seen, {counted:g} told by counters")
    if outcome.first_s:
        lines.append(
            f"first sample at most {max(outcome.first_s.values()):.2f} s after the outage began; "
            f"then at most {max(outcome.rates_s.values(), default=0):.2f} s between two of a unit"
        )
    lines += list(_tell_guesses(outcome.guesses))
    return "\n".join(lines)


def _tell_guesses(guesses: list[Guess]) -> Iterator[str]:
    if not guesses:
        return
    off = [guess.outlook.seconds.estimate / guess.left_s - 1 for guess in guesses]
    covered = sum(g.outlook.seconds.lower <= g.left_s <= g.outlook.seconds.upper for g in guesses)
    for guess, share in zip(guesses, off, strict=True):
        seconds = guess.outlook.seconds
        yield (
            f"  {guess.unit}: {seconds.estimate:.0f} s ({seconds.lower:.0f} to "
            f"{seconds.upper:.0f}) left at {PROJECTED_AT_S:g} s, truly {guess.left_s:.0f} s "
            f"({share:+.1%}), cell {guess.outlook.limiting_cell}"
        )
    yield (
        f"projection at {PROJECTED_AT_S:g} s off by at most {max(map(abs, off)):.1%}; "
        f"{covered} of {len(guesses)} intervals cover the truth"
    )


def main() -> None:
    """Play the scenarios named on the command line."""
    wanted = [word for word in sys.argv[1:] if not word.startswith("--")]
    paces = [float(w.partition("=")[2]) for w in sys.argv if w.startswith("--interval=")]
    for name in wanted or SCENARIOS:
        with tempfile.TemporaryDirectory() as folder:
            past = None if "--fresh" in sys.argv else Path(folder)
            outcome = Play(name, interval_s=(paces or [INTERVAL_S])[0], past=past).run()
        sys.stdout.write(tell(name, outcome) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
