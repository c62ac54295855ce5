"""What the engine remembers between observations, and how it becomes JSON and back."""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

from agent.errors import StoreError

JSON = object
T = TypeVar("T")
Within = tuple[float, float]
"""The least and the most that a number can be, and more: means round beyond what they are of."""
_ANY: Within = (-1e15, 1e15)

_ASSUMED_C = 25.0
_DAY_S = 86400.0
_YEAR_DAYS = 365.25
AMOUNT: Mapping[str, Within] = {"within": (-1e-9, 1e15)}
"""Marks a field that cannot be negative, for what is read back."""
GIVEN: Mapping[str, bool] = {"given": True}
"""Marks a field that follows from what is known of the battery, and is not read back."""
LN: Mapping[str, Within] = {"within": (-50.0, 50.0)}
"""Marks the logarithm of a resistance or of a ratio of two."""
_RATIO: Mapping[str, Within] = {"within": (-1.0, 2.0)}
CELSIUS: Mapping[str, Within] = {"within": (-100.0, 200.0)}
"""Marks a temperature."""
_OHM: Mapping[str, Within] = {"within": (1e-9, 1e3)}


@dataclass(frozen=True, slots=True)
class Site:
    """How the module lives: mean temperature and state of charge over the last year."""

    celsius: float
    soc: float


@dataclass(slots=True)
class Memory:
    """Running sums since the filter last aged, and counts for the evidence texts.

    ``soc`` is the module's state of charge, ``celsius`` the last known temperature;
    ``heat`` and ``charge`` are sums over time of temperature and state of charge;
    ``cycles`` are equivalent full cycles. ``site_celsius`` and ``site_soc`` are means over
    the last year, of which ``site_days`` were seen. ``first_ohm`` is the
    median resistance of the first load step, taken at ``first_soc``.
    """

    soc: float = field(default=1.0, metadata=_RATIO)
    waiting_s: float = field(default=0.0, metadata=AMOUNT)
    heat: float = 0.0
    charge: float = field(default=0.0, metadata=AMOUNT)
    cycles: float = field(default=0.0, metadata={"within": (0.0, 1e4)})
    celsius: float | None = field(default=None, metadata=CELSIUS)
    rest_s: float = field(default=0.0, metadata=AMOUNT)
    reviewed_s: float = 0.0
    evidence_s: float | None = None
    pulses: int = field(default=0, metadata=AMOUNT)
    first_ohm: float | None = field(default=None, metadata=_OHM)
    first_soc: float | None = field(default=None, metadata=_RATIO)
    site_days: float = field(default=0.0, metadata=AMOUNT)
    site_celsius: float = field(default=_ASSUMED_C, metadata=CELSIUS)
    site_soc: float = field(default=1.0, metadata=_RATIO)

    def pass_time(self, passed_s: float, celsius: float | None, cycles: float) -> None:
        """Let ``passed_s`` go by at the last known temperature and charge."""
        if celsius is not None:
            self.celsius = celsius
        if passed_s > 0.0:
            self.waiting_s += passed_s
            self.heat += passed_s * self.known_celsius()
            self.charge += passed_s * self.soc
            self.cycles += cycles

    def mean_celsius(self) -> float:
        """Mean temperature since the filter last aged."""
        if self.waiting_s > 0.0:
            return self.heat / self.waiting_s
        return self.known_celsius()

    def known_celsius(self) -> float:
        """The last known temperature, or room temperature when none was ever seen."""
        return _ASSUMED_C if self.celsius is None else self.celsius

    def mean_soc(self) -> float:
        """Mean state of charge since the filter last aged."""
        return self.charge / self.waiting_s if self.waiting_s > 0.0 else self.soc

    def site(self) -> Site:
        """The last year's conditions, or the present ones before a first day."""
        if self.site_days > 0.0:
            return Site(self.site_celsius, self.site_soc)
        return Site(self.known_celsius(), self.soc)

    def aged(self) -> None:
        """Start the sums again; what they say of the site goes into its running year."""
        days = self.waiting_s / _DAY_S
        if days > 0.0:
            self.site_days = min(self.site_days + days, _YEAR_DAYS)
            share = min(days / self.site_days, 1.0)
            self.site_celsius += share * (self.mean_celsius() - self.site_celsius)
            self.site_soc += share * (self.mean_soc() - self.site_soc)
        self.waiting_s = self.heat = self.charge = self.cycles = 0.0


