"""``bbu-agent replay`` names each fault once, on the right cell or sensor, and no other."""

import csv
import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli.replay import replay

DAY_S = 86400.0
START_S = 1.7e9
CELLS = 6
META = {
    "name": "made-up",
    "chemistry": "NCA",
    "n_series": CELLS,
    "n_parallel": 6,
    "rated_capacity_ah": 15.0,
    "rated_power_w": 1600.0,
    "v_min_cell": 2.7,
    "v_float_cell": 4.07,
    "r10s_25c_nominal_mohm": 2.4,
    "current_sign": "charge positive",
}


@dataclass
class Row:
    """One row of telemetry; ``current_a`` is positive when charging."""

    day: float
    current_a: float
    cells_v: list[float]
    heat_c: list[float]
    state: str


Fault = Callable[[Row], Row]


def life(days: float, growth: Callable[[float, int], float]) -> Iterator[Row]:
    """A module of cells that differ by 2 % each, with a test of 30 s every 45 days."""
    chance = random.Random(7)
    day, due = 0.0, 20.0
    while day < days:
        seconds: tuple[int, ...] = (0,)
        if day >= due:
            due += 45.0
            seconds = (*range(-8, 0, 2), *range(1, 61, 2))
        for second in seconds:
            load_a = 40.0 if 0 < second < 31 else 0.0
            part = 0.8 + 0.2 * math.log(1.0 + max(second, 0)) / math.log(11.0)
            ohms = [0.0024 * (1 + 0.02 * n) * math.exp(growth(day, n)) * part for n in range(CELLS)]
            cells = [4.02 - load_a * ohm + chance.gauss(0, 0.0005) for ohm in ohms]
            air_c = 25.0 + 8.0 * math.sin(day / 30.0)
            heat = [air_c + n + chance.gauss(0, 0.1) for n in range(3)]
            state = "selftest" if load_a else "standby"
            yield Row(day + second / DAY_S, chance.gauss(-load_a, 0.01), cells, heat, state)
        day += 0.125


def healthy(day: float, _cell: int) -> float:
    return 0.004 * math.sqrt(day)


def stuck(row: Row) -> Row:
    if row.day > 100.0:
        row.cells_v[2] = 4.0201
    return row


def stuck_heat(row: Row) -> Row:
    if row.day > 100.0:
        row.heat_c[1] = 31.0
    return row


def swapped(row: Row) -> Row:
    if row.day > 150.0:
        row.cells_v[0], row.cells_v[4] = row.cells_v[4], row.cells_v[0]
    return row


def backwards(row: Row) -> Row:
    if row.day > 100.0:
        row.current_a = -row.current_a
    return row


def offset(row: Row) -> Row:
    if row.day > 100.0:
        row.current_a += 0.15
    return row


def frozen(row: Row) -> Row:
    if row.day > 203.0:
        row.current_a, row.cells_v, row.heat_c = 0.0, [4.02] * CELLS, [25.0] * 3
    return row


def opened(day: float, cell: int) -> float:
    return healthy(day, cell) + (math.log(6 / 5) if cell == 3 and day > 100.0 else 0.0)


def write(folder: Path, rows: Iterator[Row]) -> None:
    heads = [f"v{n + 1:02d}" for n in range(CELLS)] + [f"t{n + 1}_c" for n in range(3)]
    with (folder / "telemetry.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time_s", "current_a", *heads, "state"])
        for row in rows:
            cells = [f"{v:.3f}" for v in row.cells_v]
            heat = [f"{c:.1f}" for c in row.heat_c]
            when = f"{START_S + row.day * DAY_S:.1f}"
            writer.writerow([when, f"{row.current_a:.2f}", *cells, *heat, row.state])
    (folder / "meta.json").write_text(json.dumps(META))


def alarms(folder: Path) -> set[tuple[int, str]]:
    words = [str(folder / "telemetry.csv"), "--meta", str(folder / "meta.json")]
    ended = CliRunner().invoke(
        replay, [*words, "--out", str(folder / "out"), "--every", "100d"], catch_exceptions=False
    )
    assert ended.exit_code == 0, ended.output
    with (folder / "out" / "alarms.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len({(row["cell"], row["kind"], row["text"]) for row in rows})
    return {(int(row["cell"]), row["kind"]) for row in rows}


@pytest.mark.parametrize(
    ("fault", "growth", "found"),
    [
        (stuck, healthy, {(3, "sensor")}),
        (stuck_heat, healthy, {(0, "sensor")}),
        (swapped, healthy, {(1, "sensor"), (5, "sensor")}),
        (backwards, healthy, {(0, "sensor")}),
        (offset, healthy, {(0, "sensor")}),
        (frozen, healthy, {(0, "sensor")}),
        (lambda row: row, opened, {(4, "resistance"), (4, "weak")}),
        (lambda row: row, healthy, set()),
    ],
    ids=["stuck", "heat", "swapped", "sign", "offset", "frozen", "open", "healthy"],
)
def test_a_fault_is_named_and_nothing_else(
    tmp_path: Path,
    fault: Fault,
    growth: Callable[[float, int], float],
    found: set[tuple[int, str]],
) -> None:
    write(tmp_path, map(fault, life(215.0, growth)))
    assert alarms(tmp_path) == found
