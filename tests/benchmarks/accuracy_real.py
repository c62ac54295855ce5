"""Scores the estimator on real cells beside the checkout, each as a module of one cell.

Run ``python tests/benchmarks/accuracy_real.py`` from the checkout. Sanyo: the first reference
test, then only the pulses at 70 % of charge. NASA: the first 240 s of each discharge. What a
laboratory cell loses in weeks a standby cell loses in years: the time axis is stretched by 30.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pandas as pd

from agent.health.engine import HealthEngine, Observation
from agent.model import Battery, Chemistry

DATA = Path(__file__).parents[2] / ".." / "shared" / "soh" / "dev"
START_S = 1.5e9
STRETCH = 30.0
DAY_S = 86400.0
CUT_S = 240.0
REST_V = 3.87
NASA = ("B0005", "B0018", "B0029", "B0033", "B0045", "B0055")
USABLE_AH = 1.0


@dataclass(frozen=True, slots=True)
class Scored:
    """Truth and estimate at one time, as shares of the first capacity."""

    true: float
    estimate: float
    lower: float
    upper: float


def rows_of(part: pd.DataFrame, start_s: float) -> Iterator[Observation]:
    """Give a stretch of a recording (discharge positive) as observations from ``start_s``."""
    first_s = float(part.time_s.iloc[0])
    for time_s, volts, amperes, celsius in zip(
        part.time_s, part.voltage_v, part.current_a, part.temperature_c, strict=True
    ):
        at_s = start_s + float(time_s) - first_s
        yield Observation(at_s, -float(amperes), (float(volts),), (float(celsius),))


def idle(from_s: float, until_s: float, celsius: float) -> Iterator[Observation]:
    """Rest every twelve hours in between."""
    for at_s in np.arange(from_s + 6 * 3600.0, until_s - 3600.0, DAY_S / 2):
        yield Observation(float(at_s), 0.0, (REST_V,), (celsius,))


def follow(
    battery: Battery, parts: list[tuple[float, pd.DataFrame, float]], celsius: float
) -> list[Scored]:
    """Show an engine each part (days, samples, true share of capacity); score it after each."""
    engine = HealthEngine(battery, cells=("1",))
    scored = []
    for days, part, true in parts:
        start_s = START_S + days * STRETCH * DAY_S
        if engine.now_s > 0.0:
            for rest in idle(engine.now_s, start_s, celsius):
                engine.observe(rest)
        for row in rows_of(part, max(start_s, engine.now_s + 1.0)):
            engine.observe(row)
        scored.append(Scored(true, *engine.estimate(engine.now_s).capacity(0)))
    return scored


def sanyo() -> list[Scored]:
    """Cell 030 of the Sanyo UR18650E set."""
    folder = DATA / "rwth_sanyo_nmc"
    data = pd.read_parquet(folder / "Sanyo030.parquet").sort_values(["cycle", "time_s"])
    truth = pd.read_csv(folder / "capacities.csv").set_index("cycle")
    first_ah = float(truth.capacity_ah.iloc[0])
    parts: list[tuple[float, pd.DataFrame, float]] = []
    for cycle, rows in data.groupby("cycle"):
        used = rows if not parts else rows[rows.step.str.contains("70soc")]
        share = float(truth.capacity_ah[cycle]) / first_ah
        parts.append((float(truth.days[cycle]), used, share))
    facts = Battery(
        Chemistry.NMC,
        series=1,
        rated_capacity_ah=first_ah,
        cell_cutoff_v=3.0,
        commissioned_s=START_S,
    )
    return follow(facts, parts, 25.0)


def nasa(name: str) -> list[Scored]:
    """One cell of the NASA set."""
    folder = DATA / "nasa_pcoe"
    data = pd.read_parquet(folder / f"{name}.parquet")
    truth = pd.read_csv(folder / "capacities.csv")
    truth = truth[(truth.cell == name) & (truth.kind == "discharge") & truth.capacity_ah.notna()]
    truth = truth[truth.capacity_ah > USABLE_AH].set_index("test_id")
    first_ah, begin_s = float(truth.capacity_ah.iloc[0]), float(truth.t_start_s.iloc[0])
    parts = []
    for test, rows in data[data.step == "D"].groupby("test_id"):
        if test in truth.index:
            cut = rows[rows.time_s - rows.time_s.iloc[0] <= CUT_S]
            days = (float(truth.t_start_s[test]) - begin_s) / DAY_S
            parts.append((days, cut, float(truth.capacity_ah[test]) / first_ah))
    facts = Battery(Chemistry.UNKNOWN, series=1, rated_capacity_ah=first_ah, commissioned_s=START_S)
    return follow(facts, parts, float(truth.ambient_c.iloc[0]))


def row(name: str, scored: list[Scored], least: float) -> str:
    """Give one line of the table, over the cells' true capacities above ``least``."""
    used = [one for one in scored if one.true > least]
    if not used:
        return f"| {name} | > {least:.2f} | 0 | | | |"
    error = np.mean([abs(one.estimate - one.true) for one in used]) * 100
    cover = np.mean([one.lower <= one.true <= one.upper for one in used]) * 100
    width = np.mean([one.upper - one.lower for one in used]) * 100
    return f"| {name} | > {least:.2f} | {len(used)} | {error:.1f} | {cover:.0f} | {width:.1f} |"


def main() -> None:
    """Score every real cell."""
    if not DATA.is_dir():
        sys.exit(f"{DATA} is not there: the development data is optional")
    click.echo("\nReal cells, each as a module of one cell\n")
    click.echo("| cell | true SoH | tests | MAE, points | cover % | width |")
    click.echo("|---|---|---|---|---|---|")
    found = sanyo()
    for least in (0.8, 0.65, 0.5):
        click.echo(row("Sanyo 030", found, least))
    for name in NASA:
        click.echo(row(f"NASA {name}", nasa(name), 0.0))


if __name__ == "__main__":
    main()
