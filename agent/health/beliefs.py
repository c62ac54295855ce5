"""What is believed of the cells of one unit, and what follows from it. Pure.

The numbers at any time, the reasons, ride-through, end of life, and what an outage would begin
with. Nothing here learns: ``engine`` does.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

from agent.health import charge, intake, record
from agent.health.advice import Case, advise, charge_c, may_be_weakest, rate_c
from agent.health.anomalies import SHORT, leaks
from agent.health.birth import Birth
from agent.health.change import Change, change_of
from agent.health.chemistry import CellType, cell_type, interpolate, misstated
from agent.health.filter import ModuleFilter
from agent.health.findings import evidence
from agent.health.forecast import ahead
from agent.health.lives import Lives, Task, lives
from agent.health.lots import Pooled, Share, share_of
from agent.health.record import Site
from agent.health.report import (
    Estimate,
    Learnt,
    Ride,
    Setting,
    estimate_of,
    ride_model_sd,
    rides,
    rides_in_time,
)
from agent.health.verdict import Judge, Raised, worst
from agent.health.watches import Watches
from agent.health.year import Year
from agent.model import Advice, Basis, Battery, CellHealth, Chemistry, Health, Verdict

DAY_S = 86400.0
YEAR_DAYS = 365.25
# A mean over less could be that of one outage.
_LEAST_SITE_DAYS = 30.0
_OUTLOOK_S = 6 * 3600.0
_FARTHEST_S = 10 * YEAR_DAYS * DAY_S
_DEFAULT_CAPACITY_AH = 15.0
# A discharge runs at about the voltage of half a charge.
_MIDDLE = 0.5

Vector = npt.NDArray[np.float64]


class Beliefs:
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
        self._be(cell_type(battery))
        self.capacity_ah = battery.rated_capacity_ah or _DEFAULT_CAPACITY_AH
        self.raised: list[Raised] = []
        self.pooled: Pooled | None = None
        self._kept: tuple[object, Ride | None, Advice] | None = None
        self._lives: tuple[object, Lives] | None = None
        self._voltage_sd_v = max(0.0008, 0.5 * (battery.voltage_step_v or 0.001))
        self._clock = intake.Clock()
        self._watches = Watches.start(
            len(cells),
            self.capacity_ah,
            voltage_sd_v=self._voltage_sd_v,
            current_step_a=battery.current_step_a or 0.01,
            celsius_step_c=battery.temperature_step_c or 0.1,
            bleed_a=battery.balance_current_a,
        )
        self._filter = ModuleFilter.start(self.kind, len(cells), self.capacity_ah)
        self._judge = Judge()
        self._birth = Birth(len(cells))
        self._year = Year()
        self._memory = record.Memory(soc=interpolate(self._curve_back, self.kind.float_v))

    def _be(self, kind: CellType) -> None:
        """Hold the cells for ``kind``."""
        self.kind = kind
        self._curve_back = [(volts, share) for share, volts in kind.ocv]

    def health(self, now_s: float) -> Health:
        """Our estimate at unix time ``now_s``; without news since, its interval grows."""
        estimate = self.estimate(now_s)
        ride, advice = self._outlook(now_s)
        ends = self.lives(now_s)
        reasons = self._judge.reasons()
        memory = self._memory
        unread = self._watches.guards.unread
        bases = self._watches.deep.bases(stepped=np.isfinite(unread.stepped_s))
        known = memory.evidence_s is not None
        missed = unread.unread()
        lost = leaks(self._watches.standby, self.kind.ocv, estimate.holds())
        cells = tuple(
            CellHealth(
                cell,
                estimate.capacity(index),
                estimate.growth(index),
                self._verdict_of(cell, bases[index]) if known else Verdict.UNKNOWN,
                bases[index],
                None if missed[index] else lost[index],
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
            ride_through_power_w=None if ride is None else ride.power_w,
            end_of_life_s=ends.by_capacity_s,
            ride_end_of_life_s=ends.by_ride_s,
            ride_end_of_life_unknown=ends.unknown,
            limiting_cell=weakest.cell if ride is None else self.cells[ride.limiting],
            basis=weakest.basis,
            evidence_at=memory.evidence_s,
            evidence=(
                *self._contradicted(),
                *evidence(
                    memory, self._birth, self._watches, self.cells, self.pooled, state=self._filter
                ),
            ),
            rejected=self._watches.refusals.told(),
            advice=advice,
        )

    def _verdict_of(self, cell: str, basis: Basis) -> Verdict:
        """Give the worst that is held against ``cell``; that nobody measured it is no health."""
        found = worst(self._judge.reasons(), cell)
        return Verdict.UNKNOWN if found is Verdict.OK and basis is Basis.PRIOR else found

    def _contradicted(self) -> Iterator[str]:
        """Say what was told of the cells and is not used."""
        measured_ohm, stated_ohm = self._memory.first_ohm, self.battery.resistance_ohm
        if measured_ohm is None or stated_ohm is None or not self._birth.seen_new:
            return
        if misstated(stated_ohm, measured_ohm):
            yield (
                f"the stated resistance of {stated_ohm * 1000.0:.2f} mohm is not used: the new "
                f"cells measured {measured_ohm * 1000.0:.2f} mohm (10 s, 25 degC)"
            )

    def _outlook(self, now_s: float) -> tuple[Ride | None, Advice]:
        """Ride-through at rated power and advice, which cost most of what changes often.

        They move over days, or with the charge: times are cut to six hours and the charge
        to a percent, so that a call in between gives the same answer for nothing.
        """
        memory = self._memory
        cut_s = now_s - now_s % _OUTLOOK_S if intake.is_time(now_s) else 0.0
        soc, celsius = round(memory.soc, 2), round(memory.known_celsius())
        learnt = memory.pulses, memory.evidence_s
        key = (cut_s, soc, celsius, learnt, self._told_by_lot(), self._shorted())
        if self._kept is None or self._kept[0] != key:
            state = self._at(cut_s)
            estimate = self._estimate_of(state)
            rated_w = self.battery.rated_power_w or 0.0
            ride = self.ride(estimate, [rated_w])[0] if rated_w > 0.0 else None
            self._kept = (key, ride, self._advice(state, estimate, ride, cut_s))
        return self._kept[1:]

    def lives(self, now_s: float) -> Lives:
        """Both ends of life, and the rides until then, as foretold at unix time ``now_s``.

        Looking twenty years ahead costs most of all, and moves with evidence or over months: it
        is done once a day and after evidence.
        """
        memory = self._memory
        cut_s = now_s - now_s % DAY_S if intake.is_time(now_s) else 0.0
        key = (cut_s, memory.evidence_s, memory.pulses, self._told_by_lot(), self.battery)
        if self._lives is None or self._lives[0] != key:
            site, rated_w = memory.site(), self.battery.rated_power_w
            task = None
            if rated_w is not None and rated_w > 0.0:
                foretell = partial(self._rides_in_time, site, rated_w)
                task = Task(self.battery.required_seconds, foretell)
            state = self._at(cut_s)
            ends = lives(state, self._reading(), site=site, now_s=cut_s, task=task)
            self._lives = (key, ends)
        return self._lives[1]

    def _told_by_lot(self) -> object:
        return None if self.pooled is None else (self.pooled.others, round(self.pooled.rate, 2))

    def _advice(
        self, state: ModuleFilter, estimate: Estimate, ride: Ride | None, now_s: float
    ) -> Advice:
        battery, capacity_ah, own = self.battery, self.capacity_ah, self.battery.ocv is not None
        volts = interpolate(self.kind.ocv, _MIDDLE)
        case = Case(
            now_s,
            state,
            self._reading(),
            self._narrowed(),
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
            capacity_ah=capacity_ah,
            celsius=round(self._memory.known_celsius()),
            cells=self.cells,
            weakest=may_be_weakest(estimate),
            shorted=self._shorted(),
        )
        return advise(case)

    def _shorted(self) -> str | None:
        """Name the cell that may have an inner short."""
        standing = (reason.cell for reason in self._judge.reasons() if reason.code == SHORT)
        return next(standing, None)

    @property
    def evidence_count(self) -> int:
        """How many load steps the estimate has learnt from."""
        return self._memory.pulses

    def estimate(self, now_s: float) -> Estimate:
        """The numbers behind ``health``: the filter carried on to ``now_s``."""
        return self._estimate_of(self._at(now_s))

    def forecast(self, now_s: float, years: list[float]) -> list[Estimate]:
        """The numbers ``years`` after ``now_s``, at the temperature and charge of the last year."""
        state, read = self._at(now_s), self._reading()
        return [read(ahead(state, year * YEAR_DAYS, self._memory.site())) for year in years]

    def _at(self, now_s: float) -> ModuleFilter:
        state = self._filter.copy()
        ahead_s = max(now_s - self.now_s, 0.0) if intake.is_time(now_s) else 0.0
        self._carry(state, (self._memory.waiting_s + min(ahead_s, _FARTHEST_S)) / DAY_S)
        if self.pooled is not None:
            self.pooled.apply(state)
        return state

    def ride(
        self, estimate: Estimate, powers_w: list[float], *, charged: bool = False
    ) -> list[Ride]:
        """Ride-through at each of ``powers_w`` watts from the present charge.

        ``charged``: from the charge at float voltage, where the present one is less, and as warm
        as the year was, of which no single reading makes much.
        """
        memory = self._memory
        soc = self._charged(memory.soc) if charged else memory.soc
        celsius = memory.site().celsius if charged else memory.known_celsius()
        setting = self._setting(round(celsius))
        return rides(estimate, setting, powers_w=powers_w, drawn=self._drawn(estimate, soc))

    def _rides_in_time(self, site: Site, power_w: float, estimates: list[Estimate]) -> list[Ride]:
        """Ride-through at ``power_w`` at several times, in the coldest month of the site's year.

        From the mean charge of its year; before a month of it was seen, from that at float voltage.
        """
        seen = self._memory.site_days >= _LEAST_SITE_DAYS
        soc = site.soc if seen else self._charged(site.soc)
        drawn = [self._drawn(estimate, soc) for estimate in estimates]
        setting = self._setting(self._year.coldest(site.celsius))
        return rides_in_time(estimates, setting, power_w=power_w, drawn=drawn)

    def _setting(self, celsius: float) -> Setting:
        battery = self.battery
        own = battery.ocv is not None
        return Setting(self.kind, self.capacity_ah, battery.required_seconds, celsius, own)

    def _charged(self, soc: float) -> float:
        """The charge at float voltage, or ``soc`` where that is more."""
        return max(soc, interpolate(self._curve_back, self.kind.float_v))

    def share(self, lot: str) -> Share | None:
        """Give what this module's own evidence says, for the other units of ``lot``."""
        if self._memory.evidence_s is None:
            return None
        return share_of(self._filter, lot, self._birth.years(self.now_s))

    @property
    def age_unknown(self) -> bool:
        """Whether the cells were met at an age that nobody knows."""
        return self._birth.unknown

    def standing(self, now_s: float) -> tuple[Estimate, Vector, float]:
        """What an outage at ``now_s`` would begin with: estimate, charge drawn, degrees Celsius.

        The charge is what misses from full, over rated capacity, for each cell.
        """
        estimate = self.estimate(now_s)
        drawn = self._drawn(estimate, self._memory.soc)
        return estimate, drawn, self._memory.known_celsius()

    def _drawn(self, estimate: Estimate, soc: float) -> Vector:
        """Charge missing from full per cell, over rated capacity, the module being at ``soc``."""
        away_v = self._watches.standby.now_away()
        return charge.missing(soc, away_v, self.kind.ocv, estimate.ln_capacity)

    @property
    def now_s(self) -> float:
        """The newest time that the engine has seen, unix seconds."""
        return self._clock.high_s or 0.0

    def _estimate_of(self, state: ModuleFilter) -> Estimate:
        return self._reading()(state)

    def _reading(self) -> Callable[[ModuleFilter], Estimate]:
        """How filters of this module are read, by what is known now."""
        jumps = self._watches.jumps
        return partial(
            estimate_of,
            birth=self._birth,
            level=jumps.level,
            change=self._changed(),
            learnt=Learnt(self._filter.capacity_covariance(), self._doubt()),
        )

    def _changed(self) -> Change:
        """What has become of the cells that suddenly changed."""
        return change_of(self._watches.jumps, self._filter, self.battery.parallel)

    def _doubt(self) -> float:
        # Steps that agree say nothing for cells that nobody has measured any of.
        stranger = self.kind.chemistry is Chemistry.UNKNOWN or self.kind.interval_share >= 1.0
        return max(self._watches.jumps.doubt(), 1.0 if stranger else 0.0)

    def _narrowed(self) -> float:
        """What the filter's sd of a capacity is multiplied by for an interval."""
        return self.kind.interval_share * self._doubt()

    def _carry(self, state: ModuleFilter, days: float) -> None:
        memory = self._memory
        state.propagate(
            days,
            celsius=memory.mean_celsius(),
            soc=memory.mean_soc(),
            cycles=memory.cycles,
            welds=self._watches.jumps.drifting(self.now_s),
        )
