"""A unit against others like it: its shelf, its batch, its firmware. Pure.

The score is robust: distance from the others' median over their spread, which is taken from
their median absolute deviation. In a small population that spread is itself uncertain, so the
usual spread of healthy units counts as eight more of them. Drawn from a normal distribution
with that spread, one score in fourteen thousand passes the limit, from five others on
(``tests/unit/health/test_health_peers.py`` measures it).
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.health.verdict import Finding
from agent.model import Health, PeerScore, Verdict

FEWEST = 5
"""No verdict from fewer others than this."""
LIMIT = 5.0
"""From this score on a unit is believed to stand out, in robust standard deviations."""
_PRIOR_UNITS = 8.0
_MAD = 1.4826


class Population(NamedTuple):
    """Units that are like each other in one respect: ``kind`` is shelf, batch or firmware."""

    kind: str
    name: str

    def __str__(self) -> str:
        """Name it as people do."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing to compare. ``usual_sd`` is how healthy units differ; ``bad`` +1: high is bad.

    ``log`` compares ratios by their logarithm.
    """

    key: str
    name: str
    usual_sd: float
    bad: float
    show: Callable[[float], str]
    log: bool = False


def _growth(value: float) -> str:
    return f"{(value - 1.0) * 100:+.0f} %"


def _percent(value: float) -> str:
    return f"{value * 100:.0f} %"


def _millivolts(value: float) -> str:
    return f"{value * 1000:.0f} mV"


def _celsius(value: float) -> str:
    return f"{value:.1f} degC"


# How healthy units of one age differ: judgements, after the spreads of the development modules
# (resistance, capacity) and of the simulated racks (voltage, temperature).
MEASURES = (
    Measure("resistance_growth", "resistance growth", 0.03, 1.0, _growth, log=True),
    Measure("state_of_health", "state of health", 0.02, -1.0, _percent),
    Measure("cell_spread", "spread of its cells at rest", 0.006, 1.0, _millivolts),
    Measure("temperature", "temperature", 2.0, 1.0, _celsius),
)

Features = Mapping[str, float]
"""Values by the key of their measure; what is not known is not there."""


def features(health: Health, *, spread_v: float | None, celsius: float | None) -> Features:
    """Take what can be compared: ``spread_v`` and ``celsius`` at rest, where known."""
    found: dict[str, float | None] = {"cell_spread": spread_v, "temperature": celsius}
    if health.evidence_at is not None and health.cells:
        growths = sorted(cell.resistance_growth.estimate for cell in health.cells)
        found["resistance_growth"] = growths[len(growths) // 2]
        if health.state_of_health is not None:
            found["state_of_health"] = health.state_of_health.estimate
    return {key: v for key, v in found.items() if v is not None and math.isfinite(v)}


@dataclass(slots=True)
class PeerBook:
    """The latest features of every unit, and what each belongs to."""

    known: dict[str, Features] = field(default_factory=dict)
    belongs: dict[str, tuple[Population, ...]] = field(default_factory=dict)
    members: dict[Population, set[str]] = field(default_factory=dict)

    def put(self, unit: str, values: Features, populations: tuple[Population, ...]) -> None:
        """Take the newest ``values`` of ``unit``."""
        if self.belongs.get(unit) != populations:
            self.drop(unit)
            self.belongs[unit] = populations
            for population in populations:
                self.members.setdefault(population, set()).add(unit)
        self.known[unit] = values

    def drop(self, unit: str) -> None:
        """Forget a unit that is no longer there."""
        self.known.pop(unit, None)
        for population in self.belongs.pop(unit, ()):
            self.members[population].discard(unit)
            if not self.members[population]:
                del self.members[population]

    def scores(self, unit: str) -> tuple[PeerScore, ...]:
        """Compare ``unit`` in every measure with every population that is large enough."""
        return tuple(self._scores(unit))

    def _scores(self, unit: str) -> Iterator[PeerScore]:
        own = self.known.get(unit, {})
        for population in self.belongs.get(unit, ()):
            others = [self.known[name] for name in self.members[population] if name != unit]
            for measure in MEASURES:
                values = sorted(one[measure.key] for one in others if measure.key in one)
                if measure.key in own and len(values) >= FEWEST:
                    yield _score(measure, population, own[measure.key], values)


def _score(
    measure: Measure, population: Population, value: float, others: list[float]
) -> PeerScore:
    def scaled(one: float) -> float:
        return math.log(max(one, 1e-3)) if measure.log else one

    middle = _median(others)
    values = [scaled(one) for one in others]
    centre = _median(values)
    count = len(values)
    mad = _MAD * _median(sorted(abs(one - centre) for one in values))
    square = (count * mad**2 + _PRIOR_UNITS * measure.usual_sd**2) / (count + _PRIOR_UNITS)
    score = measure.bad * (scaled(value) - centre) / math.sqrt(square)
    believed = score >= LIMIT
    return PeerScore(measure.key, str(population), count, value, middle, score, believed)


def _median(ordered: list[float]) -> float:
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else 0.5 * (ordered[half - 1] + ordered[half])


def findings(scores: tuple[PeerScore, ...]) -> list[Finding]:
    """Say where a unit stands out, once for each measure: by the population that shows it most."""
    worst: dict[str, PeerScore] = {}
    for score in scores:
        held = worst.get(score.measure)
        if held is None or score.score > held.score:
            worst[score.measure] = score
    return [
        Finding("peer_outlier", None, one.score / LIMIT, Verdict.WATCH, words(one), one.measure)
        for one in worst.values()
    ]


def words(score: PeerScore) -> str:
    """Say how a unit stands against its peers."""
    measure = next(one for one in MEASURES if one.key == score.measure)
    side = "worse" if score.score > 0.0 else "better"
    return (
        f"{measure.name} {measure.show(score.value)}: the median of {score.others} others of "
        f"{score.population} is {measure.show(score.median)}, {abs(score.score):.1f} robust "
        f"standard deviations {side} than they are"
    )
