"""What an engine has learnt survives a restart at any instant, and nothing else is let in."""

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.errors import StoreError
from agent.health.chemistry import interpolate
from agent.health.engine import HealthEngine, Observation
from agent.model import Battery, Chemistry

OCV = ((0.0, 2.7), (0.1, 3.39), (0.3, 3.57), (0.5, 3.69), (0.7, 3.87), (0.9, 4.06), (1.0, 4.2))
CELLS = ("1", "2", "3", "4", "5", "6")
CAPACITY_AH, FULL = 15.0, 0.91
BATTERY = Battery(
    chemistry=Chemistry.NCA,
    series=6,
    parallel=6,
    rated_capacity_ah=CAPACITY_AH,
    cell_cutoff_v=2.7,
    cell_float_v=4.07,
    resistance_ohm=0.0024,
    ocv=OCV,
    voltage_step_v=0.001,
    temperature_step_c=0.1,
)


@dataclass
class Rig:
    """Six cells and their sensors, to which everything happens that a guard looks for."""

    time_s: float = 1.7e9
    soc: float = FULL
    order: list[int] = field(default_factory=lambda: list(range(6)))
    ohm: list[float] = field(
        default_factory=lambda: [0.0024 * (1 + 0.04 * (k * 5 % 6)) for k in range(6)]
    )
    sign: float = 1.0
    offset_a: float = 0.0
    absent: int | None = None
    stuck: int | None = None
    noise: random.Random = field(default_factory=lambda: random.Random(1))

    def read(self, passed_s: float, amperes: float = 0.0, held_s: float = 0.0) -> Observation:
        self.time_s += passed_s
        self.soc += amperes * passed_s / 3600.0 / CAPACITY_AH
        slow = 0.8 + 0.2 * math.log1p(held_s) / math.log(11.0)
        volts: list[float | None] = [
            round(
                interpolate(OCV, self.soc)
                + amperes * self.ohm[cell] * slow
                + self.noise.gauss(0.0, 0.0004),
                3,
            )
            for cell in self.order
        ]
        if self.absent is not None:
            volts[self.absent] = None
        if self.stuck is not None:
            volts[self.stuck] = 4.02
        heat = tuple(round(25.0 + self.noise.gauss(0.0, 0.3), 1) for _ in range(3))
        shown_a = self.sign * (amperes + self.offset_a)
        balancing = 1 << self.noise.randrange(6) if self.noise.random() < 0.3 else 0
        return Observation(self.time_s, shown_a, tuple(volts), heat, 24.0, balancing=balancing)

    def rest(self, days: float, hours: float) -> Iterator[Observation]:
        for _ in range(int(days * 24.0 / hours)):
            yield self.read(hours * 3600.0)

    def load(self, amperes: float, samples: int, every_s: float = 2.0) -> Iterator[Observation]:
        """A load and the rest after it, then the charge that it took."""
        for _ in range(4):
            yield self.read(every_s)
        for n in range(samples):
            yield self.read(every_s, amperes, every_s * n)
        for _ in range(12):
            yield self.read(every_s)
        while self.soc < FULL:
            yield self.read(120.0, 5.0, 120.0)


def lived() -> Iterator[Observation]:
    rig = Rig()
    weld = [0.0024, 0.003, *rig.ohm[2:]]
    events: tuple[tuple[str, object, object], ...] = (
        ("absent", 2, None),
        ("ohm", weld, weld),
        ("order", [1, 0, 2, 3, 4, 5], [1, 0, 2, 3, 4, 5]),
        ("stuck", 3, None),
        ("sign", -1.0, 1.0),
        ("offset_a", 0.3, 0.0),
    )
    yield from rig.rest(10, 2.0)
    for name, during, after in events:
        setattr(rig, name, during)
        for _ in range(2):
            yield from rig.rest(8, 6.0)
            yield from rig.load(-40.0, 14)
        setattr(rig, name, after)
    yield from rig.load(-40.0, 300, 4.0)
    yield replace(rig.read(0.0), time_s=rig.time_s - 5000.0)
    yield Observation(rig.time_s + 1.0, 9e9, (4.0, 99.0, 4.0, 4.0, 4.0, 4.0), (900.0,))
    for _ in range(6):
        yield rig.read(3600.0)
        yield replace(rig.read(900.0), balancing=None, bleeding=True)


LIFE = tuple(lived())


def again(engine: HealthEngine, battery: Battery = BATTERY) -> HealthEngine:
    """The engine after a restart."""
    saved = json.loads(json.dumps(engine.state(), allow_nan=False))
    return HealthEngine.restore(battery, cells=CELLS, state=saved)


