"""When the load came to a shelf and when it went: each module watches for the others. Pure.

Modules are read one after the other, so the last quiet sample of any of them and the first
loaded sample of any of them enclose the moment more narrowly than one module's own do.
"""

from dataclasses import dataclass

_TOGETHER_S = 60.0


@dataclass(frozen=True, slots=True)
class Between:
    """A moment that lies between two monotonic times."""

    low_s: float
    high_s: float

    @property
    def middle_s(self) -> float:
        """The best guess."""
        return (self.low_s + self.high_s) / 2

    @property
    def half_s(self) -> float:
        """How far off the guess may be."""
        return (self.high_s - self.low_s) / 2

    def narrowed(self, other: "Between | None") -> "Between":
        """Give what both allow, or this alone where they have nothing in common."""
        if other is None:
            return self
        low_s, high_s = max(self.low_s, other.low_s), min(self.high_s, other.high_s)
        return self if high_s <= low_s else Between(low_s, high_s)


@dataclass(slots=True)
class ShelfClock:
    """Encloses the last change of a shelf to load and from it, by all its modules' samples."""

    quiet_s: float | None = None
    loaded_s: float | None = None
    came: Between | None = None
    went: Between | None = None
    under_load: bool = False

    def note(self, mono_s: float, *, loaded: bool) -> None:
        """Take what a sample of any module of the shelf says."""
        if loaded:
            if not self.under_load:
                self.under_load = True
                self.came = self._enclosed(self.quiet_s, mono_s)
            self.loaded_s = mono_s
            return
        if self.under_load and self.loaded_s is not None:
            # The first quiet module may be one that takes no share; its neighbours will tell.
            self.went = self._enclosed(self.loaded_s, mono_s)
            self.under_load = False
        self.quiet_s = mono_s

    def _enclosed(self, low_s: float | None, high_s: float) -> Between | None:
        if low_s is None or not 0 < high_s - low_s <= _TOGETHER_S:
            return None
        return Between(low_s, high_s)
