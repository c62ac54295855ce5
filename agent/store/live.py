"""The latest of every unit, in memory, for one event loop.

There is no clock in here: ages are taken against the ``mono_s`` that the caller gives. What
has grown too old is left out of a view rather than shown, because an exporter that repeats
a dead unit's last values hides the very thing it is there to show.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from agent.model import (
    Event,
    Fault,
    FaultReason,
    Group,
    Health,
    Outlook,
    Reading,
    Sample,
    Shelf,
    UnitInfo,
    UnitState,
    UnitStatus,
)
from agent.quantities import IDENTITY
from agent.store.ledger import Ledger

Key = tuple[str, str | None]
"""A quantity's key and the index of one reading of it."""

_MEASURED = frozenset(
    {"cell_voltage", "battery_voltage", "battery_current", "temperature", "cell_temperature"}
)
"""What never stands still in a battery that is read with the usual resolution."""
_IDENTITY = frozenset(IDENTITY)

MOST_KEYS = 4096
"""Readings, and faults, held of one unit; beyond, the oldest go. A battery of hundreds of
cells has room, and a device that renumbers its rows costs no more memory."""

_SILENT = frozenset({UnitState.DOWN, UnitState.DORMANT, UnitState.NEW})
_EMPTY: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class UnitView:
    """What is known of one unit at ``mono_s`` (monotonic seconds).

    ``up``: it answers, and its last answer is fresh. ``readings`` holds fresh ones only and
    is empty unless the unit is up; ``identity`` outlives the silence. ``fault_counts`` are
    totals by quantity and reason, ``discharges`` the discharges seen, both since the start.
    ``changed_at`` is the unix time at which a measurement of the battery last changed.
    """

    info: UnitInfo
    status: UnitStatus
    mono_s: float
    up: bool = False
    readings: tuple[Reading, ...] = ()
    faults: tuple[Fault, ...] = ()
    fault_counts: Mapping[tuple[str, FaultReason], int] = field(default_factory=dict)
    health: Health | None = None
    identity: Mapping[str, str] = field(default_factory=dict)
    discharges: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    changed_at: float | None = None

    def age_s(self, reading: Reading) -> float:
        """Age of ``reading`` in seconds, never negative."""
        return max(0.0, self.mono_s - reading.read_at)


@dataclass(slots=True)
class _Record:
    info: UnitInfo
    stale_after_s: float
    status: UnitStatus = field(default_factory=UnitStatus)
    answered_mono_s: float | None = None
    readings: dict[Key, Reading] = field(default_factory=dict)
    horizons_s: dict[str, float] = field(default_factory=dict)
    faults: dict[Key, Fault] = field(default_factory=dict)
    fault_counts: Counter[tuple[str, FaultReason]] = field(default_factory=Counter)
    health: Health | None = None
    identity: dict[str, str] = field(default_factory=dict)
    discharges: int = 0
    last_discharge_s: float | None = None
    ledger: Ledger = field(default_factory=Ledger)
    changed_s: float | None = None
    version: int = 0

    def put(self, sample: Sample) -> None:
        self.answered_mono_s = sample.mono_s
        readings = self.readings
        known = len(readings)
        for fault in sample.faults:
            readings.pop((fault.quantity, fault.index), None)
            self.fault_counts[fault.quantity, fault.reason] += 1
        for reading in sample.readings:
            quantity = reading.quantity
            key = (quantity, reading.index)
            if quantity in _MEASURED:
                held = readings.get(key)
                if held is None or held.value != reading.value:
                    self.changed_s = sample.wall_s
            readings[key] = reading
            if self.faults:
                self.faults.pop(key, None)
                self._has_rows(quantity)
            if quantity in _IDENTITY and reading.index is None:
                self.identity[quantity] = str(reading.value)
        for fault in sample.faults:
            # Put last, so that the first are the oldest.
            self.faults.pop((fault.quantity, fault.index), None)
            self.faults[fault.quantity, fault.index] = fault
        while len(self.faults) > MOST_KEYS:
            del self.faults[next(iter(self.faults))]
        if len(readings) > known:
            self._prune(sample.mono_s)

    def _has_rows(self, quantity: str) -> None:
        """Take back that its column was empty."""
        held = self.faults.get((quantity, None))
        if held is not None and held.reason is FaultReason.MISSING:
            del self.faults[quantity, None]

    def _prune(self, mono_s: float) -> None:
        fresh = sorted(self.fresh(mono_s), key=lambda row: row.read_at)
        self.readings = {(row.quantity, row.index): row for row in fresh[-MOST_KEYS:]}

    def is_up(self, mono_s: float) -> bool:
        return (
            self.status.state not in _SILENT
            and self.answered_mono_s is not None
            and mono_s - self.answered_mono_s <= self.stale_after_s
        )

    def fresh(self, mono_s: float) -> Iterator[Reading]:
        for reading in self.readings.values():
            horizon_s = self.horizons_s.get(reading.quantity, self.stale_after_s)
            if mono_s - reading.read_at <= horizon_s:
                yield reading

    def view(self, mono_s: float) -> UnitView:
        up = self.is_up(mono_s)
        return UnitView(
            info=self.info,
            status=self.status,
            mono_s=mono_s,
            up=up,
            readings=tuple(self.fresh(mono_s)) if up else (),
            faults=tuple(self.faults.values()),
            fault_counts=dict(self.fault_counts),
            health=self.health,
            identity=dict(self.identity),
            discharges=self.discharges,
            ledger=self.ledger,
            changed_at=self.changed_s,
        )


