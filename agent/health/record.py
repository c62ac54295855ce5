"""What the engine remembers between observations, and how it becomes JSON and back."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import TypeVar

import numpy as np

from agent.errors import StoreError

JSON = object
T = TypeVar("T")

_ASSUMED_C = 25.0
_DAY_S = 86400.0
_YEAR_DAYS = 365.25


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

    soc: float = 1.0
    waiting_s: float = 0.0
    heat: float = 0.0
    charge: float = 0.0
    cycles: float = 0.0
    celsius: float | None = None
    rest_s: float = 0.0
    reviewed_s: float = 0.0
    evidence_s: float | None = None
    pulses: int = 0
    first_ohm: float | None = None
    first_soc: float | None = None
    site_days: float = 0.0
    site_celsius: float = _ASSUMED_C
    site_soc: float = 1.0

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


def numbers(value: object) -> list[float]:
    """Read a list of numbers back; null becomes NaN."""
    if not isinstance(value, list):
        raise StoreError("the saved health state holds something else where numbers belong")
    try:
        return [math.nan if item is None else float(item) for item in value]
    except (TypeError, ValueError) as error:
        raise StoreError(f"the saved health state cannot be read: {error}") from error


def fill(target: T, saved: object) -> T:
    """Put saved scalars and arrays into a fresh dataclass ``target``; other fields stay.

    Raises StoreError when a field is missing or of another kind.
    """
    if not isinstance(saved, dict) or not is_dataclass(target):
        raise StoreError("the saved health state has another shape")
    for item in fields(target):
        if item.name not in saved:
            raise StoreError(f"the saved health state lacks {item.name}")
        value, now = saved[item.name], getattr(target, item.name)
        if isinstance(now, np.ndarray):
            array = np.array(numbers(value))
            if array.shape != now.shape:
                raise StoreError(f"the saved {item.name} is for another number of cells")
            setattr(target, item.name, array)
        elif value is None or isinstance(value, int | float):
            if value is None and isinstance(now, float) and math.isnan(now):
                continue
            if now is not None and value is None:
                raise StoreError(f"the saved {item.name} is no number")
            setattr(target, item.name, value)
    return target


def fill_what_is_there(target: T, saved: object) -> T:
    """Fill ``target`` as ``fill`` does; what an older state lacks stays as it is.

    Raises StoreError when a field is of another kind.
    """
    begun = dump(target)
    if isinstance(saved, dict) and isinstance(begun, dict):
        return fill(target, {**begun, **saved})
    return fill(target, saved)
