"""Shelves: how many of the units that sit there are needed."""

from collections import Counter
from collections.abc import Sequence

from agent.config import keys
from agent.config.problems import shown
from agent.config.sections import Entry
from agent.config.types import Unit
from agent.model import Shelf


def build_shelves(entries: Sequence[Entry], units: Sequence[Unit]) -> tuple[Shelf, ...]:
    """Build every sound entry of ``shelves`` and hold it against the units' locations."""
    sitting = Counter((unit.location.rack, unit.location.shelf) for unit in units)
    first_lines: dict[tuple[str, str], int] = {}
    built: list[Shelf] = []
    for entry in entries:
        rack, shelf = entry.get(keys.SHELF_RACK), entry.get(keys.SHELF_SHELF)
        required = entry.get(keys.REQUIRED)
        if rack is None or shelf is None or required is None:
            continue
        first = first_lines.setdefault((rack, shelf), entry.line)
        if first != entry.line:
            entry.error(f"is the shelf {shown(shelf)} of rack {shown(rack)} of line {first} again")
        present = sitting[rack, shelf]
        if required > present:
            entry.error(
                f"is {required}, but {present} units have the location rack {shown(rack)}, "
                f"shelf {shown(shelf)}",
                "required",
            )
        power_w, seconds = entry.get(keys.SHELF_POWER), entry.get(keys.SHELF_SECONDS)
        built.append(Shelf(rack, shelf, required, power_w, seconds))
    return tuple(built)
