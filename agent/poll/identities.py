"""What was learnt, by the serial number of what it was learnt of. Pure.

A unit that is renamed, or a module that moves to another slot, takes its past along. A serial
number that several units carry at one time ("0") tells none of them apart and is not used.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.store.records import MOST_PARKED

State = dict[str, object]
Learnt = tuple[str | None, State]

_TOGETHER_S = 3600.0


@dataclass(slots=True)
class Identities:
    """``states`` wait for the module with their serial number.

    ``shown`` is the serial number that each unit shows now. ``doubtful`` ones were on record
    for several units at one time.
    """

    states: dict[str, State] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)

    def recall(self, learnt: Mapping[str, Learnt], units: Iterable[str]) -> None:
        """Take the records of earlier runs that belong to none of the configured ``units``."""
        configured = set(units)
        self.shown = {unit: s for unit, s in self.shown.items() if unit in configured}
        found: dict[str, list[State]] = {}
        for name, (serial, state) in learnt.items():
            if serial and name not in configured and state.get("cells"):
                found.setdefault(serial, []).append(state)
        for serial, states in found.items():
            states.sort(key=_newest_s)
            last_s = [_newest_s(state) for state in states[-2:]]
            if len(states) > 1 and last_s[1] - last_s[0] < _TOGETHER_S:
                self.doubtful.add(serial)
            else:
                self.states.setdefault(serial, states[-1])

    def park(self, serial: str, state: State) -> None:
        """Keep what was learnt of a module that has left its slot."""
        self.states.pop(serial, None)
        self.states[serial] = state
        for old in list(self.states)[:-MOST_PARKED]:
            del self.states[old]

    def take(self, unit: str, serial: str) -> State | None:
        """Give, once, what was learnt of the module with ``serial``, which ``unit`` shows."""
        others = (name for name, shown in self.shown.items() if shown == serial)
        if serial in self.doubtful or any(name != unit for name in others):
            return None
        return self.states.pop(serial, None)


def _newest_s(state: Mapping[str, object]) -> float:
    """When the engine of a record last saw anything, unix seconds; 0 where it does not say."""
    blocks = state.get("blocks")
    one = blocks[0] if isinstance(blocks, list) and blocks else state
    clock = one.get("clock") if isinstance(one, Mapping) else None
    high_s = clock.get("high_s") if isinstance(clock, Mapping) else None
    return float(high_s) if isinstance(high_s, int | float) else 0.0
