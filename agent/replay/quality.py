"""What a recording is worth as evidence: gaps, clocks, absent values, temperatures."""

import math
from collections import Counter
from dataclasses import dataclass, field

from agent.health import intake
from agent.health.intake import is_time
from agent.health.observation import Observation
from agent.replay.markup import date

GAP_S = 24 * 3600.0
"""A silence longer than this counts as a gap: standby is sampled hourly at least."""
_TICKS = {1e3: "milliseconds", 1e6: "microseconds", 1e9: "nanoseconds"}
_SINCE_S = 1e8
# A cell's voltage times thousand lies here, that of a whole pack in volts does not.
_MILLIVOLTS = (1000.0, 6000.0)
_MUCH = 0.05


@dataclass(slots=True)
class Quality:
    """Counts over all rows, in file order. Times are unix seconds, temperatures degC.

    ``capacity_ah`` is that of the battery, by which the engine knows a current that cannot be.
    ``unused`` counts the rows of which the engine learns nothing.
    """

    capacity_ah: float = math.inf
    rows: int = 0
    no_time: int = 0
    no_volts: int = 0
    unused: int = 0
    finer_times: Counter[float] = field(default_factory=Counter)
    millivolts: int = 0
    backwards: int = 0
    no_current: int = 0
    first_s: float | None = None
    last_s: float | None = None
    gaps: list[tuple[float, float]] = field(default_factory=list)
    absent: Counter[int] = field(default_factory=Counter)
    coldest_c: float = math.inf
    hottest_c: float = -math.inf
    phases: Counter[str] = field(default_factory=Counter)

    def watch(self, observation: Observation) -> None:
        """Take the next row."""
        self.rows += 1
        time_s = observation.time_s
        if not is_time(time_s):
            self.no_time += 1
            self.unused += 1
            self.finer_times.update(
                t for t in _TICKS if time_s / t > _SINCE_S and is_time(time_s / t)
            )
            return
        if self.last_s is not None:
            passed_s = time_s - self.last_s
            self.backwards += passed_s < 0.0
            if passed_s > GAP_S:
                self.gaps.append((self.last_s, time_s))
        self.first_s = time_s if self.first_s is None else min(self.first_s, time_s)
        self.last_s = time_s
        self._values(observation)

    def _values(self, observation: Observation) -> None:
        current_a = intake.current(observation.current_a, self.capacity_ah)
        no_current = current_a is None or not math.isfinite(current_a)
        told = observation.cells_v
        cells_v = intake.cell_voltages(told, len(told))
        absent = [place for place, volts in enumerate(cells_v) if math.isnan(volts)]
        no_volts = len(absent) == len(told)
        self.absent.update(absent)
        self.no_current += no_current
        self.no_volts += no_volts
        self.unused += no_current or no_volts
        if no_volts:
            low, high = _MILLIVOLTS
            self.millivolts += any(v is not None and low <= v <= high for v in told)
        for celsius in observation.temperatures_c:
            if celsius is not None and math.isfinite(celsius):
                self.coldest_c = min(self.coldest_c, celsius)
                self.hottest_c = max(self.hottest_c, celsius)
        self.phases[observation.phase or "not told"] += 1

    def refused(self) -> str | None:
        """Say why nothing of the recording can be used; None where something can."""
        if self.rows == 0:
            return "holds no row below the names of its columns"
        if self.first_s is None:
            unit = next(
                (f"; these look like {_TICKS[t]}" for t, _ in self.finer_times.most_common(1)), ""
            )
            return (
                f"has no row with a possible time ({self.rows:,} rows); time_s is unix seconds, or "
                f"ISO 8601{unit}"
            )
        if self.no_volts == self.rows - self.no_time:
            unit = "; these look like millivolts" if self.millivolts else ""
            return (
                f"has no row with the possible voltage of a cell ({self.rows:,} rows); v01 to vNN "
                f"are volts of single cells{unit}"
            )
        return None

    def complaint(self, cut: int = 0) -> str | None:
        """Say that much of the recording is of no use and why; ``cut`` rows had no own fields."""
        if self.unused <= _MUCH * self.rows:
            return None
        reasons = {
            "with more or fewer fields than the header": cut,
            "without a possible time": self.no_time - cut,
            "without a possible current": self.no_current,
            "without the possible voltage of any cell": self.no_volts,
        }
        told = ", ".join(f"{count:,} {why}" for why, count in reasons.items() if count > 0)
        return f"{self.unused:,} of {self.rows:,} rows are not used: {told}"

    def period(self) -> str:
        """Say from when to when was recorded; nothing where no row has a time."""
        if self.first_s is None or self.last_s is None:
            return ""
        return f"recorded {date(self.first_s)} to {date(self.last_s)}"

    def lines(self, cells: tuple[str, ...]) -> list[tuple[str, str]]:
        """Give what there is to say, as pairs of a name and a text."""
        longest_s = max((end - begin for begin, end in self.gaps), default=0.0)
        gaps = f"{len(self.gaps)}, the longest {longest_s / 86400.0:.1f} days"
        missing = [f"cell {cells[place]}: {count}" for place, count in sorted(self.absent.items())]
        heat = f"{self.coldest_c:.1f} to {self.hottest_c:.1f} °C"
        return [
            ("Rows read", f"{self.rows:,}"),
            ("Rows without a possible time, or cut", f"{self.no_time:,}"),
            ("Times that run backwards", f"{self.backwards:,}"),
            ("Gaps of more than a day", gaps if self.gaps else "none"),
            ("Rows without a current", f"{self.no_current:,}"),
            ("Rows without a cell's voltage", ", ".join(missing) or "none"),
            ("Temperatures of the pack", heat if self.hottest_c > -math.inf else "none told"),
            ("States told", ", ".join(f"{k} {v:,}" for k, v in self.phases.most_common())),
        ]
