"""Scores the estimator on modules that nobody has seen: simulated with other seeds and cells.

Usage: ``python -m tests.benchmarks.fresh make OUT [COUNT [SEED]]``, then ``python -m
tests.benchmarks.fresh score OUT``; another SEED gives modules that no one has looked at.
Each module is five years of the simulator behind ``bbu-sim history``, and everything about it
is drawn: chemistry, gain from lost capacity to resistance, pace, knee, climate, schedule of
tests, outages, sensor steps, what META tells, and a fault in two of three. No figure of the
estimator is fitted to these modules; they are drawn wider than the development modules, on
purpose. Needs pandas and pyarrow (``pip install .[benchmark]``).
"""

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from agent.health.engine import HealthEngine
from agent.replay.meta import read_meta
from agent.replay.run import replay
from agent.replay.telemetry import read_telemetry
from simulators import fleet, history, telemetry
from simulators.battery.build import PackDesign, Spread
from simulators.battery.chemistry import CHEMISTRIES
from simulators.battery.curve import Curves
from simulators.device import hardware, sensors
from simulators.device.faults import BatteryFaultKind
from simulators.scenario import BusPart, Climate, FaultPart, Past, Scenario, UnitPart

FIRST_SEED = 7000
YEARS = 5.0
END_S = 1.89e9
DAY_S = 86400.0
YEAR_S = 365.25 * DAY_S
FLOATS_V = {
    "NCA": (4.07, 4.02, 2.7, 4.2),
    "NMC": (4.05, 4.0, 2.7, 4.2),
    "LFP": (3.5, 3.34, 2.4, 3.6),
}
GAINS = {"NCA": (1.7, 3.2), "NMC": (1.7, 3.2), "LFP": (0.9, 2.5)}
"""Range of growth of resistance over lost capacity (``Chemistry.resistance_per_loss``)."""
KINDS = (
    *(BatteryFaultKind.OPEN_CELL, BatteryFaultKind.FAST_AGEING, BatteryFaultKind.WELD),
    *(BatteryFaultKind.MICRO_SHORT, BatteryFaultKind.SENSOR_DRIFT),
)
KEYS = {"weak_open": ("weak", "resistance"), "weak_age": ("weak",), "weld": ("resistance",)}
KEYS |= {"short": ("short",), "vdrift": ("sensor",), "igain": ("sensor",)}
BLAMELESS = ("weld", "short")
CELLS = dict(CHEMISTRIES)
"""The chemistries as they were before chance changed one."""
LEAST_SOH = 0.65
FIRST_DAYS = 60.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """What chance has decided of one module."""

    name: str
    scenario: Scenario
    design: hardware.ModuleDesign
    gain: float
    knee: float
    law_power: float
    spread: Spread
    steps: tuple[float, float, float]
    meta: dict[str, object] = field(default_factory=dict)
    gain_fault_s: float | None = None


def draw(number: int, seed: int = FIRST_SEED) -> Drawn:
    """Draw a module; the same number always gives the same one."""
    # The order of what is drawn is part of what a number means.
    random = np.random.default_rng(seed + number)
    chemistry = ("NCA", "NMC", "LFP")[number % 3]
    design = _design(random, chemistry)
    past = _past(random)
    name = f"fresh{number:02d}-{chemistry.lower()}"
    fault, gain_fault_s = _fault(random, number, name, design)
    scenario = Scenario(
        name=name,
        about="Drawn.",
        seed=seed + number,
        climate=_climate(random),
        past=past,
        buses={"b": BusPart(modbus_tcp=0)},
        units=(UnitPart(name=name, model="classic", bus="b", unit_id=64, rack="r", shelf="s"),),
        faults=fault,
    )
    return Drawn(
        name,
        scenario,
        design,
        meta=_meta(random),
        gain=float(random.uniform(*GAINS[chemistry])),
        knee=float(random.uniform(0.15, 0.3)),
        law_power=float(random.uniform(0.9, 1.3)),
        spread=Spread(unit_ageing=0.3, cell_ageing=float(random.uniform(0.05, 0.12))),
        steps=(
            float(random.choice([0.001, 0.001, 0.002, 0.005, 0.01])),
            float(random.choice([0.01, 0.02, 0.05, 0.1])),
            float(random.choice([0.1, 0.5, 1.0])),
        ),
        gain_fault_s=gain_fault_s,
    )


