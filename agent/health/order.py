"""Notices cells that were re-ordered, and another module in the slot, by the learnt resistances.

Cells differ by some percent in resistance, and keep these differences for years: a
fingerprint. Where a load step shows the fingerprint with its values in other places, the
cells are numbered or wired in another order; where it shows none of it, other cells sit
there. An order is believed when a second load step says the same, another module when a
second test does; what no other agrees with in 120 days is let through.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.errors import StoreError
from agent.health.evidence import Pulse
from agent.health.filter import ModuleFilter
from agent.health.places import Places, by_rank, costs, is_turn, likely, saved
from agent.health.record import LN, fill_what_is_there

Vector = npt.NDArray[np.float64]

_PEERS = 3
# What an order has to save beyond the price of its moves: for a step to wait, for both together
# (odds of 160000 to 1), and each of them by itself.
_WORTH_WAITING, _SURE, _EACH = 12.0, 24.0, 5.0
_MOVED_LEAST = 0.03
_DEPARTED = 3.0
# What no cell keeps apart over the years, and no load step reads better.
_LIKE_SD = 0.008
# Sds of the sum of squares that noise makes: within the one a fingerprint fits, within the other
# a new one is the same after a quarter of a year.
_FITS_SIGMAS, _AGAIN_SIGMAS = 4.0, 8.0
_ON_THEIR_OWN = 2
# Resistance hardly falls so far in a battery that is still the same, in ln R; where it reads so
# at another load, charge or temperature, the cells still differ as they did.
_FALLEN = -0.06
_ANOTHER_TEST_S = 3600.0
_PATIENCE_S = 120 * 86400.0


class Seen(NamedTuple):
    """What a load step shows of who sits where.

    ``order`` has for each place the old place of its cell, and is empty where none moved;
    ``renewed`` says that other cells sit there; a step that ``waits`` has to be seen twice.
    """

    order: tuple[int, ...] = ()
    renewed: bool = False
    waits: bool = False


@dataclass(slots=True)
class OrderWatch:
    """What a load step has said that waits for a second one, and what was believed.

    Per cell, NaN where nothing: ``held`` is the place in the old order that a step has pointed
    at, ``print`` the ln R against the module that it showed; ``shown_s`` is when the first did.
    ``came_from`` is the place from which each cell's values came, NaN where they never moved,
    since ``moved_s``; ``renewed_s`` is when another module was believed to sit there. Unix
    times, NaN: never. ``level_on`` and ``level_off`` are the module's median ln R at the last
    step of the kind that was not made to wait, NaN before the first.
    """

    cells: int
    shown_s: float = math.nan
    moved_s: float = math.nan
    renewed_s: float = math.nan
    level_on: float = field(default=math.nan, metadata=LN)
    level_off: float = field(default=math.nan, metadata=LN)
    held: Vector = field(init=False)
    print: Vector = field(init=False)
    came_from: Vector = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing seen."""
        for name in ("held", "print", "came_from"):
            setattr(self, name, np.full(self.cells, math.nan))

    def judge(self, pulse: Pulse, state: ModuleFilter) -> Seen:
        """Hold a load step against the fingerprint that was learnt."""
        print_ = _print(pulse, state)
        if len(print_.shown) < _PEERS or not np.all(np.isfinite(print_.shown)):
            return Seen()
        # Changing places changes nothing of all cells together.
        seen = self._moved(print_, pulse.time_s) if print_.common > _FALLEN else None
        return seen or self._stranger(print_, pulse.time_s)

    def _moved(self, print_: "_Print", time_s: float) -> Seen | None:
        order = self._agreed(print_)
        if order is not None:
            self._hold(None, print_)
            return Seen(order=tuple(order.tolist()))
        order = _order(print_, print_.shown, print_.own_sd, _WORTH_WAITING)
        if order is None:
            return None
        if not np.all(np.isfinite(self.held)):
            self.shown_s = time_s
        self._hold(order, print_)
        # Steps that never come to agree must not keep the cells from being learnt for ever.
        return Seen(waits=time_s - self.shown_s <= _PATIENCE_S)

    def _agreed(self, print_: "_Print") -> Places | None:
        """Give the order that the step which waits and this one show, if they show one."""
        if not np.all(np.isfinite(self.held)):
            return None
        both = (print_.shown + self.print) / 2.0
        order = _order(print_, both, print_.own_sd / math.sqrt(2.0), _SURE)
        if order is None:
            return None
        each = [print_.costs(shown, print_.own_sd) for shown in (print_.shown, self.print)]
        return order if min(saved(cost, order) for cost in each) >= _EACH else None

    def _stranger(self, print_: "_Print", time_s: float) -> Seen:
        """Let other cells than those that were learnt wait for another test to show them again."""
        # What falls short of a growth that was only foreseen has not fallen. Of a first step of
        # its kind nothing was measured before: max() passes over NaN.
        fell = max(print_.common, print_.level - getattr(self, print_.kind))
        waits = bool(np.all(np.isfinite(self.print))) and not np.all(np.isfinite(self.held))
        lasts = waits and print_.common < _FALLEN
        if not lasts:
            self._hold(None, print_)
            if fell < _FALLEN and self._nobodys(print_):
                self.print, self.shown_s = print_.shown, time_s
                return Seen(waits=True)
        elif time_s - self.shown_s >= _ANOTHER_TEST_S:
            since, since_sd = print_.shown - self.print, math.sqrt(2.0) * print_.own_sd
            if self._nobodys(print_) and not _misfit(since, since_sd, _AGAIN_SIGMAS):
                self._hold(None, print_)
                self.renewed_s = time_s
                return Seen(renewed=True)
            if time_s - self.shown_s > _PATIENCE_S:
                self._hold(None, print_)
                lasts = False
        if not lasts:
            setattr(self, print_.kind, print_.level)
        return Seen(waits=lasts)

    def _nobodys(self, print_: "_Print") -> bool:
        """Whether nothing is left of how the cells differed."""
        away, sd = print_.shown - print_.believed, np.hypot(print_.own_sd, print_.believed_sd)
        # One or two that changed on their own make no other module of the rest.
        rest = np.argsort(np.abs(away / sd))[:-_ON_THEIR_OWN]
        return _misfit(away[rest], sd[rest], _FITS_SIGMAS)

    def follow(self, order: Sequence[int], time_s: float) -> None:
        """Note that the cells' values now come from the places in ``order``."""
        self.moved_s = time_s
        moved = np.array(order) != np.arange(self.cells)
        self.came_from = np.where(moved, np.array(order, dtype=float), math.nan)

    def _hold(self, order: Places | None, print_: "_Print") -> None:
        nothing = np.full(self.cells, math.nan)
        self.held = nothing if order is None else order.astype(float)
        self.print = nothing if order is None else print_.shown

    def unpack(self, saved: object) -> None:
        """Restore from a dump. Raises StoreError when it does not fit."""
        fill_what_is_there(self, saved)
        for places in (self.held, self.came_from):
            known = places[np.isfinite(places)]
            if not np.all(np.isin(known, np.arange(self.cells))):
                raise StoreError("the saved order of the cells names others")


