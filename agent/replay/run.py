"""Feeds a recorded file to the engine and collects the rows of the output files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from agent.health.engine import HealthEngine, Observation
from agent.health.intake import is_time
from agent.health.report import Estimate
from agent.health.verdict import ALARM_KINDS, Raised
from agent.replay.loads import LoadLog

Row = tuple[object, ...]
"""Cells stand in it under the numbers that are their names."""

POWER_SHARES = (0.6, 1.0, 1.4)
"""Powers of ride.csv, as shares of the rated power."""
FORECAST_YEARS = (1.0, 2.5, 5.0)
"""How far ahead forecast.csv looks."""

_YEAR_S = 365.25 * 86400.0
# A device that puts a battery lower has counted its age for longer than the recording lasts.
_NEW_SOH = 0.97
_FORECAST_EVERY_S = 90 * 86400.0


@dataclass(slots=True)
class Tables:
    """Rows of the output files, in their order."""

    soh: list[Row] = field(default_factory=list)
    alarms: list[Row] = field(default_factory=list)
    ride: list[Row] = field(default_factory=list)
    forecast: list[Row] = field(default_factory=list)
    forecast_s: float | None = None


def replay(
    engine: HealthEngine,
    observations: Iterator[Observation],
    *,
    every_s: float,
    loads: LoadLog | None = None,
    progress: Callable[[int], None] = lambda _rows: None,
) -> Tables:
    """Run ``observations`` through ``engine``; rows every ``every_s`` seconds and at evidence.

    A row at time t rests on samples up to t only. The regular times count from the first
    sample, so that half a file gives exactly the rows of that half. Cells whose age META does
    not tell are held for new then, unless the device itself puts their state of health lower.
    """
    tables = Tables()
    due_s: float | None = None
    seen = learnt = 0
    for count, observation in enumerate(observations, start=1):
        time_s = observation.time_s
        if not is_time(time_s):
            continue
        if due_s is None:
            due_s = time_s + min(every_s, 86400.0)
            if observation.reported_soh is None or observation.reported_soh >= _NEW_SOH:
                engine.commission(time_s)
        if time_s - due_s > 400 * every_s:
            due_s = time_s
        while time_s >= due_s:
            write_rows(tables, engine, due_s)
            due_s += every_s
        engine.observe(observation)
        if loads is not None:
            loads.watch(observation)
        if engine.evidence_count != learnt:
            learnt = engine.evidence_count
            write_health(tables, engine, engine.estimate(time_s), time_s)
        for raised in engine.raised[seen:]:
            write_alarm(tables, raised)
        seen = len(engine.raised)
        progress(count)
    return tables


def write_alarm(tables: Tables, raised: Raised) -> None:
    """Add the alarm of a reason that is one; cell 0 is the pack as a whole."""
    kind = ALARM_KINDS.get(raised.code)
    if kind is not None:
        cell = 0 if raised.cell is None else int(raised.cell)
        tables.alarms.append((_time(raised.time_s), cell, kind, raised.text))


def write_health(tables: Tables, engine: HealthEngine, estimate: Estimate, time_s: float) -> None:
    """Add one row of soh.csv for every cell, under the cell's own number."""
    for index, cell in enumerate(engine.cells):
        capacity, growth = estimate.capacity(index), estimate.growth(index)
        tables.soh.append((_time(time_s), int(cell), *_five(*capacity), *_five(*growth)))


def course(tables: Tables) -> list[tuple[float, dict[str, list[float]]]]:
    """Give the rows of soh.csv by time: what was believed of each cell, by its name."""
    by_time: dict[float, dict[str, list[float]]] = {}
    for time_s, cell, *row in tables.soh:
        at = by_time.setdefault(float(str(time_s)), {})
        at[str(cell)] = [float(str(value)) for value in row]
    return list(by_time.items())


def write_rows(tables: Tables, engine: HealthEngine, time_s: float) -> None:
    """Add the rows of one output time."""
    estimate = engine.estimate(time_s)
    when = _time(time_s)
    write_health(tables, engine, estimate, time_s)
    _write_forecast(tables, engine, time_s)
    rated_w = engine.battery.rated_power_w
    if rated_w is None:
        return
    for ride in engine.ride(estimate, [share * rated_w for share in POWER_SHARES]):
        low, high = ride.seconds.lower, ride.seconds.upper
        times = (round(ride.seconds.estimate, 1), round(low, 1), round(high, 1))
        tables.ride.append((when, round(ride.power_w, 1), round(ride.probability, 4), *times))


def _five(*values: float) -> tuple[float, ...]:
    return tuple(round(value, 5) for value in values)


def _time(time_s: float) -> float:
    return round(time_s, 3)


def _write_forecast(tables: Tables, engine: HealthEngine, time_s: float) -> None:
    if tables.forecast_s is not None and time_s - tables.forecast_s < _FORECAST_EVERY_S:
        return
    tables.forecast_s = time_s
    for years, future in zip(
        FORECAST_YEARS, engine.forecast(time_s, list(FORECAST_YEARS)), strict=True
    ):
        target = _time(time_s + years * _YEAR_S)
        for index, cell in enumerate(engine.cells):
            row = (_time(time_s), int(cell), target, *_five(*future.capacity(index)))
            tables.forecast.append(row)
