"""Several replayed units side by side: which to replace first, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

from agent.export.lives import not_within
from agent.export.site.advice import advice
from agent.health.forecast import END_OF_LIFE, HORIZON_YEARS
from agent.health.lives import RIDE_YEARS
from agent.model import Interval, Verdict
from agent.replay.chart import Frame, Line, chart
from agent.replay.courses import by_cell, numbers
from agent.replay.markup import (
    ALREADY,
    badge,
    beyond,
    date,
    document,
    enough,
    is_over,
    life,
    spread,
    table,
)
from agent.replay.page import Report
from agent.replay.run import Row

_URGENCY = (Verdict.REPLACE, Verdict.DEGRADED, Verdict.WATCH, Verdict.UNKNOWN, Verdict.OK)
# As ``bbu-agent explain`` says it.
_NOTHING_YET = "no evidence yet, only what age and chemistry let expect"
_STYLES = 6
_NEVER_S = float("inf")
_ORDER = (
    "Order: verdict, then the chance to carry rated power for the required time, then the first "
    "end of life, by capacity or by ride-through, then the lower end of the weakest cell's "
    "interval. Intervals are 90 %."
)
NAMES = [
    "rank",
    "name",
    "verdict",
    "weakest_cell",
    "soh_q",
    "soh_q_lo",
    "soh_q_hi",
    "soh_r_highest",
    "ride_s",
    "ride_lo_s",
    "ride_hi_s",
    "p_ok",
    "end_of_life",
    "end_of_life_lo",
    "end_of_life_hi",
    "ride_end_of_life",
    "ride_end_of_life_lo",
    "ride_end_of_life_hi",
    "alarms",
    "evidence",
    "first_reason",
]
"""Columns of compare.csv."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One unit and its place, 1 to be replaced first."""

    rank: int
    report: Report

    @property
    def weakest(self) -> str:
        """Name of the cell with the least capacity."""
        return min(self.report.health.cells, key=lambda c: c.state_of_health.estimate).cell

    def why(self) -> str:
        """The first reason, or that there is none."""
        health = self.report.health
        if health.reasons:
            return health.reasons[0].text
        return "no reason for concern" if health.verdict is Verdict.OK else _NOTHING_YET

    def to_do(self) -> str:
        """What is most urgent to do about it."""
        return advice(self.report.health.verdict, self.report.health.reasons)[0]


def rank(reports: Sequence[Report]) -> list[Ranked]:
    """Put the units in order: verdict, then the chance to ride through, then the first end of life.

    Where these are equal or unknown, the lower end of the weakest cell's interval decides.
    """
    ordered = sorted(reports, key=_urgency)
    return [Ranked(place, report) for place, report in enumerate(ordered, start=1)]


def _urgency(report: Report) -> tuple[int, float, float, float]:
    health = report.health
    chance, end, weakest = (
        health.ride_through_probability,
        health.first_end_s,
        health.state_of_health,
    )
    return (
        _URGENCY.index(health.verdict),
        1.0 if chance is None else round(chance, 2),
        _NEVER_S if end is None else end.estimate,
        1.0 if weakest is None else weakest.lower,
    )


def rows(ranked: Sequence[Ranked]) -> Iterator[Row]:
    """Give the rows of compare.csv; what is not known is empty."""
    for one in ranked:
        health = one.report.health
        soh, ride = health.state_of_health, health.ride_through_s
        chance, seen_s = health.ride_through_probability, health.evidence_at
        yield (
            *(one.rank, one.report.name, health.verdict.value, one.weakest),
            *(("", "", "") if soh is None else (round(value, 4) for value in soh)),
            round(max(cell.resistance_growth.estimate for cell in health.cells), 4),
            *(("", "", "") if ride is None else (round(value, 1) for value in ride)),
            "" if chance is None else round(chance, 4),
            *_dates(health.end_of_life_s, health.updated_at, HORIZON_YEARS, _held(one.report)),
            *_dates(health.ride_end_of_life_s, health.updated_at, RIDE_YEARS, _ridden(one.report)),
            len(one.report.tables.alarms),
            "" if seen_s is None else date(seen_s),
            one.why(),
        )


class _Course(NamedTuple):
    """What was believed by time, as estimate, lower and upper bound, and the limit of it."""

    limit: float
    rows: Sequence[tuple[float, Sequence[float]]]

    def since_s(self, which: int) -> float | None:
        """Since when it has been at the limit or below, without a break up to its last row."""
        since_s: float | None = None
        for time_s, values in self.rows:
            if values[which] > self.limit:
                since_s = None
            elif since_s is None:
                since_s = time_s
        return since_s


