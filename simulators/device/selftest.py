"""A module's self-test: its phases, and why it may not run."""

from dataclasses import dataclass
from enum import StrEnum

_RELAX_AFTER_S = 600.0


class TestRefusal(StrEnum):
    """Why a self-test did not start or did not end well."""

    __test__ = False

    BACKUP = "backup"
    CELL_BELOW_3900_MV = "cell_below_3900_mv"
    BELOW_500_W = "below_500_w"
    END_OF_LIFE = "end_of_life"
    MODULE_FAILURE = "module_failure"


@dataclass(slots=True)
class SelfTest:
    """A self-test under way: relaxation, pulse, relaxation."""

    power_w: float
    pulse_s: float
    relax_before_s: float
    elapsed_s: float = 0.0

    @property
    def pulsing(self) -> bool:
        """Say whether the pulse is on."""
        return 0 <= self.elapsed_s - self.relax_before_s < self.pulse_s

    @property
    def pulsed(self) -> bool:
        """Say whether the pulse is over."""
        return self.elapsed_s >= self.relax_before_s + self.pulse_s

    @property
    def left_s(self) -> float:
        """Seconds to the end of the present phase."""
        for end in (
            self.relax_before_s,
            self.relax_before_s + self.pulse_s,
            self.relax_before_s + self.pulse_s + _RELAX_AFTER_S,
        ):
            if self.elapsed_s < end:
                return end - self.elapsed_s
        return 0.0
