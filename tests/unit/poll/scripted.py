"""Scripted devices in memory that keep a record of what they were asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.errors import Refused, TransportError
from agent.model import Oid, Register, SnmpKind, SnmpValue, Table

Ask = tuple[Table, int, int]
UNIT_ID, TIMEOUT_S = 48, 0.5


@dataclass
class ScriptedLink:
    """A unit whose holding registers are ``words``; all others are illegal addresses.

    ``errors`` are raised, one each, by the next requests; None lets a request through.
    ``broken`` registers make a request fail with the given error each time.
    """

    words: dict[int, int] = field(default_factory=dict)
    errors: list[TransportError | None] = field(default_factory=list)
    broken: dict[int, TransportError] = field(default_factory=dict)
    most_words: int = 125
    asked: list[Ask] = field(default_factory=list)

    async def read(
        self, unit_id: int, table: Table, address: int, count: int, *, timeout_s: float
    ) -> list[int]:
        assert (unit_id, timeout_s) == (UNIT_ID, TIMEOUT_S)
        self.asked.append((table, address, count))
        error = self.errors.pop(0) if self.errors else None
        wanted = range(address, address + count)
        for register in wanted:
            error = error or self.broken.get(register)
        if error is not None:
            raise error
        if count > self.most_words:
            raise Refused("illegal data value", 3)
        if table is not Table.HOLDING or not self.words.keys() >= set(wanted):
            raise Refused("illegal data address", 2)
        return [self.words[register] for register in wanted]

    async def close(self) -> None:
        """Nothing is open."""

    def took(self) -> list[tuple[int, int]]:
        """Give the (address, count) asked so far and start the record anew."""
        asked, self.asked = self.asked, []
        return [(address, count) for _, address, count in asked]


@dataclass
class ScriptedAgent:
    """An SNMP agent with ``values``. ``errors`` are raised by the next requests."""

    values: dict[Oid, SnmpValue] = field(default_factory=dict)
    errors: list[TransportError | None] = field(default_factory=list)
    asked: list[Oid] = field(default_factory=list)

    async def get(self, oids: Sequence[Oid], *, timeout_s: float) -> Mapping[Oid, SnmpValue | None]:
        assert timeout_s == TIMEOUT_S
        self.asked += oids
        self._fail()
        return {oid: self.values.get(oid) for oid in oids}

    async def walk(self, root: Oid, *, timeout_s: float) -> Mapping[Oid, SnmpValue]:
        assert timeout_s == TIMEOUT_S
        self.asked.append(root)
        self._fail()
        return {oid: value for oid, value in self.values.items() if oid[: len(root)] == root}

    async def close(self) -> None:
        """Nothing is open."""

    def _fail(self) -> None:
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error

    def took(self) -> list[Oid]:
        """Give the objects asked for so far and start the record anew."""
        asked, self.asked = self.asked, []
        return asked


def integer(value: int) -> SnmpValue:
    return SnmpValue(SnmpKind.INTEGER, value)


def holding(address: int) -> Register:
    return Register(Table.HOLDING, address)