def _held(report: Report) -> _Course:
    """Give the capacity of the cell that had the least at each time."""
    least: dict[float, Sequence[float]] = {}
    for time_s, _cell, *row in numbers(report.tables.soh):
        if time_s not in least or row[0] < least[time_s][0]:
            least[time_s] = row[:3]
    return _Course(END_OF_LIFE, list(least.items()))


def _ridden(report: Report) -> _Course:
    """Give the seconds that rated power was carried."""
    battery = report.engine.battery
    rated_w = round(battery.rated_power_w or 0.0, 1)
    rides = [
        (time_s, seconds)
        for time_s, power_w, _chance, *seconds in numbers(report.tables.ride)
        if power_w == rated_w
    ]
    return _Course(battery.required_seconds, rides)


def _dates(end: Interval | None, now_s: float, years: float, course: _Course) -> Iterator[str]:
    """Give the days of an end and of its bounds, as seen from ``now_s``, ``years`` ahead.

    What is over has no day to come: it says so, and since when that has been believed.
    """
    if end is None:
        yield from ("", "", "")
        return
    for which, end_s in enumerate(end):
        if is_over(end_s, now_s):
            since_s = course.since_s(which)
            yield ALREADY if since_s is None else f"{ALREADY} since {date(since_s)}"
        else:
            yield f"{beyond(end_s, now_s, years)}{date(end_s)}"


def compare_page(ranked: Sequence[Ranked]) -> str:
    """Write compare.html."""
    first = ranked[0]
    said = (
        f"Replace {first.report.name} first. {first.why()[:1].upper()}{first.why()[1:]}."
        if first.report.health.verdict in (Verdict.REPLACE, Verdict.DEGRADED)
        else f"None has to be replaced now; {first.report.name} would be the first: {first.why()}."
    )
    body = [
        f"<header><h1>{len(ranked)} units side by side</h1><p><b>{escape(said)}</b></p></header>",
        "<h2>Order of replacement</h2>",
        _table(ranked),
        "<h2>Weakest cell of each unit</h2>",
        _chart(ranked),
        f"<p><small>{_ORDER}</small></p>",
    ]
    return document(f"{len(ranked)} units compared", body)


def _table(ranked: Sequence[Ranked]) -> str:
    lines = []
    for one in ranked:
        health = one.report.health
        soh, ride = health.state_of_health, health.ride_through_s
        lasts = enough(health.ride_through_probability, one.report.engine.battery.required_seconds)
        name = escape(one.report.name)
        why = f"{escape(one.why())}<br>" if health.reasons else ""
        link = f"<a href='{name}/report.html'>{name}</a>"
        lines.append(
            (
                f"{one.rank}",
                f"{link}<br><small>{why}<b>{escape(one.to_do())}</b></small>",
                badge(health.verdict),
                escape(one.weakest),
                ""
                if soh is None
                else spread(soh, 100.0, 1, " %").replace(" <small>", "<br><small>"),
                "" if ride is None else f"{spread(ride, unit=' s')}<br><small>{lasts}</small>",
                _first_end(one.report).replace(" <small>", "<br><small>"),
            )
        )
    head = [
        "",
        "Unit",
        "Verdict",
        "Weakest cell",
        "Its health",
        "Ride-through",
        "First end of life",
    ]
    return table("", head, lines, 1)


def _first_end(report: Report) -> str:
    health = report.health
    if health.first_end_s is None:
        ends = [f"capacity {not_within(HORIZON_YEARS)}"]
        if report.engine.battery.rated_power_w is not None:
            ends.append(f"ride-through {not_within(RIDE_YEARS)}")
        return "; ".join(ends)
    by_capacity = health.first_end_s == health.end_of_life_s
    years = HORIZON_YEARS if by_capacity else RIDE_YEARS
    return life(health.first_end_s, health.updated_at, years)


def _chart(ranked: Sequence[Ranked]) -> str:
    lines = []
    for one in ranked:
        held = by_cell(one.report.tables)
        course = held.get(int(one.weakest), [])
        style = f"s{(one.rank - 1) % _STYLES}"
        columns = [[row[n] for row in course] for n in (0, 2, 3, 4)]
        lines.append(Line(f"{one.rank}: {one.report.name}", style, *columns))
    frame = Frame(
        "State of health of the weakest cells",
        920,
        300,
        percent=True,
        level=END_OF_LIFE,
        level_text=f"{END_OF_LIFE * 100:.0f} %: end of life",
    )
    keys = "".join(
        f"<span class='key'><i class='{line.style}'></i>{escape(line.label)}</span>"
        for line in lines
    )
    return f"<figure class='broad'>{chart(lines, frame)}<figcaption>{keys}</figcaption></figure>"
