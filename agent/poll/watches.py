"""Who watches with whom: units of a shelf share a clock, units of a rack an outage."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agent.events.kinds import OF_RACK
from agent.events.rack import RackWatch
from agent.events.selftests import ShelfTests
from agent.events.shelf import ShelfClock
from agent.events.watch import UnitWatch
from agent.model import Event, UnitInfo

Place = tuple[str | None, ...]


def place_of(info: UnitInfo) -> Place:
    """Give what the unit shares its load with: its shelf, its bus where no shelf is known."""
    where = info.location
    if where.rack is not None:
        return ("shelf", where.rack, where.shelf)
    return ("bus", info.bus) if info.bus is not None else ("unit", info.name)


@dataclass(slots=True)
class Watches:
    """Makes the watch of each unit and keeps what they share."""

    clocks: dict[Place, ShelfClock] = field(default_factory=dict)
    tests: dict[Place, ShelfTests] = field(default_factory=dict)
    racks: dict[str, RackWatch] = field(default_factory=dict)

    def make(self, info: UnitInfo) -> UnitWatch:
        """Make the watch of a unit."""
        place = place_of(info)
        return UnitWatch(
            info.name,
            self.clocks.setdefault(place, ShelfClock()),
            self.tests.setdefault(place, ShelfTests()),
        )

    def rack(self, info: UnitInfo, event: Event, power_w: float | None) -> Event | None:
        """Put a unit's event into the outage of its rack; give the rack's event, if any."""
        name = info.location.rack
        if name is None:
            return None
        return self.racks.setdefault(name, RackWatch(name)).observe(event, power_w)

    def settle(self, info: UnitInfo, ended: Event) -> Event | None:
        """End a unit's part in the outage of its rack, if it has one that is still open."""
        watch = self.racks.get(info.location.rack or "")
        return None if watch is None else watch.settle(ended)

    def stay(self, infos: Iterable[UnitInfo]) -> Iterator[Event]:
        """Know that only these units are there; give the outages that this changes."""
        units: dict[str, set[str]] = {}
        for info in infos:
            units.setdefault(info.location.rack or "", set()).add(info.name)
        for name, watch in self.racks.items():
            event = watch.stay(units.get(name, set()))
            if event is not None:
                yield event

    def recall(self, infos: Iterable[UnitInfo], happened: Iterable[Event]) -> None:
        """Know what an earlier run has recorded of these units' discharges."""
        racks = {info.name: info.location.rack for info in infos}
        for event in happened:
            rack = racks.get(event.unit)
            if rack is not None:
                self.racks.setdefault(rack, RackWatch(rack)).know([event])

    def resume(self, outage: Event, parts: Iterable[Event]) -> None:
        """Go on with the outage of a rack that an earlier run has seen begin."""
        name = outage.unit.removeprefix(OF_RACK)
        self.racks.setdefault(name, RackWatch(name)).resume(outage, parts)
