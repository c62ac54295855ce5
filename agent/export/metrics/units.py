"""The series of one unit: how it answers, what it reads, what we estimate."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from agent.errors import TransportError
from agent.export.metrics.bands import ESTIMATE, make_band
from agent.export.metrics.exposition import Page
from agent.export.metrics.families import (
    IDENTITY_LABELS,
    Family,
    Shape,
    locate,
    part_info,
    quantity_family,
)
from agent.export.verdicts import judge
from agent.model import Basis, Health, Reading, UnitState, Value, Verdict
from agent.quantities import QUANTITIES, Kind
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
    form=ESTIMATE,
)
PEER_SCORE = Family(
    "bbu_peer_score",
    _GAUGE,
    "How far the unit stands from the median of others like it, in robust standard deviations; "
    "positive is worse. population says which others (a shelf, a batch, a firmware).",
    ("unit", "measure", "population"),
    form=ESTIMATE,
)
PEER_OTHERS = Family(
    "bbu_peer_others",
    _GAUGE,
    "How many other units a peer score rests on; never fewer than 5.",
    ("unit", "measure", "population"),
)


SOH = make_band("bbu_state_of_health", "ratio", "Capacity over rated capacity (our estimate).")
RIDE = make_band(
    "bbu_ride_through",
    "seconds",
    "Time until the weakest cell is empty at rated power from the present charge (our estimate).",
)
END_OF_LIFE = make_band(
    "bbu_end_of_life",
    "timestamp_seconds",
    "When the weakest cell comes to 70 % of its rated capacity (our forecast).",
)
RIDE_END_OF_LIFE = make_band(
    "bbu_end_of_life_by_ride_through",
    "timestamp_seconds",
    "When the unit, at its usual charge, no longer lasts the required seconds at rated power "
    "(our forecast).",
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
BANDS = (SOH, RIDE, END_OF_LIFE, RIDE_END_OF_LIFE, CELL_SOH, CELL_RESISTANCE, CELL_LEAK)

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
    add_polling(page, view)
    rows = grouped(view.readings)
    for quantity, told in rows.items():
        add_quantity(page, view.info.name, quantity, told)
    add_parts(page, view.info.name, rows)
    add_verdict(page, view)
    if view.health is not None:
        add_estimates(page, view.info.name, view.health, present=view.up)


def add_polling(page: Page, view: UnitView) -> None:
    """Add what the unit is and how it answers."""
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


Rows = Mapping[str, Sequence[tuple[str | None, Value]]]
"""Readings as index and value, by quantity."""


def grouped(readings: Iterable[Reading]) -> Rows:
    """Sort readings by quantity."""
    found: dict[str, list[tuple[str | None, Value]]] = {}
    for reading in readings:
        rows = found.get(reading.quantity)
        if rows is None:
            rows = found[reading.quantity] = []
        rows.append((reading.index, reading.value))
    return found


def add_quantity(
    page: Page, unit: str, quantity: str, rows: Iterable[tuple[str | None, Value]]
) -> None:
    """Add the readings of one quantity; texts are left to ``add_parts``."""
    for index, value in rows:
        family, _, values = _series(quantity, index)
        if not isinstance(value, str):
            page.add(family, (unit, *values), value)
        elif family.shape is Shape.STATESET:
            page.add_state(family, (unit, *values), value)


def add_parts(page: Page, unit: str, rows: Rows) -> None:
    """Add what the parts of the unit are; its own identity is in ``UNIT_INFO``."""
    parts: dict[tuple[tuple[str, ...], tuple[str, ...]], dict[str, str]] = {}
    for quantity, told in rows.items():
        if QUANTITIES[quantity].kind is not Kind.TEXT:
            continue
        for index, value in told:
            _, kinds, values = _series(quantity, index)
            if kinds and isinstance(value, str):
                parts.setdefault((kinds, values), {})[quantity] = value
    for (kinds, values), texts in parts.items():
        identity = [texts.get(key, "") for key in IDENTITY_LABELS.values()]
        page.add(part_info(kinds), (unit, *values, *identity), 1)


@lru_cache(maxsize=1 << 16)
def _series(key: str, index: str | None) -> tuple[Family, tuple[str, ...], tuple[str, ...]]:
    kinds, values = locate(QUANTITIES[key], index)
    return quantity_family(key, kinds), kinds, values


def add_verdict(page: Page, view: UnitView) -> None:
    """Add the verdict and its reasons."""
    unit = (view.info.name,)
    verdict, reasons = judge(view)
    page.add_state(VERDICT, unit, verdict)
    for reason in reasons:
        page.add(REASON, (*unit, reason.code, reason.cell or ""), 1)


def add_estimates(page: Page, name: str, health: Health, *, present: bool) -> None:
    """Add what we estimate; ``present`` is whether the unit answers."""
    unit = (name,)
    page.add_state(BASIS, unit, health.basis)
    page.add(UPDATED, unit, health.updated_at)
    page.add(EVIDENCE, unit, health.evidence_at)
    SOH.put(page, unit, health.state_of_health)
    END_OF_LIFE.put(page, unit, health.end_of_life_s)
    RIDE_END_OF_LIFE.put(page, unit, health.ride_end_of_life_s)
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
