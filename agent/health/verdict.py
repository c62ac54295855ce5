"""Verdicts with reasons and hysteresis: a reason enters at severity 1 and leaves below 0.8."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from agent.errors import StoreError
from agent.health.record import number
from agent.model import Reason, Verdict

JSON = object

_LEAVE = 0.8
ORDER = (Verdict.OK, Verdict.WATCH, Verdict.DEGRADED, Verdict.REPLACE)
"""Verdicts from good to bad; ``unknown`` stands beside them."""

ALARM_KINDS = {
    "cell_weak": "weak",
    "cell_resistance": "resistance",
    "cell_short": "short",
    "cell_sensor": "sensor",
    "cell_stuck": "sensor",
    "cell_swapped": "sensor",
    "current_sensor": "sensor",
    "current_offset": "sensor",
    "current_sign": "sensor",
    "temperature_sensor": "sensor",
    "telemetry_frozen": "sensor",
}
"""Reason codes that are alarms of their own in a replay, by their kind."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's answer: how severe, where 1 is the threshold to believe it.

    ``part`` tells findings of one code apart that mean no cell: a temperature sensor's place.
    """

    code: str
    cell: str | None
    severity: float
    verdict: Verdict
    text: str
    part: str | None = None

    @property
    def key(self) -> str:
        """What makes two findings the same one."""
        named = self.part if self.cell is None else self.cell
        return f"{self.code}:{'' if named is None else named}"


@dataclass(frozen=True, slots=True)
class Raised:
    """A reason at the moment when it was first believed. ``cell`` is None for the unit."""

    time_s: float
    code: str
    cell: str | None
    text: str


@dataclass(slots=True)
class Judge:
    """Keeps the standing reasons, and which were ever raised (each is raised once)."""

    standing: dict[str, Reason] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)

    def review(self, findings: list[Finding], now_s: float) -> list[Raised]:
        """Take the findings of one review; answer those believed for the first time."""
        fresh = []
        kept: dict[str, Reason] = {}
        for found in findings:
            if found.severity < (_LEAVE if found.key in self.standing else 1.0):
                continue
            held = self.standing.get(found.key)
            # What asks for another verdict is another statement, though of the same code.
            since_s = held.since_s if held and held.verdict is found.verdict else now_s
            kept[found.key] = Reason(found.code, found.text, found.cell, found.verdict, since_s)
            if found.key not in self.known:
                self.known.add(found.key)
                fresh.append(Raised(now_s, found.code, found.cell, found.text))
        self.standing = kept
        return fresh

    def reasons(self) -> tuple[Reason, ...]:
        """The standing reasons, the worst first."""
        return tuple(
            sorted(self.standing.values(), key=lambda r: ORDER.index(r.verdict), reverse=True)
        )

    def pack(self) -> JSON:
        """The judge as JSON values.

        An older agent reads this too: it takes ``standing`` and ``known`` and leaves the rest.
        """
        standing = [[r.code, r.text, r.cell, r.verdict.value] for r in self.standing.values()]
        stood = [[key, reason.since_s] for key, reason in self.standing.items()]
        return {"standing": standing, "known": sorted(self.known), "stood": stood}

    @classmethod
    def unpack(cls, saved: object) -> "Judge":
        """Restore from ``pack``. Raises StoreError when it does not fit."""
        try:
            record = dict(saved)  # type: ignore[call-overload]
            rows = [tuple(row) for row in record["standing"]]
            # Before since and part were recorded, a reason's key was its code and cell.
            old = [(f"{row[0]}:{'' if row[2] is None else row[2]}", None) for row in rows]
            standing = {
                str(key): Reason(
                    str(code),
                    str(text),
                    None if cell is None else str(cell),
                    Verdict(level),
                    None if since_s is None else float(number(since_s)),
                )
                for (code, text, cell, level), (key, since_s) in zip(
                    rows, record.get("stood", old), strict=True
                )
            }
            known = {str(key) for key in record["known"]}
        except (KeyError, IndexError, TypeError, ValueError, StoreError) as error:
            raise StoreError(f"the saved verdict cannot be read: {error}") from error
        return cls(standing, known)


def worst(reasons: tuple[Reason, ...], cell: str | None = None) -> Verdict:
    """The worst verdict among ``reasons``, of one ``cell`` if named; ``ok`` if none."""
    levels = [r.verdict for r in reasons if cell is None or r.cell == cell]
    return max(levels, key=ORDER.index, default=Verdict.OK)


def date(time_s: float) -> str:
    """A unix time as an ISO date, for texts."""
    return datetime.fromtimestamp(min(max(time_s, 0.0), 4.0e9), tz=UTC).date().isoformat()
