"""The health engine of one unit: observations in, ``Health`` out. Pure and causal.

It owns the clock discipline, the step finder, the module's filter and what the verdict
remembers; each of them is a small module of its own. What it tells is in ``beliefs``.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Self

import numpy as np

from agent.errors import StoreError
from agent.health import charge, facts, intake, record, refusals, revise
from agent.health.beliefs import DAY_S, YEAR_DAYS, Beliefs
from agent.health.chemistry import CellType, cell_type
from agent.health.deep import FREE_SD, Deep, at_cutoff, capacities, is_telling, outliers
from agent.health.evidence import Pulse, Useless, pulse_of
from agent.health.filter import ModuleFilter
from agent.health.forecast import ahead
from agent.health.guards import Vetted
from agent.health.observation import Observation
from agent.health.pulses import Step
from agent.health.regroup import regrouped
from agent.health.review import Watched, everything
from agent.health.verdict import Judge
from agent.health.windows import Window, falls
from agent.model import Battery

__all__ = ["HealthEngine", "Observation"]

JSON = object
_REVIEW_S = 5 * DAY_S
_STATE_VERSION = 3


class HealthEngine(Beliefs):
    """Learns of the cells from one observation after the other."""

    def observe(self, observation: Observation) -> None:
        """Take the next observation. Never raises, whatever the numbers are."""
        if not intake.is_time(observation.time_s):
            return
        memory = self._memory
        newest_s = self.now_s
        passed_s = self._clock.advance(observation.time_s)
        current_a = intake.current(observation.current_a, self.capacity_ah)
        cells_v = intake.cell_voltages(observation.cells_v, len(self.cells))
        clock_s = newest_s, self.now_s
        self._watches.refusals.look(observation, clock_s, current_a, cells_v)
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
        # A load found after a silence has moved at most all that there is: half a cycle.
        cycles = min(abs(rate_c or 0.0) * passed_s / 7200.0, 0.5)
        memory.pass_time(passed_s, celsius, cycles)
        charge.follow(memory, self._curve_back, passed_s, rate_c, cells_v)
        if self._birth.met_s is None:
            self._begin(observation.time_s)
        if memory.waiting_s >= DAY_S:
            self._age()
            if self._due():
                self._review()
        if current_a is None or self.prior_only:
            return
        self._watches.gain.watch(observation.time_s, current_a, math.fsum(cells_v))
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

    def _age(self) -> None:
        memory = self._memory
        days = memory.waiting_s / DAY_S
        self._carry(self._filter, days)
        self._year.pass_days(self.now_s, days, memory.mean_celsius())
        memory.aged()

    def _learn(self, step: Step) -> None:
        """Let the filter learn from a load step, save for cells that suddenly changed."""
        self._watches.guards.sign.hear(step)
        soc = charge.at_step(
            self._memory,
            step,
            self.kind.ocv,
            self._curve_back,
            capacity_ah=self.capacity_ah,
            now_s=self.now_s,
        )
        pulse = self._read(step, soc)
        if isinstance(pulse, Pulse):
            self._age()
            if self._recognise(pulse):
                self._watches.refusals.note(refusals.DOUBTED, pulse.time_s)
                self._review()
                return
            self._correct(pulse)
            if self._meet(pulse, soc):
                pulse = self._read(step, soc)
        if isinstance(pulse, Useless):
            self._watches.refusals.note(pulse, step.time_s)
            return
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
            self._watches.jumps.settle(self._filter)
            self._watches.guards.unread.stepped(pulse.time_s, believed)
            self._birth.measured(self._filter, believed, pulse.time_s)
            self._memory.pulses += 1
            self._memory.evidence_s = pulse.time_s
        self._watches.testimony.hear(
            pulse, self._birth.base(self._filter, self._watches.jumps.level)
        )
        self._review()

    def _read(self, step: Step, soc: float) -> Pulse | Useless:
        """Normalise ``step``, which came at charge ``soc``, as the cell type in use says."""
        step_c = self.battery.temperature_step_c or 0.1
        return pulse_of(
            step,
            self.kind,
            capacity_ah=self.capacity_ah,
            soc=soc,
            celsius_sd=step_c / math.sqrt(12.0),
        )

    def _recognise(self, pulse: Pulse) -> bool:
        """Follow cells that have changed places; begin anew where other cells sit.

        Tells whether the step has to be seen twice.
        """
        order, renewed, waits = self._watches.guards.order.judge(pulse, self._filter)
        if order:
            try:
                moved = regrouped(self.state(), self.kind, self.cells, order)
                self._become(type(self).restore(self.battery, cells=self.cells, state=moved))
            except StoreError:
                # Numbers that no record may hold are not worth carrying over.
                self._become(type(self)(self.battery, cells=self.cells))
                self._begin(pulse.time_s)
            self._watches.guards.order.follow(order, pulse.time_s)
        elif renewed:
            self.battery = replace(self.battery, commissioned_s=None)
            soc, celsius = self._memory.soc, self._memory.celsius
            self._become(type(self)(self.battery, cells=self.cells))
            self._memory.soc, self._memory.celsius = soc, celsius
            self._watches.guards.order.renewed_s = pulse.time_s
            self._begin(pulse.time_s)
        return waits

    def _become(self, other: Self) -> None:
        """Take over all that ``other`` believes."""
        self._be(other.kind)
        self._filter, self._watches = other._filter, other._watches
        self._judge, self._birth, self._memory = other._judge, other._birth, other._memory

    def _correct(self, pulse: Pulse) -> None:
        """Take back what the first load steps said, where two later ones show it misread."""
        jumps, beyond = self._watches.jumps, self._watches.jumps.misread(pulse, self._filter)
        if beyond is None:
            return
        revise.relevel(self._filter, beyond)
        jumps.level += beyond
        self._birth.reference += beyond
        self._memory.first_ohm = None

    def _meet(self, pulse: Pulse, soc: float) -> bool:
        """Take from the first load step, at charge ``soc``, what nobody has said of the cells.

        Tells whether they are of another type than they were taken for.
        """
        memory = self._memory
        if memory.first_ohm is not None:
            return False
        memory.first_ohm = float(np.exp(np.nanmedian(pulse.ln_r)))
        memory.first_soc = soc
        kind = self._type()
        other = kind != self.kind
        if other:
            self._be(kind)
            loss = self._filter.law_loss - self._birth.law_loss
            self._filter = ModuleFilter.start(kind, len(self.cells), self.capacity_ah)
            self._birth.age(self._filter)
            self._filter.catch_up(max(loss, 0.0))
        return other

    def _type(self) -> CellType:
        first = self._memory
        return cell_type(self.battery, first.first_ohm, first.first_soc, new=self._birth.seen_new)

    def _compare(self, window: Window) -> None:
        """Let the cells that changed show whether capacity went with the resistance."""
        found = falls(window, self._curve_back, self.capacity_ah, self._voltage_sd_v)
        if found is None:
            self._watches.refusals.note(refusals.SHALLOW, window.time_s)
        else:
            self._watches.jumps.weigh(*found)

    def _measure(self, deep: Deep) -> None:
        """Let the filter learn capacities from a discharge that came near empty."""
        if not is_telling(deep, self.capacity_ah, self.kind.cutoff_v):
            if at_cutoff(deep, self.kind.cutoff_v):
                self._watches.refusals.note(refusals.HIDDEN, deep.time_s)
            return
        self._age()
        celsius, own = self._memory.known_celsius(), self.battery.ocv is not None
        jumps, state = self._watches.jumps, self._filter
        told = capacities(deep, state, self._changed(), self.capacity_ah, celsius, own_curve=own)
        jumps.measured(told.alone, state.ln_capacity())
        told = told.unchanged(np.isfinite(jumps.level), self._changed())
        if np.any(np.isfinite(told.ln_q)):
            revise.free_capacity(self._filter, outliers(told), FREE_SD)
            # What was measured is known no better than it was measured.
            narrow = min(self._narrowed(), 1.0)
            own_sd, common_sd = told.own_sd / narrow, told.common_sd / narrow
            self._filter.update_capacity(told.ln_q, own_sd, common_sd=common_sd)
            self._watches.deep.remember(deep, told)
            self._memory.evidence_s = deep.time_s
            self._review()
        else:
            self._watches.refusals.note(refusals.HIDDEN, deep.time_s)

    def _due(self) -> bool:
        """Whether it is long since the last review, or a sensor is believed that was not."""
        since_s, guards = self.now_s - self._memory.reviewed_s, self._watches.guards
        standing, parts = self._judge.standing, (self.cells, self.capacity_ah, self.now_s)
        # A clock that ran ahead must not put off the reviews until it is right again.
        return not 0.0 <= since_s < _REVIEW_S or guards.turned(standing, *parts)

    def _review(self) -> None:
        """Weigh the reasons again."""
        now_s = self.now_s
        self._memory.reviewed_s = now_s
        if self.prior_only:
            return
        state = self._filter if self.pooled is None else self._at(now_s)
        estimate = self._estimate_of(state)
        rated_w = self.battery.rated_power_w or 0.0
        # What an outage has drawn comes back: a verdict is of the cells, not of their charge.
        ride = self.ride(estimate, [rated_w], charged=True)[0] if rated_w > 0.0 else None
        year = self._estimate_of(ahead(state, YEAR_DAYS, self._memory.site()))
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
            "year": record.dump(self._year),
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
        record.fill_what_is_there(made._clock, state.get("clock"))
        record.fill(made._memory, state.get("memory"))
        made._year.unpack(state.get("year"))
        made._birth.unpack(state.get("birth"))
        if made._memory.first_ohm is not None:
            made._be(made._type())
        made._filter = ModuleFilter.unpack(made.kind, len(cells), state.get("filter"))
        made._watches.unpack(state)
        made._judge = Judge.unpack(state.get("judge"))
        if "unread" not in state and made._memory.pulses:
            # Written before it was kept of which cells load steps told.
            made._watches.guards.unread.stepped_s[:] = made._memory.evidence_s or 0.0
        if np.any(np.isfinite(made._watches.deep.bounded_s)):
            # What a discharge has measured are ampere-hours, whatever the rating is by now.
            was_ah = cls(facts.complete(Battery(), state.get("battery")), cells=cells).capacity_ah
            made._filter.x[made._filter.blocks()[4]] += math.log(was_ah / made.capacity_ah)
        return made
