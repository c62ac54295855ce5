"""Live through a module's past fast: the same module, in steps as long as it allows."""

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np

from simulators.device.module import State
from simulators.fleet import Fleet, air_c, generator
from simulators.telemetry import Recorder, Truth, begin_truth

_HOUR_S = 3600.0
_DAY_S = 86400.0
_YEAR_S = 365.25 * _DAY_S
_MONTH_S = _YEAR_S / 12
_BLOCK_HOURS = 24
_BEFORE_S = 6.0
_FINE_S = 2.0
_TOP_UP_S = 4 * _HOUR_S
_LONGEST_OUTAGE_S = 120.0
_LONG_SHARE = 0.9
_SHORTEST_S = 1e-6
_STRAIGHT_LOSS = 0.12


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happens to a module at a unix time; ``power_w`` at its output."""

    at_s: float
    kind: str
    length_s: float
    power_w: float


def plan(fleet: Fleet, name: str, start_s: float, end_s: float) -> list[Happening]:
    """Give what happens to a module between two unix times, in order, without overlap."""
    scenario, design = fleet.scenario, fleet.modules[name].design
    happenings = [*_outages(fleet, name, start_s, end_s)]
    random = generator(scenario, name, "tests")
    step = scenario.past.tests_every
    # Makers spread the tests of a shelf, so that never two of its modules test at once.
    at = start_s + step * float(random.uniform(0.05, 0.95))
    while at < end_s - _DAY_S:
        length = scenario.past.test_length
        happenings.append(
            Happening(at, "selftest", length, design.test_share * design.rated_power_w)
        )
        at += step * float(random.uniform(0.97, 1.03))
    happenings.sort(key=lambda happening: happening.at_s)
    free = start_s
    kept = []
    for happening in happenings:
        if happening.at_s > free + _DAY_S:
            kept.append(happening)
            free = happening.at_s
    return kept


def _outages(fleet: Fleet, name: str, start_s: float, end_s: float) -> Iterator[Happening]:
    scenario = fleet.scenario
    rated_w = fleet.modules[name].design.rated_power_w
    random = generator(scenario, fleet.sites[name].rack, "grid")
    for long_s in scenario.past.long_outages:
        at = fleet.start_s + long_s
        length = _LONG_SHARE * fleet.modules[name].design.required_s
        if start_s < at < end_s:
            yield Happening(at, "outage", length, _LONG_SHARE * rated_w)
    at = start_s
    while scenario.past.outages_per_year > 0:
        at += float(random.exponential(_YEAR_S / scenario.past.outages_per_year))
        length = min(float(random.lognormal(math.log(15.0), 0.9)), _LONGEST_OUTAGE_S)
        load = float(random.uniform(0.35, 0.75))
        if at >= end_s - _DAY_S:
            return
        yield Happening(at, "outage", length, load * rated_w)


class Life:
    """Takes one module of a fleet through time and records it."""

    def __init__(self, fleet: Fleet, name: str, *, ride: bool = False) -> None:
        self._ride = ride
        self._fleet = fleet
        self._module = fleet.modules[name]
        self._warmer_k = fleet.sites[name].warmer_k
        self.record = Recorder()
        self.truth: Truth = begin_truth(self._module)

    def live(self, end_s: float, progress: Callable[[float], None]) -> None:
        """Live until ``end_s``; ``progress`` hears of every simulated month's end."""
        module = self._module
        next_truth = module.now_s
        for happening in [*plan(self._fleet, module.name, module.now_s, end_s), None]:
            until = end_s if happening is None else happening.at_s - _BEFORE_S
            topped = happening is None or happening.kind != "selftest"
            while module.now_s < until - _SHORTEST_S:
                if module.now_s >= next_truth:
                    self._sample()
                    next_truth += _MONTH_S
                    progress(module.now_s)
                horizon = min(until, next_truth)
                if not topped:
                    if module.now_s >= until - _TOP_UP_S:
                        module.top_up()
                        topped = True
                    else:
                        horizon = min(horizon, until - _TOP_UP_S)
                self._pass(horizon)
            if happening is not None:
                self._happen(happening)
        module.pack.age()
        self._sample()

    def _sample(self) -> None:
        self.truth.sample(self._module)
        if self._ride:
            self.truth.ride(self._module)

    def _pass(self, horizon_s: float) -> None:
        """Let the next stretch pass, but not beyond ``horizon_s``."""
        module = self._module
        left = horizon_s - module.now_s
        if module.quiet and left >= _HOUR_S:
            count = min(_BLOCK_HOURS, int(left / _HOUR_S))
            times = np.linspace(module.now_s + _HOUR_S, module.now_s + _HOUR_S * count, count)
            air = np.array([air_c(self._fleet.scenario.climate, t) for t in times]) + self._warmer_k
            volts, celsius = module.idle(_HOUR_S, air)
            self.record.block(module, times, volts, celsius, air)
            if float(volts[-1].mean()) < module.design.recharge_below_v:
                self._step(_FINE_S)
            return
        self._step(min(module.stride_s(), left))

    def _step(self, dt_s: float) -> None:
        self._module.air_c = air_c(self._fleet.scenario.climate, self._module.now_s)
        self._module.air_c += self._warmer_k
        self._module.step(dt_s)
        self.record.row(self._module)

    def _happen(self, happening: Happening) -> None:
        module = self._module
        while module.now_s < happening.at_s - _SHORTEST_S:
            self._step(min(_FINE_S, happening.at_s - module.now_s))
        before_ah, before_j = module.counters.discharged_ah, module.discharged_j
        started = True
        if happening.kind == "selftest":
            started = module.start_test(happening.power_w, happening.length_s)
            while module.test is not None and module.test.pulsing:
                self._step(min(_FINE_S, module.stride_s()))
        else:
            before_j = 0.0
            module.load_w = happening.power_w
            end = happening.at_s + happening.length_s
            while module.now_s < end - _SHORTEST_S:
                self._step(min(_FINE_S, end - module.now_s))
            module.load_w = 0.0
        self.truth.events.append(
            [
                round(happening.at_s, 3),
                happening.kind,
                round(happening.length_s, 1),
                round(module.counters.discharged_ah - before_ah, 4),
                round((module.discharged_j - before_j) / 3600, 2),
                started and not module.cut_off,
            ]
        )


