"""One simulated module of the development data: replayed, scored, and laid beside its truth."""

import io
import json
import math
import runpy
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

from agent.health import chemistry
from agent.health.engine import HealthEngine
from agent.health.library import Entry, entries
from agent.replay.files import write_tables
from agent.replay.meta import read_meta
from agent.replay.run import Tables, replay
from agent.replay.telemetry import read_telemetry

DATA = Path(__file__).parents[2] / ".." / "shared" / "soh"
MODULES = DATA / "dev" / "bbusim"
DAY_S = 86400.0
EVERY_S = 15 * DAY_S
YEAR_S = 365.25 * 86400.0
LEAST = 0.65
"""Below this state of health a module would long have been replaced (as in the scorer)."""

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Job:
    """One replay: of which module, with what, under which heading of the results.

    ``figures`` replaces figures of library types: key of the type to figure to value.
    """

    table: str
    module: str
    prior_only: bool = False
    figures: Mapping[str, Figures] = field(default_factory=dict)


def run(job: Job) -> dict[str, object]:
    """Replay and score one module; the estimator sees telemetry and META only."""
    folder = MODULES / job.module
    with patch.object(chemistry, "entries", lambda: changed(job.figures)):
        about = read_meta(folder / "meta.json")
        recorded = read_telemetry(folder / "telemetry.parquet", about.charge_sign)
        engine = HealthEngine(about.battery, cells=recorded.cells, prior_only=job.prior_only)
        begun_s = time.process_time()
        tables = replay(engine, recorded.observations, every_s=EVERY_S)
        cpu_s = time.process_time() - begun_s
    with tempfile.TemporaryDirectory() as out:
        write_tables(tables, Path(out), about.battery.required_seconds)
        scored = score(folder, Path(out))
    pairs = beside_truth(folder, tables)
    return {
        "table": job.table,
        "module": job.module,
        "chemistry": about.battery.chemistry.value,
        "score": scored,
        "cpu_s": round(cpu_s, 2),
        "rows": recorded.rows,
        "state_bytes": len(json.dumps(engine.state())),
        "pairs": pairs if job.table == "filter" else {},
        "ratios": tail_ratios(pairs),
        "forecast": forecasts(folder, tables),
        "gain": until_found(folder, scored, pairs),
    }


def changed(figures: Mapping[str, Figures]) -> dict[str, Entry]:
    """Give the library with other figures."""
    held = dict(entries())
    for key, values in figures.items():
        held[key] = replace(held[key], cell=replace(held[key].cell, **values))  # type: ignore[arg-type]
    return held


def score(truth: Path, out: Path) -> dict[str, Any]:
    """Run the neutral scorer."""
    said = io.StringIO()
    with patch.object(sys, "argv", ["score.py", str(truth), str(out)]), redirect_stdout(said):
        runpy.run_path(str(DATA / "score.py"))
    found: dict[str, Any] = json.loads(said.getvalue())
    return found


def beside_truth(folder: Path, tables: Tables) -> dict[str, list[float]]:
    """Give truth and the last estimate at or before it, for every cell and month."""
    truth = pd.read_parquet(folder / "truth_cells.parquet").sort_values("time_s")
    truth = truth[(truth.time_s > truth.time_s.min() + 60 * 86400) & (truth.soh_q >= LEAST)]
    names = ["time_s", "cell", "q", "q_lo", "q_hi", "r", "r_lo", "r_hi"]
    told = pd.DataFrame(tables.soh, columns=names).sort_values("time_s")
    told = told.astype({"time_s": float, "cell": "int64"})
    truth = truth.astype({"time_s": float, "cell": "int64"})
    both = pd.merge_asof(truth, told, on="time_s", by="cell", direction="backward").dropna()
    wanted = ["time_s", "cell", "soh_q", "q", "q_lo", "q_hi", "soh_r", "r", "r_lo", "r_hi"]
    return {name: [round(float(v), 5) for v in both[name]] for name in wanted}


def tail_ratios(pairs: Mapping[str, list[float]]) -> list[float]:
    """Give errors of capacity over the half of the interval on their side, sorted."""
    true, middle, low, high = (np.array(pairs[key]) for key in ("soh_q", "q", "q_lo", "q_hi"))
    side = np.where(true > middle, high - middle, middle - low)
    found = np.abs(true - middle) / np.maximum(side, 1e-6)
    return [round(float(v), 4) for v in np.sort(found)]


def until_found(
    folder: Path, scored: Mapping[str, Any], pairs: Mapping[str, list[float]]
) -> list[list[float]]:
    """Give for each fault of the current sensor what came between its onset and its alarm.

    The events, of them the self-tests, and the share of the capacities inside their intervals.
    """
    events = pd.read_csv(folder / "truth_events.csv")
    faults = json.loads((folder / "truth_faults.json").read_text(encoding="utf-8"))
    found = []
    for fault, told in zip(faults, scored["faults"], strict=True):
        if fault["kind"] != "igain":
            continue
        # The scorer rounds to days; half a day later the event that gave the alarm is over.
        delay_d = math.inf if told["delay_d"] is None else told["delay_d"] + 0.5
        within = {"left": fault["onset_time_s"], "right": fault["onset_time_s"] + delay_d * DAY_S}
        came = events[events.t_s.between(**within)]
        rows = pd.DataFrame(pairs)
        rows = rows[rows.time_s.between(**within)]
        inside = ((rows.soh_q >= rows.q_lo) & (rows.soh_q <= rows.q_hi)).mean()
        found.append([len(came), int((came.kind == "selftest").sum()), round(float(inside), 4)])
    return found


def forecasts(folder: Path, tables: Tables) -> dict[str, list[float]]:
    """Give per horizon: mean error in points, coverage and width, where the truth is known."""
    truth = pd.read_parquet(folder / "truth_cells.parquet").sort_values("time_s")
    names = ["time_s", "cell", "target_s", "q", "lo", "hi"]
    told = pd.DataFrame(tables.forecast, columns=names).astype({"cell": "int64"})
    told = told[told.target_s <= truth.time_s.max()].sort_values("target_s")
    held = truth.astype({"time_s": float, "cell": "int64"})[["time_s", "cell", "soh_q"]]
    both = pd.merge_asof(
        told,
        held.rename(columns={"time_s": "at_s"}),
        left_on="target_s",
        right_on="at_s",
        by="cell",
        direction="nearest",
    )
    found = {}
    for years, rows in both.groupby(((both.target_s - both.time_s) / YEAR_S).round(1)):
        inside = (rows.soh_q >= rows.lo) & (rows.soh_q <= rows.hi)
        values = (abs(rows.q - rows.soh_q).mean(), inside.mean(), (rows.hi - rows.lo).mean())
        found[f"{years:g}"] = [round(100 * float(v), 2) for v in values] + [float(len(rows))]
    return found
