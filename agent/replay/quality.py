"""What a recording is worth as evidence: gaps, clocks, absent values, temperatures."""

import math
from collections import Counter
from dataclasses import dataclass, field

from agent.health.intake import is_time
from agent.health.observation import Observation
from agent.replay.markup import date

GAP_S = 24 * 3600.0
"""A silence longer than this counts as a gap: standby is sampled hourly at least."""


@dataclass(slots=True)
class Quality:
    """Counts over all rows, in file order. Times are unix seconds, temperatures degC."""

    rows: int = 0
    no_time: int = 0
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
        current_a = observation.current_a
        self.no_current += current_a is None or not math.isfinite(current_a)
        for place, volts in enumerate(observation.cells_v):
            if volts is None or not math.isfinite(volts):
                self.absent[place] += 1
        for celsius in observation.temperatures_c:
            if celsius is not None and math.isfinite(celsius):
                self.coldest_c = min(self.coldest_c, celsius)
                self.hottest_c = max(self.hottest_c, celsius)
        self.phases[observation.phase or "not told"] += 1

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
