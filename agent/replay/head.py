"""The top of a replayed unit's report: the verdict, why, what to do, the main figures."""

from collections.abc import Iterator
from html import escape

from agent.export.site.advice import MEANINGS, advice
from agent.health.engine import HealthEngine
from agent.health.lives import RIDE_YEARS
from agent.model import Basis, Health, Verdict
from agent.replay.markup import badge, date, enough, items, life, spread
from agent.replay.quality import Quality

_RESTS_ON = {
    Basis.PRIOR: "the ageing law alone",
    Basis.RESISTANCE: "resistance",
    Basis.WINDOW: "resistance, and what discharges showed that the cells hold at least",
    Basis.FULL_TEST: "a discharge that measured capacity, and resistance",
    Basis.DEVICE: "what the device reports",
}


def header(name: str, engine: HealthEngine, health: Health, quality: Quality) -> str:
    """Name the unit, the time that was recorded, and the verdict in a few words."""
    battery = engine.battery
    assumed = " assumed" if battery.rated_capacity_ah is None else ""
    known = [
        engine.kind.name,
        f"{len(engine.cells)} cells in series",
        f"{engine.capacity_ah:.1f} Ah{assumed}",
        "" if battery.rated_power_w is None else f"{battery.rated_power_w:.0f} W rated",
        f"{battery.required_seconds:.0f} s required",
        quality.period(),
    ]
    return (
        f"<header><h1>{escape(name)}</h1><p class='soft'>"
        f"{escape(', '.join(fact for fact in known if fact))}</p>"
        f"<p>{badge(health.verdict)} <b>{escape(MEANINGS[health.verdict])}</b>, as of "
        f"{date(health.updated_at)}; estimated from {_RESTS_ON[health.basis]}.</p></header>"
    )


def tiles(engine: HealthEngine, health: Health) -> str:
    """Give the weakest cell, ride-through, both ends of life and the last evidence."""
    battery, now_s = engine.battery, health.updated_at
    shown: list[tuple[str, str]] = []
    if health.state_of_health is not None:
        weakest = min(health.cells, key=lambda c: c.state_of_health.estimate).cell
        value = spread(health.state_of_health, 100.0, 1, " %")
        shown.append((f"State of health of cell {escape(weakest)}, the weakest", value))
    if battery.rated_power_w is None:
        shown.append(("Ride-through", "unknown<small>META tells no rated_power_w</small>"))
    elif health.ride_through_s is not None:
        lasts = enough(health.ride_through_probability, battery.required_seconds)
        value = f"{spread(health.ride_through_s, unit=' s')}<small>{lasts}</small>"
        shown.append((f"Ride-through at {battery.rated_power_w:.0f} W", value))
    if health.cells:
        shown.append(("End of life by capacity, 70 %", life(health.end_of_life_s, now_s)))
    if battery.rated_power_w is not None:
        title = f"End of life by ride-through, {battery.required_seconds:.0f} s"
        shown.append((title, life(health.ride_end_of_life_s, now_s, RIDE_YEARS)))
    seen = "never" if health.evidence_at is None else date(health.evidence_at)
    shown.append(("Last evidence", seen))
    body = "".join(f"<div>{label}<b>{value}</b></div>" for label, value in shown)
    return f"<div class='tiles'>{body}</div>"


def why(health: Health) -> str:
    """Give each reason with its verdict and the day since which it stands."""
    if not health.reasons:
        told = any(cell.basis is not Basis.PRIOR for cell in health.cells)
        return f"<p>{'Nothing speaks against it.' if told else 'Nothing is known of it yet.'}</p>"
    return f"<ul>{''.join(_reasons(health))}</ul>"


def _reasons(health: Health) -> Iterator[str]:
    for reason in health.reasons:
        since_s = reason.since_s
        since = "" if since_s is None else f" <small>believed since {date(since_s)}</small>"
        yield f"<li>{badge(reason.verdict)} {escape(reason.text)}{since}</li>"


def to_do(health: Health) -> str:
    """Give what to do, as the pages of the agent say it, and the test that would tell most.

    A module that is to be replaced is not sent into a discharge first.
    """
    lines = [*advice(health.verdict, health.reasons)]
    if health.verdict is Verdict.REPLACE or health.advice is None:
        return items(lines, "")
    if health.advice.test is not None:
        due_s = health.advice.due_s
        now = due_s is None or due_s <= health.updated_at
        when = "now" if now else f"by {date(due_s or 0.0)}"
        lines.append(f"Next test: {health.advice.test}, {when}; why stands below.")
    return items(lines, "")
