"""The simulator's cell against real discharges of the development data.

Usage: ``python -m tests.benchmarks.real_cells DATA [OUT]``, after ``pip install .[benchmark]``,
where ``DATA`` holds the folders ``samsung30q`` and ``nasa_pcoe``; ``OUT`` takes pictures.

Currents and surface temperatures are the measured ones, step by step.

- 30Q: balance of the electrodes and transport are identified on the C/10, 1C and 3C discharges
  of one cell; 2C and 4C of that cell, and all of the other cell, have not been seen.
- NASA: the same on a cell's first discharge. Later ones get their measured capacity and one
  number each, by which charge transfer, resistance and concentrations have grown.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import least_squares, minimize_scalar

from simulators.battery.build import PackDesign, Spread, make_pack
from simulators.battery.chemistry import CHEMISTRIES, NCA, Array, Chemistry, Transport
from simulators.battery.pack import Pack
from tests.benchmarks.plots import Curve, picture

STEPS = ("C10", "1C", "2C", "3C", "4C")
SEEN = ("C10", "1C", "3C")
NASA = ("B0005", "B0018")
ALIKE = Spread(capacity=0, resistance=0, leak=0, cell_ageing=0, unit_ageing=0)
ROWS = 500
LOADED_A = 0.05
UPPER = 0.95
"""Share of the charge that is compared: cells are not used to the last drop."""


def pack_of(chemistry: Chemistry, capacity_ah: float, celsius: float, grown: float) -> Pack:
    """Make one full cell with a measured capacity, its resistance ``grown`` times that of new."""
    CHEMISTRIES[chemistry.name] = chemistry
    design = PackDesign(chemistry.name, series=2, parallel=1, capacity_ah=capacity_ah)
    pack = make_pack(design, ALIKE, np.random.default_rng(1), rest_v=4.0, celsius=celsius)
    cells = pack.cells
    size = capacity_ah / pack.capacity_ah()
    cells.positive_ah, cells.negative_ah = cells.positive_ah * size, cells.negative_ah * size
    cells.lithium_ah = cells.lithium_ah * size
    cells.resistance_share[:] = grown
    cells.leak_a[:] = 0.0
    pack.refresh()
    cells.held_ah = pack.curves.full_ah.copy()
    pack.settle()
    return pack


def ours(frame: pd.DataFrame, chemistry: Chemistry, capacity_ah: float, grown: float = 1) -> Array:
    """Give our voltages at the measured currents and temperatures."""
    times = frame["time_s"].to_numpy(float)
    amperes = -frame["current_a"].to_numpy(float)
    celsius = frame["temperature_c"].to_numpy(float)
    pack = pack_of(chemistry, capacity_ah, float(celsius[0]), grown)
    volts = np.empty(len(times))
    volts[0] = float(pack.volts[0])
    for n in range(1, len(times)):
        pack.cells.celsius[:] = celsius[n]
        pack.step(max(times[n] - times[n - 1], 1e-3), float(amperes[n]), float(celsius[n]))
        volts[n] = float(pack.volts[0])
    return volts


def thinned(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the discharge itself, some five hundred rows of it."""
    loaded = frame[frame["current_a"] > LOADED_A].sort_values("time_s")
    times = loaded["time_s"]
    slots = ((times - times.iloc[0]) / (times.iloc[-1] - times.iloc[0]) * ROWS).round()
    return loaded[~slots.duplicated()]


def errors(frame: pd.DataFrame, volts: Array) -> Array:
    """Give the errors in V over the upper part of the charge, but for the first row."""
    gaps = np.gradient(frame["time_s"].to_numpy(float))
    moved = np.cumsum(gaps * frame["current_a"].to_numpy(float))
    upper = moved <= UPPER * moved[-1]
    upper[0] = False
    return np.asarray((volts - frame["voltage_v"].to_numpy(float))[upper])


def rms(frame: pd.DataFrame, volts: Array) -> float:
    """Give the rms error in mV."""
    return float(1e3 * np.sqrt(np.mean(errors(frame, volts) ** 2)))


