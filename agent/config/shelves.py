"""Shelves: how many of the units that sit there are needed."""

from collections import Counter
from collections.abc import Sequence

from agent.config import keys
from agent.config.problems import shown
from agent.config.sections import Entry
from agent.model import Shelf


def build_shelves(
    entries: Sequence[Entry | None], units: Sequence[Entry | None]
) -> tuple[Shelf, ...]:
    """Build every sound entry of ``shelves`` and hold it against the places of ``units``."""
    sitting = _places(units)
    first_lines: dict[tuple[str, str], int] = {}
    built: list[Shelf] = []
    for entry in entries:
        if entry is None:
            continue
        rack, shelf = entry.get(keys.SHELF_RACK), entry.get(keys.SHELF_SHELF)
        required = entry.get(keys.REQUIRED)
        if rack is None or shelf is None or required is None:
            continue
        if (rack, shelf) in first_lines:
            first = first_lines[rack, shelf]
            entry.error(f"is the shelf {shown(shelf)} of rack {shown(rack)} of line {first} again")
        first_lines.setdefault((rack, shelf), entry.line)
        present = sitting[rack, shelf] if sitting is not None else required
        if required > present:
            entry.error(
                f"is {required}, more than the {present} with the location rack {shown(rack)}, "
                f"shelf {shown(shelf)}",
                "required",
            )
        power_w, seconds = entry.get(keys.SHELF_POWER), entry.get(keys.SHELF_SECONDS)
        built.append(Shelf(rack, shelf, required, power_w, seconds))
    return tuple(built)


def _places(units: Sequence[Entry | None]) -> Counter[tuple[str | None, str | None]] | None:
    """Count the units by rack and shelf; None where an error leaves it open."""
    places: Counter[tuple[str | None, str | None]] = Counter()
    for unit in units:
        if unit is None:
            return None
        location = unit.get(keys.UNIT_LOCATION)
        if location is not None and not location.suspect:
            places[location.get(keys.RACK), location.get(keys.SHELF_NAME)] += 1
        elif unit.given(keys.UNIT_LOCATION):
            return None
    return places
