"""Moves the cells of the development modules to other places, and tells what is noticed.

Usage: ``python -m tests.benchmarks.places``, from a checkout with the development data beside it;
three minutes on two cores. From day 900 of a recording its cells are read the other way round, or
counted from another cell, or two change places, or another module sits there (the recording begun
again, its cells the other way round). No figure of the estimator is fitted to it.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path

import click
import numpy as np
import pandas as pd

from agent.health.engine import HealthEngine
from agent.health.observation import Observation
from agent.replay.meta import read_meta
from agent.replay.run import replay
from agent.replay.telemetry import read_telemetry
from tests.benchmarks.accuracy_modules import DATA

DAY_S = 86400.0
MOVED_DAY = 900.0
YEARS_DAYS = 5 * 365.0
CHANGES = ("none", "turned", "from the next cell on", "cells 3 and 8", "another module")


def order_of(change: str, cells: int) -> np.ndarray:
    """Give for each place the place that its cell was in."""
    at = np.arange(cells)
    if change in {"turned", "another module"}:
        return at[::-1].copy()
    if change == "from the next cell on":
        return np.roll(at, 1)
    if change == "cells 3 and 8":
        at[[2, 7]] = at[[7, 2]]
    return at


def moved(seen: Observation, order: np.ndarray) -> Observation:
    """Give what the same cells show from their new places."""
    mask = seen.balancing
    if mask is not None:
        mask = sum((mask >> int(old) & 1) << new for new, old in enumerate(order))
    return replace(seen, cells_v=tuple(seen.cells_v[old] for old in order), balancing=mask)


def derived(folder: Path, change: str) -> Iterator[Observation]:
    """Read a recording in which ``change`` happens on day 900."""
    meta = read_meta(folder / "meta.json")
    for begun_again in (False, True) if change == "another module" else (False,):
        recorded = read_telemetry(folder / "telemetry.parquet", meta.charge_sign)
        order, begin_s = order_of(change, len(recorded.cells)), None
        for seen in recorded.observations:
            begin_s = begin_s or seen.time_s
            day = (seen.time_s - begin_s) / DAY_S
            if begun_again:
                if day < YEARS_DAYS - MOVED_DAY:
                    yield moved(replace(seen, time_s=seen.time_s + MOVED_DAY * DAY_S), order)
            elif day < MOVED_DAY:
                yield seen
            elif change != "another module":
                yield moved(seen, order)


def truth_after(folder: Path, change: str) -> pd.DataFrame:
    """Give the true state of health by place, from half a year after the change on."""
    truth = pd.read_parquet(folder / "truth_cells.parquet")[["time_s", "cell", "soh_q"]]
    begin_s = float(truth.time_s.min())
    if change == "another module":
        truth = truth.assign(time_s=truth.time_s + MOVED_DAY * DAY_S)
    place = np.argsort(order_of(change, int(truth.cell.max())))
    truth = truth.assign(cell=place[truth.cell.to_numpy() - 1] + 1)
    days = (truth.time_s - begin_s) / DAY_S
    return truth[(days > MOVED_DAY + 180.0) & (days < YEARS_DAYS)].sort_values("time_s")


def measured(case: tuple[str, str]) -> tuple[str, str]:
    """Replay one module with one change and give the row of the table."""
    folder, change = Path(case[0]), case[1]
    meta = read_meta(folder / "meta.json")
    cells = read_telemetry(folder / "telemetry.parquet", meta.charge_sign).cells
    engine = HealthEngine(meta.battery, cells=cells)
    tables = replay(engine, derived(folder, change), every_s=15 * DAY_S)
    names = ["time_s", "cell", "q", "low", "high", "r", "r_low", "r_high"]
    ours = pd.DataFrame(tables.soh, columns=names).sort_values("time_s", kind="stable")
    same = {"time_s": "float64", "cell": "int64"}
    truth = truth_after(folder, change).astype(same)
    both = pd.merge_asof(truth, ours.astype(same), on="time_s", by="cell").dropna()
    error = float((both.q - both.soh_q).abs().mean()) * 100.0
    inside = float(((both.low <= both.soh_q) & (both.soh_q <= both.high)).mean()) * 100.0
    begin_s = float(ours.time_s.min()) - DAY_S
    said = [
        (one.time_s - begin_s) / DAY_S - MOVED_DAY
        for one in engine.raised
        if one.code in {"cell_swapped", "module_replaced"}
    ]
    found = f"{min(said):.0f} d" if said else "-"
    blamed = {one.cell for one in engine.raised if one.code in {"cell_weak", "cell_resistance"}}
    return change, f"{found} | {error:.1f} | {inside:.0f} | {len(blamed - {None})}"


def main() -> None:
    """Print the table."""
    click.echo("| module | change | found after | points of MAE | inside, % | cells blamed |")
    click.echo("|---|---|---|---|---|---|")
    modules = sorted(str(path.parent) for path in (DATA / "dev" / "bbusim").glob("*/meta.json"))
    cases = list(product(modules, CHANGES))
    with ProcessPoolExecutor() as pool:
        for (folder, _), (change, row) in zip(cases, pool.map(measured, cases), strict=True):
            click.echo(f"| {Path(folder).name} | {change} | {row} |")


if __name__ == "__main__":
    main()
