"""``report.html``: one page that a battery engineer can check and sign, complete in itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from agent.health.engine import HealthEngine
from agent.model import Health, Verdict
from agent.replay import courses
from agent.replay.loads import LoadLog
from agent.replay.markup import badge, date, document, facts, items, moment, spread, table
from agent.replay.quality import Quality
from agent.replay.run import Tables

_EVENTS_SHOWN = 40
_ADVICE = {
    Verdict.OK: "Nothing to do.",
    Verdict.WATCH: "Look at it again after the next test; no replacement is called for yet.",
    Verdict.DEGRADED: "Plan its replacement, and a deeper test before to be sure.",
    Verdict.REPLACE: "Replace it.",
    Verdict.UNKNOWN: "Let it make a self-test: nothing was seen yet that says anything.",
}
_LIMITS = (
    (
        "Intervals are 90 %. State of health is capacity over rated capacity; resistance growth "
        "is the 10 s resistance at 25 °C over its value at commissioning."
    ),
    (
        "Without a discharge of 80 % depth a capacity is inferred from resistance, ageing law "
        "and neighbours, never measured; one point of capacity cannot be claimed then."
    ),
    "Every row of the tables rests on samples up to its own time only.",
)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the page tells. ``inputs`` are pairs of a name and a text."""

    name: str
    engine: HealthEngine
    tables: Tables
    health: Health
    quality: Quality
    loads: LoadLog
    inputs: Sequence[tuple[str, str]]


def page(report: Report) -> str:
    """Write the report of one replayed unit."""
    return document(f"{report.name}: battery health", _sections(report))


def _sections(report: Report) -> Iterator[str]:
    engine, tables, health = report.engine, report.tables, report.health
    yield _head(report)
    yield _tiles(report)
    yield "<h2>Why</h2>" + items([r.text for r in health.reasons], "No reason for concern.")
    yield "<h2>Cells</h2>" + _cells(health)
    yield "<h2>Course of the unit</h2><div class='charts'>"
    yield courses.together(engine, tables) + courses.forecast(engine, tables)
    yield (courses.ride(engine, tables) if tables.ride else "") + "</div>"
    yield "<h2>Capacity of each cell</h2>" + courses.cells(engine, tables, growth=False)
    yield "<h2>Resistance of each cell</h2>" + courses.cells(engine, tables, growth=True)
    yield "<h2>Alarms</h2>" + _alarms(tables)
    yield "<h2>Discharges and tests</h2>" + _events(report.loads)
    yield "<h2>Evidence</h2>" + items(health.evidence, "None yet.")
    yield "<h3>Not used, or not believed</h3>" + _rejected(health)
    yield "<h2>The next test</h2>" + _advice(health)
    yield "<h2>Quality of the recording</h2>" + facts(report.quality.lines(engine.cells))
    yield "<h2>Inputs</h2>" + facts(report.inputs)
    yield "<h2>What this report cannot say</h2>" + items(_LIMITS, "")
    yield "<div class='sign'><div>Checked by</div><div>Date</div><div>Signature</div></div>"


def _head(report: Report) -> str:
    engine, health = report.engine, report.health
    battery = engine.battery
    known = [
        engine.kind.name,
        f"{len(engine.cells)} cells in series",
        f"{engine.capacity_ah:.1f} Ah",
        "" if battery.rated_power_w is None else f"{battery.rated_power_w:.0f} W rated",
        f"{battery.required_seconds:.0f} s required",
    ]
    says = _ADVICE[health.verdict]
    if health.verdict is Verdict.OK and not report.tables.soh:
        says = "The recording is too short to say anything."
    told = f"{badge(health.verdict)} on {date(health.updated_at)}, by {escape(health.basis)}."
    return (
        f"<header><h1>{escape(report.name)}</h1><p class='soft'>"
        f"{escape(', '.join(fact for fact in known if fact))}</p>"
        f"<p>{told} <b>{escape(says)}</b></p></header>"
    )