def _design(random: np.random.Generator, chemistry: str) -> hardware.ModuleDesign:
    parallel = int(random.integers(4, 9))
    capacity_ah = round(parallel * float(random.uniform(2.4, 3.1)), 2)
    float_v, recharge_v, cutoff_v, max_v = FLOATS_V[chemistry]
    series = int(random.integers(10, 17))
    return replace(
        hardware.CLASSIC,
        pack=PackDesign(chemistry, series=series, parallel=parallel, capacity_ah=capacity_ah),
        rated_power_w=round(series * capacity_ah * float(random.uniform(14.0, 20.0))),
        float_v=float_v,
        recharge_below_v=recharge_v,
        cutoff_v=cutoff_v,
        max_v=max_v,
        charge_a=round(capacity_ah / 15, 2),
        fast_charge_a=round(capacity_ah / 7.5, 2),
        test_share=float(random.uniform(0.3, 0.9)),
        # META has no place for what the converter takes: powers are the battery's.
        efficiency=1.0,
    )


def _past(random: np.random.Generator) -> Past:
    long_outages = tuple(
        sorted(-float(d) for d in random.uniform(0.1, YEARS, random.integers(0, 4)) * YEAR_S)
    )
    return Past.model_validate(
        {
            "years": YEARS,
            "tests_every": f"{random.uniform(30, 120):.0f} d",
            "test_length": f"{random.choice([20, 30, 45, 60])} s",
            "outages_per_year": float(random.uniform(0.3, 5.0)),
            "long_outages": tuple(f"{s:.0f} s" for s in long_outages),
        }
    )


def _climate(random: np.random.Generator) -> Climate:
    return Climate.model_validate(
        {
            "mean": f"{random.uniform(18, 36):.1f} degC",
            "season": f"{random.uniform(0.5, 6):.1f} K",
            "day": f"{random.uniform(0.2, 3):.1f} K",
        }
    )


def _meta(random: np.random.Generator) -> dict[str, object]:
    """Draw what META tells, and what it leaves out."""
    drawn = random.random(4)
    told: dict[str, object] = {"current_sign": "charge positive"}
    if drawn[0] < 0.5:
        told["r10s_25c_nominal_mohm"] = None
    if drawn[1] < 0.15:
        told["chemistry"] = "unknown"
    told["ocv"] = bool(drawn[2] < 0.6)
    return told


def _fault(
    random: np.random.Generator, number: int, name: str, design: hardware.ModuleDesign
) -> tuple[tuple[FaultPart, ...], float | None]:
    """Draw the fault of a module: two of three have one, one in nine a current sensor's."""
    if number % 9 == 8:
        return (), END_S - float(random.uniform(1.0, 3.5)) * YEAR_S
    if random.random() < 1 / 3:
        return (), None
    kind = KINDS[int(random.integers(len(KINDS)))]
    sizes = {
        BatteryFaultKind.OPEN_CELL: 1.0,
        BatteryFaultKind.FAST_AGEING: float(random.uniform(1.6, 2.2)),
        BatteryFaultKind.WELD: float(random.uniform(0.35, 0.8)),
        BatteryFaultKind.MICRO_SHORT: float(random.uniform(2.0, 6.0))
        / 15e3
        * design.pack.capacity_ah,
        BatteryFaultKind.SENSOR_DRIFT: float(random.uniform(0.008, 0.012)),
    }
    years = float(
        random.uniform(2.8, 4.5)
        if kind is BatteryFaultKind.FAST_AGEING
        else random.uniform(1.5, 3.5)
    )
    grows = kind in (BatteryFaultKind.WELD, BatteryFaultKind.MICRO_SHORT)
    part = FaultPart.model_validate(
        {
            "unit": name,
            "kind": kind,
            "cell": int(random.integers(1, design.pack.series + 1)),
            "at": f"{-years * YEAR_S:.0f} s",
            "over": "100 d" if grows else "0 s",
            "size": sizes[kind],
        }
    )
    return (part,), None


def make(number: int, out: Path, seed: int = FIRST_SEED) -> str:
    """Live a drawn module's past and write it; give its name."""
    drawn = draw(number, seed)
    chemistry = CELLS[drawn.design.pack.chemistry]
    CHEMISTRIES[chemistry.name] = replace(
        chemistry,
        resistance_per_loss=drawn.gain,
        knee_loss=drawn.knee,
        calendar=replace(chemistry.calendar, scale=chemistry.calendar.scale * drawn.law_power),
    )
    hardware.MODULES["classic"] = drawn.design
    spread = partial(
        Spread, unit_ageing=drawn.spread.unit_ageing, cell_ageing=drawn.spread.cell_ageing
    )
    names = ("VOLTAGE_STEP_V", "CURRENT_STEP_A", "TEMPERATURE_STEP_C")
    steps = dict(zip(names, drawn.steps, strict=True))
    for module, values in ((fleet, {"Spread": spread}), (sensors, steps), (telemetry, steps)):
        for name, value in values.items():
            setattr(module, name, value)
    job = history.Job(
        drawn.scenario, drawn.name, YEARS, END_S, out / drawn.name, "parquet", ride=True
    )
    history.work(job)
    _finish(drawn, out / drawn.name)
    return drawn.name


