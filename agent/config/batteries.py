"""What the operator knows of a battery, as overrides of ``agent.model.Battery``."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.config import battery_keys, keys
from agent.config.cells import CellTable
from agent.config.measures import not_rising
from agent.config.problems import shown
from agent.config.sections import Entry, Key

# Key of the file -> field of Battery; the units of both agree.
FIELDS: tuple[tuple[Key[object], str], ...] = (
    (battery_keys.CHEMISTRY, "chemistry"),
    (battery_keys.SERIES, "series"),
    (battery_keys.PARALLEL, "parallel"),
    (battery_keys.RATED_CAPACITY, "rated_capacity_ah"),
    (battery_keys.RATED_POWER, "rated_power_w"),
    (battery_keys.REQUIRED_SECONDS, "required_seconds"),
    (battery_keys.CELL_CUTOFF, "cell_cutoff_v"),
    (battery_keys.CELL_FLOAT, "cell_float_v"),
    (battery_keys.CELL_MAX, "cell_max_v"),
    (battery_keys.RESISTANCE, "resistance_ohm"),
    (battery_keys.BALANCE_CURRENT, "balance_current_a"),
    (battery_keys.COMMISSIONED, "commissioned_s"),
    (battery_keys.LOT, "lot"),
)
_RISING = (battery_keys.CELL_CUTOFF, battery_keys.CELL_FLOAT, battery_keys.CELL_MAX)


@dataclass(slots=True)
class BatteryTable:
    """The top-level ``batteries``, and which of them units have named."""

    entries: Mapping[str, Entry | None]
    cells: CellTable = field(default_factory=CellTable)
    used: set[str] = field(default_factory=set)
    _built: dict[str, Mapping[str, object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every battery, named by a unit or not."""
        for name, entry in self.entries.items():
            if entry is not None:
                self._built[name] = self._overrides(entry)

    def overrides(self, unit: Entry) -> Mapping[str, object] | None:
        """Give what the unit's ``battery`` key means; None where absent or wrong."""
        given = unit.get(keys.UNIT_BATTERY)
        if isinstance(given, Entry):
            return self._overrides(given)
        if given is None:
            return None
        self.used.add(given)
        if given not in self.entries:
            guess = unit.guess(given, self.entries)
            unit.error(f"no battery is named {shown(given)}{guess}", "battery")
        return self._built.get(given)

    def _overrides(self, entry: Entry) -> dict[str, object]:
        for lower, higher in not_rising({key.name: entry.get(key) for key in _RISING}):
            entry.error(f"must be above {lower}", higher)
        values = {name: entry.get(key) for key, name in FIELDS}
        stated = {name: value for name, value in values.items() if value is not None}
        return {**self.cells.battery(entry), **stated}
