"""How old the cells were when they were first seen, and what they had lost by then.

An agent meets most batteries in the middle of their lives. What a cell lost before is the
ageing law's loss over the known age, or over an age that may be anything from 0 to 8 years;
it enters the filter as a wide belief, never as a fact. The resistance when new is then not
known either, and growth counts from the first load step seen.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from agent.errors import StoreError
from agent.health import revise
from agent.health.filter import ModuleFilter
from agent.health.record import AMOUNT, LN, fill
from agent.health.verdict import date

Vector = npt.NDArray[np.float64]

_DAY_S = 86400.0
_YEAR_DAYS = 365.25
# Standby batteries are replaced after five to ten years (estimator.md, section 1).
UNKNOWN_YEARS = 8.0
"""Where nobody knows, every age from 0 to this is held for equally likely."""
NEW_DAYS = 60.0
"""Cells younger than this at first sight count as seen from the beginning."""
_OLDEST_DAYS = 30 * _YEAR_DAYS
# Nobody has seen how the cells lived: 7 K warmer or cooler than now is 0.25 in the law's rate.
_PAST_LIFE_SD = 0.25


@dataclass(slots=True)
class Birth:
    """What is known of the time before the first observation, at unix time ``met_s``.

    ``age_days`` was their age then, NaN where nobody knows; ``celsius`` and ``soc`` are
    how they are assumed to have lived. ``law_loss`` is the ageing law's own loss until then.
    ``reference`` is ln R of every cell when first measured at ``measured_s``, with its sd;
    NaN where not measured, or where the cells were new.
    """

    cells: int
    met_s: float | None = None
    age_days: float = field(default=math.nan, metadata=AMOUNT)
    celsius: float = 25.0
    soc: float = 1.0
    law_loss: float = 0.0
    measured_s: float | None = None
    reference: Vector = field(init=False, metadata=LN)
    reference_sd: Vector = field(init=False, metadata=AMOUNT)

    def __post_init__(self) -> None:
        """Begin with nothing measured."""
        self.reference = np.full(self.cells, math.nan)
        self.reference_sd = np.full(self.cells, math.nan)

    def unpack(self, saved: object) -> None:
        """Restore from a dump. Raises StoreError when it does not fit."""
        fill(self, saved)
        if np.any(np.isnan(self.reference) != np.isnan(self.reference_sd)):
            raise StoreError("the saved first resistance is not known how well")

    @property
    def unknown(self) -> bool:
        """Whether nobody knows how old the cells are."""
        return math.isnan(self.age_days)

    @property
    def seen_new(self) -> bool:
        """Whether the cells were new when first seen."""
        return self.age_days <= NEW_DAYS

    def meet(self, time_s: float, commissioned_s: float | None, celsius: float, soc: float) -> None:
        """Note the first observation; ``commissioned_s`` is when the cells were new."""
        self.met_s, self.celsius, self.soc = time_s, celsius, soc
        if commissioned_s is None:
            self.age_days = math.nan
        else:
            self.age_days = min(max(time_s - commissioned_s, 0.0) / _DAY_S, _OLDEST_DAYS)

    def age(self, state: ModuleFilter) -> None:
        """Let a fresh filter lose what the cells may have lost before they were seen."""
        exponent = state.kind.law.exponent
        days, share_sd = self.age_days, 0.0
        if self.unknown:
            # Mean and sd of t^z for t uniform in 0..T, T = 1.
            mean = 1.0 / (1.0 + exponent)
            share_sd = math.sqrt(1.0 / (1.0 + 2.0 * exponent) - mean**2) / mean
            days = UNKNOWN_YEARS * _YEAR_DAYS * mean ** (1.0 / exponent)
        nothing = np.zeros(self.cells)
        left = days
        while left > 0.0:
            step = min(left, _YEAR_DAYS)
            state.propagate(step, celsius=self.celsius, soc=self.soc, cycles=0.0, welds=nothing)
            left -= step
        self.law_loss = state.law_loss
        if not self.seen_new:
            # The share by which intervals are narrowed was found on cells that were seen new.
            doubt_sd = math.hypot(share_sd, _PAST_LIFE_SD)
            revise.doubt_growth(state, doubt_sd / min(state.kind.interval_share, 1.0))

    def measured(self, state: ModuleFilter, seen: Vector, time_s: float) -> None:
        """Take the resistance that the filter now believes as the reference of new cells."""
        fresh = np.isfinite(seen) & np.isnan(self.reference)
        if self.seen_new or not np.any(fresh):
            return
        mean, sd = state.ln_resistance()
        self.reference = np.where(fresh, mean, self.reference)
        self.reference_sd = np.where(fresh, sd, self.reference_sd)
        if self.measured_s is None:
            self.measured_s = time_s

    def growth(self, state: ModuleFilter, level: Vector) -> tuple[Vector, Vector]:
        """Give ln of the resistance growth and its sd, since new or since first measured."""
        if self.seen_new:
            return state.ln_growth(level)
        mean, sd = state.ln_resistance()
        _, unmeasured_sd = state.ln_growth(level)
        known = np.isfinite(self.reference)
        return (
            np.where(known, mean - self.reference, 0.0),
            np.where(known, np.hypot(sd, self.reference_sd), unmeasured_sd),
        )

    def years(self, now_s: float) -> float:
        """Give the cells' age at unix time ``now_s``, or the middle of what it may be."""
        before = UNKNOWN_YEARS / 2.0 if self.unknown else self.age_days / _YEAR_DAYS
        met_s = now_s if self.met_s is None else self.met_s
        return before + max(now_s - met_s, 0.0) / _DAY_S / _YEAR_DAYS

    def base(self, state: ModuleFilter, level: Vector) -> Vector:
        """Give ln R of every cell from which its growth counts, NaN where not known yet."""
        if not self.seen_new:
            return self.reference
        return np.where(np.isfinite(level), level, state.x[state.blocks()[3]])

    def since(self) -> str:
        """Say what growth counts from."""
        if self.seen_new or self.measured_s is None:
            return "since commissioning" if self.seen_new else "since first measured"
        return f"since first measured on {date(self.measured_s)}"

    def evidence(self) -> tuple[str, ...]:
        """Say in words what is assumed of the time before; nothing where the cells were new."""
        if self.met_s is None or self.seen_new:
            return ()
        met = f"first seen on {date(self.met_s)} at "
        if self.unknown:
            text = (
                f"an unknown age: what the cells lost before is taken from 0 to "
                f"{UNKNOWN_YEARS:.0f} years of ageing; the key commissioned of the battery "
                "narrows that"
            )
        else:
            text = (
                f"{self.age_days / _YEAR_DAYS:.1f} years of age: what the cells lost before is "
                "taken from the chemistry's ageing"
            )
        return (met + text,)
