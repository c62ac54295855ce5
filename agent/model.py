"""The frozen core types that travel between the rooms.

Signs and units: current is positive when charging; ratios are 0 to 1; temperatures are
degrees Celsius; every bare float carries its unit in its name. Both clocks are inputs:
``mono_s`` is a monotonic clock for ages, ``wall_s`` is unix time for people and records.
Absent is absent, never 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

Value = float | bool | str
"""A reading's value. Numbers are floats in the quantity's unit; states and texts are str."""


class Table(StrEnum):
    """The four address spaces of Modbus; the value is the name used in sources."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"


class Register(NamedTuple):
    """One 16-bit word (or one bit for coils and discretes) by its place."""

    table: Table
    address: int


Oid = tuple[int, ...]
"""An SNMP object identifier as a tuple of sub-identifiers."""


class SnmpKind(StrEnum):
    """The wire type of an SNMP value."""

    INTEGER = "integer"
    UNSIGNED = "unsigned"
    COUNTER = "counter"
    TICKS = "ticks"
    OCTETS = "octets"
    OID = "oid"
    ADDRESS = "address"
    OPAQUE = "opaque"
    NULL = "null"


class SnmpValue(NamedTuple):
    """One value as it came. ``OCTETS``, ``ADDRESS`` and ``OPAQUE`` carry bytes."""

    kind: SnmpKind
    value: int | bytes | Oid


@dataclass(frozen=True, slots=True)
class Raw:
    """What one pass of reading a unit brought, before any meaning is given to it.

    ``refused`` holds what the device declined to give: registers answered by a Modbus
    exception, OIDs answered by noSuchObject, noSuchInstance or an error-status.
    """

    wall_s: float
    mono_s: float
    duration_s: float
    words: Mapping[Register, int] = field(default_factory=dict)
    varbinds: Mapping[Oid, SnmpValue] = field(default_factory=dict)
    refused: frozenset[Register | Oid] = frozenset()


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one quantity in the quantity's unit.

    ``index`` is "1", "2", ... for cells, a name for sensors, otherwise "module:3",
    "string:1", "phase:2". ``read_at`` is monotonic seconds. ``source`` is where it came
    from ("holding 109", an OID). ``text`` keeps a state's own wording or number.
    """

    quantity: str
    index: str | None
    value: Value
    read_at: float
    source: str
    text: str | None = None


class FaultReason(StrEnum):
    """Why a field has no reading."""

    REFUSED = "refused"
    SENTINEL = "sentinel"
    IMPLAUSIBLE = "implausible"
    UNDECODABLE = "undecodable"
    FROZEN = "frozen"
    DISAGREES = "disagrees"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Fault:
    """A field that the device has and that gave no usable value this time."""

    quantity: str
    index: str | None
    reason: FaultReason
    raw: str
    source: str


@dataclass(frozen=True, slots=True)
class Sample:
    """Everything that one pass over one unit gave. Part of a unit's fields may be missing."""

    unit: str
    wall_s: float
    mono_s: float
    readings: tuple[Reading, ...]
    faults: tuple[Fault, ...] = ()


class Chemistry(StrEnum):
    """Cell chemistries that the health engine has priors for."""

    NCA = "NCA"
    NMC = "NMC"
    LFP = "LFP"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Battery:
    """What is known of a unit's battery beforehand, from its profile and configuration.

    ``rated_power_w`` is the discharge power that the unit must carry for
    ``required_seconds``. ``cell_cutoff_v``, ``cell_float_v`` and ``cell_max_v`` are per
    series cell. ``resistance_ohm`` is a new series cell's 10 s resistance at 25 degC.
    ``ocv`` is a new cell's open-circuit curve as (state of charge, volts), rising;
    ``resistance_by_soc`` its resistance over that at full charge, by state of charge.
    ``balance_current_a`` is what the balancer takes from a cell that it bleeds.
    ``cell`` names a type of the library of cells, which then overrules the chemistry's.
    ``commissioned_s`` is when the cells were new, as unix time; without it their age is
    unknown. ``lot`` names the batch that they are of. Unknown is None; the chemistry's own
    values then serve.
    """

    chemistry: Chemistry = Chemistry.UNKNOWN
    series: int | None = None
    parallel: int | None = None
    rated_capacity_ah: float | None = None
    rated_power_w: float | None = None
    required_seconds: float = 240.0
    cell_cutoff_v: float | None = None
    cell_float_v: float | None = None
    cell_max_v: float | None = None
    resistance_ohm: float | None = None
    ocv: tuple[tuple[float, float], ...] | None = None
    voltage_step_v: float | None = None
    current_step_a: float | None = None
    temperature_step_c: float | None = None
    commissioned_s: float | None = None
    lot: str | None = None
    cell: str | None = None
    resistance_by_soc: tuple[tuple[float, float], ...] | None = None
    balance_current_a: float | None = None