def _finish(drawn: Drawn, folder: Path) -> None:
    """Hide from META what chance hides; write the curve of a new cell; bend the current."""
    path = folder / "meta.json"
    meta = json.loads(path.read_text(encoding="ascii"))
    told = dict(drawn.meta)
    if told.pop("ocv"):
        socs, volts = new_curve(drawn.design.pack.chemistry)
        meta |= {"ocv_soc": socs, "ocv_v": volts}
    path.write_text(json.dumps(meta | told, indent=1) + "\n", encoding="ascii")
    faults = folder / "truth_faults.json"
    if drawn.gain_fault_s is not None:
        table = pd.read_parquet(folder / "telemetry.parquet")
        late = table.time_s >= drawn.gain_fault_s
        table.loc[late, "current_a"] = (table.current_a[late] * 1.02).round(2)
        table.to_parquet(folder / "telemetry.parquet")
        fault = {"cell": None, "kind": "igain", "onset_time_s": drawn.gain_fault_s}
        faults.write_text(json.dumps([fault]) + "\n", encoding="ascii")


def new_curve(name: str) -> tuple[list[float], list[float]]:
    """Give the open-circuit curve of a new cell, a few millivolts off as measured ones are."""
    cell, one = CHEMISTRIES[name], np.ones(1)
    curves = Curves(
        cell, one * cell.positive_capacity, one * cell.negative_capacity, one * cell.lithium
    )
    share = np.linspace(0.0, 1.0, 101)
    volts = curves.volts(curves.empty_ah + share[:, None] * curves.capacity_ah)[0].ravel()
    volts = volts + 0.003 * np.sin(7.0 * share) * np.minimum(1.0, 10.0 * (1.0 - share))
    return share.round(4).tolist(), np.maximum.accumulate(volts).round(4).tolist()


@dataclass(frozen=True, slots=True)
class Scored:
    """Errors of one module; points and shares in percent."""

    name: str
    chemistry: str
    table: pd.DataFrame
    faults: list[tuple[str, float | None]]
    false_alarms: int
    rides: pd.DataFrame


def score(folder: Path) -> Scored:
    """Replay a module and compare with its truth."""
    meta = read_meta(folder / "meta.json")
    recorded = read_telemetry(folder / "telemetry.parquet", meta.charge_sign)
    engine = HealthEngine(meta.battery, cells=recorded.cells)
    tables = replay(engine, recorded.observations, every_s=15 * DAY_S)
    names = ["time_s", "cell", "q", "q_lo", "q_hi", "r", "r_lo", "r_hi"]
    ours = pd.DataFrame(tables.soh, columns=names).sort_values("time_s", kind="stable")
    truth = pd.read_parquet(folder / "truth_cells.parquet")[["time_s", "cell", "soh_q", "soh_r"]]
    truth = truth[truth.time_s > truth.time_s.min() + FIRST_DAYS * DAY_S]
    truth = truth[truth.soh_q >= LEAST_SOH].sort_values("time_s").astype({"cell": "int64"})
    joined = pd.merge_asof(
        truth.astype({"time_s": "float64"}),
        ours.astype({"time_s": "float64"}),
        on="time_s",
        by="cell",
    )
    raw = json.loads((folder / "truth_faults.json").read_text(encoding="ascii"))
    faults, wrong = _alarms(raw, tables.alarms)
    rides = _rides(folder, tables.ride)
    real = _told(folder, meta.battery.chemistry.value)
    return Scored(folder.name, real, joined, faults, wrong, rides)


def _told(folder: Path, told: str) -> str:
    return told if told != "unknown" else f"unknown ({folder.name.split('-')[-1]})"


