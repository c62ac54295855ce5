"""Units to replace and what is at risk, as a central store knows them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from agent.cli.central import Central, Labels
from agent.model import Verdict

WORST = (Verdict.REPLACE, Verdict.DEGRADED, Verdict.UNKNOWN, Verdict.WATCH, Verdict.OK)
_ON = "on (job, instance, site, unit)"
LEAST_CHANCE = 0.9
"""Chance to ride through below which a unit is at risk."""
SOON_S = 180 * 86_400.0
"""Time before the end of life in which a unit is to be ordered and its exchange planned."""
_Key = tuple[str, ...]


@dataclass(slots=True)
class Row:
    """One unit as the store knows it; what it does not know is None.

    ``margin_s`` is the lower end of the ride-through less what is required, negative where it
    is too short; ``end_of_life_s`` is unix time, the first of the ends by capacity and by
    ride-through.
    """

    unit: str
    site: str | None
    rack: str | None = None
    shelf: str | None = None
    slot: str | None = None
    model: str | None = None
    serial: str | None = None
    verdict: str = Verdict.UNKNOWN.value
    reasons: tuple[str, ...] = ()
    state_of_health: float | None = None
    end_of_life_s: float | None = None
    ride_through_s: float | None = None
    ride_through_lower_s: float | None = None
    required_s: float | None = None
    ride_through_probability: float | None = None
    answers: bool | None = None
    agent: str | None = None

    @property
    def margin_s(self) -> float | None:
        """The lower end of the ride-through less the required time, in seconds."""
        if self.ride_through_lower_s is None or self.required_s is None:
            return None
        return self.ride_through_lower_s - self.required_s

    @property
    def order(self) -> tuple[int, float, float, str]:
        """Where it stands in the list: verdict, then chance to ride through, then end of life."""
        chance, end_s = self.ride_through_probability, self.end_of_life_s
        rank = [each.value for each in WORST].index(self.verdict)
        return (
            rank,
            2.0 if chance is None else chance,
            float("inf") if end_s is None else end_s,
            self.unit,
        )


def _matchers(**labels: str | None) -> str:
    """Give label matchers; a name is compared as it is, not as an expression."""
    given = {name: value for name, value in labels.items() if value is not None}
    return ", ".join(f"{name}={json.dumps(value)}" for name, value in given.items())


@dataclass(frozen=True, slots=True)
class Scope:
    """Which part of the fleet is meant."""

    site: str | None = None
    rack: str | None = None

    def of(self, metric: str, more: str = "", *, where: str = "") -> str:
        """Give the query for ``metric`` of the units in scope whose value is ``where``."""
        own = ", ".join(part for part in (_matchers(site=self.site), more) if part)
        query = f"{metric}{{{own}}}{where}"
        if self.rack is None:
            return query
        return f"{query} and {_ON} bbu_unit_info{{{_matchers(rack=self.rack)}}}"


def collect(central: Central, scope: Scope, verdicts: Iterable[Verdict]) -> list[Row]:
    """Ask for every unit in scope with one of ``verdicts``; the worst first."""
    wanted = "|".join(verdict.value for verdict in verdicts)
    chosen = scope.of("bbu_health_verdict", f'bbu_health_verdict=~"{wanted}"', where=" == 1")
    rows: dict[_Key, Row] = {}
    for labels, _ in central.ask(chosen):
        row = Row(labels.get("unit", ""), labels.get("site"), agent=labels.get("instance"))
        row.verdict = labels.get("bbu_health_verdict", row.verdict)
        rows[_key(labels)] = row
    if not rows:
        return []

    def of(metric: str) -> str:
        return f"{metric}{{{_matchers(site=scope.site)}}} and {_ON} ({chosen})"

    _fill(central, rows, of)
    return sorted(rows.values(), key=lambda row: row.order)


def _fill(central: Central, rows: Mapping[_Key, Row], of: Callable[[str], str]) -> None:
    """Put into ``rows`` what the store knows of them; ``of`` gives the query for a metric."""

    def found(metric: str) -> Iterator[tuple[Row, Labels, float]]:
        for labels, value in central.ask(of(metric)):
            row = rows.get(_key(labels))
            if row is not None:
                yield row, labels, value

    for row, labels, _ in found("bbu_unit_info"):
        for name in ("rack", "shelf", "slot", "model", "serial"):
            setattr(row, name, labels.get(name))
    for row, labels, _ in found("bbu_health_reason"):
        cell = f" (cell {labels['cell']})" if labels.get("cell") else ""
        row.reasons = tuple(sorted({*row.reasons, labels.get("reason", "") + cell}))
    for metric, name in _VALUES.items():
        for row, _, value in found(metric):
            held = getattr(row, name)
            setattr(row, name, value if held is None else min(held, value))
    for row, _, value in found("bbu_up"):
        row.answers = value == 1


_ENDS = (
    "bbu_end_of_life_timestamp_seconds",
    "bbu_end_of_life_by_ride_through_timestamp_seconds",
)
_VALUES = dict.fromkeys(_ENDS, "end_of_life_s") | {
    "bbu_state_of_health_ratio": "state_of_health",
    "bbu_ride_through_seconds": "ride_through_s",
    "bbu_ride_through_lower_seconds": "ride_through_lower_s",
    "bbu_ride_through_required_seconds": "required_s",
    "bbu_ride_through_probability_ratio": "ride_through_probability",
}


def _key(labels: Labels) -> _Key:
    return tuple(labels.get(name, "") for name in ("job", "instance", "site", "unit"))


def risk(central: Central, scope: Scope) -> dict[str, int]:
    """Count what the fleet stands at: units by verdict, and those that would not ride through."""
    counted = {"units": scope.of("bbu_up")}
    counted |= {
        each.value: scope.of("bbu_health_verdict", f'bbu_health_verdict="{each}"', where=" == 1")
        for each in WORST
    }
    chance = "bbu_ride_through_probability_ratio"
    soon = f"end_of_life_in_{SOON_S / 86_400:.0f}_days"
    counted |= {
        "not_answering": scope.of("bbu_up", where=" == 0"),
        "may_not_ride_through": scope.of(chance, where=f" < {LEAST_CHANCE}"),
        soon: " or ".join(scope.of(end, where=f" < {SOON_S:.0f} + time()") for end in _ENDS),
    }
    if scope.rack is None:
        site = _matchers(site=scope.site)
        counted["shelves_short"] = (
            f"bbu_shelf_ready_units{{{site}}} < bbu_shelf_required_units{{{site}}}"
        )
    return {name: _count(central, query) for name, query in counted.items()}


def _count(central: Central, query: str) -> int:
    return int(sum(value for _, value in central.ask(f"count({query})")))