class UnitState(StrEnum):
    """How a unit answers. ``degraded``: it answers, and some of its fields fail."""

    NEW = "new"
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    DORMANT = "dormant"


@dataclass(frozen=True, slots=True)
class UnitStatus:
    """How polling a unit goes. ``since`` and ``last_ok`` are unix seconds."""

    state: UnitState = UnitState.NEW
    since: float = 0.0
    last_ok: float | None = None
    failures: int = 0
    polls: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    last_error: str | None = None
    last_duration_s: float | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """Where a unit sits. Free texts of the operator."""

    rack: str | None = None
    shelf: str | None = None
    slot: str | None = None


@dataclass(frozen=True, slots=True)
class UnitInfo:
    """A configured unit as the store and the exporters know it, before it has answered.

    ``bus`` is the name of the line or gateway it shares, or None for a unit with an
    address of its own; ``address`` is for people ("10.1.3.20:161", "unit id 48").
    ``chemistry`` is the configured one; it overrules what the device prints.
    """

    name: str
    profile: str
    location: Location = field(default_factory=Location)
    bus: str | None = None
    address: str = ""
    chemistry: str | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """A group of units that carry one load together, and how many of them it needs."""

    rack: str
    shelf: str
    required: int
    rated_power_w: float | None = None
    required_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Units that are counted together beyond their shelves, such as a row or a feed.

    It holds every unit of ``racks``, and ``units`` by name; ``required`` of them must be ready.
    """

    name: str
    required: int
    racks: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()

    def holds(self, info: UnitInfo) -> bool:
        """Say whether the unit is of this group."""
        return info.name in self.units or info.location.rack in self.racks


class Interval(NamedTuple):
    """An estimate with its 90 % interval, all in one unit."""

    estimate: float
    lower: float
    upper: float


class Verdict(StrEnum):
    """What to do about a unit, from good to bad; ``unknown`` is its own answer."""

    OK = "ok"
    WATCH = "watch"
    DEGRADED = "degraded"
    REPLACE = "replace"
    UNKNOWN = "unknown"


class Basis(StrEnum):
    """The best kind of evidence that an estimate rests on, from weak to decisive."""

    PRIOR = "prior only"
    RESISTANCE = "resistance"
    WINDOW = "window"
    FULL_TEST = "full test"
    DEVICE = "device report"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a verdict is what it is.

    ``code`` is a short stable name used as a label value (``cell_weak``,
    ``cell_resistance``, ``not_answering``); ``cell`` the device's cell number where one
    cell is meant; ``text`` says it in words with numbers and dates. ``since_s`` is the unix
    time since which it has stood without a break, whatever its verdict was meanwhile; None
    where nobody keeps it (a device's own word, peers, the record of an older agent).
    """

    code: str
    text: str
    cell: str | None = None
    verdict: Verdict = Verdict.WATCH
    since_s: float | None = None


@dataclass(frozen=True, slots=True)
class CellHealth:
    """Our estimate for one series cell.

    ``state_of_health`` is capacity over rated capacity; ``resistance_growth`` is the 10 s
    resistance at 25 degC over the cell's own value at commissioning (1.0 = as new), or when
    first measured where nobody has seen the cell new (``Health.evidence`` says so);
    ``leak_a`` the self-discharge beyond the cell's neighbours, in amperes.
    """

    cell: str
    state_of_health: Interval
    resistance_growth: Interval
    verdict: Verdict
    basis: Basis
    leak_a: Interval | None = None