def _alarms(
    raw: list[dict[str, object]], alarms: Sequence[Sequence[object]]
) -> tuple[list[tuple[str, float | None]], int]:
    """Give each fault's days to its alarm, and how many cells were blamed without one."""
    found: list[tuple[str, float | None]] = []
    fair = set()
    for fault in raw:
        kind = str(fault["kind"])
        cell = 0 if kind == "igain" else int(str(fault["cell"] or 0))
        begin_s = float(str(fault["onset_time_s"]))
        days = [
            (float(str(t)) - begin_s) / DAY_S
            for t, c, k, _ in alarms
            if c == cell and k in KEYS[kind] and float(str(t)) >= begin_s
        ]
        found.append((f"{kind} {cell}", min(days) if days else None))
        fair |= {(cell, k) for k in KEYS[kind]}
        if kind in BLAMELESS:
            fair.add((cell, "weak"))
    return found, len({(c, k) for _, c, k, _ in alarms} - fair)


def _rides(folder: Path, rows: Sequence[Sequence[object]]) -> pd.DataFrame:
    path = folder / "truth_ride.csv"
    if not path.exists() or not rows:
        return pd.DataFrame()
    names = ["time_s", "power_w", "p_ok", "mid", "low", "high"]
    ours = pd.DataFrame(rows, columns=names).sort_values("time_s")
    ours["power_w"] = ours.power_w.round(0)
    truth = pd.read_csv(path).sort_values("time_s")
    truth["power_w"] = truth.power_w.round(0)
    return pd.merge_asof(
        truth.astype({"time_s": "float64"}),
        ours.astype({"time_s": "float64"}),
        on="time_s",
        by="power_w",
        direction="nearest",
        tolerance=9 * DAY_S,
    ).dropna()


HEAD = (
    *("module", "SoH MAE", "bias", "p95", "cover %", "width", "R MAE %", "R cover %"),
    *("ride MAPE %", "ride cover %", "false alarms", "faults: days to the alarm"),
)


def row(name: str, scored: Sequence[Scored]) -> list[object]:
    """Give the figures of one module, or of several together."""
    table = pd.concat([one.table for one in scored])
    error = 100 * (table.q - table.soh_q)
    ratio = table.r / table.soh_r - 1
    answer: list[object] = [
        name,
        abs(error).mean(),
        error.mean(),
        np.percentile(abs(error), 95),
        100 * ((table.soh_q >= table.q_lo) & (table.soh_q <= table.q_hi)).mean(),
        100 * (table.q_hi - table.q_lo).mean(),
        100 * abs(ratio).mean(),
        100 * ((table.soh_r >= table.r_lo) & (table.soh_r <= table.r_hi)).mean(),
    ]
    rides = pd.concat([one.rides for one in scored])
    if len(rides):
        short = rides[(rides.ride_s < 900) & (rides.ride_s > 5)]
        answer += [
            100 * abs(short.mid / short.ride_s - 1).mean(),
            100 * ((rides.ride_s >= rides.low - 10) & (rides.ride_s <= rides.high + 10)).mean(),
        ]
    else:
        answer += ["", ""]
    answer.append(sum(one.false_alarms for one in scored))
    if len(scored) == 1:
        answer.append(
            ", ".join(f"{k}: {'missed' if d is None else round(d)}" for k, d in scored[0].faults)
        )
    else:
        every = [d for one in scored for _, d in one.faults]
        answer.append(f"{sum(d is not None for d in every)} of {len(every)}")
    return answer


def report(scored: Sequence[Scored]) -> str:
    """Give the Markdown table: a line for each module, each chemistry, and all."""
    rows = [row(one.name, [one]) for one in scored]
    kinds = sorted({one.chemistry for one in scored})
    rows += [row(f"**{kind}**", [one for one in scored if one.chemistry == kind]) for kind in kinds]
    rows.append(row("**all**", scored))
    cells = sum(one.table.cell.nunique() for one in scored)
    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    for one in rows:
        figures = " | ".join(f"{v:.2f}" if isinstance(v, float) else str(v) for v in one)
        lines += [f"| {figures} |"]
    return "\n".join([*lines, "", f"{len(scored)} modules, {cells} cells"])


def main(arguments: Sequence[str]) -> None:
    """Make modules, or score those that are there."""
    what, out = arguments[0], Path(arguments[1])
    with ProcessPoolExecutor(2) as pool:
        if what == "make":
            count = int(arguments[2]) if len(arguments) > 2 else 24
            seed = int(arguments[3]) if len(arguments) > 3 else FIRST_SEED
            for name in pool.map(partial(make, out=out, seed=seed), range(count)):
                sys.stdout.write(f"{name}\n")
                sys.stdout.flush()
        else:
            folders = sorted(path for path in out.iterdir() if path.is_dir())
            sys.stdout.write(report(list(pool.map(score, folders))) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
