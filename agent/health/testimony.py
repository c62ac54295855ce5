"""Counts which load steps say that a cell's resistance is above its module's, for the texts."""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from agent.health.evidence import Pulse
from agent.health.record import AMOUNT, fill

Vector = npt.NDArray[np.float64]

_ABOVE_SD = 2.0
_LIKE_SD = 0.01
_MAD = 1.4826
_PEERS = 3
_AN_EVENT_S = 3600.0


@dataclass(slots=True)
class Testimony:
    """In how many tests in a row each cell stood out.

    Per cell: ``tests`` since ``first_s``; the last at ``last_s`` (unix seconds) by ``sigmas``
    of its module's spread.
    Load steps within an hour are one test.
    """

    cells: int
    tests: Vector = field(init=False, metadata=AMOUNT)
    first_s: Vector = field(init=False)
    last_s: Vector = field(init=False)
    sigmas: Vector = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing heard."""
        self.tests = np.zeros(self.cells)
        for name in ("first_s", "last_s", "sigmas"):
            setattr(self, name, np.full(self.cells, math.nan))

    def hear(self, pulse: Pulse, base: Vector) -> None:
        """Take a load step; ``base`` is ln R of each cell from which its growth counts.

        What counts is how far this step alone puts a cell's growth above the others' spread.
        """
        grown = pulse.ln_r - base
        seen = np.isfinite(grown)
        if np.count_nonzero(seen) < _PEERS:
            return
        away = grown - np.nanmedian(grown)
        usual = _MAD * float(np.nanmedian(np.abs(away)))
        sigmas = away / np.sqrt(usual**2 + pulse.own_sd**2 + _LIKE_SD**2)
        above = seen & (sigmas > _ABOVE_SD)
        again = above & (pulse.time_s - self.last_s < _AN_EVENT_S)
        self.first_s = np.where(above & (self.tests == 0), pulse.time_s, self.first_s)
        counted = np.where(above, self.tests + np.where(again, 0.0, 1.0), 0.0)
        self.tests = np.where(seen, counted, self.tests)
        self.last_s = np.where(above, pulse.time_s, self.last_s)
        self.sigmas = np.where(seen, sigmas, self.sigmas)

    def words(self, cell: int) -> str:
        """Say how many tests agree; nothing where none does."""
        tests = int(self.tests[cell])
        names = {1: "one test says so", 2: "two tests agree", 3: "three tests agree"}
        return "" if tests < 1 else names.get(tests, f"the last {tests} tests agree")

    def unpack(self, saved: object) -> None:
        """Restore from a dump. Raises StoreError when it does not fit."""
        fill(self, saved)
