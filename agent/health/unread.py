"""Notices a cell that nobody reads while the others are read: nothing new is known of it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from agent.health.record import AMOUNT, fill
from agent.health.verdict import Finding, date
from agent.model import Verdict

Vector = npt.NDArray[np.float64]

CODE = "cell_unread"
_LASTING_S = 86400.0
_LONGEST_GAP_S = 12 * 3600.0


@dataclass(slots=True)
class UnreadWatch:
    """Per cell: ``since_s`` when it was first missed (unix), NaN while it is read.

    ``absent_s`` are the seconds for which the others were read since then, 0 while it is read;
    ``stepped_s`` is the last load step that told of the cell, NaN before one has. ``some`` says
    that a cell was absent at the last look.
    """

    cells: int
    some: bool = False
    absent_s: Vector = field(init=False, metadata=AMOUNT)
    since_s: Vector = field(init=False)
    stepped_s: Vector = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing seen."""
        self.absent_s = np.zeros(self.cells)
        self.since_s, self.stepped_s = (np.full(self.cells, math.nan) for _ in range(2))

    def watch(self, time_s: float, passed_s: float, cells_v: Sequence[float]) -> None:
        """Take the next voltages, NaN where absent."""
        # One absent cell makes the sum so: what every sample needs has to be quick.
        if not self.some and not math.isnan(sum(cells_v)):
            return
        absent = np.isnan(cells_v)
        # A unit that answers nothing misses no cell.
        if absent.all():
            return
        self.some = bool(absent.any())
        new = absent & np.isnan(self.since_s)
        lasting = self.absent_s + min(passed_s, _LONGEST_GAP_S)
        self.absent_s = np.where(absent & ~new, lasting, 0.0)
        self.since_s = np.where(absent, np.where(new, time_s, self.since_s), math.nan)

    def stepped(self, time_s: float, ln_r: Vector) -> None:
        """Note a load step: ``ln_r`` is NaN for the cells that it tells nothing of."""
        self.stepped_s = np.where(np.isfinite(ln_r), time_s, self.stepped_s)

    def unread(self) -> npt.NDArray[np.bool_]:
        """Which cells have not been read for a day in which the others were."""
        return np.asarray(self.absent_s >= _LASTING_S)

    def findings(self, cells: tuple[str, ...]) -> Iterator[Finding]:
        """Name the cells that are not read."""
        for index in np.flatnonzero(self.unread()).tolist():
            text = (
                f"cell {cells[index]}: no voltage that a cell can have has been read since "
                f"{date(self.since_s[index])}, while others were: nothing new is known of it"
            )
            yield Finding(CODE, cells[index], 1.0, Verdict.WATCH, text)

    def unpack(self, saved: object) -> None:
        """Restore from a dump. Raises StoreError when it does not fit."""
        fill(self, saved)
