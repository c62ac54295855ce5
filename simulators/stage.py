"""What happens to a live fleet: outages and who carries them, self-tests, heat."""

import heapq
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from simulators.device.module import Module
from simulators.fleet import Fleet
from simulators.scenario import EventPart

_TEST_SHARE = 0.5
_BUSY_PART = 2 / 3
_MOST_SHARE = 1.5


@dataclass(frozen=True, slots=True)
class _Outage:
    event: EventPart
    began_s: float


class Stage:
    """The events of ``fleet``; times are seconds since the start.

    ``bring`` lets units live up to the moment, so that an event takes nothing of the past.
    """

    def __init__(self, fleet: Fleet, bring: Callable[[Iterable[str]], None]) -> None:
        self._fleet = fleet
        self._bring = bring
        self._count = itertools.count()
        self._acts: list[tuple[float, int, Callable[[float], None]]] = []
        self._outages: dict[str, _Outage] = {}
        self._heats: list[tuple[EventPart, float]] = []
        self._shelves: dict[tuple[str, str], list[Module]] = {}
        for name, module in fleet.modules.items():
            site = fleet.sites[name]
            self._shelves.setdefault((site.rack, site.shelf), []).append(module)
        for event in fleet.scenario.events:
            self.plan(event)

    def plan(self, event: EventPart) -> None:
        """Take an event on, with its repetitions."""
        for n in range(event.repeat):
            at_s = event.at + n * (event.every or 0.0)
            self._at(at_s, lambda since_s: self._begin(event, since_s))

    def next_s(self) -> float:
        """Give when the next event begins or ends."""
        return self._acts[0][0] if self._acts else math.inf

    def act(self, since_s: float) -> None:
        """Let begin and end what has come due, and share the loads."""
        while self._acts and self._acts[0][0] <= since_s:
            heapq.heappop(self._acts)[2](since_s)
        for rack, outage in self._outages.items():
            self._share(rack, outage, since_s)
        for event, began_s in self._heats:
            risen = min(1.0, (since_s - began_s) / event.length)
            self._fleet.warmer_k[str(event.rack)] = event.rise * risen

    def _at(self, at_s: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._acts, (at_s, next(self._count), act))

    def _begin(self, event: EventPart, since_s: float) -> None:
        if event.kind == "self-test":
            self._bring(event.units)
            for name in event.units:
                self._test(name, event.length)
        elif event.kind == "heat":
            self._heats = [heat for heat in self._heats if heat[0].rack != event.rack]
            self._heats.append((event, since_s))
        else:
            rack = str(event.rack)
            self._bring(self._names(rack))
            self._outages[rack] = _Outage(event, since_s)
            self._mains(rack, on=False, load=event.load)
            self._at(since_s + event.length, lambda _since_s: self._end(rack))

    def _test(self, name: str, length_s: float) -> None:
        if name in self._fleet.modules:
            module = self._fleet.modules[name]
            module.start_test(_TEST_SHARE * module.design.rated_power_w, length_s)
        else:
            self._fleet.upses[name].start_test(length_s)

    def _end(self, rack: str) -> None:
        self._bring(self._names(rack))
        self._outages.pop(rack, None)
        self._mains(rack, on=True, load=0.0)

    def _names(self, rack: str) -> list[str]:
        return [name for name, site in self._fleet.sites.items() if site.rack == rack]

    def _mains(self, rack: str, *, on: bool, load: float) -> None:
        for name in self._names(rack):
            module = self._fleet.modules[name]
            module.load_w = load * module.design.rated_power_w
        for part in self._fleet.scenario.ups:
            if part.rack == rack:
                self._fleet.upses[part.name].mains = on

    def _share(self, rack: str, outage: _Outage, since_s: float) -> None:
        """Share the load of each shelf among the modules that can carry it."""
        load = load_at(outage.event, since_s - outage.began_s)
        for modules in self._of(rack):
            rated_w = sum(module.design.rated_power_w for module in modules)
            able_w = sum(module.design.rated_power_w for module in modules if module.able)
            for module in modules:
                # One that has given up keeps its old share, which it does not carry.
                share = load * rated_w / able_w if module.able else load
                module.load_w = min(share, _MOST_SHARE) * module.design.rated_power_w

    def _of(self, rack: str) -> Iterator[list[Module]]:
        return (modules for place, modules in self._shelves.items() if place[0] == rack)


def load_at(event: EventPart, into_s: float) -> float:
    """Give the load ``into_s`` seconds into an outage, as a share of the rated power."""
    if event.low is None:
        return event.load
    return event.load if (into_s % event.period) < _BUSY_PART * event.period else event.low
