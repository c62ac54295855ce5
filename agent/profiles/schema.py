"""What a profile is once it is loaded and checked: frozen, expanded, ready to read.

A profile file says each register or object once; repeats and bits are expanded while
loading, so that one ``Field`` here gives at most one reading (a column of an SNMP table
gives one for each row). ``document.py`` holds the shape of the file itself.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from agent.model import Battery, Oid, Register, Table
from agent.targets import Parity


class Protocol(StrEnum):
    """How a family of units is spoken to."""

    MODBUS = "modbus"
    SNMP = "snmp"


class Cadence(StrEnum):
    """How often a field is worth reading."""

    FAST = "fast"
    SLOW = "slow"
    ONCE = "once"


class WordType(StrEnum):
    """How 16-bit words become a raw value."""

    U16 = "u16"
    S16 = "s16"
    U32 = "u32"
    S32 = "s32"
    U64 = "u64"
    S64 = "s64"
    F32 = "f32"
    TEXT = "text"
    SBS_DATE = "sbs_date"
    """Smart Battery Data ManufactureDate: (year - 1980) * 512 + month * 32 + day."""
    BCD16 = "bcd16"
    """Four decimal digits, four bits each."""
    BCD32 = "bcd32"
    """Eight decimal digits, four bits each."""
    BCD_DATE = "bcd_date"
    """A day as the eight decimal digits YYYYMMDD, four bits each."""


class ObjectType(StrEnum):
    """How an SNMP value becomes a raw value."""

    NUMBER = "number"
    """An integer of any kind, or a text that holds one number."""
    TICKS = "ticks"
    """TimeTicks: hundredths of a second; the raw value is kept, the reading is seconds."""
    TEXT = "text"
    DATE_MDY = "date_mdy"
    """A text month/day/year with a year of two or four digits."""
    DATE_DMY = "date_dmy"
    """A text day/month/year, the month as a number or its first three letters."""
    DATE_YMD = "date_ymd"
    """A text year-month-day, or the eight digits YYYYMMDD."""
    DATE_FREE = "date_free"
    """A text in any of these orders; with slashes the month comes first."""
    MEASURE = "measure"
    """A text of a number and its unit ("13.6 V"); ``scale`` serves where no unit is told."""
    BITS = "bits"
    """Octets or a text of the marks 0 and 1, of which ``bit`` picks one."""
    OID = "oid"
    """An object identifier, as dotted text without a leading dot."""


WORDS = {
    WordType.U16: 1,
    WordType.S16: 1,
    WordType.U32: 2,
    WordType.S32: 2,
    WordType.U64: 4,
    WordType.S64: 4,
    WordType.F32: 2,
    WordType.SBS_DATE: 1,
    WordType.BCD16: 1,
    WordType.BCD32: 2,
    WordType.BCD_DATE: 2,
}
"""Words of each type of fixed width; texts state theirs."""


@dataclass(frozen=True, slots=True)
class Words:
    """A place in a Modbus device: ``count`` registers from ``register`` on.

    ``low_word_first`` and ``low_byte_first`` (texts) depart from big-endian. ``bit``
    picks one bit, counted from 0 at the least significant.
    """

    register: Register
    count: int
    type: WordType
    low_word_first: bool = False
    low_byte_first: bool = False
    bit: int | None = None
    registers: tuple[Register, ...] = field(init=False, repr=False, compare=False)
    """Every register that the value is made of."""
    source: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        table, address = self.register
        registers = tuple(Register(table, address + n) for n in range(self.count))
        place = f"{table} {address}"
        # Decoding asks for both at every poll of every unit.
        object.__setattr__(self, "registers", registers)
        object.__setattr__(self, "source", place if self.bit is None else f"{place} bit {self.bit}")

    def __str__(self) -> str:
        return self.source


@dataclass(frozen=True, slots=True)
class Object:
    """A place in an SNMP agent: one object, or with ``column`` all rows of a column.

    ``bit`` picks one bit: of octets counted from 0 at the least significant, of a text of
    0 and 1 from its beginning.
    """

    oid: Oid
    type: ObjectType = ObjectType.NUMBER
    column: bool = False
    bit: int | None = None
    source: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", ".".join(map(str, self.oid)))

    def __str__(self) -> str:
        return self.source


@dataclass(frozen=True, slots=True)
class Condition:
    """What another value must be for a field to mean anything.

    It holds if that raw value is one of ``one_of`` (where given), none of ``none_of`` and,
    as text, matches, or if it is ``at_least`` so much. A device that lacks the value decides
    by ``or_missing``. A column stands for the row of the field's own column.
    """

    where: Words | Object
    one_of: frozenset[int | str] = frozenset()
    none_of: frozenset[int | str] = frozenset()
    matches: re.Pattern[str] | None = None
    or_missing: bool = False
    at_least: int | None = None


@dataclass(frozen=True, slots=True)
class ScaleFrom:
    """A factor that the device tells: 10 to the power of the raw value, or as ``factors`` say.

    ``missing`` is the factor where the device does not tell it.
    """

    where: Words | Object
    factors: tuple[tuple[int | str, float], ...] = ()
    missing: float | None = None


@dataclass(frozen=True, slots=True)
class UnitFrom:
    """The unit that the device tells, as text or by ``units`` from raw value to unit.

    A unit of another dimension means that the field does not apply: the same object is
    then ampere-hours on one device and percent on the next.
    """

    where: Words | Object
    units: tuple[tuple[int | str, str], ...] = ()
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a unit: what it means, where it is, how it is decoded.

    The reading is ``raw * scale + offset`` in the quantity's unit. ``absent`` lists raw
    values (before scaling) that say "no value". ``states`` maps raw values to the
    vocabulary's state names, or to truth for flags; ``wordings`` are the device's own
    names of its states. ``lowest`` and ``highest`` narrow the quantity's plausible range, in
    the quantity's unit. ``index`` may hold ``{1}``, ``{2}`` for the row of a table and
    ``{name}`` for the text at ``name_from``. Rows that count from 0 are moved to count from
    ``first``. Of several fields with one quantity and index the lowest ``rank`` that has a
    value wins; another that says something else is a counted fault.

    The field is left out, without a fault, unless all of ``when`` hold. ``any_row`` makes a
    column a flag: does any of its rows hold this raw value.
    """

    quantity: str
    where: Words | Object
    index: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    absent: frozenset[int | str] = frozenset()
    states: tuple[tuple[int | str, str | bool], ...] = ()
    lowest: float | None = None
    highest: float | None = None
    cadence: Cadence = Cadence.FAST
    rank: int = 0
    unconfirmed: str | None = None
    wordings: tuple[tuple[int | str, str], ...] = ()
    first: int | None = None
    when: tuple[Condition, ...] = ()
    scale_from: ScaleFrom | None = None
    unit_from: UnitFrom | None = None
    name_from: Object | None = None
    any_row: int | str | None = None
    steered: bool = field(init=False, repr=False, compare=False)
    """Whether other values of the device say if and how the field is decoded."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "steered", len(self.places) > 1)

    @property
    def places(self) -> tuple[Words | Object, ...]:
        """Every place that must be read to decode the field, its own first."""
        others = (*self.when, self.scale_from, self.unit_from)
        named = () if self.name_from is None else (self.name_from,)
        return (self.where, *(other.where for other in others if other is not None), *named)


@dataclass(frozen=True, slots=True)
class Probe:
    """One read that tells a family apart: it must answer and, if given, match.

    ``between`` are the lowest and highest raw number that a device of the family shows.
    """

    where: Words | Object
    matches: re.Pattern[str] | None = None
    between: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Identify:
    """How a device of the family is recognised.

    All ``probes`` must hold, or with ``any_probe`` one of them. A family without probes is
    recognised by its name alone. ``sys_object_ids`` are prefixes; the longest that fits
    wins among families. A lower ``order`` is asked first.
    """

    probes: tuple[Probe, ...] = ()
    sys_object_ids: tuple[Oid, ...] = ()
    sys_descr: re.Pattern[str] | None = None
    order: int = 100
    any_probe: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """How the family's Modbus line is set, and the unit ids it uses.

    ``listen_only``: one of the devices may itself be the master of the line, beside which
    no second one may speak.
    """

    baudrate: int | None = None
    parity: Parity | None = None
    unit_ids: tuple[int, ...] = ()
    listen_only: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one Modbus request may ask: ``max_words`` words, across ``max_gap`` unused ones.

    ``documented`` are holding registers that the family has though no field of ours needs
    them: a request may cross them where that is shorter than a second request.
    """

    max_words: int = 120
    max_gap: int = 0
    documented: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Group:
    """What a SunSpec model repeats: ``words`` registers for each part, as often as told.

    ``count_at`` is the register of the number, counted from the model's own first. The
    fields' addresses count from the first register of a part, those of their scale factors
    from the model's. ``part`` names the parts; None for cells, which carry numbers alone.
    """

    count_at: int
    words: int
    fields: tuple[Field, ...]
    part: str | None = None


