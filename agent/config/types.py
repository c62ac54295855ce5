"""The configuration as the rest of the agent sees it: frozen, complete and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.model import Group, Location, Shelf
from agent.targets import ModbusHost, SerialLine, SnmpHost

AUTO = "auto"
"""The profile name that means: find out by asking the unit."""


@dataclass(frozen=True, slots=True)
class Poll:
    """How often units are read, in seconds.

    ``interval_s`` holds in standby and ``discharge_interval_s`` for every unit of a shelf
    while one of them carries load. Values older than ``stale_after_s`` are shown no more.
    """

    interval_s: float = 10.0
    discharge_interval_s: float = 1.0
    timeout_s: float = 1.0
    stale_after_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Bus:
    """A serial line or a Modbus gateway.

    An ``anonymous`` one was written as ``modbus_tcp`` directly on a unit; its name is its
    address. ``max_in_flight`` is above 1 only where the target speaks Modbus TCP.
    """

    name: str
    target: SerialLine | ModbusHost
    anonymous: bool = False
    max_in_flight: int = 1


@dataclass(frozen=True, slots=True)
class Unit:
    """One battery backup device: either ``bus`` and ``unit_id`` are set, or ``snmp`` is.

    ``battery`` overrides what the profile says: keys are fields of ``agent.model.Battery``,
    values in that field's unit. ``tester`` is ``snmp`` with the credentials that may start a
    self-test; None where the operator allows none.
    """

    name: str
    profile: str = AUTO
    location: Location = field(default_factory=Location)
    bus: str | None = None
    unit_id: int | None = None
    snmp: SnmpHost | None = None
    battery: Mapping[str, object] = field(default_factory=dict)
    tester: SnmpHost | None = None


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``count`` shares of a fleet; ``index`` counts from 0."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


@dataclass(frozen=True, slots=True)
class Config:
    """One configuration file.

    A host of "" in ``listen`` means every interface. ``warnings`` are lines of the form
    ``file:line: path: message`` about what is allowed but probably not meant. ``shard`` is the
    share that the agent takes of ``units``, which are all of the file's; None takes them all.
    """

    path: Path
    listen: tuple[tuple[str, int], ...]
    state_dir: Path
    poll: Poll
    buses: tuple[Bus, ...]
    units: tuple[Unit, ...]
    shelves: tuple[Shelf, ...]
    warnings: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    shard: Shard | None = None
