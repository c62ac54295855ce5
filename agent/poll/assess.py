"""From samples to health: one engine for each unit with cells, the device's word for others.

Holds no clock and no I/O of its own; what must be kept goes to an ``Archive``.
"""

import logging
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Protocol

from agent.errors import StoreError
from agent.events.projection import Standing
from agent.health.bank import Bank
from agent.health.seen import pack, unpack
from agent.health.widen import widened
from agent.health.witness import combine
from agent.model import (
    Battery,
    Event,
    Health,
    Reading,
    Sample,
    Value,
)
from agent.poll.identities import Identities
from agent.poll.lots import KEY, LotMember, lot_of
from agent.poll.observation import observation
from agent.quantities import IDENTITY
from agent.store.records import PARKED

log = logging.getLogger(__name__)

State = dict[str, object]
ASSESS_EVERY_S = 30.0
"""Between two assessments of a unit in standby: the estimate moves over days."""
_SPREAD_S = 10.0
FORGET_AFTER_S = 900.0
"""How long a device's word holds where the unit's profile does not read it slowly: many
intervals, because under load less is asked for."""
_LASTING = frozenset({*IDENTITY, "battery_install_date"})
"""What a device is, and since when, stays true until another one sits there."""
MOST_CELLS = 1024
"""Cells followed of one unit: four strings of 240 jars have room, and a device that renumbers its
rows for ever costs no more time and memory."""
_OLDEST_S = 20 * 365.25 * 86400.0
KEEP_EVERY_S = 600.0
"""Between two records of a unit's learnt state in standby, when no event asks for one."""
KEEP_AFTER = 60
"""Samples after which a state is recorded all the same, or up to half as many more, each unit in
its own. A restart shows to the engine what came after its state, all at once and before anything
else is read: under load ten minutes would be 600 samples, some 20 ms for each unit."""


class Archive(Protocol):
    """Keeps what must survive. No call blocks or raises."""

    def keep_state(self, unit: str, serial: str | None, state: State) -> None:
        """Record what the engine of ``unit`` has learnt."""
        ...

    def keep_event(self, event: Event) -> None:
        """Record ``event``, or its newer form: unit, kind and start make it the same."""
        ...

    def keep_health(self, unit: str, health: Health) -> None:
        """Record what is believed of the cells of ``unit``, if that is news."""
        ...

    def keep_seen(self, unit: str, time_s: float, body: State) -> int:
        """Record what the engine of ``unit`` is shown; numbers rise."""
        ...

    def keep_sample(self, sample: Sample, *, closely: bool) -> None:
        """Record readings; ``closely`` keeps every one, for discharges and tests."""
        ...


