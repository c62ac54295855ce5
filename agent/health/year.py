"""The temperature year of a place: how warm the cells are in each twelfth of it. Pure."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from agent.health.record import CELSIUS, fill

Vector = npt.NDArray[np.float64]

_DAY_S = 86400.0
_YEAR_DAYS = 365.25
_PARTS = 12
_PART_DAYS = _YEAR_DAYS / _PARTS


def _unknown() -> Vector:
    return np.full(_PARTS, np.nan)


@dataclass(slots=True)
class Year:
    """Mean temperatures of the twelve parts, degC, from 1 January on; NaN where none was seen.

    A part that comes again weighs as much as all before it after three weeks.
    """

    celsius: Vector = field(default_factory=_unknown, metadata=CELSIUS)

    def pass_days(self, until_s: float, days: float, celsius: float) -> None:
        """Take that it was ``celsius`` for ``days`` up to the unix time ``until_s``."""
        if days <= 0.0:
            return
        part = int(until_s / _DAY_S % _YEAR_DAYS / _PART_DAYS) % _PARTS
        held = self.celsius[part]
        share = min(days / _PART_DAYS, 1.0)
        self.celsius[part] = celsius if np.isnan(held) else held + share * (celsius - held)

    def coldest(self, mean: float) -> float:
        """Give the temperature of the coldest part that was seen, ``mean`` where none is colder."""
        return float(np.nanmin([mean, *self.celsius]))

    def unpack(self, saved: object) -> None:
        """Restore what was recorded; an older agent has recorded nothing.

        Raises StoreError when it does not fit.
        """
        if saved is not None:
            fill(self, saved)
