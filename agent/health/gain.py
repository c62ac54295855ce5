"""Notices that the current sensor's gain has changed.

The charger's constant current and the self-test's constant current are set by two different
regulators, neither of which is the pack's sensor. When both readings move by the same
factor, the sensor has moved.
"""

from dataclasses import dataclass, field

from agent.health.record import fill, numbers

_SAME_LEVEL = 0.06
_REFERENCE = 4
_RECENT = 2
_KEPT = 8
_LEAST = 0.008
_AGREE = 0.5
_STEADY = 0.02
_FEWEST = 4
_FLAT = 0.004
_IGNORED = 2
_CHARGE_FROM_C = 0.05
_LOAD_FROM_C = 0.3


@dataclass(slots=True)
class GainWatch:
    """Plateaus of the current, in amperes.

    ``step_a`` is the sensor's resolution.
    ``charges`` and ``loads`` are levels, each [reference, times seen, last means ...];
    ``plateau`` the readings of the present one; ``ratio`` the sensor's gain over its first
    one, as far as it is believed; ``since_s`` when it was first believed.
    """

    capacity_ah: float
    step_a: float = 0.01
    charges: list[list[float]] = field(default_factory=list)
    loads: list[list[float]] = field(default_factory=list)
    plateau: list[float] = field(default_factory=list)
    ratio: float = 1.0
    since_s: float = 0.0

    def watch(self, time_s: float, current_a: float) -> None:
        """Take the next reading of the current, positive when charging."""
        plateau = self.plateau
        steady_a = _STEADY * abs(plateau[0]) + 1.2 * self.step_a if plateau else 0.0
        if plateau and abs(current_a - plateau[0]) > steady_a:
            # A load that moves by itself is a constant power, not a constant current.
            if current_a > 0.0 or abs(current_a) < 0.5 * abs(plateau[0]):
                self._close(time_s)
            self.plateau = []
            plateau = self.plateau
        if not plateau:
            if self._counts(current_a):
                plateau.append(current_a)
        elif len(plateau) < 64:  # noqa: PLR2004 - enough for a mean, and bounded
            plateau.append(current_a)

    def unpack(self, saved: object) -> None:
        """Restore from a dump. Raises StoreError when it does not fit."""
        fill(self, saved)
        lists = saved if isinstance(saved, dict) else {}
        self.plateau = numbers(lists.get("plateau"))
        for name in ("charges", "loads"):
            rows = lists.get(name)
            setattr(self, name, [numbers(r) for r in rows] if isinstance(rows, list) else [])

    def _counts(self, current_a: float) -> bool:
        rate = current_a / self.capacity_ah
        return rate > _CHARGE_FROM_C or rate < -_LOAD_FROM_C

    def _close(self, time_s: float) -> None:
        used = self.plateau[_IGNORED:]
        charging = bool(self.plateau) and self.plateau[0] > 0.0
        self.plateau = []
        if len(used) < _FEWEST:
            return
        half = len(used) // 2
        drift_a = abs(sum(used[:half]) / half - sum(used[-half:]) / half)
        if not charging and drift_a > _FLAT * abs(used[0]) + 0.5 * self.step_a:
            return
        mean = sum(used) / len(used)
        levels = self.charges if charging else self.loads
        near = [lv for lv in levels if abs(mean / lv[0] - 1.0) < _SAME_LEVEL]
        if not near:
            if len(levels) < _KEPT:
                levels.append([mean, 1.0, mean])
            return
        level = near[0]
        level[1] += 1.0
        if level[1] <= _REFERENCE:
            level[0] += (mean - level[0]) / level[1]
        level.append(mean)
        del level[2 : max(len(level) - _RECENT, 2)]
        self._judge(time_s)

    def _judge(self, time_s: float) -> None:
        moves = []
        for levels in (self.charges, self.loads):
            ready = [lv for lv in levels if lv[1] > _REFERENCE and len(lv) == 2 + _RECENT]
            if not ready:
                return
            often = max(ready, key=lambda lv: lv[1])
            recent = [value / often[0] - 1.0 for value in often[2:]]
            moves.append(min(recent, key=abs) if min(recent) * max(recent) > 0.0 else 0.0)
        charge, load = moves
        if min(abs(charge), abs(load)) < _LEAST or charge * load <= 0.0:
            return
        if abs(charge - load) > _AGREE * max(abs(charge), abs(load)):
            return
        if self.since_s <= 0.0:
            self.since_s = time_s
        self.ratio = 1.0 + (charge + load) / 2.0
