"""Self-tests: their results, when the last one was, and two at once on one shelf. Pure."""

from dataclasses import dataclass, field

from agent.events.look import Look

OVERDUE_S = 120 * 86400.0
"""Age of the last self-test from which it counts as overdue. Makers test every 30 to 90 days
(unconfirmed: the Open Rack specification is not public); a month of grace beyond the longest."""
_REMEMBERED_S = 60.0


@dataclass(slots=True)
class ShelfTests:
    """Which units of one shelf test themselves; ``seen`` is by unit, monotonic seconds."""

    seen: dict[str, float] = field(default_factory=dict)

    def note(self, unit: str, mono_s: float, *, testing: bool) -> None:
        """Take what a sample of a unit says."""
        if testing:
            self.seen[unit] = mono_s
        else:
            self.seen.pop(unit, None)

    def overlaps(self, unit: str, mono_s: float) -> bool:
        """Say whether ``unit`` tests itself while another unit of its shelf does."""
        return unit in self.seen and any(
            other != unit and mono_s - at_s < _REMEMBERED_S for other, at_s in self.seen.items()
        )


@dataclass(slots=True)
class SelfTests:
    """What one unit tells of its tests. ``last_s`` is unix seconds."""

    last_s: float | None = None
    failed: bool = False

    def observe(self, look: Look, *, tested: bool) -> None:
        """Take a sample; ``tested`` says that a test of ours to see is under way or just over."""
        if look.test_s is not None:
            self.last_s = look.test_s if self.last_s is None else max(self.last_s, look.test_s)
        if tested:
            self.last_s = look.wall_s
        if look.test_failed is not None:
            self.failed = look.test_failed

    def overdue(self, now_s: float) -> bool:
        """Say whether the last test known is too old; where none is known nothing is said."""
        return self.last_s is not None and now_s - self.last_s > OVERDUE_S