class Rejected(NamedTuple):
    """Evidence that was not used: what, why, how often, and when last (unix seconds)."""

    what: str
    why: str
    times: int
    last_s: float


class PeerScore(NamedTuple):
    """A unit against others in one measure.

    ``population`` says which others ("shelf r12/a"), ``others`` how many of them tell;
    ``value`` and ``median`` (theirs) carry the measure's unit. ``score`` is how far the value
    lies from the median on the bad side, in robust standard deviations; negative: better.
    ``believed`` says that a score like this is no chance in so small a population.
    """

    measure: str
    population: str
    others: int
    value: float
    median: float
    score: float
    believed: bool


class Trial(NamedTuple):
    """What a test of ``seconds`` at ``depth`` (share of rated charge) would tell and cost.

    ``soh_sd`` and ``ride_sd`` are what would not be known after it: the standard deviation of
    the weakest cell's state of health, and of the ride-through over itself. ``recharge_s``
    is how long the unit then stands below full charge.
    """

    test: str
    seconds: float
    depth: float
    soh_sd: float
    ride_sd: float
    recharge_s: float


@dataclass(frozen=True, slots=True)
class Advice:
    """Which test would tell most about a unit, and when (``due_s``, unix seconds).

    ``test`` is None where none is worth its cost. ``soh_sd`` and ``ride_sd`` are what is not
    known now, as in ``options``; ``text`` says it in words.
    """

    test: str | None
    due_s: float | None
    soh_sd: float
    ride_sd: float
    options: tuple[Trial, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Health:
    """Our estimate for one unit at ``updated_at`` (unix seconds).

    ``ride_through_s`` is the time to cut-off of the weakest cell at rated power
    (``ride_through_power_w``) from the present charge; ``ride_through_probability`` that it
    reaches the required seconds; ``end_of_life_s`` is when the weakest cell comes to 70 % of
    rated capacity, and ``ride_end_of_life_s`` when the unit no longer reaches the required
    seconds from its usual charge, as unix seconds; ``ride_end_of_life_unknown`` says why there
    is none of these. What cannot be known is None.
    ``evidence_at`` is the unix time of the last informative event; ``rejected`` is the evidence
    that was not used.
    """

    verdict: Verdict
    reasons: tuple[Reason, ...]
    updated_at: float
    cells: tuple[CellHealth, ...] = ()
    state_of_health: Interval | None = None
    ride_through_s: Interval | None = None
    ride_through_probability: float | None = None
    end_of_life_s: Interval | None = None
    limiting_cell: str | None = None
    basis: Basis = Basis.PRIOR
    evidence_at: float | None = None
    evidence: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    peers: tuple[PeerScore, ...] = ()
    advice: Advice | None = None
    ride_end_of_life_s: Interval | None = None
    ride_end_of_life_unknown: str | None = None
    ride_through_power_w: float | None = None

    @property
    def first_end_s(self) -> Interval | None:
        """The end of life that comes first, by capacity or by ride-through, as unix seconds."""
        ends = (self.end_of_life_s, self.ride_end_of_life_s)
        return min((end for end in ends if end is not None), default=None)


@dataclass(frozen=True, slots=True)
class Outlook:
    """How long a unit carries its load from now on, at ``at_s`` (unix seconds).

    ``seconds`` is the time to cut-off at ``power_w``, what the battery delivers; in an
    outage ``elapsed_s`` have passed already, else it is None. ``required_s`` is how long
    it has to last from the start. What cannot be known is None.
    """

    at_s: float
    power_w: float
    seconds: Interval
    required_s: float
    elapsed_s: float | None = None
    limiting_cell: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a unit, kept for ever. Times are unix seconds.

    ``kind`` is ``discharge``, ``self_test``, ``flicker`` or ``replaced``, and
    ``outage`` for a rack, whose ``unit`` is then "rack:NAME"; ``detail`` holds numbers with
    their unit in the key (``energy_wh``, ``charge_ah``).
    """

    unit: str
    kind: str
    start_s: float
    end_s: float | None
    detail: Mapping[str, Value] = field(default_factory=dict)
