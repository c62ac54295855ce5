"""Notices cells that were re-ordered, and another module in the slot, by the learnt resistances.

Cells differ by some percent in resistance, and keep these differences for years: a
fingerprint. Where a load step shows the fingerprint with its values in other places, the
cells are numbered or wired in another order; where it shows none of it, other cells sit
there. An order is believed when a second load step says the same, another module when a
second test does.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from agent.errors import StoreError
from agent.health.evidence import Pulse
from agent.health.filter import ModuleFilter
from agent.health.record import fill

Vector = npt.NDArray[np.float64]

_PEERS = 3
_LEAST = 0.03
_SIGMAS = 4.0
_FITS, _FITS_LEAST = 2.5, 0.015
# Resistance never falls by a tenth in a battery that is still the same.
_FALLEN = -0.10
_STRANGE_SHARE = 0.3
_STRANGERS = 2
_AGREE_LEAST = 0.02
_ANOTHER_TEST_S = 3600.0


@dataclass(slots=True)
class OrderWatch:
    """What a load step has said that waits for a second one, and what was believed.

    Per cell, NaN where nothing: ``held`` is the place in the old order that a step has pointed
    at, ``print`` the ln R against the module that it showed, at ``shown_s``.
    ``came_from`` is the place from which each cell's values came, NaN where they never moved,
    since ``moved_s``; ``renewed_s`` is when another module was believed to sit there. Unix
    times, NaN: never.
    """

    cells: int
    shown_s: float = math.nan
    moved_s: float = math.nan
    renewed_s: float = math.nan
    held: Vector = field(init=False)
    print: Vector = field(init=False)
    came_from: Vector = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing seen."""
        for name in ("held", "print", "came_from"):
            setattr(self, name, np.full(self.cells, math.nan))

    def judge(self, pulse: Pulse, state: ModuleFilter) -> tuple[list[int], bool]:
        """Give the new order of the cells (empty: as it was), and whether others sit there.

        Both once they are believed.
        """
        shown, away, sd, common = _against(pulse, state)
        suspect = np.abs(away) > np.maximum(_LEAST, _SIGMAS * sd)
        if np.count_nonzero(np.isfinite(away)) < _PEERS or not np.all(np.isfinite(away)):
            return [], False
        order = _order(shown, shown - away, sd, suspect)
        # Changing places changes nothing of all cells together.
        if order and common > _FALLEN:
            agrees = np.array_equal(self.held, order)
            self._hold([] if agrees else order, shown)
            return (order if agrees else []), False
        few = max(_STRANGERS, math.ceil(_STRANGE_SHARE * self.cells))
        other = bool(np.count_nonzero(suspect) >= few) and common < _FALLEN
        same = bool(np.all(np.abs(shown - self.print) <= np.maximum(_AGREE_LEAST, _FITS * sd)))
        if same and common < _FALLEN:
            if pulse.time_s - self.shown_s < _ANOTHER_TEST_S:
                return [], False
            self.renewed_s = pulse.time_s
            return [], True
        self._hold([], shown)
        if other:
            self.print, self.shown_s = shown, pulse.time_s
        return [], False

    def follow(self, order: list[int], time_s: float) -> None:
        """Note that the cells' values now come from the places in ``order``."""
        self.moved_s = time_s
        moved = np.array(order) != np.arange(self.cells)
        self.came_from = np.where(moved, np.array(order, dtype=float), math.nan)

    def _hold(self, order: list[int], shown: Vector) -> None:
        nothing = np.full(self.cells, math.nan)
        self.held = np.array(order, dtype=float) if order else nothing
        self.print = shown if order else nothing

    def unpack(self, saved: object) -> None:
        """Restore from a dump. Raises StoreError when it does not fit."""
        fill(self, saved)
        for places in (self.held, self.came_from):
            known = places[np.isfinite(places)]
            if not np.all(np.isin(known, np.arange(self.cells))):
                raise StoreError("the saved order of the cells names others")


def _against(pulse: Pulse, state: ModuleFilter) -> tuple[Vector, Vector, Vector, float]:
    """Give ln R against the module's, its departure with its sd, and that of all together."""
    innovation, spread = state.innovation(
        pulse.ln_r, warm=pulse.warm, off=pulse.off, load=pulse.load
    )
    if not np.any(np.isfinite(innovation)):
        nothing = np.full(len(innovation), math.nan)
        return nothing, nothing, nothing, 0.0
    common = float(np.nanmedian(innovation))
    own = np.diag(spread) - 2.0 * spread.mean(axis=1) + spread.mean()
    sd = np.sqrt(np.maximum(own, 0.0) + pulse.own_sd**2)
    return pulse.ln_r - np.nanmedian(pulse.ln_r), innovation - common, sd, common


def _order(
    shown: Vector, believed: Vector, sd: Vector, suspect: npt.NDArray[np.bool_]
) -> list[int]:
    """Give for each place the old place whose value it shows, or nothing if none fits.

    Matching both sides by rank is the assignment of least squares.
    """
    places = np.flatnonzero(suspect)
    if len(places) < 2:  # noqa: PLR2004 - it takes two to change places
        return []
    new = places[np.argsort(shown[places])]
    old = places[np.argsort(believed[places])]
    left = np.abs(shown[new] - believed[old])
    if np.any(left > np.maximum(_FITS_LEAST, _FITS * np.hypot(sd[new], sd[old]))):
        return []
    order = list(range(len(shown)))
    for place, source in zip(new.tolist(), old.tolist(), strict=True):
        order[place] = source
    return order if order != list(range(len(shown))) else []