def _tiles(report: Report) -> str:
    health = report.health
    tiles = []
    if health.state_of_health is not None:
        weakest = min(health.cells, key=lambda c: c.state_of_health.estimate).cell
        value = spread(health.state_of_health, 100.0, 1, " %")
        tiles.append((f"Weakest cell: {escape(weakest)}", value))
    if health.ride_through_s is not None:
        chance = health.ride_through_probability
        enough = "" if chance is None else f"; enough with {chance:.0%}"
        tiles.append(
            (f"Ride-through at rated power{enough}", spread(health.ride_through_s, unit=" s"))
        )
    if health.end_of_life_s is not None:
        estimate, lower, upper = (date(t) for t in health.end_of_life_s)
        value = f"{estimate} <small>({lower} to {upper})</small>"
        tiles.append(("End of life by capacity", value))
    seen = "never" if health.evidence_at is None else date(health.evidence_at)
    tiles.append(("Last evidence", seen))
    body = "".join(f"<div>{label}<b>{value}</b></div>" for label, value in tiles)
    return f"<div class='tiles'>{body}</div>"


def _cells(health: Health) -> str:
    rows = [
        (
            escape(cell.cell),
            spread(cell.state_of_health, 100.0, 1, " %"),
            "&times; " + spread(cell.resistance_growth, 1.0, 2),
            "" if cell.leak_a is None else spread(cell.leak_a, 1000.0, 1, " mA"),
            escape(cell.basis),
            badge(cell.verdict),
        )
        for cell in health.cells
    ]
    head = ["Cell", "State of health", "Resistance", "Leak beyond the median", "By", "Verdict"]
    return table("90 % intervals in brackets", head, rows, 4)


def _rejected(health: Health) -> str:
    if not health.rejected:
        return "<p>None.</p>"
    rows = [
        (escape(one.what), escape(one.why), f"{one.times:,}", date(one.last_s))
        for one in health.rejected
    ]
    return table("", ["What", "Why", "How often", "Last"], rows, 1)


def _advice(health: Health) -> str:
    advice = health.advice
    if advice is None:
        return "<p>Nothing can be said of it yet.</p>"
    rows = [
        (
            escape(trial.test),
            f"{trial.seconds:.0f} s",
            f"{trial.depth:.0%}",
            f"± {165 * trial.soh_sd:.1f} points",
            f"± {165 * trial.ride_sd:.0f} %",
            f"{trial.recharge_s / 3600:.1f} h",
        )
        for trial in advice.options
    ]
    head = [
        "Test",
        "Length",
        "Depth",
        "State of health after it",
        "Ride-through after it",
        "Recharge",
    ]
    now = f"now ± {165 * advice.soh_sd:.1f} points and ± {165 * advice.ride_sd:.0f} %"
    caption = f"What would not be known of the weakest cell, as halves of 90 % intervals; {now}"
    return f"<p>{escape(advice.text)}</p>" + table(caption, head, rows)


def _alarms(tables: Tables) -> str:
    rows = [
        (
            date(float(str(time_s))),
            "pack" if cell == 0 else escape(str(cell)),
            escape(str(kind)),
            escape(str(text)),
        )
        for time_s, cell, kind, text in tables.alarms
    ]
    if not rows:
        return "<p>None.</p>"
    return table(
        "Each once, when it was first believed", ["Date", "Cell", "Kind", "Text"], rows, 2, 3
    )


def _events(loads: LoadLog) -> str:
    if not loads.events:
        return "<p>None: nothing but the ageing law speaks of these cells.</p>"
    rows = []
    for event in loads.events[-_EVENTS_SHOWN:][::-1]:
        start_s, end_s = float(str(event["start_s"])), float(str(event["end_s"]))
        detail = event["detail"] if isinstance(event["detail"], Mapping) else {}
        share = float(str(detail.get("charge_ah", 0.0))) / loads.capacity_ah
        rows.append(
            (
                moment(start_s),
                escape(str(event["kind"]).replace("_", " ")),
                f"{end_s - start_s:.0f} s",
                f"{detail.get('charge_ah', '')} Ah",
                f"{share:.1%}",
                f"{detail['energy_wh']} Wh" if "energy_wh" in detail else "unknown",
            )
        )
    shown = f", the last {len(rows)}" if len(rows) < len(loads.events) else ""
    caption = f"{len(loads.events)} in all{shown}; times are UTC"
    head = ["Begin", "Kind", "Length", "Charge", "Of rated", "Energy"]
    return table(caption, head, rows, 1)