@dataclass(frozen=True, slots=True)
class ModelMap:
    """One SunSpec model: its fields' addresses count from its first register, the number.

    ``words`` is the length of its fixed part without the two words of the head. ``part``
    is what it describes ("unit", "string", "module"; None: the device), and ``names`` says
    which register numbers the string and the module.
    """

    number: int
    words: int
    fields: tuple[Field, ...]
    part: str | None = None
    names: tuple[tuple[str, int], ...] = ()
    group: Group | None = None


@dataclass(frozen=True, slots=True)
class SunSpec:
    """A device that lists its own models, from one of ``markers`` on in holding registers."""

    markers: tuple[int, ...]
    models: tuple[ModelMap, ...]


@dataclass(frozen=True, slots=True)
class SelfTestStart:
    """How a unit is told to test itself: ``value`` is written to ``oid``.

    ``lock`` is a spin lock (TestAndIncr of RFC 2579): its value goes with the write, so that the
    device refuses it where another manager was faster.
    """

    oid: Oid
    value: int | Oid
    lock: Oid | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A family of units. ``unconfirmed`` holds what no source proves, in words.

    ``also`` names the profiles whose trees the same cards answer too; their fields stand
    at the end of ``fields``, with ranks that let the family's own win.
    """

    name: str
    title: str
    protocol: Protocol
    fields: tuple[Field, ...]
    identify: Identify = field(default_factory=Identify)
    link: Link = field(default_factory=Link)
    limits: Limits = field(default_factory=Limits)
    battery: Battery = field(default_factory=Battery)
    sources: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    sunspec: SunSpec | None = None
    self_test: SelfTestStart | None = None


__all__ = [
    "WORDS",
    "Cadence",
    "Condition",
    "Field",
    "Group",
    "Identify",
    "Limits",
    "Link",
    "ModelMap",
    "Object",
    "ObjectType",
    "Probe",
    "Profile",
    "Protocol",
    "ScaleFrom",
    "SelfTestStart",
    "SunSpec",
    "Table",
    "UnitFrom",
    "WordType",
    "Words",
]
