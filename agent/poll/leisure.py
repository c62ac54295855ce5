"""How much of the event loop's time assessments may take: what they wait for moves over days."""

from dataclasses import dataclass

SHARE = 0.2
"""Part of the time that assessments may take; polling and scrapes have the rest."""
MOST_S = 1.0
"""What may be saved up: the assessments of some eighty units at once."""


@dataclass(slots=True)
class Leisure:
    """Time for assessments, in seconds: ``left_s`` at the monotonic ``now_s``.

    An assessment that has to look years ahead takes 14 ms, and all units are due for one after
    a start and when the day turns its quarter: a thousand would hold up everything for 14 s.
    """

    left_s: float = MOST_S
    now_s: float = 0.0

    def any(self, now_s: float) -> bool:
        """Say whether there is time for an assessment at ``now_s``."""
        passed_s = max(0.0, now_s - self.now_s)
        self.left_s = min(MOST_S, self.left_s + SHARE * passed_s)
        self.now_s = now_s
        return self.left_s > 0.0

    def spend(self, seconds: float) -> None:
        """Note what an assessment took."""
        self.left_s -= seconds
