"""The health engine of one unit: observations in, ``Health`` out. Pure and causal.

It owns the clock discipline, the step finder, the module's filter and what the verdict
remembers; each of them is a small module of its own.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Self

import numpy as np
import numpy.typing as npt

from agent.errors import StoreError
from agent.health import charge, facts, intake, record, refusals
from agent.health.advice import Case, advise, charge_c, rate_c
from agent.health.anomalies import leaks
from agent.health.birth import Birth
from agent.health.chemistry import cell_type, interpolate
from agent.health.deep import FREE_SD, Deep, capacities, outliers
from agent.health.evidence import Pulse, Useless, pulse_of
from agent.health.filter import ModuleFilter
from agent.health.findings import evidence
from agent.health.forecast import ahead, end_of_life
from agent.health.guards import Vetted
from agent.health.lots import Pooled, Share, share_of
from agent.health.observation import Observation
from agent.health.pulses import Step
from agent.health.regroup import regrouped
from agent.health.report import Estimate, Ride, estimate_of, ride_model_sd, rides
from agent.health.review import Watched, everything
from agent.health.verdict import Judge, Raised, worst
from agent.health.watches import Watches
from agent.health.windows import Window, falls
from agent.model import Advice, Battery, CellHealth, Health, Interval, Verdict

__all__ = ["HealthEngine", "Observation"]

JSON = object
_DAY_S = 86400.0
_YEAR_DAYS = 365.25
_REVIEW_S = 5 * _DAY_S
_OUTLOOK_S = 6 * 3600.0
_FARTHEST_S = 10 * _YEAR_DAYS * _DAY_S
_DEFAULT_CAPACITY_AH = 15.0

Vector = npt.NDArray[np.float64]
_STATE_VERSION = 3


class HealthEngine:
    """The estimator of one unit with series cells named ``cells`` ("1", "2", ...).

    ``prior_only`` ignores all evidence: the benchmark that the filter has to beat.
    ``raised`` lists the reasons in the order in which they were first believed.
    """

    def __init__(
        self, battery: Battery, *, cells: tuple[str, ...], prior_only: bool = False
    ) -> None:
        if not cells:
            raise ValueError("a health engine needs at least one cell")
        self.battery = battery
        self.cells = cells
        self.prior_only = prior_only
        self.kind = cell_type(battery)
        self.capacity_ah = battery.rated_capacity_ah or _DEFAULT_CAPACITY_AH
        self.raised: list[Raised] = []
        self.pooled: Pooled | None = None
        self._kept: tuple[object, Ride | None, Interval | None, Advice] | None = None
        self._curve_back = [(v, s) for s, v in self.kind.ocv]
        self._voltage_sd_v = max(0.0008, 0.5 * (battery.voltage_step_v or 0.001))
        self._clock = intake.Clock()
        self._watches = Watches.start(
            len(cells),
            self.capacity_ah,
            voltage_sd_v=self._voltage_sd_v,
            current_step_a=battery.current_step_a or 0.01,
            celsius_step_c=battery.temperature_step_c or 0.1,
        )
        self._filter = ModuleFilter.start(self.kind, len(cells), self.capacity_ah)
        self._judge = Judge()
        self._birth = Birth(len(cells))
        self._memory = record.Memory(soc=interpolate(self._curve_back, self.kind.float_v))

    def observe(self, observation: Observation) -> None:
        """Take the next observation. Never raises, whatever the numbers are."""
        if not intake.is_time(observation.time_s):
            return
        memory = self._memory
        newest_s = self.now_s
        passed_s = self._clock.advance(observation.time_s)
        current_a = intake.current(observation.current_a, self.capacity_ah)
        cells_v = intake.cell_voltages(observation.cells_v, len(self.cells))
        self._watches.refusals.look(observation, newest_s, current_a, cells_v)
        current_a, cells_v, celsius = self._watches.guards.vet(
            observation.time_s,
            passed_s,
            self.capacity_ah,
            Vetted(current_a, cells_v, None),
            observation.temperatures_c,
            observation.ambient_c,
            self.kind.ocv,
        )
        rate_c = None if current_a is None else current_a / self.capacity_ah
        memory.pass_time(passed_s, celsius, abs(rate_c or 0.0) * passed_s / 7200.0)
        charge.follow(memory, self._curve_back, passed_s, rate_c, cells_v)
        if self._birth.met_s is None:
            self._begin(observation.time_s)
        if memory.waiting_s >= _DAY_S:
            self._age()
            if self.now_s - memory.reviewed_s >= _REVIEW_S:
                self._review()
        if current_a is None or self.prior_only:
            return
        self._watches.gain.watch(observation.time_s, current_a)
        current_a /= self._watches.gain.ratio
        rest = abs(current_a) < charge.REST_C * self.capacity_ah
        if self._watches.idle(observation, passed_s, cells_v, rest=rest):
            self._watches.standby.close(self.kind.ocv, self._voltage_sd_v)
        point = intake.point(observation.time_s, current_a, cells_v, memory.celsius)
        step = self._watches.steps.watch(point)
        if step is not None:
            self._learn(step)
        deep = self._watches.deep.watch(observation.time_s, current_a, cells_v)
        if deep is not None:
            self._measure(deep)
        window = self._watches.windows.watch(observation.time_s, current_a, cells_v)
        if window is not None:
            self._compare(window)

    def health(self, now_s: float) -> Health:
        """Our estimate at unix time ``now_s``; without news since, its interval grows."""
        estimate = self.estimate(now_s)
        ride, end_s, advice = self._outlook(now_s)
        reasons = self._judge.reasons()
        memory = self._memory
        bases = self._watches.deep.bases(pulsed=memory.pulses > 0)
        known = memory.evidence_s is not None
        lost = leaks(self._watches.standby, self.kind.ocv)
        cells = tuple(
            CellHealth(
                cell,
                estimate.capacity(index),
                estimate.growth(index),
                worst(reasons, cell) if known else Verdict.UNKNOWN,
                bases[index],
                lost[index],
            )
            for index, cell in enumerate(self.cells)
        )
        weakest = min(cells, key=lambda c: c.state_of_health.estimate)
        return Health(
            verdict=worst(reasons) if known else Verdict.UNKNOWN,
            reasons=reasons,
            updated_at=now_s,
            cells=cells,
            state_of_health=weakest.state_of_health,
            ride_through_s=None if ride is None else ride.seconds,
            ride_through_probability=None if ride is None else ride.probability,
            end_of_life_s=end_s,
            limiting_cell=weakest.cell if ride is None else self.cells[ride.limiting],
            basis=weakest.basis,
            evidence_at=memory.evidence_s,
            evidence=evidence(memory, self._birth, self._watches, self.cells, self.pooled),
            rejected=self._watches.refusals.told(),
            advice=advice,
        )

    def _outlook(self, now_s: float) -> tuple[Ride | None, Interval | None, Advice]:
        """Ride-through at rated power, end of life and advice, the costly part of ``health``.

        They move over days, or with the charge: times are cut to six hours and the charge
        to a percent, so that a call in between gives the same answer for nothing.
        """
        memory = self._memory
        cut_s = now_s - now_s % _OUTLOOK_S if intake.is_time(now_s) else 0.0
        pooled = None if self.pooled is None else (self.pooled.others, round(self.pooled.rate, 2))
        key = (cut_s, round(memory.soc, 2), round(memory.known_celsius()), memory.pulses, pooled)
        if self._kept is None or self._kept[0] != key:
            state = self._at(cut_s)
            estimate = self._estimate_of(state)
            rated_w = self.battery.rated_power_w or 0.0
            ride = self.ride(estimate, [rated_w])[0] if rated_w > 0.0 else None
            end = end_of_life(state, estimate, site=memory.site(), now_s=cut_s)
            self._kept = (key, ride, end, self._advice(state, estimate, ride, cut_s))
        return self._kept[1:]

    def _advice(
        self, state: ModuleFilter, estimate: Estimate, ride: Ride | None, now_s: float
    ) -> Advice:
        battery, capacity_ah, own = self.battery, self.capacity_ah, self.battery.ocv is not None
        volts = self.kind.float_v
        case = Case(
            now_s,
            state,
            estimate,
            ride,
            self._memory.site(),
            required_s=battery.required_seconds,
            rate_c=rate_c(
                battery.rated_power_w,
                cells=len(self.cells),
                volts=volts,
                capacity_ah=capacity_ah,
            ),
            charge_c=charge_c(self._watches.gain.charges, capacity_ah),
            missing=1.0 - round(self._memory.soc, 2),
            model_sd=ride_model_sd(measured_curve=own),
            own_curve=own,
        )
        return advise(case)

    @property
    def evidence_count(self) -> int:
        """How many load steps the estimate has learnt from."""
        return self._memory.pulses

    def estimate(self, now_s: float) -> Estimate:
        """The numbers behind ``health``: the filter carried on to ``now_s``."""
        return self._estimate_of(self._at(now_s))

    def forecast(self, now_s: float, years: list[float]) -> list[Estimate]:
        """The numbers ``years`` after ``now_s``, at the temperature and charge of the last year."""
        state = self._at(now_s)
        return [
            self._estimate_of(ahead(state, year * _YEAR_DAYS, self._memory.site()))
            for year in years
        ]

    def _at(self, now_s: float) -> ModuleFilter:
        state = self._filter.copy()
        ahead_s = max(now_s - self.now_s, 0.0) if intake.is_time(now_s) else 0.0
        self._carry(state, (self._memory.waiting_s + min(ahead_s, _FARTHEST_S)) / _DAY_S)
        if self.pooled is not None:
            self.pooled.apply(state)
        return state

    def ride(self, estimate: Estimate, powers_w: list[float]) -> list[Ride]:
        """Ride-through at each of ``powers_w`` watts from the present charge."""
        memory = self._memory
        return rides(
            estimate,
            self.kind,
            capacity_ah=self.capacity_ah,
            powers_w=powers_w,
            required_s=self.battery.required_seconds,
            drawn=self._drawn(estimate),
            celsius=round(memory.known_celsius()),
            measured_curve=self.battery.ocv is not None,
        )

    def share(self, lot: str) -> Share | None:
        """Give what this module's own evidence says, for the other units of ``lot``."""
        if self._memory.evidence_s is None:
            return None
        return share_of(self._filter, lot, self._birth.years(self.now_s))

    @property
    def age_unknown(self) -> bool:
        """Whether the cells were met at an age that nobody knows."""
        return self._birth.unknown

    def commission(self, time_s: float) -> None:
        """Hold the cells for new at unix time ``time_s`` where nobody has said otherwise.

        Counts only before the first observation.
        """
        if self.battery.commissioned_s is None:
            self.battery = replace(self.battery, commissioned_s=time_s)

    def _begin(self, time_s: float) -> None:
        """Meet the cells: they may be years old."""
        memory = self._memory
        self._birth.meet(time_s, self.battery.commissioned_s, memory.known_celsius(), memory.soc)
        self._birth.age(self._filter)

    def standing(self, now_s: float) -> tuple[Estimate, Vector, float]:
        """What an outage at ``now_s`` would begin with: estimate, charge drawn, degrees Celsius.

        The charge is what misses from full, over rated capacity, for each cell.
        """
        estimate = self.estimate(now_s)
        return estimate, self._drawn(estimate), self._memory.known_celsius()

    def _drawn(self, estimate: Estimate) -> Vector:
        """Charge missing from full per cell, over rated capacity: the module's and its own."""
        return charge.missing(
            self._memory.soc, self._watches.standby.now_away(), self.kind.ocv, estimate.ln_capacity
        )

    @property
    def now_s(self) -> float:
        """The newest time that the engine has seen, unix seconds."""
        return self._clock.high_s or 0.0

    def _estimate_of(self, state: ModuleFilter) -> Estimate:
        parallel = self.battery.parallel
        return estimate_of(
            state,
            self._birth,
            level=self._watches.jumps.level,
            opened=self._watches.jumps.open_probability(state, parallel),
            parallel=parallel,
        )

    def _carry(self, state: ModuleFilter, days: float) -> None:
        memory = self._memory
        state.propagate(
            days,
            celsius=memory.mean_celsius(),
            soc=memory.mean_soc(),
            cycles=memory.cycles,
            welds=self._watches.jumps.drifting(self.now_s),
        )

    def _age(self) -> None:
        self._carry(self._filter, self._memory.waiting_s / _DAY_S)
        self._memory.aged()

    def _learn(self, step: Step) -> None:
        """Let the filter learn from a load step, save for cells that suddenly changed."""
        self._watches.guards.sign.hear(step)
        charge.correct(self._memory, step, self.kind.ocv, self._curve_back, self.capacity_ah)
        step_c = self.battery.temperature_step_c or 0.1
        pulse = pulse_of(
            step,
            self.kind,
            capacity_ah=self.capacity_ah,
            soc=self._memory.soc,
            celsius_sd=step_c / math.sqrt(12.0),
        )
        if isinstance(pulse, Useless):
            self._watches.refusals.note(pulse, step.time_s)
            return
        self._age()
        self._recognise(pulse)
        self._meet(pulse)
        believed = self._watches.jumps.judge(pulse, self._filter)
        if np.any(np.isfinite(pulse.ln_r) & ~np.isfinite(believed)):
            self._watches.refusals.note(refusals.DOUBTED, pulse.time_s)
        if np.any(np.isfinite(believed)):
            common_sd = self._watches.jumps.common_sd(pulse, self._filter)
            self._filter.update_resistance(
                believed,
                pulse.own_sd,
                common_sd=common_sd,
                warm=pulse.warm,
                off=pulse.off,
                load=pulse.load,
            )
            self._watches.jumps.reconsider(self._filter, pulse.time_s)
            self._birth.measured(self._filter, believed, pulse.time_s)
            self._memory.pulses += 1
            self._memory.evidence_s = pulse.time_s
        self._watches.testimony.hear(
            pulse, self._birth.base(self._filter, self._watches.jumps.level)
        )
        self._review()

    def _recognise(self, pulse: Pulse) -> None:
        """Follow cells that have changed places; begin anew where other cells sit."""
        order, renewed = self._watches.guards.order.judge(pulse, self._filter)
        if order:
            moved = regrouped(self.state(), self.kind, self.cells, order)
            self._become(type(self).restore(self.battery, cells=self.cells, state=moved))
            self._watches.guards.order.follow(order, pulse.time_s)
        elif renewed:
            self.battery = replace(self.battery, commissioned_s=None)
            soc, celsius = self._memory.soc, self._memory.celsius
            self._become(type(self)(self.battery, cells=self.cells))
            self._memory.soc, self._memory.celsius = soc, celsius
            self._watches.guards.order.renewed_s = pulse.time_s
            self._begin(pulse.time_s)

    def _become(self, other: Self) -> None:
        """Take over all that ``other`` believes."""
        self.kind = other.kind
        self._filter, self._watches = other._filter, other._watches
        self._judge, self._birth, self._memory = other._judge, other._birth, other._memory

    def _meet(self, pulse: Pulse) -> None:
        """Take from the first load step what nobody has said of the cells."""
        memory = self._memory
        if memory.first_ohm is not None:
            return
        memory.first_ohm = float(np.exp(np.nanmedian(pulse.ln_r)))
        memory.first_soc = memory.soc
        kind = cell_type(self.battery, memory.first_ohm, memory.first_soc)
        if kind != self.kind:
            self.kind = kind
            loss = self._filter.law_loss - self._birth.law_loss
            self._filter = ModuleFilter.start(kind, len(self.cells), self.capacity_ah)
            self._birth.age(self._filter)
            self._filter.catch_up(max(loss, 0.0))

    def _compare(self, window: Window) -> None:
        """Let the cells that changed show whether capacity went with the resistance."""
        found = falls(window, self._curve_back, self.capacity_ah, self._voltage_sd_v)
        if found is None:
            self._watches.refusals.note(refusals.SHALLOW, window.time_s)
        else:
            self._watches.jumps.weigh(*found)

    def _measure(self, deep: Deep) -> None:
        """Let the filter learn capacities from a deep discharge, save for changed cells."""
        self._age()
        celsius, own = self._memory.known_celsius(), self.battery.ocv is not None
        told = capacities(deep, self._filter, self.capacity_ah, celsius, own_curve=own)
        told.ln_q[np.isfinite(self._watches.jumps.level)] = np.nan
        if np.any(np.isfinite(told.ln_q)):
            self._filter.free_capacity(outliers(told), FREE_SD)
            self._filter.update_capacity(told.ln_q, told.own_sd, common_sd=told.common_sd)
            self._watches.deep.remember(deep, told)
            self._memory.evidence_s = deep.time_s
            self._review()

    def _review(self) -> None:
        """Weigh the reasons again."""
        now_s = self.now_s
        self._memory.reviewed_s = now_s
        if self.prior_only:
            return
        state = self._filter if self.pooled is None else self._at(now_s)
        estimate = self._estimate_of(state)
        rated_w = self.battery.rated_power_w or 0.0
        ride = self.ride(estimate, [rated_w])[0] if rated_w > 0.0 else None
        year = self._estimate_of(ahead(state, _YEAR_DAYS, self._memory.site()))
        parts = (state, self._birth, self._watches)
        watched = Watched(self.battery, self.cells, self.kind.ocv, *parts)
        findings = everything(watched, estimate, year, ride, now_s)
        self.raised += self._judge.review(findings, now_s)

    def state(self) -> dict[str, JSON]:
        """Everything needed to continue exactly, as JSON values below 64 KB."""
        return {
            "version": _STATE_VERSION,
            "cells": list(self.cells),
            "battery": facts.pack(self.battery),
            "clock": record.dump(self._clock),
            "filter": self._filter.pack(),
            **self._watches.pack(),
            "judge": self._judge.pack(),
            "birth": record.dump(self._birth),
            "memory": record.dump(self._memory),
        }

    @classmethod
    def restore(
        cls, battery: Battery, *, cells: tuple[str, ...], state: Mapping[str, JSON]
    ) -> Self:
        """Continue from ``state``, whose facts fill what ``battery`` leaves open.

        Raises StoreError when it cannot be used.
        """
        if not isinstance(state, Mapping) or state.get("version") != _STATE_VERSION:
            raise StoreError("the saved health state is of another version")
        if state.get("cells") != list(cells):
            raise StoreError("the saved health state is for other cells")
        battery = facts.complete(battery, state.get("battery"))
        made = cls(battery, cells=cells)
        record.fill(made._clock, state.get("clock"))
        record.fill(made._memory, state.get("memory"))
        record.fill(made._birth, state.get("birth"))
        if made._memory.first_ohm is not None:
            first = made._memory
            made.kind = cell_type(battery, first.first_ohm, first.first_soc)
        made._filter = ModuleFilter.unpack(made.kind, len(cells), state.get("filter"))
        made._watches.unpack(state)
        made._judge = Judge.unpack(state.get("judge"))
        return made