class LiveStore:
    """The latest of every configured unit. Unknown unit names raise ``KeyError``."""

    def __init__(
        self,
        units: Sequence[UnitInfo],
        shelves: Sequence[Shelf],
        *,
        stale_after_s: float,
        wider: Sequence[Group] = (),
    ) -> None:
        """Know ``units``; a reading counts as fresh for ``stale_after_s`` seconds."""
        self._records: dict[str, _Record] = {}
        self._shelves: tuple[Shelf, ...] = ()
        self.wider: tuple[Group, ...] = ()
        self._groups: dict[str, Ledger] = {}
        self._version = 0
        self.reconfigure(units, shelves, stale_after_s=stale_after_s, wider=wider)

    @property
    def shelves(self) -> tuple[Shelf, ...]:
        """The configured shelves."""
        return self._shelves

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the configured units, in configured order."""
        return tuple(self._records)

    @property
    def version(self) -> int:
        """Grows with every change of anything."""
        return self._version

    def stamp(self, unit: str, *, mono_s: float) -> tuple[int, bool]:
        """Give the version of the last change of ``unit``, and whether it is up.

        What is made of a view may be used again for as long as its stamp stays the same;
        only ages, and slow readings that grow too old, move without it.
        """
        record = self._records[unit]
        return record.version, record.is_up(mono_s)

    def _change(self, unit: str) -> _Record:
        record = self._records[unit]
        self._version += 1
        record.version = self._version
        return record

    def reconfigure(
        self,
        units: Sequence[UnitInfo],
        shelves: Sequence[Shelf],
        *,
        stale_after_s: float,
        wider: Sequence[Group] = (),
    ) -> None:
        """Take a new configuration. A unit whose device is the same keeps what is known.

        ``wider`` are the groups beyond ``shelves``.
        """
        old = self._records
        self._records = {}
        for info in units:
            record = old.get(info.name)
            if record is None or _device(record.info) != _device(info):
                record = _Record(info, stale_after_s)
            record.info = info
            record.stale_after_s = stale_after_s
            self._records[info.name] = record
        self._shelves = tuple(shelves)
        self.wider = tuple(wider)
        for name in self._records:
            self._change(name)

    def put_sample(
        self,
        sample: Sample,
        *,
        horizons_s: Mapping[str, float] = _EMPTY,
    ) -> None:
        """Merge ``sample``; a field that faults now loses its old reading at once.

        ``horizons_s`` gives, by quantity key, how long a reading stays fresh where that is
        not the configured time: slow fields live for a few of their own intervals, and
        ``math.inf`` keeps what is read once.
        """
        record = self._change(sample.unit)
        record.horizons_s.update(horizons_s)
        record.put(sample)

    def identified(self, unit: str, horizons_s: Mapping[str, float]) -> None:
        """Know that ``unit`` is of a family with these horizons; faults of another are void."""
        record = self._change(unit)
        record.horizons_s = dict(horizons_s)
        record.faults.clear()

    def put_status(self, unit: str, status: UnitStatus) -> None:
        """Replace what is known of how ``unit`` answers."""
        self._change(unit).status = status

    def put_health(self, unit: str, health: Health) -> None:
        """Replace the estimate of ``unit``."""
        self._change(unit).health = health

    def put_event(self, event: Event) -> None:
        """Count a discharge once, however often its event is updated."""
        record = self._records.get(event.unit)
        if record is None:
            self._version += 1
            self._groups.setdefault(event.unit, Ledger()).put(event)
            return
        self._change(event.unit)
        record.ledger.put(event)
        if event.kind == "discharge" and event.start_s != record.last_discharge_s:
            record.last_discharge_s = event.start_s
            record.discharges += 1

    def resume_event(self, event: Event) -> None:
        """Take note of an event that an earlier run has seen begin; it is not counted again."""
        record = self._records.get(event.unit)
        if record is None:
            self._groups.setdefault(event.unit, Ledger()).remember(event)
            return
        record.ledger.remember(event)
        last_s = record.last_discharge_s
        if event.kind == "discharge" and (last_s is None or event.start_s >= last_s):
            record.last_discharge_s = event.start_s

    def put_findings(self, unit: str, findings: frozenset[str]) -> None:
        """Replace what is wrong with ``unit``, in codes."""
        ledger = self._records[unit].ledger
        if findings != ledger.findings:
            self._change(unit).ledger.findings = findings

    def put_outlook(self, unit: str, outlook: Outlook | None) -> None:
        """Replace how long ``unit`` carries its load from now on."""
        self._change(unit).ledger.outlook = outlook

    @property
    def groups(self) -> Mapping[str, Ledger]:
        """What racks have been through, by "rack:NAME"."""
        return self._groups

    def ledger(self, unit: str) -> Ledger:
        """What ``unit`` has been through; read it, and change it by the methods here."""
        return self._records[unit].ledger

    def forget(self, unit: str) -> None:
        """Drop readings, faults, identity and estimate: another device sits there now."""
        record = self._change(unit)
        for part in (record.readings, record.horizons_s, record.faults, record.identity):
            part.clear()
        record.health = None
        record.changed_s = None

    def view(self, unit: str, *, mono_s: float) -> UnitView:
        """Show ``unit`` as of ``mono_s``."""
        return self._records[unit].view(mono_s)

    def views(self, *, mono_s: float) -> tuple[UnitView, ...]:
        """Show every unit as of ``mono_s``, in configured order."""
        return tuple(record.view(mono_s) for record in self._records.values())


def _device(info: UnitInfo) -> tuple[str, str | None, str]:
    return info.profile, info.bus, info.address
