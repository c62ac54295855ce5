"""Groups beyond shelves: how many of the units of a rack, a row or a feed are needed."""

from collections.abc import Mapping, Sequence

from agent.config import keys
from agent.config.problems import shown
from agent.config.sections import Entry
from agent.config.shards import held
from agent.config.types import Unit
from agent.model import Group


def build_groups(
    entries: Mapping[str, Entry | None], units: Sequence[Unit], *, whole: bool
) -> tuple[Group, ...]:
    """Build every sound entry of ``groups`` and hold it against ``units``.

    ``whole`` says that ``units`` are all there are: an error elsewhere must not make another.
    """
    names = {unit.name for unit in units}
    racks = {unit.location.rack for unit in units}
    built: list[Group] = []
    for name, entry in entries.items():
        if entry is None:
            continue
        of_racks = [rack for rack in entry.get(keys.GROUP_RACKS) or () if rack is not None]
        of_units = [unit for unit in entry.get(keys.GROUP_UNITS) or () if unit is not None]
        required = entry.get(keys.GROUP_REQUIRED)
        if not entry.given(keys.GROUP_RACKS) and not entry.given(keys.GROUP_UNITS):
            entry.error("names no racks and no units")
            continue
        if required is None or entry.suspect:
            continue
        group = Group(name, required, frozenset(of_racks), frozenset(of_units))
        if whole:
            _check(entry, group, names, racks)
            members = [unit for unit in units if held(group, unit)]
            if required > len(members):
                entry.error(f"is {required}, more than its {len(members)} units", "required")
        built.append(group)
    return tuple(built)


def _check(entry: Entry, group: Group, names: set[str], racks: set[str | None]) -> None:
    for unit in sorted(group.units - names):
        entry.error(f"names the unit {shown(unit)}, which is not configured", "units")
    for rack in sorted(group.racks - {one for one in racks if one is not None}):
        entry.error(f"names the rack {shown(rack)}, in which no unit sits", "racks")
