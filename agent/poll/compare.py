"""One unit beside its peers: what is compared, against whom, and what comes of it. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agent.health.peers import PeerBook, Population, features, findings
from agent.health.verdict import Judge
from agent.health.witness import with_reasons
from agent.model import Health, Location, PeerScore, Sample, Value

COMPARE_EVERY_S = 600.0
"""Between two comparisons of a unit: what is compared moves over days."""
_SMOOTH_S = 86400.0
_PACK = ("pack", "battery", "cell")


def populations(
    place: Location, lot: str | None, known: Mapping[str, Value]
) -> tuple[Population, ...]:
    """Say whom a unit is like: its shelf, its batch, its firmware."""
    found = []
    if place.rack is not None and place.shelf is not None:
        found.append(Population("shelf", f"{place.rack}/{place.shelf}"))
    if lot is not None:
        found.append(Population("batch", lot))
    parts = [known.get(key) for key in ("manufacturer", "model", "firmware_version")]
    if all(isinstance(part, str) and part for part in parts):
        found.append(Population("firmware", " ".join(map(str, parts))))
    return tuple(found)


@dataclass(slots=True)
class Comparer:
    """What one unit shows at rest, smoothed over a day, and how it stands against its peers."""

    unit: str
    book: PeerBook = field(default_factory=PeerBook)
    spread_v: float | None = None
    celsius: float | None = None
    seen_s: float = -math.inf
    compared_s: float = -math.inf
    scores: tuple[PeerScore, ...] = ()
    judge: Judge = field(default_factory=Judge)

    def see(self, sample: Sample) -> None:
        """Take a sample of the unit at rest."""
        passed_s = max(sample.mono_s - self.seen_s, 0.0)
        self.seen_s = sample.mono_s
        share = min(passed_s / _SMOOTH_S, 1.0)
        volts, heat = [], []
        for row in sample.readings:
            if row.quantity == "cell_voltage":
                volts.append(float(row.value))
            elif row.quantity == "temperature" and (row.index or "pack").startswith(_PACK):
                heat.append(float(row.value))
        if len(volts) > 1:
            self.spread_v = _smoothed(self.spread_v, max(volts) - min(volts), share)
        if heat:
            self.celsius = _smoothed(self.celsius, sum(heat) / len(heat), share)

    def judged(self, health: Health, now_s: float, alike: tuple[Population, ...]) -> Health:
        """Add to ``health`` how the unit stands among those it is like."""
        if not 0.0 <= now_s - self.compared_s < COMPARE_EVERY_S:
            self.compared_s = now_s
            values = features(health, spread_v=self.spread_v, celsius=self.celsius)
            self.book.put(self.unit, values, alike)
            self.scores = self.book.scores(self.unit)
            self.judge.review(findings(self.scores), now_s)
        # No restart knows who stood out before it: a date would be that of the agent's start.
        reasons = tuple(replace(reason, since_s=None) for reason in self.judge.reasons())
        return with_reasons(health, reasons, self.scores)


def _smoothed(before: float | None, now: float, share: float) -> float:
    return now if before is None else before + share * (now - before)
