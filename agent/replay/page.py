"""``report.html``: one page that a battery engineer can check and sign, complete in itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from agent.health.engine import HealthEngine
from agent.health.report import Z90
from agent.health.ride import limit_of
from agent.model import Health
from agent.replay import courses, head
from agent.replay.loads import LoadLog
from agent.replay.markup import badge, date, document, facts, items, moment, spread, table
from agent.replay.quality import Quality
from agent.replay.run import Tables

_EVENTS_SHOWN = 40
_HALF = 100.0 * Z90
"""Half of a 90 % interval in percent, over a standard deviation as a ratio."""
_KEY = (
    "Shaded: 90 % intervals. Dotted with the number of a cell (0: the pack): an alarm, when it was "
    "first believed. Ticks at the foot: discharges and tests. Dashed across: the limit. "
    "No ride-through is simulated beyond {limit_s:.0f} s."
)
_GROWTH = "The 10 s resistance at 25 °C as a multiple of its value at commissioning."
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
    loads = [float(str(event["start_s"])) for event in report.loads.events]
    yield head.header(report.name, engine, health, report.quality)
    yield head.tiles(engine, health)
    yield "<h2>Why</h2>" + head.why(health)
    yield "<h2>What to do</h2>" + head.to_do(health)
    yield "<h2>Cells</h2>" + _cells(health, engine.estimate(engine.now_s).resistance_ohm.tolist())
    key = _KEY.format(limit_s=limit_of(engine.battery.required_seconds))
    yield f"<h2>Course of the unit</h2><p class='soft'>{key}</p><div class='charts'>"
    yield courses.together(tables, loads) + courses.forecast(engine, tables, loads)
    yield (courses.ride(engine, tables, loads) if tables.ride else "") + "</div>"
    yield "<h2>Capacity of each cell</h2>" + courses.capacities(tables, health, loads)
    yield f"<h2>Resistance of each cell</h2><p class='soft'>{_GROWTH}</p>"
    yield courses.growths(tables, health, loads)
    yield "<h2>Alarms</h2>" + _alarms(tables)
    yield "<h2>Discharges and tests</h2>" + _events(report.loads)
    yield "<h2>Evidence</h2>" + items(health.evidence, "None yet.")
    yield "<h3>Not used, or not believed</h3>" + _rejected(health)
    yield "<h2>The next test</h2>" + _advice(health)
    yield "<h2>Quality of the recording</h2>" + facts(report.quality.lines(engine.cells))
    yield "<h2>Inputs</h2>" + facts(report.inputs)
    yield "<h2>What this report cannot say</h2>" + items(_LIMITS, "")
    yield "<div class='sign'><div>Checked by</div><div>Date</div><div>Signature</div></div>"


def _cells(health: Health, resistance_ohm: Sequence[float]) -> str:
    rows = [
        (
            escape(cell.cell),
            spread(cell.state_of_health, 100.0, 1, " %"),
            "&times; " + spread(cell.resistance_growth, 1.0, 2),
            f"{ohm * 1000.0:.2f} mΩ",
            "" if cell.leak_a is None else spread(cell.leak_a, 1000.0, 1, " mA"),
            escape(cell.basis),
            badge(cell.verdict),
        )
        for cell, ohm in zip(health.cells, resistance_ohm, strict=True)
    ]
    columns = [
        "Cell",
        "State of health",
        "Resistance over new",
        "At 10 s, 25 °C",
        "Leak beyond the median",
        "Rests on",
        "Verdict",
    ]
    return table("90 % intervals in brackets", columns, rows, 5)


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
            f"{trial.depth * 100:.0f} %",
            f"± {_HALF * trial.soh_sd:.1f} points",
            f"± {_HALF * trial.ride_sd:.0f} %",
            f"{trial.recharge_s / 3600:.1f} h",
        )
        for trial in advice.options
    ]
    columns = [
        "Test",
        "Length",
        "Depth",
        "State of health after it",
        "Ride-through after it",
        "Recharge",
    ]
    now = (
        f"now ± {_HALF * advice.soh_sd:.1f} points and ± {_HALF * advice.ride_sd:.0f} % of its time"
    )
    caption = f"Half of the 90 % interval of the cell that may hold the least, {now}"
    return f"<p>{escape(advice.text)}</p>" + table(caption, columns, rows)


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
                _in_hundredths(detail, "charge_ah", "Ah"),
                f"{share * 100:.1f} %",
                _in_hundredths(detail, "energy_wh", "Wh"),
            )
        )
    shown = f", the last {len(rows)}" if len(rows) < len(loads.events) else ""
    caption = (
        f"{len(loads.events)} in all{shown}; times are UTC, begin and end known to half the time "
        "between two samples"
    )
    columns = ["Begin", "Kind", "Length", "Charge", "Of rated", "Energy"]
    return table(caption, columns, rows, 1)


def _in_hundredths(detail: Mapping[str, object], key: str, unit: str) -> str:
    """Give a figure of an event so that those of a column stand under each other."""
    return f"{float(str(detail[key])):.2f} {unit}" if key in detail else "unknown"
