"""One unit in its lot: what it tells the others, and what it is told. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.errors import StoreError
from agent.health.bank import Bank
from agent.health.lots import LotBook, Share
from agent.model import Value

State = Mapping[str, object]
KEY = "lot"
"""The key of a unit's shares in its saved state."""
_MONTH = 7
_NAMELESS = "unit:"


def lot_of(configured: str | None, known: Mapping[str, Value]) -> str | None:
    """Name the lot: as configured, else by maker, model and month of manufacture."""
    if configured is not None:
        return configured
    made = known.get("manufacture_date")
    parts = [known.get("manufacturer"), known.get("model"), str(made or "")[:_MONTH]]
    if not all(isinstance(part, str) and part.strip() for part in parts):
        return None
    return " ".join(str(part).strip() for part in parts)


@dataclass(slots=True)
class LotMember:
    """The part of one unit in its lot. ``book`` is shared by all units.

    ``identity`` is under what its shares stand: they move with it when its serial number
    becomes known. ``told`` and ``asked`` are the evidence and the lot as they were last.
    """

    unit: str
    book: LotBook = field(default_factory=LotBook)
    identity: str = ""
    told: tuple[str | None, float | None] = (None, None)
    asked: tuple[object, ...] = ()

    def names(self, blocks: int) -> list[str]:
        """Give the names of the shares of so many blocks of cells."""
        return [f"{self.identity}/{n}" for n in range(blocks)]

    def exchange(
        self, bank: Bank, lot: str | None, serial: str | None, evidence_s: float | None
    ) -> None:
        """Tell the lot what is new of this unit, and let its engines know what the lot says."""
        identity = serial or f"{_NAMELESS}{self.unit}"
        names = self.names(len(bank.engines))
        if identity != self.identity:
            # Another module leaves what its predecessor has told; the same one takes it along.
            if serial is None or self.identity.startswith(_NAMELESS):
                for name in names if self.identity else ():
                    self.book.put(name, None)
            self.identity, self.told = identity, (None, None)
            names = self.names(len(bank.engines))
        if self.told != (lot, evidence_s):
            self.told = (lot, evidence_s)
            for name, engine in zip(names, bank.engines, strict=True):
                self.book.put(name, None if lot is None else engine.share(lot))
        # The engines themselves: the place in memory of one that is gone is given to the next.
        asked = (self.book.changes, lot, *bank.engines)
        if asked != self.asked:
            self.asked = asked
            for engine in bank.engines:
                engine.pooled = None if lot is None else self.book.pooled(lot, engine.kind, names)

    def pack(self, blocks: int) -> list[object]:
        """Give the shares as JSON values, for the unit's saved state."""
        shares = (self.book.shares.get(name) for name in self.names(blocks))
        return [None if share is None else share.pack() for share in shares]


def recall(
    book: LotBook, learnt: Mapping[str, tuple[str | None, State]], units: Iterable[str]
) -> None:
    """Take the shares on record, save those that may be of a unit under its old name.

    That is who has neither a serial number nor a place in the configuration.
    """
    configured = set(units)
    for name, (serial, state) in learnt.items():
        saved = state.get(KEY)
        if not isinstance(saved, list) or not (serial or name in configured):
            continue
        for n, packed in enumerate(saved):
            identity = f"{serial or _NAMELESS + name}/{n}"
            if packed is None or identity in book.shares:
                continue
            try:
                book.put(identity, Share.unpack(packed))
            except StoreError:
                continue