def test_a_life_goes_on_exactly_from_any_instant() -> None:
    through, broken = (HealthEngine(BATTERY, cells=CELLS) for _ in range(2))
    chance = random.Random(3)
    for n, observation in enumerate(LIFE):
        through.observe(observation)
        if chance.random() < 0.02:
            broken = again(broken)
        broken.observe(observation)
        if n % 100 == 0:
            assert broken.state() == through.state()
    assert broken.state() == through.state()
    raised = {one.code for one in through.raised}
    assert raised >= {"cell_swapped", "cell_stuck", "current_sign", "cell_weak"}
    assert {"clock_back", "bad_current", "bad_voltage", "step_doubted"} <= set(
        through._watches.refusals.counts
    )


def test_a_state_that_waits_to_be_written_stays_as_it_was() -> None:
    engine = HealthEngine(BATTERY, cells=CELLS)
    for observation in LIFE[:400]:
        engine.observe(observation)
    state = engine.state()
    written = json.dumps(state)
    for observation in (*LIFE[400:], *NEXT):
        engine.observe(observation)
    assert json.dumps(state) == written


def test_what_is_known_of_a_battery_now_counts_and_not_what_was_known_then() -> None:
    engine = HealthEngine(BATTERY, cells=CELLS)
    better = replace(BATTERY, rated_capacity_ah=20.0, current_step_a=0.5, voltage_step_v=0.02)
    watches = again(engine, better)._watches
    assert [
        one.capacity_ah for one in (watches.windows, watches.deep, watches.standby, watches.gain)
    ] == [20.0] * 4
    assert (watches.gain.step_a, watches.guards.offset.step_v) == (0.5, 0.02)
    assert watches.guards.stuck.span == 0.08


def test_a_power_of_nothing_costs_nothing_that_was_learnt() -> None:
    idle = replace(BATTERY, rated_power_w=0.0, current_step_a=0.0)
    engine = HealthEngine(idle, cells=CELLS)
    assert again(engine, idle).state() == engine.state()


def test_a_mean_that_rounds_beyond_the_coldest_reading_is_no_garbled_record() -> None:
    engine = HealthEngine(BATTERY, cells=CELLS)
    engine._memory.site_celsius = engine._year.celsius[3] = math.nextafter(-40.0, -math.inf)
    assert again(engine).state() == engine.state()


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the way to everything in a state, of long lists to the first two."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value[:2]):
            yield from leaves(item, (*path, place))


def state_after(samples: int) -> str:
    engine = HealthEngine(BATTERY, cells=CELLS)
    for observation in LIFE[:samples]:
        engine.observe(observation)
    return json.dumps(engine.state())


STATE = state_after(720)
NEXT = tuple(
    replace(one, time_s=LIFE[719].time_s + 90000.0 + one.time_s - LIFE[150].time_s)
    for one in LIFE[150:190]
)
GARBLED: tuple[object, ...] = (
    math.nan,
    math.inf,
    -math.inf,
    1e308,
    10**400,
    -1,
    0,
    "x",
    None,
    [],
    {},
    True,
    ["x"],
)


@settings(max_examples=60, deadline=None)
@example(("gain", "charges", 0, 1), -1)
@given(st.sampled_from(sorted(leaves(json.loads(STATE)), key=repr)), st.sampled_from(GARBLED))
def test_a_garbled_record_is_refused_or_harmless(path: tuple[Any, ...], garbled: object) -> None:
    state = json.loads(STATE)
    inside = state
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = garbled
    try:
        engine = HealthEngine.restore(BATTERY, cells=CELLS, state=state)
    except StoreError:
        return
    for observation in NEXT:
        engine.observe(observation)
    health = engine.health(engine.now_s + 1e6)
    told = [n for c in health.cells for n in (*c.state_of_health, *c.resistance_growth)]
    assert all(map(math.isfinite, told))
    json.dumps(engine.state(), allow_nan=False)


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("memory", "soc", math.nan),
        ("memory", "pulses", "x"),
        ("standby", "periods", 3.5),
        ("memory", "first_ohm", -1.0),
        ("deep", "last", [[1.0, 2.0]]),
        ("standby", "history", [[0.0] * 5]),
        ("stuck", "moves", [0.0]),
        ("gain", "ratio", 0.0),
        ("gain", "loads", [[0.0, 1.0, 0.0]]),
        ("sign", "applied", 0.0),
        ("jumps", "level", [0.0] * 6),
        ("jumps", "seen_on", 1.5),
        ("order", "came_from", [9.0] * 6),
        ("refusals", "counts", {"bad_current": [math.inf, 0.0]}),
        ("filter", "law_loss", math.inf),
        ("battery", "rated_capacity_ah", math.inf),
        ("battery", "ocv", [[1.0, 4.2], [0.0, 3.0]]),
    ],
)
def test_a_number_that_no_engine_writes_is_refused(section: str, name: str, value: object) -> None:
    state = json.loads(STATE)
    state[section][name] = value
    with pytest.raises(StoreError):
        HealthEngine.restore(BATTERY, cells=CELLS, state=state)
