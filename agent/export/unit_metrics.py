"""The series of one unit: how it answers, what it reads, what we estimate."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from agent.errors import TransportError
from agent.export.exposition import Page
from agent.export.families import (
    IDENTITY_LABELS,
    Family,
    Shape,
    locate,
    part_info,
    quantity_family,
)
from agent.export.verdicts import judge
from agent.model import Basis, Health, Interval, UnitState, Verdict
from agent.quantities import QUANTITIES
from agent.store.live import UnitView

_GAUGE, _COUNTER, _INFO, _STATES = Shape.GAUGE, Shape.COUNTER, Shape.INFO, Shape.STATESET

UNIT_INFO = Family(
    "bbu_unit_info",
    _INFO,
    "What the unit is, by its configuration and its own word.",
    ("unit", "profile", *IDENTITY_LABELS, "bus", "rack", "shelf", "slot"),
)
UP = Family("bbu_up", _GAUGE, "1 while the unit answers and its last answer is fresh.")
STATE = Family(
    "bbu_unit_state",
    _STATES,
    "How the unit answers; degraded: it answers, and some of its fields fail.",
    states=tuple(UnitState),
)
LAST_SUCCESS = Family(
    "bbu_last_success_timestamp_seconds", _GAUGE, "When the unit last answered.", unit="seconds"
)
CHANGED = Family(
    "bbu_measurements_changed_timestamp_seconds",
    _GAUGE,
    "When a voltage, current or temperature of the battery last differed from the one before.",
    unit="seconds",
)
POLLS = Family("bbu_polls_total", _COUNTER, "Polls of the unit, good and bad.")
POLL_ERRORS = Family(
    "bbu_poll_errors_total",
    _COUNTER,
    "Polls of the unit that failed, by cause. A refusal proves that the device lives.",
    ("unit", "cause"),
)
POLL_DURATION = Family(
    "bbu_poll_duration_seconds", _GAUGE, "How long the last poll took.", unit="seconds"
)
FIELD_FAULTS = Family(
    "bbu_field_faults_total",
    _COUNTER,
    "Times that a field of the unit gave no usable value, by reason.",
    ("unit", "quantity", "reason"),
)
DISCHARGES = Family(
    "bbu_discharges_total", _COUNTER, "Discharges that the agent has seen since its start."
)
VERDICT = Family(
    "bbu_health_verdict",
    _STATES,
    "What to do about the unit: our verdict; unknown while it does not answer, unless bad before.",
    states=tuple(Verdict),
)
REASON = Family(
    "bbu_health_reason",
    _GAUGE,
    "1 for every reason behind the verdict; cell is set where one cell is meant.",
    ("unit", "reason", "cell"),
)
BASIS = Family(
    "bbu_health_basis",
    _STATES,
    "The best kind of evidence that the estimate rests on.",
    states=tuple(Basis),
)
UPDATED = Family(
    "bbu_health_updated_timestamp_seconds", _GAUGE, "When our estimate last moved.", unit="seconds"
)
EVIDENCE = Family(
    "bbu_health_evidence_timestamp_seconds",
    _GAUGE,
    "When the unit last gave informative evidence (a load step, a test, a discharge).",
    unit="seconds",
)
LIMITING = Family(
    "bbu_limiting_cell_info",
    _INFO,
    "The cell that ends a discharge first, by our estimate.",
    ("unit", "cell"),
)
PROBABILITY = Family(
    "bbu_ride_through_probability_ratio",
    _GAUGE,
    "Probability that the unit carries its rated power for the required time (our estimate).",
    unit="ratio",
)
PEER_SCORE = Family(
    "bbu_peer_score",
    _GAUGE,
    "How far the unit stands from the median of others like it, in robust standard deviations; "
    "positive is worse. population says which others (a shelf, a batch, a firmware).",
    ("unit", "measure", "population"),
)
PEER_OTHERS = Family(
    "bbu_peer_others",
    _GAUGE,
    "How many other units a peer score rests on; never fewer than 5.",
    ("unit", "measure", "population"),
)


@dataclass(frozen=True, slots=True)
class Band:
    """Three families for an estimate and the two ends of its 90 % interval."""

    estimate: Family
    lower: Family
    upper: Family

    def put(self, page: Page, labels: tuple[str, ...], interval: Interval | None) -> None:
        """Add the three samples of ``interval``, or none."""
        if interval is not None:
            page.add(self.estimate, labels, interval.estimate)
            page.add(self.lower, labels, interval.lower)
            page.add(self.upper, labels, interval.upper)

    def __iter__(self) -> Iterator[Family]:
        return iter((self.estimate, self.lower, self.upper))


def make_band(stem: str, unit: str, text: str, *labels: str, of_unit: bool = True) -> Band:
    """Make the families of an estimate; ``of_unit`` gives them the label of a unit."""
    own = ("unit", *labels) if of_unit else labels

    def family(end: str, suffix: str) -> Family:
        name = f"{stem}{end}_{unit}"
        return Family(name, _GAUGE, text + suffix, own, unit.removeprefix("timestamp_"))

    return Band(
        family("", ""),
        family("_lower", " Lower end of the 90 % interval."),
        family("_upper", " Upper end of the 90 % interval."),
    )


SOH = make_band("bbu_state_of_health", "ratio", "Capacity over rated capacity (our estimate).")
RIDE = make_band(
    "bbu_ride_through",
    "seconds",
    "Time until the weakest cell is empty at rated power from the present charge (our estimate).",
)
END_OF_LIFE = make_band(
    "bbu_end_of_life", "timestamp_seconds", "When the unit reaches its end of life (our forecast)."
)
CELL_SOH = make_band(
    "bbu_cell_state_of_health",
    "ratio",
    "Capacity over rated capacity of one cell (our estimate).",
    "cell",
)
CELL_RESISTANCE = make_band(
    "bbu_cell_resistance_growth",
    "ratio",
    "10 s resistance at 25 degC of one cell over its value when new (our estimate).",
    "cell",
)
CELL_LEAK = make_band(
    "bbu_cell_leak",
    "amperes",
    "Self-discharge of one cell beyond its neighbours (our estimate).",
    "cell",
)
BANDS = (SOH, RIDE, END_OF_LIFE, CELL_SOH, CELL_RESISTANCE, CELL_LEAK)

FAMILIES = (
    *(UNIT_INFO, UP, STATE, LAST_SUCCESS, CHANGED, POLLS, POLL_ERRORS, POLL_DURATION),
    *(FIELD_FAULTS, DISCHARGES, VERDICT, REASON, BASIS, UPDATED, EVIDENCE, LIMITING, PROBABILITY),
    *(PEER_SCORE, PEER_OTHERS),
    *(family for band in BANDS for family in band),
)
"""Every family of this module that does not come from the vocabulary."""

# Counters start at 0, so that a rate sees the first error.
_CAUSES = frozenset(c.__name__ for c in TransportError.__subclasses__())


def add_unit(page: Page, view: UnitView) -> None:
    """Add every series of one unit to ``page``."""
    _add_polling(page, view)
    _add_readings(page, view)
    _add_health(page, view)


def _add_polling(page: Page, view: UnitView) -> None:
    name, status, place = view.info.name, view.status, view.info.location
    unit = (name,)
    known = dict(view.identity)
    if view.info.chemistry is not None:
        known["battery_chemistry"] = view.info.chemistry
    identity = [known.get(key, "") for key in IDENTITY_LABELS.values()]
    where = (view.info.bus or "", place.rack or "", place.shelf or "", place.slot or "")
    profile = status.profile or view.info.profile
    page.add(UNIT_INFO, (name, profile, *identity, *where), 1)
    page.add(UP, unit, view.up)
    page.add_state(STATE, unit, status.state)
    page.add(LAST_SUCCESS, unit, status.last_ok)
    if view.up:
        page.add(CHANGED, unit, view.changed_at)
    page.add(POLLS, unit, status.polls)
    for cause in sorted(_CAUSES | status.errors.keys()):
        page.add(POLL_ERRORS, (name, cause), status.errors.get(cause, 0))
    page.add(POLL_DURATION, unit, status.last_duration_s)
    for (quantity, reason), count in view.fault_counts.items():
        page.add(FIELD_FAULTS, (name, quantity, reason), count)
    page.add(DISCHARGES, unit, view.discharges)


def _add_readings(page: Page, view: UnitView) -> None:
    name = view.info.name
    parts: dict[tuple[tuple[str, ...], tuple[str, ...]], dict[str, str]] = {}
    for reading in view.readings:
        family, kinds, values = _series(reading.quantity, reading.index)
        value = reading.value
        if not isinstance(value, str):
            page.add(family, (name, *values), value)
        elif family.shape is Shape.STATESET:
            page.add_state(family, (name, *values), value)
        elif family.shape is Shape.INFO:
            parts.setdefault((kinds, values), {})[reading.quantity] = value
    for (kinds, values), texts in parts.items():
        if kinds:  # the unit's own identity is in UNIT_INFO
            identity = [texts.get(key, "") for key in IDENTITY_LABELS.values()]
            page.add(part_info(kinds), (name, *values, *identity), 1)


@lru_cache(maxsize=1 << 16)
def _series(key: str, index: str | None) -> tuple[Family, tuple[str, ...], tuple[str, ...]]:
    kinds, values = locate(QUANTITIES[key], index)
    return quantity_family(key, kinds), kinds, values


def _add_health(page: Page, view: UnitView) -> None:
    unit = (view.info.name,)
    verdict, reasons = judge(view)
    page.add_state(VERDICT, unit, verdict)
    for reason in reasons:
        page.add(REASON, (*unit, reason.code, reason.cell or ""), 1)
    if view.health is not None:
        _add_estimates(page, unit, view.health, present=view.up)


def _add_estimates(page: Page, unit: tuple[str], health: Health, *, present: bool) -> None:
    page.add_state(BASIS, unit, health.basis)
    page.add(UPDATED, unit, health.updated_at)
    page.add(EVIDENCE, unit, health.evidence_at)
    SOH.put(page, unit, health.state_of_health)
    END_OF_LIFE.put(page, unit, health.end_of_life_s)
    if health.limiting_cell is not None:
        page.add(LIMITING, (*unit, health.limiting_cell), 1)
    for score in health.peers:
        against = (*unit, score.measure, score.population)
        page.add(PEER_SCORE, against, score.score)
        page.add(PEER_OTHERS, against, score.others)
    for cell in health.cells:
        labels = (*unit, cell.cell)
        CELL_SOH.put(page, labels, cell.state_of_health)
        CELL_RESISTANCE.put(page, labels, cell.resistance_growth)
        CELL_LEAK.put(page, labels, cell.leak_a)
    if present:  # they start from the present charge, which a silent unit does not tell
        RIDE.put(page, unit, health.ride_through_s)
        page.add(PROBABILITY, unit, health.ride_through_probability)
