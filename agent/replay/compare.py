"""Several replayed units side by side: which to replace first, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from agent.export.site.advice import advice
from agent.health.forecast import END_OF_LIFE, HORIZON_YEARS
from agent.health.lives import RIDE_YEARS
from agent.model import Health, Interval, Verdict
from agent.replay.chart import Frame, Line, chart
from agent.replay.courses import by_cell
from agent.replay.markup import badge, date, document, enough, life, spread, table
from agent.replay.page import Report
from agent.replay.run import Row

_URGENCY = (Verdict.REPLACE, Verdict.DEGRADED, Verdict.WATCH, Verdict.UNKNOWN, Verdict.OK)
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
        reasons = self.report.health.reasons
        return reasons[0].text if reasons else "no reason for concern"

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
        ends = (health.end_of_life_s, health.ride_end_of_life_s)
        chance, seen_s = health.ride_through_probability, health.evidence_at
        yield (
            *(one.rank, one.report.name, health.verdict.value, one.weakest),
            *(("", "", "") if soh is None else (round(value, 4) for value in soh)),
            round(max(cell.resistance_growth.estimate for cell in health.cells), 4),
            *(("", "", "") if ride is None else (round(value, 1) for value in ride)),
            "" if chance is None else round(chance, 4),
            *(cell for end in ends for cell in _dates(end)),
            len(one.report.tables.alarms),
            "" if seen_s is None else date(seen_s),
            one.why(),
        )


def _dates(end: Interval | None) -> Sequence[str]:
    return ("", "", "") if end is None else [date(value) for value in end]


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
                _first_end(health).replace(" <small>", "<br><small>"),
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


def _first_end(health: Health) -> str:
    by_capacity = health.first_end_s is not None and health.first_end_s == health.end_of_life_s
    years = HORIZON_YEARS if by_capacity else RIDE_YEARS
    return life(health.first_end_s, health.updated_at, years)


def _chart(ranked: Sequence[Ranked]) -> str:
    lines = []
    for one in ranked:
        held = by_cell(one.report.tables)
        cell = one.report.engine.cells.index(one.weakest) + 1
        course = held.get(cell, [])
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
