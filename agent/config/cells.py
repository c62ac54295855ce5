"""Types of cells that the operator describes, under names that batteries give."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.config import battery_keys, document, keys
from agent.config.kinds import Place
from agent.config.measures import not_rising
from agent.config.problems import InvalidConfig, Problems, shown
from agent.config.sections import Entry
from agent.health.library import entries as library
from agent.model import Chemistry

_RISING = (battery_keys.CELL_CUTOFF, battery_keys.CELL_FLOAT, battery_keys.CELL_MAX)


@dataclass(frozen=True, slots=True)
class CellFacts:
    """One type: ``like`` is the library's whose ageing it is held to have.

    ``capacity_ah`` and ``resistance_ohm`` are of one cell, not of those in parallel;
    ``facts`` are fields of ``agent.model.Battery`` that need no number of cells.
    """

    like: str
    capacity_ah: float | None
    resistance_ohm: float | None
    facts: Mapping[str, object]

    @property
    def chemistry(self) -> Chemistry:
        """The chemistry, that of the library's type."""
        return library()[self.like].cell.chemistry

    def battery(self, parallel: int | None) -> dict[str, object]:
        """Give what it means for a battery with ``parallel`` such cells side by side."""
        found: dict[str, object] = {"chemistry": self.chemistry, "cell": self.like, **self.facts}
        if parallel is not None and self.capacity_ah is not None:
            found["rated_capacity_ah"] = self.capacity_ah * parallel
        if parallel is not None and self.resistance_ohm is not None:
            found["resistance_ohm"] = self.resistance_ohm / parallel
        return found


@dataclass(slots=True)
class CellTable:
    """The top-level ``cells``, and which of them batteries have named."""

    entries: Mapping[str, Entry | None] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    known: dict[str, CellFacts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Build every type, named by a battery or not; the library's stand beside them."""
        self.known.update({key: CellFacts(key, None, None, {}) for key in library()})
        for name, entry in self.entries.items():
            if entry is None:
                continue
            if name in library():
                entry.error("is the name of a type of the library; choose another")
            made = _facts(entry)
            if made is not None:
                self.known[name] = made

    def battery(self, battery: Entry) -> dict[str, object]:
        """Give what the ``cell`` key of ``battery`` means; nothing where absent or wrong."""
        name, parallel = battery.get(battery_keys.CELL), battery.get(battery_keys.PARALLEL)
        if name is None:
            return {}
        self.used.add(name)
        if name not in self.known:
            if name not in self.entries:
                guess = battery.guess(name, [*self.known, *self.entries])
                hint = guess or "; bbu-agent chemistries lists the library's"
                battery.error(f"no cell is named {shown(name)}{hint}", "cell")
            return {}
        cell = self.known[name]
        stated = battery.get(battery_keys.CHEMISTRY)
        if stated is not None and stated != cell.chemistry:
            battery.error(f"is {stated}; the cell {name} is {cell.chemistry}", "chemistry")
        sized = cell.capacity_ah is not None or cell.resistance_ohm is not None
        if sized and parallel is None:
            battery.warn(
                f'needs "parallel" for the capacity and resistance of the cell {name} to count',
                "cell",
            )
        return cell.battery(parallel)


def _facts(entry: Entry) -> CellFacts | None:
    for lower, higher in not_rising({key.name: entry.get(key) for key in _RISING}):
        entry.error(f"must be above {lower}", higher)
    like = entry.get(battery_keys.CELL_LIKE)
    if like is None:
        return None
    facts = {
        "cell_cutoff_v": entry.get(battery_keys.CELL_CUTOFF),
        "cell_float_v": entry.get(battery_keys.CELL_FLOAT),
        "cell_max_v": entry.get(battery_keys.CELL_MAX),
        "ocv": entry.get(battery_keys.CELL_OCV),
        "resistance_by_soc": entry.get(battery_keys.CELL_RESISTANCE_BY_CHARGE),
    }
    return CellFacts(
        like,
        entry.get(battery_keys.CELL_CAPACITY),
        entry.get(battery_keys.RESISTANCE),
        {name: value for name, value in facts.items() if value is not None},
    )


def read_cells(path: Path | None) -> Mapping[str, CellFacts]:
    """Give the types of the library, and those under ``cells`` in the YAML file ``path``.

    Other keys of the file are not looked at: a whole configuration serves as well.

    Raises:
        ConfigError: everything that is wrong with it.
    """
    problems = Problems()
    table = CellTable()
    if path is not None:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problems.error(1, "file", f"cannot be read: {error}")
            text = ""
        root = document.compose(text, problems)
        if isinstance(root, document.Table) and "cells" in root.entries:
            node = root.entries["cells"]
            table = CellTable(keys.CELLS.kind.read(node, Place("cells", problems)) or {})
        elif not problems.errors:
            problems.error(1, "file", 'has no "cells"')
        if problems.errors:
            raise InvalidConfig(path, tuple(problems.errors), ())
    return table.known