def dump(value: object) -> JSON:
    """Make JSON of dataclasses, sequences, arrays and numbers; NaN becomes null."""
    if is_dataclass(value):
        return {f.name: dump(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, np.ndarray):
        return [dump(float(item)) for item in value]
    if isinstance(value, Sequence | deque) and not isinstance(value, str):
        return [dump(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def number(value: object, within: Within = _ANY) -> float:
    """Read a number back as it was written, an integer as one.

    Raises StoreError for anything else, and for a number that no engine can have written.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise StoreError("the saved health state holds something else where a number belongs")
    low, high = within
    if not low <= value <= high:
        raise StoreError("the saved health state holds a number that cannot be")
    return value


def numbers(value: object, count: int | None = None, within: Within = _ANY) -> list[float]:
    """Read a list of ``count`` numbers back, of any number of them where None; null becomes NaN."""
    if not isinstance(value, list):
        raise StoreError("the saved health state holds something else where numbers belong")
    if count is not None and len(value) != count:
        raise StoreError("the saved health state is for another number of cells")
    return [math.nan if item is None else float(number(item, within)) for item in value]


def table(value: object, width: int, within: Within = _ANY) -> list[list[float]]:
    """Read rows of ``width`` numbers each back."""
    if not isinstance(value, list):
        raise StoreError("the saved health state holds something else where rows belong")
    return [numbers(row, width, within) for row in value]


def fill(target: T, saved: object) -> T:
    """Put saved scalars and arrays into a fresh dataclass ``target``; other fields stay.

    So do those that it was made with, as they follow from what is known of the battery now.
    Raises StoreError when a field is missing, of another kind or out of its range.
    """
    if not isinstance(saved, dict) or not is_dataclass(target):
        raise StoreError("the saved health state has another shape")
    for item in fields(target):
        made_with = item.init and item.default is MISSING and item.default_factory is MISSING
        if made_with or item.metadata.get("given"):
            continue
        if item.name not in saved:
            raise StoreError(f"the saved health state lacks {item.name}")
        try:
            read = _read(saved[item.name], getattr(target, item.name), item.metadata)
        except StoreError as error:
            raise StoreError(f"{error}: {item.name}") from error
        setattr(target, item.name, read)
    return target


def _read(value: object, fresh: object, metadata: Mapping[str, Any]) -> object:
    """Read a field back that begins as ``fresh``: a number, None for NaN, or an array of them."""
    within = metadata.get("within", _ANY)
    if isinstance(fresh, np.ndarray):
        array = np.array(numbers(value, len(fresh), within))
        if np.any(np.isnan(array)) and not np.any(np.isnan(fresh)):
            raise StoreError("the saved health state lacks a number")
        return array
    if isinstance(fresh, bool):
        if not isinstance(value, bool):
            raise StoreError("the saved health state holds something else for yes or no")
        return value
    if fresh is None or isinstance(fresh, int | float):
        if value is None and (fresh is None or math.isnan(fresh)):
            return fresh
        read = number(value, within)
        if isinstance(fresh, int) and not isinstance(read, int):
            raise StoreError("the saved health state holds a part where a count belongs")
        return float(read) if isinstance(fresh, float) else read
    return fresh


def fill_what_is_there(target: T, saved: object) -> T:
    """Fill ``target`` as ``fill`` does; what an older state lacks stays as it is.

    Raises StoreError when a field is of another kind.
    """
    begun = dump(target)
    if isinstance(saved, dict) and isinstance(begun, dict):
        return fill(target, {**begun, **saved})
    return fill(target, saved)