def catch_up(fleet: Fleet, name: str, now_s: float) -> None:
    """Bring a module from its own time to ``now_s`` without any event."""
    module = fleet.modules[name]
    while module.now_s < now_s - _SHORTEST_S:
        module.air_c = fleet.air_c(name, module.now_s)
        module.step(min(module.stride_s(), now_s - module.now_s))


def quick_past(fleet: Fleet, years: float, names: Collection[str] | None = None) -> None:
    """Age every module (or those of ``names``) by ``years`` that nobody recorded.

    Its faults grow on the way.
    """
    for name in fleet.modules if names is None else names:
        module = fleet.modules[name]
        # With no fault that grows and no knee near, a year at one temperature is one step.
        cells = module.pack.cells
        bends = float((cells.calendar_loss + cells.cycle_loss).max()) > _STRAIGHT_LOSS
        months = max(1, round(years * (12 if module.faults or bends else 1)))
        warm = fleet.scenario.climate.mean + fleet.sites[name].warmer_k + 4.0
        begin = fleet.start_s - years * _YEAR_S
        module.counters.installed_s -= years * _YEAR_S
        for month in range(1, months + 1):
            at = begin + years * _YEAR_S * month / months
            for fault in module.faults:
                fault.apply(module, at)
            module.pack.age_by(
                days=years * _YEAR_S / months / _DAY_S,
                celsius=np.full_like(module.pack.volts, warm),
                soc=module.pack.soc(),
            )
            module.pack.cells.held_ah = module.pack.curves.held_at(module.design.float_v - 0.005)
        module.counters.self_tests = int(years * _YEAR_S / fleet.scenario.past.tests_every)
        module.counters.last_test_s = fleet.start_s - fleet.scenario.past.tests_every / 2
        module.counters.discharges = int(years * fleet.scenario.past.outages_per_year)
        module.now_s, module.state = fleet.start_s, State.STANDBY
        module.step(1.0)