@dataclass(slots=True)
class Assessor:
    """Follows the health of one unit.

    ``learnt`` is the state that an earlier run has left, with the serial number that it
    belongs to. ``battery`` holds the facts of profile and configuration merged. ``known`` is
    the device's word, told at the monotonic ``told_s``; ``horizons_s`` says how long it holds
    where that is not ``FORGET_AFTER_S``. ``seen`` is the number of the last observation,
    ``identities`` what all units share of modules that move, ``lot`` its part in its lot.
    """

    unit: str
    archive: Archive
    battery: Battery = field(default_factory=Battery)
    learnt: tuple[str | None, State] | None = None
    engine: Bank | None = None
    serial: str | None = None
    known: dict[str, Value] = field(default_factory=dict)
    told_s: dict[str, float] = field(default_factory=dict)
    horizons_s: Mapping[str, float] = field(default_factory=dict)
    assessed_s: float = float("-inf")
    kept_s: float = float("-inf")
    evidence_s: float | None = None
    kept_evidence_s: float | None = None
    seen: int | None = None
    unkept: int = 0
    identities: Identities = field(default_factory=Identities)
    lot: LotMember = field(default_factory=lambda: LotMember(""))

    def replaced(self, serial: str) -> bool:
        """Note the serial number; say whether another module now sits in the slot.

        The one that was there before keeps its record, and the new one has its own again if
        it was known elsewhere.
        """
        before, self.serial = self.serial, serial
        self.identities.shown[self.unit] = serial
        if before is None and self.learnt is not None:
            before = self.learnt[0]
        if before is None or before == serial:
            return False
        self._park(before)
        self.engine = None
        self.learnt = None
        self.known.clear()
        self.told_s.clear()
        self.assessed_s = float("-inf")
        return True

    def _park(self, serial: str) -> None:
        """Keep what was learnt of the module with ``serial``, which leaves the slot."""
        if self.engine is not None and self.engine.evidence_count > 0:
            state = self._state(self.engine)
        elif self.engine is None and self.learnt is not None and self.learnt[1]:
            state = self.learnt[1]
        else:
            return
        self.identities.park(serial, state)
        self.archive.keep_state(PARKED + serial, serial, state)

    def put_off(self, now_s: float) -> None:
        """Make the next assessment due within some seconds, each unit in its own.

        After an outage of a whole fleet all of them would be due in the same second.
        """
        self.assessed_s = now_s - ASSESS_EVERY_S + _SPREAD_S * self._share

    @property
    def _share(self) -> float:
        """A number from 0 to 1 of the unit's own."""
        return zlib.crc32(self.unit.encode()) % 1000 / 1000

    def observe(self, sample: Sample, *, urgent: bool, spare: bool = True) -> Health | None:
        """Take a sample; give a new assessment when one is due, at once when ``urgent``.

        Without ``spare`` time it stays due.
        """
        self._listen(sample)
        cells = [row for row in sample.readings if row.quantity == "cell_voltage"]
        if cells:
            self._claim()
            self.engine = self._engine_for(cells, sample.wall_s)
            shown = observation(sample, self.engine.cells)
            packed = pack(self.engine.cells, shown)
            self.seen = self.archive.keep_seen(self.unit, sample.wall_s, packed)
            self.engine.observe(shown)
            self.unkept += 1
        # A clock that was set back must not silence the assessment until it catches up.
        due = not 0 <= sample.wall_s - self.assessed_s < ASSESS_EVERY_S
        if not (urgent or (due and spare)):
            return None
        self.assessed_s = sample.wall_s
        return self.assess(sample.wall_s)

    def _listen(self, sample: Sample) -> None:
        """Take the device's word; what it no longer gives, or gave too long ago, is not known."""
        faulty = {fault.quantity for fault in sample.faults if fault.index is None}
        old = {
            key
            for key, at_s in self.told_s.items()
            if sample.mono_s - at_s > self.horizons_s.get(key, FORGET_AFTER_S)
        }
        for key in (faulty | old) - _LASTING:
            self.known.pop(key, None)
            self.told_s.pop(key, None)
        for row in sample.readings:
            if row.index is None:
                self.known[row.quantity] = row.value
                self.told_s[row.quantity] = sample.mono_s

    def assess(self, now_s: float) -> Health:
        """Judge the unit by everything known at unix time ``now_s``."""
        if self.engine is not None:
            serial = None if self.serial in self.identities.doubtful else self.serial
            self.lot.exchange(self.engine, self.lot_name, serial, self.evidence_s)
        estimate = None if self.engine is None else self.engine.health(now_s)
        self.evidence_s = None if estimate is None else estimate.evidence_at
        return combine(estimate, self.known, now_s)

    @property
    def lot_name(self) -> str | None:
        """The lot that its cells are of, where that is known."""
        return lot_of(self.battery.lot, self.known)

    def standing(self, now_s: float) -> Standing | None:
        """Give what is believed of the cells at rest; None without cells, or with many blocks."""
        engine = None if self.engine is None else self.engine.single
        if engine is None:
            return None
        estimate, drawn, celsius = engine.standing(now_s)
        kind, capacity_ah = engine.kind, engine.capacity_ah
        return Standing(kind, capacity_ah, engine.cells, estimate, drawn, celsius)

    def keep(
        self, now_s: float, *, urgent: bool, beside: Mapping[str, object] = MappingProxyType({})
    ) -> None:
        """Record what was learnt: when due, and at once when ``urgent`` or there is evidence.

        ``beside`` is recorded with it.
        """
        if self.engine is None and not beside:
            return
        new = self.evidence_s != self.kept_evidence_s
        many = self.unkept >= KEEP_AFTER * (1.0 + 0.5 * self._share)
        # A clock that was set back must not put off the record until it catches up.
        due = not 0 <= now_s - self.kept_s < KEEP_EVERY_S
        if urgent or new or many or due:
            self.kept_s, self.kept_evidence_s, self.unkept = now_s, self.evidence_s, 0
            state = {} if self.engine is None else self._state(self.engine)
            self.archive.keep_state(self.unit, self.serial, {**state, **beside, "seen": self.seen})

    def _claim(self) -> None:
        """Take what was learnt of this very module under another name or in another slot."""
        serial = self.serial
        if serial is None or serial not in self.identities.states:
            return
        if self.engine is None:
            learnt = self.learnt is not None and bool(self.learnt[1])
        else:
            learnt = self.engine.evidence_count > 0
        state = None if learnt else self.identities.take(self.unit, serial)
        if state is not None:
            log.info("unit %s: its serial number is known: what was learnt goes on", self.unit)
            self.engine, self.learnt = None, (serial, state)

    def _state(self, engine: Bank) -> State:
        return {**engine.state(), KEY: self.lot.pack(len(engine.engines))}

    def _engine_for(self, cells: list[Reading], now_s: float) -> Bank:
        """Give the engine that knows all of ``cells``; one that has no value now keeps its place.

        A cell that was never seen before joins the others, which keep what was learnt of them.
        """
        names = set(_ordered({str(row.index) for row in cells})[:MOST_CELLS])
        if self.engine is not None:
            if names <= set(self.engine.cells):
                return self._told_its_age(self.engine, now_s)
            if len(names | set(self.engine.cells)) > MOST_CELLS:
                log.warning("unit %s: its cells keep changing their names; starts anew", self.unit)
                return self._fresh(_ordered(names), now_s)
            more = sorted(names - set(self.engine.cells), key=_cell_order)
            log.info("unit %s: %d cells joined: %.80s", self.unit, len(more), ", ".join(more))
            return self._recalled(self.engine.state(), names, now_s)
        if self.learnt is not None and self.learnt[1]:
            serial, state = self.learnt
            if serial is None or self.serial is None or serial == self.serial:
                engine = self._recalled(state, names, now_s)
                return _resumed(engine, state.get("since"))
        return self._fresh(_ordered(names), now_s)

    def _recalled(self, state: State, names: set[str], now_s: float) -> Bank:
        """Make the engine of at least the cells ``names`` that goes on from ``state``."""
        held = state.get("cells")
        known = set(map(str, held)) if isinstance(held, list) else set()
        try:
            if len(names | known) > MOST_CELLS:
                return self._fresh(_ordered(names), now_s)
            if names <= known:
                return Bank.restore(self.battery, cells=_ordered(known), state=state)
            return widened(self.battery, _ordered(names | known), state)
        except StoreError as error:
            log.warning("unit %s: starts without its past: %s", self.unit, error)
            return self._fresh(_ordered(names), now_s)

    def _told_its_age(self, engine: Bank, now_s: float) -> Bank:
        """Start again if the age became known before anything was learnt without it."""
        if not engine.age_unknown or engine.evidence_count > 0:
            return engine
        return engine if self._made_s(now_s) is None else self._fresh(engine.cells, now_s)

    def _made_s(self, now_s: float) -> float | None:
        since_s = self.battery.commissioned_s
        return made_s(self.known, now_s) if since_s is None else since_s

    def _fresh(self, cells: tuple[str, ...], now_s: float) -> Bank:
        """Start an engine that knows the cells' age, if the configuration or the device does."""
        self.kept_s = float("-inf")
        return Bank(replace(self.battery, commissioned_s=self._made_s(now_s)), cells=cells)


def _resumed(engine: Bank, since: object) -> Bank:
    """Show ``engine`` what the run before saw after it recorded this state."""
    for packed in since if isinstance(since, list) else ():
        found = unpack(packed)
        if found is not None and found[0] == engine.cells:
            engine.observe(found[1])
    return engine


def made_s(known: Mapping[str, Value], now_s: float) -> float | None:
    """Give when a battery was new by its own word, as unix time; None where it does not tell.

    A date of the future, or older than any battery gets, is a clock or a register never set.
    """
    installed_s, made = known.get("battery_install_date"), known.get("manufacture_date")
    since_s = float(installed_s) if isinstance(installed_s, float) else None
    if since_s is None and isinstance(made, str):
        try:
            since_s = datetime.fromisoformat(made[:10]).replace(tzinfo=UTC).timestamp()
        except ValueError:
            return None
    if since_s is None or not 0 <= now_s - since_s < _OLDEST_S:
        return None
    return since_s


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=_cell_order))


def _cell_order(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdecimal() else (1 << 30, name)
