"""Notices that one cell's resistance has suddenly left its module's, and what it may mean.

A cell is never judged by one sample: the first pulse that departs is held back, the second
that agrees with it declares a change. From then on the cell's resistance level is free, so
that its capacity is not read from a resistance that is no longer about capacity.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from agent.errors import StoreError
from agent.health import revise
from agent.health.evidence import Pulse
from agent.health.filter import ModuleFilter
from agent.health.hints import LEAST, SCATTER_MEMORY, SCATTER_PRIOR, SIGMAS, HintWatch
from agent.health.record import AMOUNT, LN, fill_what_is_there
from agent.health.track import Track

Vector = npt.NDArray[np.float64]

# Less than this in one quarter may be a cell that ages fast; an open one of eight gives 0.13.
_SUDDEN = 0.11
_AGREE = 0.5
# Successive steps that differ by more than this many variances are a change, not noise.
_WILDEST = 30.0
MEMORY_S = 400 * 86400.0
"""What happened to a cell longer ago says nothing of what happens now."""
# Steps of a module whose resistance goes as it is normalised scatter by half of what is expected.
# Calibrated, as the bounds are, with the shares of the intervals (docs/estimator.md).
_USUAL_SCATTER = 0.5
# What is taken for it before any step has shown it: a little more, chosen.
_FIRST_SCATTER = 0.7
_SUREST, _VAGUEST = 0.7, 1.6
_A_TEST_S = 86400.0
_MONTH_S = 30 * 86400.0
# What the steps of a month are counted as where there is a test, on and off, each month.
_MONTHLY = 2.0 / (1.0 - math.exp(-1.0))
_DRIFT_S = 400 * 86400.0
_LOOSEN_SD = 0.3
_PEERS = 3
_MODULE_LEAST = 0.1
# Cells lose up to a quarter of their resistance while they are new; nothing halves it.
_MISREAD = 0.4
_CONTACT_LEAST = 0.12
_WINDOW_SD = 0.04
LONGEST_ODDS = 6.0
"""The most that windows, or one discharge, decide between two cases, as ln of their odds."""


@dataclass(slots=True)
class JumpWatch:
    """What is held against each cell.

    Per cell, NaN where nothing: ``held`` a departure awaiting confirmation, ``level`` the
    resistance level before a change, ``since_s`` when it changed, ``crept_s`` when it crept;
    ``level_sd`` how well the level since was known at the last step that told of it;
    ``odd`` is 1 where the departure that is held moved as nothing that ages does, else 0;
    ``spent`` what ageing had taken by then, -ln of capacity; ``shown`` ln of the capacity that a
    discharge has measured since over what was believed before the change.

    ``scatter`` is the mean square by which successive steps of a kind differ, over what their
    noise makes expect, from ``scattered`` of them; ``last_on`` and ``last_off`` the last ones'
    departure from what the filter expected, in ln R, ``vague_on`` and ``vague_off`` the variance
    of what it expected. ``lately`` counts the steps before ``lately_s``, those of a month ago
    for 1/e.

    ``calm`` and ``moved`` gather how much more than its module the cell fell over windows
    (ln), before and since its change: rows of weights and of weighted sums. ``track`` is how
    the cells stood at the tests so far, ``hints`` what a single test told of them.
    """

    cells: int
    held_on: float = field(default=math.nan, metadata=LN)
    held_off: float = field(default=math.nan, metadata=LN)
    seen_on: bool = False
    seen_off: bool = False
    last_on: float = field(default=math.nan, metadata=LN)
    last_off: float = field(default=math.nan, metadata=LN)
    vague_on: float = field(default=0.0, metadata=AMOUNT)
    vague_off: float = field(default=0.0, metadata=AMOUNT)
    scatter: float = field(default=_FIRST_SCATTER, metadata=AMOUNT)
    scattered: float = field(default=0.0, metadata=AMOUNT)
    lately: float = field(default=0.0, metadata=AMOUNT)
    lately_s: float = 0.0
    held: Vector = field(init=False, metadata=LN)
    odd: Vector = field(init=False, metadata=AMOUNT)
    held_s: Vector = field(init=False)
    level: Vector = field(init=False, metadata=LN)
    since_s: Vector = field(init=False)
    crept_s: Vector = field(init=False)
    level_sd: Vector = field(init=False, metadata=AMOUNT)
    spent: Vector = field(init=False, metadata=LN)
    shown: Vector = field(init=False, metadata=LN)
    calm_weight: Vector = field(init=False, metadata=AMOUNT)
    calm_sum: Vector = field(init=False)
    moved_weight: Vector = field(init=False, metadata=AMOUNT)
    moved_sum: Vector = field(init=False)
    track: Track = field(default_factory=Track)
    hints: HintWatch = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing seen."""
        for name in ("held", "held_s", "level", "level_sd", "since_s", "crept_s", "spent", "shown"):
            setattr(self, name, np.full(self.cells, math.nan))
        for name in ("odd", "calm_weight", "calm_sum", "moved_weight", "moved_sum"):
            setattr(self, name, np.zeros(self.cells))
        self.hints = HintWatch(self.cells)

    def judge(self, pulse: Pulse, state: ModuleFilter) -> Vector:
        """Give the pulse's ln R without the cells to be held back; loosen the changed."""
        believed = pulse.ln_r.copy()
        if not self._plausible(pulse, state):
            return np.full(self.cells, math.nan)
        if np.count_nonzero(np.isfinite(believed)) < _PEERS:
            return believed
        away, sd = departures(pulse, state)
        self.hints.look(pulse, away, sd)
        suspect = np.abs(away) > np.maximum(LEAST, SIGMAS * sd)
        changed = False
        for cell in np.flatnonzero(suspect).tolist():
            if self._confirmed(cell, float(away[cell]), pulse.time_s):
                self._change(cell, float(away[cell]), pulse, state)
                changed = True
            else:
                self.held[cell], self.held_s[cell] = away[cell], pulse.time_s
                self.odd[cell] = float(self._strange(cell, pulse, state))
                believed[cell] = math.nan
        cleared = np.isfinite(away) & ~suspect
        self.held[cleared] = self.held_s[cleared] = math.nan
        self.odd[cleared] = 0.0
        shown = believed - np.nanmedian(pulse.ln_r)
        self.track.add(pulse.time_s, _module(state), shown, pulse.own_sd, anew=changed)
        self.track.doubt(np.isfinite(pulse.ln_r) & np.isnan(believed))
        return believed

    def common_sd(self, pulse: Pulse, state: ModuleFilter) -> float:
        """Give the noise that the cells share in ``pulse``, at least what the module shows.

        A resistance that hangs on the load, or a temperature read beside the cells, scatters
        by more than its readings do; what grows does not jump up and down.
        """
        innovation, spread = state.innovation(
            pulse.ln_r, warm=pulse.warm, off=pulse.off, load=pulse.load
        )
        away = float(np.nanmedian(innovation))
        vague = max(float(spread.mean()), 0.0)
        if pulse.off:
            last, before, self.last_off, self.vague_off = self.last_off, self.vague_off, away, vague
        else:
            last, before, self.last_on, self.vague_on = self.last_on, self.vague_on, away, vague
        own_sd = float(np.nanmedian(pulse.own_sd)) / math.sqrt(self.cells)
        if math.isfinite(last):
            # A first step departs by what nobody knew of the level, and the next one does not.
            expected = 2.0 * (pulse.common_sd**2 + own_sd**2) + max(vague, before)
            ratio = min((away - last) ** 2 / expected, _WILDEST)
            self.scattered = min(self.scattered + 1.0, SCATTER_MEMORY)
            self.scatter += (ratio - self.scatter) / (self.scattered + SCATTER_PRIOR)
        return pulse.common_sd * math.sqrt(max(self.scatter, 1.0) * self._crowd(pulse.time_s))

    def _crowd(self, time_s: float) -> float:
        """Give how often the cells were tested lately over once a month, at least 1.

        What a temperature or a charge is off by, it is off by for weeks.
        """
        passed_s = max(time_s - self.lately_s, 0.0)
        self.lately = self.lately * math.exp(-passed_s / _MONTH_S) + 1.0
        self.lately_s = time_s
        return max(self.lately / _MONTHLY, 1.0)

    def doubt(self) -> float:
        """What to widen by, 0.7 to 1.6, all that load steps have told of capacities.

        A resistance that jumps about goes otherwise with temperature, charge or current than it is
        normalised by, and then otherwise with the capacity, too.
        """
        return min(max(math.sqrt(self.scatter / _USUAL_SCATTER), _SUREST), _VAGUEST)

    def reconsider(self, state: ModuleFilter, time_s: float) -> None:
        """Blame a contact where a cell would have to age faster than cells do."""
        rho = state.blocks()[2]
        grown = state.x[rho]
        model = _middle(state)
        if self.cells < _PEERS or grown[model] <= 0.0:
            return
        excess = grown - grown[model]
        sd = np.sqrt(np.maximum(np.diag(state.p)[rho], 0.0))
        doubtful = (excess > np.maximum(_CONTACT_LEAST, SIGMAS * sd)) & np.isnan(self.level)
        for cell in np.flatnonzero(doubtful).tolist():
            if self.track.last_strange(cell, _CONTACT_LEAST):
                self.spent[cell] = state.loss()[cell]
                self.level[cell] = revise.blame_contact(state, cell, model)
                self.since_s[cell] = self.crept_s[cell] = time_s

    def settle(self, state: ModuleFilter) -> None:
        """Note how well ``state`` knows the levels of changed cells, now that a step told of them.

        What it forgets from here on says nothing of what has happened to a cell.
        """
        r = state.blocks()[3]
        sd = np.sqrt(np.maximum(np.diag(state.p)[r], 0.0))
        self.level_sd = np.where(np.isfinite(self.level), sd, math.nan)

    def misread(self, pulse: Pulse, state: ModuleFilter) -> float | None:
        """How far the first steps read too high, in ln R (negative), if two now say that they did.

        No cell falls that far below what it had when new: its first steps were no such steps.
        """
        held = self.held_off if pulse.off else self.held_on
        innovation, _ = state.innovation(
            pulse.ln_r, warm=pulse.warm, off=pulse.off, load=pulse.load
        )
        away = float(np.nanmedian(innovation)) if np.isfinite(innovation).any() else math.nan
        if not (away < 0.0 and abs(away - held) <= _AGREE * max(abs(away), abs(held))):
            return None
        return away if _module(state) + away < -_MISREAD else None

    def _plausible(self, pulse: Pulse, state: ModuleFilter) -> bool:
        """Hold back a pulse that no cell agrees with, until a second one says the same."""
        innovation, spread = state.innovation(
            pulse.ln_r, warm=pulse.warm, off=pulse.off, load=pulse.load
        )
        if not np.any(np.isfinite(innovation)):
            return False
        if self._first_of_its_kind(off=pulse.off):
            revise.meet_other_steps(state)
            return True
        away = float(np.nanmedian(innovation))
        own = float(np.nanmedian(pulse.own_sd))
        sd = math.sqrt(max(float(spread.mean()), 0.0) + pulse.common_sd**2 + own**2)
        if abs(away) <= max(_MODULE_LEAST, SIGMAS * sd):
            away = math.nan
        name = "held_off" if pulse.off else "held_on"
        held = getattr(self, name)
        setattr(self, name, away)
        if math.isnan(away):
            return True
        if math.isnan(held) or abs(away - held) > _AGREE * max(abs(away), abs(held)):
            return False
        setattr(self, name, math.nan)
        revise.unsettle(state, away)
        return True

    def _first_of_its_kind(self, *, off: bool) -> bool:
        """Whether this is the first step off after steps on, or the other way round."""
        first = (
            (self.seen_on and not self.seen_off) if off else (self.seen_off and not self.seen_on)
        )
        self.seen_on, self.seen_off = self.seen_on or not off, self.seen_off or off
        return first

    def _change(self, cell: int, away: float, pulse: Pulse, state: ModuleFilter) -> None:
        """Free the resistance level after a change that is none of ageing, else the fade rate."""
        self.held[cell] = self.held_s[cell] = math.nan
        time_s = pulse.time_s
        if math.isnan(self.level[cell]):
            # No cell is harmed by less resistance than its module makes expect.
            ageing = away < _SUDDEN
            if away > 0.0 and self.track.times:
                # By now the module may have grown as far as the cell had when it was held back.
                ageing = not (self.odd[cell] or self._strange(cell, pulse, state))
            self.odd[cell] = 0.0
            if ageing:
                revise.quicken(state, cell, away)
                self.crept_s[cell] = time_s
                return
            self.spent[cell] = state.loss()[cell]
            if time_s - self.hints.since_s[cell] > _A_TEST_S:
                self.crept_s[cell] = self.hints.since_s[cell]
            self.hints.forget(cell)
            crept = time_s - self.crept_s[cell] <= MEMORY_S
            level = state.x[state.blocks()[3][cell]]
            # What it crept by before was no ageing either.
            self.level[cell] = revise.blame_contact(state, cell, _middle(state)) if crept else level
            self.since_s[cell] = time_s
        revise.loosen(state, cell, _LOOSEN_SD)

    def _strange(self, cell: int, pulse: Pulse, state: ModuleFilter) -> bool:
        shown = float(pulse.ln_r[cell] - np.nanmedian(pulse.ln_r))
        sd = float(pulse.own_sd[cell])
        return self.track.strange(cell, shown, sd, _module(state), _SUDDEN)

    def _confirmed(self, cell: int, away: float, time_s: float) -> bool:
        """Whether an earlier pulse has shown as much the same way, or on the way there."""
        held = self.held[cell]
        if math.isnan(held) or not 0.0 <= time_s - self.held_s[cell] <= MEMORY_S:
            return False
        return bool(away / held >= _AGREE)

    def unpack(self, saved: object) -> None:
        """Restore from a dump; what an older one lacks begins anew.

        Raises StoreError when it does not fit.
        """
        fill_what_is_there(self, saved)
        if isinstance(saved, dict) and "track" in saved:
            self.track.unpack(saved["track"], self.cells)
        if isinstance(saved, dict) and "hints" in saved:
            self.hints.unpack(saved["hints"])
        for what, when in ((self.held, self.held_s), (self.level, self.since_s)):
            if np.any(np.isfinite(what) & np.isnan(when)):
                raise StoreError("the saved change of a resistance has no date")

    def weigh(self, fall: Vector, noise: Vector) -> None:
        """Take ln of how far each cell fell over a window; ``noise`` is its sd per cell."""
        away = fall - np.nanmedian(fall)
        # Where the curve bends, cells at different charge differ by more than noise.
        usual = 1.4826 * float(np.nanmedian(np.abs(away)))
        weight = 1.0 / (noise**2 + usual**2 + _WINDOW_SD**2)
        seen = np.isfinite(away)
        changed = np.isfinite(self.level)
        for which, weights, sums in (
            (seen & ~changed, self.calm_weight, self.calm_sum),
            (seen & changed, self.moved_weight, self.moved_sum),
        ):
            weights[which] += weight[which]
            sums[which] += weight[which] * away[which]

    def window_odds(self, cell: int, expected: float) -> float:
        """Ln odds for an open cell over a weld, by how far the cell falls over windows."""
        before, after = float(self.calm_weight[cell]), float(self.moved_weight[cell])
        if before <= 0.0 or after <= 0.0:
            return 0.0
        moved = float(self.moved_sum[cell]) / after - float(self.calm_sum[cell]) / before
        variance = 1.0 / before + 1.0 / after + _WINDOW_SD**2
        odds = (moved**2 - (moved - expected) ** 2) / (2.0 * variance)
        return min(max(odds, -LONGEST_ODDS), LONGEST_ODDS)

    def only_just(self, cell: int) -> bool:
        """Whether no test has come since the one that showed ``cell`` creeping away."""
        times = self.track.times
        return bool(times and abs(times[-1][0] - self.crept_s[cell]) < _A_TEST_S)

    def measured(self, ln_q: Vector, believed: Vector) -> None:
        """Keep what a discharge has measured of changed cells, ln (Q/rated), NaN for the others."""
        told = np.isfinite(self.level) & np.isfinite(ln_q)
        self.shown[told] = ln_q[told] - believed[told]

    def drifting(self, now_s: float) -> Vector:
        """1 for cells whose level may still be moving after a change, else 0."""
        return np.where(np.abs(now_s - self.since_s) < _DRIFT_S, 1.0, 0.0)


def _middle(state: ModuleFilter) -> int:
    """The module's cell of median growth by age."""
    return int(np.argsort(state.x[state.blocks()[2]])[state.cells // 2])


def _module(state: ModuleFilter) -> float:
    """Growth of ln R of the module's middle cell by age."""
    return float(np.median(state.x[state.blocks()[2]]))


def departures(pulse: Pulse, state: ModuleFilter) -> tuple[Vector, Vector]:
    """How far each cell's ln R is from what its module makes expect, and the sd of that."""
    innovation, spread = state.innovation(
        pulse.ln_r, warm=pulse.warm, off=pulse.off, load=pulse.load
    )
    away = innovation - np.nanmedian(innovation)
    own = np.diag(spread) - 2.0 * spread.mean(axis=1) + spread.mean()
    return away, np.sqrt(np.maximum(own, 0.0) + pulse.own_sd**2)