def identify(frames: Sequence[pd.DataFrame], capacity_ah: float) -> Chemistry:
    """Fit balance and transport of our NCA cell to some discharges, loosely near its own."""
    usual, names = NCA.transport, list(Transport.__dataclass_fields__)[:7]
    start = np.log(
        [NCA.positive_capacity, NCA.negative_capacity, NCA.lithium]
        + [getattr(usual, name) for name in names]
    )

    def made(log_values: Array) -> Chemistry:
        values = [float(value) for value in np.exp(log_values)]
        return replace(
            NCA,
            name="identified",
            positive_capacity=values[0],
            negative_capacity=values[1],
            lithium=values[2],
            transport=replace(usual, **dict(zip(names, values[3:], strict=True))),
        )

    def off(log_values: Array) -> Array:
        chemistry = made(log_values)
        found = [errors(frame, ours(frame, chemistry, capacity_ah)) / 0.01 for frame in frames]
        return np.concatenate([*found, 0.3 * (log_values - start)])

    loose = np.log([1.2] * 3 + [30.0] * 7)
    fit = least_squares(off, start, bounds=(start - loose, start + loose), max_nfev=25)
    return made(fit.x)


def samsung(data: Path, drawn: dict[str, Curve]) -> list[str]:
    """Compare with the Samsung 30Q cells."""
    capacities = pd.read_csv(data / "samsung30q" / "capacities.csv")
    sizes: dict[str, float] = {}
    frames: dict[str, dict[str, pd.DataFrame]] = {}
    for cell in ("S001", "S002"):
        full = pd.read_parquet(data / "samsung30q" / f"{cell}.parquet")
        told = capacities[capacities["cell"] == cell].set_index("step")["capacity_ah"]
        sizes[cell] = float(told["C10"])
        frames[cell] = {step: thinned(full[full["step"] == step]) for step in STEPS}
    chemistry = identify([frames["S001"][step] for step in SEEN], sizes["S001"])
    lines = []
    for cell, mine in frames.items():
        parts = []
        for step, frame in mine.items():
            volts = ours(frame, chemistry, sizes[cell])
            seen = " (seen)" if cell == "S001" and step in SEEN else ""
            parts.append(f"{step} {rms(frame, volts):.0f}{seen}")
            if cell == "S001":
                drawn[f"30Q {step}"] = _curve(frame, volts)
        lines.append(f"30Q {cell}, rms mV: {', '.join(parts)}")
    return lines


def nasa(data: Path, drawn: dict[str, Curve]) -> list[str]:
    """Compare with early and late discharges of NASA's cells."""
    lines = []
    capacities = pd.read_csv(data / "nasa_pcoe" / "capacities.csv")
    for cell in NASA:
        full = pd.read_parquet(data / "nasa_pcoe" / f"{cell}.parquet")
        mine = capacities[(capacities["cell"] == cell) & (capacities["kind"] == "discharge")]
        picks = [mine.iloc[n] for n in (0, len(mine) // 2, len(mine) - 1)]
        frames = [thinned(full[full["test_id"] == pick["test_id"]]) for pick in picks]
        size = 1.03 * float(picks[0]["capacity_ah"])  # a slow discharge finds a little more
        chemistry = identify(frames[:1], size)
        parts = []
        for pick, frame in zip(picks, frames, strict=True):
            aged_ah = size * float(pick["capacity_ah"] / picks[0]["capacity_ah"])
            grown = 1.0 if frame is frames[0] else _growth(frame, chemistry, aged_ah)
            volts = ours(frame, chemistry, aged_ah, grown)
            told = f"cycle {pick['cycle']:.0f} ({pick['capacity_ah']:.2f} Ah, x {grown:.2f})"
            parts.append(f"{told} {rms(frame, volts):.0f}")
            if cell == NASA[0]:
                drawn[f"{cell} cycle {pick['cycle']:.0f}"] = _curve(frame, volts)
        lines.append(f"NASA {cell}, rms mV: {'; '.join(parts)}")
    return lines


def _growth(frame: pd.DataFrame, chemistry: Chemistry, capacity_ah: float) -> float:
    found = minimize_scalar(
        lambda grown: rms(frame, ours(frame, chemistry, capacity_ah, grown)),
        bounds=(0.5, 4.0),
        method="bounded",
        options={"xatol": 1e-2},
    )
    return float(found.x)


def _curve(frame: pd.DataFrame, volts: Array) -> Curve:
    seconds = (frame["time_s"] - frame["time_s"].iloc[0]).tolist()
    return seconds[1:], frame["voltage_v"].tolist()[1:], volts.tolist()[1:]


def main(arguments: Sequence[str]) -> None:
    """Compare with both sets."""
    data = Path(arguments[0])
    out = Path(arguments[1]) if arguments[1:] else None
    for name, compare in (("samsung30q", samsung), ("nasa", nasa)):
        drawn: dict[str, Curve] = {}
        sys.stdout.write("\n".join(compare(data, drawn)) + "\n")
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            text = picture(f"{name}: measured and ours", drawn)
            (out / f"{name}.svg").write_text(text, encoding="ascii")


if __name__ == "__main__":
    main(sys.argv[1:])
