"""How long a replayed unit will go on carrying its rated power: its end of life by ride-through."""

from dataclasses import dataclass

from agent.health.engine import HealthEngine
from agent.model import Interval

YEARS = 10.0
"""How far ahead is looked."""
_STEP_YEARS = 0.25
_YEAR_S = 365.25 * 86400.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """Ride-through at rated power in times to come, from the charge at the end of the recording.

    ``rows`` have a unix time and seconds to cut-off: the estimate, its lower and upper 90 % bound.
    ``end_s`` are the unix times at which each of them falls below the required seconds; None where
    the estimate does not within ``YEARS``, and an upper bound that does not is the last time.
    """

    rows: list[list[float]]
    end_s: Interval | None


def outlook(engine: HealthEngine) -> Outlook:
    """Look ahead from the last sample, at the temperature and charge of the last year."""
    rated_w = engine.battery.rated_power_w
    if rated_w is None:
        return Outlook([], None)
    years = [n * _STEP_YEARS for n in range(round(YEARS / _STEP_YEARS) + 1)]
    rows = []
    for year, estimate in zip(years, engine.forecast(engine.now_s, years), strict=True):
        (ride,) = engine.ride(estimate, [rated_w])
        rows.append([engine.now_s + year * _YEAR_S, *ride.seconds])
    ends = [
        next((row[0] for row in rows if row[column] < engine.battery.required_seconds), None)
        for column in (1, 2, 3)
    ]
    if ends[0] is None:
        return Outlook(rows, None)
    first, last = (ends[0] if ends[1] is None else ends[1]), (ends[2] or rows[-1][0])
    return Outlook(rows, Interval(ends[0], first, last))
