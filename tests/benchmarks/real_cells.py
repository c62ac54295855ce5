"""The simulator's NCA cell against real discharges of the development data.

Usage: ``python -m tests.benchmarks.real_cells DATA [OUT]``, where ``DATA`` holds the folders
``samsung30q`` and ``nasa_pcoe``; ``OUT`` takes a CSV of voltages for
``tests/benchmarks/plots.py``.

The capacity is the measured one and the temperature the measured surface's, step by step. "As
it is" fits nothing else; "scaled" multiplies all resistances by one factor that is identified
on one discharge (1C of the 30Q, the first of a NASA cell) and told apart from the others.
"""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from simulators.battery import Pack
from simulators.build import PackDesign, Spread, make_pack
from simulators.chemistry import Array

STEPS = ("C10", "1C", "2C", "3C", "4C")
NASA = ("B0005", "B0018")
EXACT = Spread(capacity=0, resistance=0, leak=0, cell_ageing=0, unit_ageing=0)
FACTORS = np.exp(np.linspace(np.log(0.5), np.log(8.0), 57))
STEP_S = 2.0


def pack_of(capacity_ah: float, factor: float, celsius: float) -> Pack:
    """Make one full cell with a measured capacity and scaled resistances."""
    design = PackDesign("NCA", series=1, parallel=1, capacity_ah=capacity_ah)
    pack = make_pack(design, EXACT, np.random.default_rng(1), rest_v=4.199, celsius=celsius)
    cells = pack.cells
    size = capacity_ah / pack.capacity_ah()[0]
    cells.positive_ah, cells.negative_ah = cells.positive_ah * size, cells.negative_ah * size
    cells.lithium_ah, cells.held_ah = cells.lithium_ah * size, cells.held_ah * size
    cells.resistance_share[:] = factor
    cells.leak_a[:] = 0
    pack.refresh()
    pack.volts = pack.open_circuit_v()
    return pack


def ours(frame: pd.DataFrame, capacity_ah: float, factor: float) -> Array:
    """Give our voltages at the measured currents and temperatures."""
    times = frame["time_s"].to_numpy(float)
    amperes = -frame["current_a"].to_numpy(float)
    celsius = frame["temperature_c"].to_numpy(float)
    pack = pack_of(capacity_ah, factor, float(celsius[0]))
    volts = np.empty(len(times))
    volts[0] = float(pack.volts[0])
    for n in range(1, len(times)):
        pack.cells.celsius[:] = celsius[n]
        pack.step(max(times[n] - times[n - 1], 1e-3), float(amperes[n]), float(celsius[n]))
        volts[n] = float(pack.volts[0])
    return volts


def thinned(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the discharge itself, a row every two seconds at most."""
    loaded = frame[frame["current_a"] > 0.05]
    slots = (loaded["time_s"] / STEP_S).round()
    return loaded[~slots.duplicated()].sort_values("time_s")


def rms(frame: pd.DataFrame, volts: Array) -> float:
    """Give the rms error in mV over the upper 95 % of the charge, where cells are used."""
    moved = np.cumsum(
        np.gradient(frame["time_s"].to_numpy(float)) * frame["current_a"].to_numpy(float)
    )
    upper = np.asarray(moved <= 0.95 * moved[-1])
    error = volts[upper] - frame["voltage_v"].to_numpy(float)[upper]
    return float(1e3 * np.sqrt(np.mean(error**2)))


def best_factor(frame: pd.DataFrame, capacity_ah: float) -> float:
    """Give the factor on all resistances that fits one discharge best."""
    errors = [rms(frame, ours(frame, capacity_ah, factor)) for factor in FACTORS[::4]]
    middle = int(np.argmin(errors)) * 4
    near = FACTORS[max(0, middle - 3) : middle + 4]
    return float(min(near, key=lambda factor: rms(frame, ours(frame, capacity_ah, factor))))


def samsung(data: Path, rows: list[tuple[object, ...]]) -> list[str]:
    """Compare with the Samsung 30Q cells."""
    lines = []
    capacities = pd.read_csv(data / "samsung30q" / "capacities.csv")
    for cell in ("S001", "S002"):
        full = pd.read_parquet(data / "samsung30q" / f"{cell}.parquet")
        told = capacities[capacities["cell"] == cell].set_index("step")["capacity_ah"]
        frames = {step: thinned(full[full["step"] == step]) for step in STEPS}
        factor = best_factor(frames["1C"], float(told["C10"]))
        parts = []
        for step, frame in frames.items():
            plain = ours(frame, float(told["C10"]), 1.0)
            scaled = ours(frame, float(told["C10"]), factor)
            parts.append(f"{step} {rms(frame, plain):.0f} -> {rms(frame, scaled):.0f}")
            if cell == "S001":
                begin = frame["time_s"].iloc[0]
                seconds = (frame["time_s"] - begin).round(1)
                rows += zip([step] * len(frame), seconds, frame["voltage_v"], scaled, strict=True)
        lines.append(f"30Q {cell}: rms mV as it is -> scaled by {factor:.2f}: {', '.join(parts)}")
    return lines


def nasa(data: Path) -> list[str]:
    """Compare with early and late discharges of NASA's cells."""
    lines = []
    capacities = pd.read_csv(data / "nasa_pcoe" / "capacities.csv")
    for cell in NASA:
        full = pd.read_parquet(data / "nasa_pcoe" / f"{cell}.parquet")
        mine = capacities[(capacities["cell"] == cell) & (capacities["kind"] == "discharge")]
        picks = [mine.iloc[n] for n in (0, len(mine) // 2, len(mine) - 1)]
        factor, parts = 0.0, []
        for pick in picks:
            frame = thinned(full[full["test_id"] == pick["test_id"]])
            size = float(pick["capacity_ah"]) * 1.05  # a slow discharge finds a little more
            factor = factor or best_factor(frame, size)
            own = best_factor(frame, size)
            found = rms(frame, ours(frame, size, factor)), rms(frame, ours(frame, size, own))
            parts.append(
                f"cycle {pick['cycle']:.0f} ({pick['capacity_ah']:.2f} Ah) {found[0]:.0f}, "
                f"with its own factor {own:.2f} {found[1]:.0f}"
            )
        lines.append(f"NASA {cell}: rms mV with the first factor {factor:.2f}: {'; '.join(parts)}")
    return lines


def main(arguments: Sequence[str]) -> None:
    """Compare with both sets."""
    data = Path(arguments[0])
    rows: list[tuple[object, ...]] = []
    lines = [*samsung(data, rows), *nasa(data)]
    sys.stdout.write("\n".join(lines) + "\n")
    if len(arguments) > 1:
        out = Path(arguments[1])
        out.mkdir(parents=True, exist_ok=True)
        with (out / "samsung30q.csv").open("w", encoding="ascii", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("curve", "time_s", "reference_v", "ours_v"))
            writer.writerows(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
