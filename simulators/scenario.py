"""Scenario files: a fleet, its past, its faults, and what happens live.

The shape is documented in docs/simulators.md; ``scenario_file.py`` reads it.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from simulators.device.faults import (
    ENDING,
    OF_THE_MODULE,
    WITHOUT_SIZE,
    BatteryFaultKind,
    WireFaultKind,
)
from simulators.measure_text import parse_measure


def _measure(kind: str) -> BeforeValidator:
    return BeforeValidator(lambda text: parse_measure(text, kind))


Seconds = Annotated[float, _measure("duration")]
Span = Annotated[float, _measure("duration"), Field(gt=0)]
Celsius = Annotated[float, _measure("temperature")]
Kelvins = Annotated[float, _measure("difference")]
Watts = Annotated[float, _measure("power"), Field(gt=0)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Place = Annotated[str, BeforeValidator(str)]


def _registers(text: object) -> frozenset[int]:
    found: set[int] = set()
    for part in str(text).split(","):
        ends = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part)
        if ends is None:
            raise ValueError('is not a list of registers, such as "182-223, 235"')
        found.update(range(int(ends[1]), int(ends[2] or ends[1]) + 1))
    return frozenset(found)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Climate(_Part):
    """Inlet air: a mean, the swing over the year and over the day (half of top to bottom)."""

    mean: Celsius = 25.0
    season: Kelvins = 2.5
    day: Kelvins = 1.0


class Past(_Part):
    """What ``bbu-sim history`` lives through. ``age`` is the cells' age at its start."""

    years: float = Field(default=1.0, gt=0, le=30)
    age: Seconds = 0.0
    tests_every: Span = 30 * 86400.0
    test_length: Span = 45.0
    outages_per_year: float = Field(default=4.0, ge=0, le=200)
    long_outages: tuple[Seconds, ...] = ()


class BusPart(_Part):
    """A serial line (``serial`` is its baud rate) or a gateway on a TCP port (0: any)."""

    serial: int | None = Field(default=None, ge=1200, le=1_000_000)
    modbus_tcp: int | None = Field(default=None, ge=0, le=65535)
    rtu_over_tcp: int | None = Field(default=None, ge=0, le=65535)
    latency: Seconds = 0.002
    silent_units: Literal["silence", "exception"] = "silence"
    one_at_a_time: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = (self.serial, self.modbus_tcp, self.rtu_over_tcp)
        if sum(way is not None for way in ways) != 1:
            raise ValueError("needs one of serial, modbus_tcp and rtu_over_tcp")
        return self


class UnitPart(_Part):
    """A module, or ``count`` of them: ``{n}`` in the name and the slot counts them from 1.

    ``age`` is the range from which each unit's age is drawn (default: the past's).
    ``lacks`` are registers that this ``firmware`` does not have: "182-223, 235".
    """

    name: str
    count: int = Field(default=1, ge=1, le=10000)
    model: Literal["hpr", "classic", "cabinet"]
    bus: Name
    unit_id: int = Field(ge=1, le=247)
    rack: Place
    shelf: Place
    slot: Place = "{n}"
    warmer: Kelvins = 0.0
    age: tuple[Seconds, Seconds] | None = None
    firmware: str = "1.4.2"
    lacks: Annotated[frozenset[int], BeforeValidator(_registers)] = frozenset()

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.age is not None and not 0 <= self.age[0] <= self.age[1]:
            raise ValueError("age is a range: youngest and oldest, both from 0")
        if self.count > 1 and "{n}" not in self.name:
            raise ValueError("name needs {n} where count is above 1")
        return self


