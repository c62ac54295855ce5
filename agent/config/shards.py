"""Which units of one configuration are whose, where several agents share a fleet.

Every agent has the whole file and finds its own share, without asking the others. What
belongs together stays together: the units of a bus or a gateway, because a line has one
owner, and those of a configured shelf, because its redundancy is counted by one agent.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256

from agent.config.types import Config, Shard, Unit
from agent.model import Group, Shelf

MOST = 1000
_FORM = re.compile(r"([0-9]{1,4})/([0-9]{1,4})")
_Key = tuple[int, str]
"""What a unit belongs to: its kind (shelf before bus before the unit alone) and its name."""
_SHELF, _BUS, _ALONE = range(3)


def parse_shard(text: str) -> Shard:
    """Read ``i/n``; a ``ValueError`` has the predicate of a sentence that begins with the text."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError("is not a share; write 0/2 for the first of two, 1/2 for the second")
    shard = Shard(int(found[1]), int(found[2]))
    if not 1 <= shard.count <= MOST:
        raise ValueError(f"has {shard.count} shares; there are 1 to {MOST}")
    if shard.index >= shard.count:
        raise ValueError(f"is none of {shard.count}; the last one is {shard.count - 1}")
    return shard


def owner(key: str, count: int) -> int:
    """Give the shard, of ``count``, that ``key`` belongs to.

    Rendezvous hashing (Thaler and Ravishankar 1998): each shard draws a number for the key and
    the highest wins. A further shard takes its own share and nothing moves between the others.
    """
    return max(range(count), key=lambda index: sha256(f"{index} {key}".encode()).digest())


def owners(units: Iterable[Unit], shelves: Iterable[Shelf], count: int) -> dict[str, int]:
    """Give the shard of each unit by its name."""
    watched = {(shelf.rack, shelf.shelf) for shelf in shelves}
    above: dict[_Key, _Key] = {}
    keys = {}
    for unit in units:
        own = (_ALONE, unit.name) if unit.bus is None else (_BUS, unit.bus)
        keys[unit.name] = own
        place = (unit.location.rack, unit.location.shelf)
        if place in watched:
            _join(above, (_SHELF, f"{place[0]}/{place[1]}"), own)
    drawn: dict[_Key, int] = {}
    for key in keys.values():
        head = _head(above, key)
        drawn[key] = drawn[head] = (
            drawn[head] if head in drawn else owner(f"{head[0]} {head[1]}", count)
        )
    return {name: drawn[key] for name, key in keys.items()}


def _head(above: Mapping[_Key, _Key], key: _Key) -> _Key:
    while key in above:
        key = above[key]
    return key


def _join(above: dict[_Key, _Key], one: _Key, other: _Key) -> None:
    """Put both under the lesser head: a shelf keeps its shard when a unit is added to it."""
    first, second = sorted((_head(above, one), _head(above, other)))
    if first != second:
        above[second] = first


def split(group: Group, units: Iterable[Unit], owned: Mapping[str, int]) -> list[int]:
    """Give the shards that the units of ``group`` are in, the lowest first."""
    return sorted({owned[unit.name] for unit in units if held(group, unit)})


def held(group: Group, unit: Unit) -> bool:
    """Say whether the unit is of the group."""
    return unit.name in group.units or unit.location.rack in group.racks


def counts(config: Config) -> list[int]:
    """Give how many units each shard has; one number where the fleet is not shared."""
    count = 1 if config.shard is None else config.shard.count
    found = Counter(owners(config.units, config.shelves, count).values())
    return [found[index] for index in range(count)]


def own_part(config: Config) -> Config:
    """Give ``config`` with the units of its own shard, and what they need, alone.

    A group whose units are in several shards is left out: no agent sees all of them.
    """
    shard = config.shard
    if shard is None:
        return config
    owned = owners(config.units, config.shelves, shard.count)
    units = tuple(unit for unit in config.units if owned[unit.name] == shard.index)
    places = {(unit.location.rack, unit.location.shelf) for unit in units}
    buses = {unit.bus for unit in units}
    return replace(
        config,
        units=units,
        buses=tuple(bus for bus in config.buses if bus.name in buses),
        shelves=tuple(one for one in config.shelves if (one.rack, one.shelf) in places),
        groups=tuple(
            group for group in config.groups if split(group, config.units, owned) == [shard.index]
        ),
    )
