"""The shape of a profile file. Structure only; ``load.py`` checks what it means."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StrictInt, StringConstraints

from agent.model import Chemistry, Table
from agent.profiles.schema import Cadence, ObjectType, Protocol, WordType
from agent.targets import Parity

OidText = Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)+$")]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
# Strict, because YAML reads a bare "on" as true, and true would pass for 1.
Scalar = StrictInt | str


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlaceDocument(_Part):
    """A place whose value steers another: a register, an object, a column of the same table."""

    at: int | None = Field(default=None, ge=0, le=65535)
    table: Table = Table.HOLDING
    type: WordType | ObjectType | None = None
    words: int | None = Field(default=None, ge=1, le=125)
    low_word_first: bool = False
    oid: OidText | None = None
    column: OidText | None = None


class ConditionDocument(PlaceDocument):
    """One entry under ``when``."""

    one_of: tuple[Scalar, ...] = ()
    none_of: tuple[Scalar, ...] = ()
    matches: str | None = None
    or_missing: bool = False
    at_least: StrictInt | None = None


class ScaleFromDocument(PlaceDocument):
    """Where a factor is read; without ``values`` it is a power of ten."""

    values: dict[Scalar, FiniteFloat] = Field(default_factory=dict)
    missing: FiniteFloat | None = None


class UnitFromDocument(PlaceDocument):
    """Where a unit is read; without ``values`` it is a text."""

    values: dict[Scalar, str] = Field(default_factory=dict)
    missing: str | None = None


Meaning = str | bool | Annotated[list[str | bool], Field(min_length=2, max_length=2)]
"""A state's name or truth, or both this and the device's own wording of it."""


class FieldDocument(_Part):
    """One entry under ``fields``: a register, an object, or a word of bits."""

    quantity: Key | None = None
    unit: str | None = None
    index: str | None = None
    at: int | None = Field(default=None, ge=0, le=65535)
    table: Table = Table.HOLDING
    type: WordType | ObjectType | None = None
    words: int | None = Field(default=None, ge=1, le=125)
    count: int = Field(default=1, ge=1, le=1000)
    step: int | None = Field(default=None, ge=1)
    first: int | None = None
    low_word_first: bool = False
    low_byte_first: bool = False
    oid: OidText | None = None
    column: OidText | None = None
    bits: dict[StrictInt, str] = Field(default_factory=dict)
    scale: FiniteFloat = 1.0
    offset: FiniteFloat = 0.0
    absent: tuple[Scalar, ...] = ()
    values: dict[Scalar, Meaning] = Field(default_factory=dict)
    range: tuple[FiniteFloat, FiniteFloat] | None = None
    every: Cadence = Cadence.FAST
    rank: int = Field(default=0, ge=0)
    unconfirmed: str | None = None
    bit: int | None = Field(default=None, ge=0, le=255)
    when: tuple[ConditionDocument, ...] = ()
    scale_from: ScaleFromDocument | None = None
    unit_from: UnitFromDocument | None = None
    name_from: OidText | None = None
    any_row: Scalar | None = None
    count_at: int | None = Field(default=None, ge=0, le=65535)


class ProbeDocument(_Part):
    """One entry under ``identify.probes``."""

    at: int | None = Field(default=None, ge=0, le=65535)
    table: Table = Table.HOLDING
    type: WordType | ObjectType | None = None
    words: int | None = Field(default=None, ge=1, le=125)
    oid: OidText | None = None
    matches: str | None = None
    between: tuple[StrictInt, StrictInt] | None = None


class IdentifyDocument(_Part):
    """How a device of the family is recognised."""

    probes: tuple[ProbeDocument, ...] = ()
    sys_object_id: tuple[OidText, ...] = ()
    sys_descr: str | None = None
    order: int = 100
    any_probe: bool = False


class LinkDocument(_Part):
    """How the Modbus line is set."""

    baudrate: int | None = None
    parity: Parity | None = None
    unit_ids: tuple[Scalar, ...] = ()
    listen_only: bool = False


class LimitsDocument(_Part):
    """What one Modbus request may ask."""

    max_words: int = Field(default=120, ge=1, le=125)
    max_gap: int = Field(default=0, ge=0, le=124)
    documented: tuple[Scalar, ...] = ()


class BatteryDocument(_Part):
    """Facts of the battery that the family fixes, in SI units and ampere-hours."""

    chemistry: Chemistry = Chemistry.UNKNOWN
    series: int | None = Field(default=None, ge=1, le=500)
    parallel: int | None = Field(default=None, ge=1)
    rated_capacity_ah: FiniteFloat | None = Field(default=None, gt=0)
    rated_power_w: FiniteFloat | None = Field(default=None, gt=0)
    required_seconds: FiniteFloat = Field(default=240.0, gt=0)
    cell_cutoff_v: FiniteFloat | None = Field(default=None, gt=0)
    cell_float_v: FiniteFloat | None = Field(default=None, gt=0)
    cell_max_v: FiniteFloat | None = Field(default=None, gt=0)
    balance_current_a: FiniteFloat | None = Field(default=None, gt=0)


class GroupDocument(_Part):
    """What a SunSpec model repeats, under ``repeat``."""

    count_at: int = Field(ge=2, le=65535)
    words: int = Field(ge=1, le=125)
    part: Literal["string", "module"] | None = None
    fields: tuple[FieldDocument, ...] = Field(min_length=1)


class ModelDocument(_Part):
    """One entry under ``sunspec.models``."""

    model: int = Field(ge=1, le=65534)
    words: int = Field(ge=1, le=65533)
    part: Literal["unit", "string", "module"] | None = None
    names: dict[Literal["string", "module"], StrictInt] = Field(default_factory=dict)
    fields: tuple[FieldDocument, ...] = ()
    repeat: GroupDocument | None = None


class SunSpecDocument(_Part):
    """A device that lists its own models."""

    markers: tuple[StrictInt, ...] = Field(min_length=1)
    models: tuple[ModelDocument, ...] = Field(min_length=1)


class SelfTestDocument(_Part):
    """How a unit is told to test itself: the object that is written, and its value."""

    oid: OidText
    value: StrictInt | OidText
    lock: OidText | None = None


class ProfileDocument(_Part):
    """A whole profile file."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    protocol: Protocol
    sources: tuple[str, ...] = Field(min_length=1)
    unconfirmed: tuple[str, ...] = ()
    identify: IdentifyDocument = IdentifyDocument()
    link: LinkDocument = LinkDocument()
    limits: LimitsDocument = LimitsDocument()
    battery: BatteryDocument = BatteryDocument()
    also: tuple[str, ...] = ()
    sunspec: SunSpecDocument | None = None
    self_test: SelfTestDocument | None = None
    fields: tuple[FieldDocument, ...] = ()