class UpsPart(_Part):
    """A UPS with an SNMP card. ``version`` 3 takes the protocols as net-snmp names them."""

    name: Name
    model: Literal["ups", "apc-ups"] = "ups"
    version: Literal[1, 2, 3] = 2
    auth: str | None = None
    privacy: str | None = None
    port: int = Field(default=0, ge=0, le=65535)
    rack: Place
    load: float = Field(default=0.3, ge=0, le=1.2)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.privacy is not None and self.auth is None:
            raise ValueError("privacy needs auth")
        if self.version != 3 and self.auth is not None:  # noqa: PLR2004 - SNMP's own number
            raise ValueError("auth belongs to version 3")
        return self


class ShelfPart(_Part):
    """What a shelf needs of its modules."""

    rack: Place
    shelf: Place
    required: int = Field(ge=1)
    rated_power: Watts | None = None
    required_seconds: Span | None = None


class FaultPart(_Part):
    """A fault of one unit or bus. Times count from the live start; the past is negative.

    ``size`` as in ``faults.BatteryFault`` for the battery; ``value`` and ``share`` as in
    ``wire_faults.WireFault`` for the wire.
    """

    unit: Name | None = None
    bus: Name | None = None
    kind: BatteryFaultKind | WireFaultKind
    cell: int | None = Field(default=None, ge=1)
    at: Seconds | None = None
    over: Seconds = 0.0
    until: Seconds | None = None
    size: float | None = None
    value: float = 0.0
    share: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if (self.unit is None) == (self.bus is None):
            raise ValueError("needs either unit or bus")
        if isinstance(self.kind, BatteryFaultKind):
            if self.cell is None and self.kind not in OF_THE_MODULE:
                raise ValueError(f"{self.kind} needs cell")
            if self.size is None and self.kind not in WITHOUT_SIZE:
                raise ValueError(f"{self.kind} needs size")
            if self.until is not None and self.kind not in ENDING:
                raise ValueError(f"{self.kind} never ends: it has no until")
        elif self.cell is not None or self.size is not None:
            raise ValueError(f"{self.kind} is a fault of the wire: it has no cell and no size")
        return self


class EventPart(_Part):
    """What happens live, ``at`` seconds after the start.

    ``outage``: the mains of ``rack`` fail for ``length`` and each shelf carries ``load`` of
    the rated power of its modules, shared among those that can; the rack draws ``low``
    instead of ``load`` for the last third of every ``period``, as accelerators do between
    the steps of a training. ``self-test``: ``units`` test themselves. ``heat``: the air of
    ``rack`` rises evenly by ``rise`` in ``length`` and stays there. All of it ``repeat``
    times, ``every`` so long.
    """

    at: Seconds
    kind: Literal["outage", "self-test", "heat"]
    length: Span
    rack: Place | None = None
    load: float = Field(default=0.6, gt=0, le=1.5)
    low: float | None = Field(default=None, ge=0, le=1.5)
    period: Span = 6.0
    rise: Kelvins = 0.0
    units: tuple[Name, ...] = ()
    repeat: int = Field(default=1, ge=1, le=1000)
    every: Span | None = None

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.kind in ("outage", "heat") and self.rack is None:
            raise ValueError(f"{self.kind} needs rack")
        if self.repeat > 1 and (self.every is None or self.every <= self.length):
            raise ValueError("repeat needs every, longer than length")
        if self.kind == "self-test" and not self.units:
            raise ValueError("a self-test needs units")
        return self


class Scenario(_Part):
    """A whole scenario."""

    name: Name
    about: str
    seed: int = Field(default=1, ge=0)
    climate: Climate = Climate()
    past: Past = Past()
    buses: dict[Name, BusPart] = Field(default_factory=dict)
    units: tuple[UnitPart, ...] = ()
    ups: tuple[UpsPart, ...] = ()
    shelves: tuple[ShelfPart, ...] = ()
    faults: tuple[FaultPart, ...] = ()
    events: tuple[EventPart, ...] = ()


def unit_names(part: UnitPart) -> list[str]:
    """Give the names of the units that one entry stands for."""
    return [part.name.replace("{n}", str(n + 1)) for n in range(part.count)]
