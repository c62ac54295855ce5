"""Numbers with units as people write them: ``500ms``, ``5.5 kW``, ``15.3 Ah``."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations

# Enough digits for any battery, too few to make arithmetic expensive; no exponents.
_NUMBER = r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,12})?"


@dataclass(frozen=True, slots=True)
class Measure:
    """A physical size. ``units`` maps each spelling to its factor to ``base``, the SI unit.

    ``lowest`` and ``highest`` bound what is accepted, in ``base``.
    """

    noun: str
    base: str
    units: Mapping[str, Decimal]
    example: str
    lowest: float
    highest: float

    @property
    def pattern(self) -> str:
        """A regular expression for the whole text."""
        spellings = "|".join(re.escape(unit) for unit in self.units)
        return rf"^({_NUMBER}) *({spellings})?$"

    def parse(self, text: str) -> float:
        """Give the value in ``base``.

        Raises:
            ValueError: a predicate for a sentence that begins with the text.
        """
        found = re.fullmatch(self.pattern, text)
        if found is None:
            units = ", ".join(unit for unit in self.units if unit)
            written = f"a number and one of {units}" if units else "a number"
            raise ValueError(f"is not a {self.noun}; write {written}, for example {self.example}")
        # Decimal, so that 4.1 mOhm is the float nearest to 0.0041.
        value = float(Decimal(found[1]) * self.units[found[2] or self.base])
        if not self.lowest <= value <= self.highest:
            raise ValueError(
                f"is out of range; a {self.noun} here is {self.lowest:g} to "
                f"{self.highest:g} {self.base}".rstrip()
            )
        return value

    def within(self, lowest: float, highest: float) -> "Measure":
        """Give the same measure with other bounds, in ``base``."""
        return replace(self, lowest=lowest, highest=highest)


def not_rising(values: Mapping[str, float | None]) -> Iterator[tuple[str, str]]:
    """Name the pairs, lower and higher, of ``values`` that do not rise as their order says."""
    known = [(name, value) for name, value in values.items() if value is not None]
    for (lower, low), (higher, high) in combinations(known, 2):
        if low >= high:
            yield lower, higher


def _units(**factors: str) -> dict[str, Decimal]:
    return {unit: Decimal(factor) for unit, factor in factors.items()}


DURATION = Measure(
    "duration",
    "s",
    _units(ms="0.001", s="1", m="60", min="60", h="3600", d="86400"),
    "10s",
    0.1,
    86400,
)
POWER = Measure("power", "W", _units(W="1", kW="1000", MW="1000000"), "5.5 kW", 1, 1e8)
CAPACITY = Measure("capacity", "Ah", _units(mAh="0.001", Ah="1"), "15.3 Ah", 0.01, 1e5)
VOLTAGE = Measure("voltage", "V", _units(mV="0.001", V="1"), "2.7 V", 0.1, 20)
RESISTANCE = Measure(
    "resistance",
    "Ohm",
    _units(Ohm="1", ohm="1", Ω="1", mOhm="0.001", mohm="0.001", mΩ="0.001", uOhm="0.000001"),
    "2.5 mOhm",
    1e-6,
    1,
)
CURRENT = Measure("current", "A", _units(mA="0.001", A="1"), "50 mA", 0.0001, 100)
RATIO = Measure("share", "", _units(**{"%": "0.01", "": "1"}), "35 %", 0, 1)
FACTOR = Measure("factor", "", _units(**{"": "1"}), "1.25", 0.1, 20)