@dataclass(frozen=True, slots=True)
class _Print:
    """A load step beside what was learnt: ln R against the module's median, and sds, by cell.

    ``common`` is how far the module's median departs from what was expected; it is ``level``,
    which ``kind`` names.
    """

    shown: Vector
    believed: Vector
    own_sd: Vector
    believed_sd: Vector
    common: float
    level: float
    kind: str

    def costs(self, shown: Vector, shown_sd: Vector) -> Vector:
        return costs(shown, self.believed, np.hypot(shown_sd, _LIKE_SD), self.believed_sd)


def _print(pulse: Pulse, state: ModuleFilter) -> _Print:
    innovation, spread = state.innovation(
        pulse.ln_r, warm=pulse.warm, off=pulse.off, load=pulse.load
    )
    expected = pulse.ln_r - innovation
    # Medians, not the median departure: what only changed places leaves them as they are.
    middle, usual = float(np.median(pulse.ln_r)), float(np.median(expected))
    apart = np.diag(spread) - 2.0 * spread.mean(axis=1) + spread.mean()
    return _Print(
        shown=pulse.ln_r - middle,
        believed=expected - usual,
        own_sd=pulse.own_sd,
        believed_sd=np.sqrt(np.maximum(apart, 0.0)),
        common=middle - usual,
        level=middle,
        kind="level_off" if pulse.off else "level_on",
    )


def _misfit(away: Vector, sd: Vector, sigmas: float) -> bool:
    """Whether the squares of all cells together are beyond what their sds make of noise."""
    squares = (away / np.hypot(sd, _LIKE_SD)) ** 2
    return float(squares.sum()) > len(away) + sigmas * math.sqrt(2.0 * len(away))


def _order(print_: _Print, shown: Vector, shown_sd: Vector, least: float) -> Places | None:
    """Give the order in which the learnt values are ``shown``, where it is another one."""
    believed = print_.believed
    sd = np.hypot(np.hypot(shown_sd, _LIKE_SD), print_.believed_sd)
    if float(np.sum(((shown - believed) / sd) ** 2)) < least:
        return None
    cost = print_.costs(shown, shown_sd)
    for order in likely(cost, by_rank(shown, believed)):
        moved = order != np.arange(len(order))
        # Beliefs beyond all measure save NaN.
        if not (np.any(moved) and saved(cost, order) >= least):
            return None
        # One cell that changed finds somebody to change with, who shows nothing of it.
        departed = is_turn(order) or np.all(np.abs(shown - believed)[moved] > _DEPARTED * sd[moved])
        left_sd = np.hypot(shown_sd, print_.believed_sd[order])
        fits = not _misfit(shown - believed[order], left_sd, _FITS_SIGMAS)
        apart = np.abs(believed - believed[order])
        if departed and fits and np.max(apart) > _MOVED_LEAST:
            return order
    return None
