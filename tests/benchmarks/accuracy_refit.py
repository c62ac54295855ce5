"""What is calibrated on the development modules, fitted again without some of them.

The truth of a healthy cell gives the two figures that the library's types take from these
modules: the fade rate over the published law's, and the gain from loss of capacity to growth
of resistance. A type's figure is the mean over its modules; a type that has none left takes
the mean over the other types, with the spread between types on top of its own, and intervals
that are not narrowed, as those of any type that nobody has measured.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from agent.health.ageing import fade_step
from agent.health.library import entries
from agent.replay.meta import read_meta
from tests.benchmarks.accuracy_modules import MODULES, Job

TYPES = {"NCA": "nca-power", "NMC": "nmc-power", "LFP": "lfp-power"}
FIGURES = (("ln_rate", "ln_rate", "ln_rate_sd"), ("gain", "ln_gain", "gain_sd"))
DAY_S = 86400.0
FROM_DAY = 365.0


@dataclass(frozen=True, slots=True)
class Lived:
    """What one module's truth says: ln rate over the law's, and ln gain."""

    module: str
    chemistry: str
    ln_rate: float
    ln_gain: float


def lived(module: str) -> Lived:
    """Measure one module's rate and gain over its healthy cells, from its second year on."""
    folder = MODULES / module
    chemistry = read_meta(folder / "meta.json").battery.chemistry.value
    truth = pd.read_parquet(folder / "truth_cells.parquet")
    faulty = {
        fault["cell"] for fault in pd.read_json(folder / "truth_faults.json").to_dict("records")
    }
    law = entries()[TYPES[chemistry]].cell.law
    rates, gains = [], []
    for cell, rows in truth.groupby("cell"):
        if cell in faulty:
            continue
        days = ((rows.time_s - rows.time_s.iloc[0]) / DAY_S).to_numpy(float)
        law_loss = np.zeros(len(rows))
        temps, socs = rows.temp_c.to_numpy(float), rows.soc.to_numpy(float)
        for n in range(1, len(rows)):
            step = {"days": days[n] - days[n - 1], "celsius": temps[n], "soc": socs[n]}
            law_loss[n] = law_loss[n - 1] + fade_step(law, law_loss[n - 1], **step)
        late = days >= FROM_DAY
        loss = -np.log(rows.soh_q.to_numpy(float) / rows.soh_q.iloc[0])[late]
        growth = np.log(rows.soh_r.to_numpy(float) / rows.soh_r.iloc[0])[late]
        rates.append(np.log(np.sum(loss * law_loss[late]) / np.sum(law_loss[late] ** 2)))
        gains.append(np.log(np.sum(loss * growth) / np.sum(loss**2)))
    return Lived(module, chemistry, float(np.mean(rates)), float(np.mean(gains)))


def fitted(chemistry: str, seen: Iterable[Lived]) -> dict[str, float]:
    """Give the figures of a type by the modules ``seen``; its spreads stay as they ship."""
    shipped = entries()[TYPES[chemistry]].cell
    held = list(seen)
    own = [one for one in held if one.chemistry == chemistry]
    found: dict[str, float] = {}
    for figure, field, spread in (
        ("ln_rate", "ln_rate", "ln_rate_sd"),
        ("gain", "ln_gain", "gain_sd"),
    ):
        means = [
            np.mean([getattr(one, field) for one in held if one.chemistry == name])
            for name in sorted({one.chemistry for one in held})
        ]
        if own:
            value, sd = np.mean([getattr(one, field) for one in own]), getattr(shipped, spread)
        else:
            value, sd = np.mean(means), np.hypot(getattr(shipped, spread), np.std(means, ddof=1))
        found[figure] = float(np.exp(value) if figure == "gain" else value)
        found[spread] = float(sd)
    if not own:
        found["interval_share"] = 1.0
    return found


def jobs(all_lived: Mapping[str, Lived]) -> list[Job]:
    """Give the replays of every module by figures fitted with it, without it, without its type."""
    found = []
    for name, one in all_lived.items():
        sets = {
            "refit": all_lived.values(),
            "without the module": [x for x in all_lived.values() if x.module != name],
            "without the chemistry": [
                x for x in all_lived.values() if x.chemistry != one.chemistry
            ],
        }
        for table, seen in sets.items():
            figures = {TYPES[one.chemistry]: fitted(one.chemistry, seen)}
            found.append(Job(table, name, figures=figures))
    return found


def conformal(ratios: Mapping[str, list[float]], level: float = 0.9) -> dict[str, list[float]]:
    """Give per module the factor on the widths by the others, and the coverage it gives here."""
    found = {}
    for name, own in ratios.items():
        others = np.concatenate([np.array(v) for key, v in ratios.items() if key != name])
        factor = float(np.quantile(others, level))
        found[name] = [round(factor, 3), round(100 * float(np.mean(np.array(own) <= factor)), 1)]
    return found


def fitted_figures() -> dict[str, dict[str, float]]:
    """Give what all modules say of each type, to lay beside what ships."""
    if not MODULES.is_dir():
        return {}
    seen = [lived(path.name) for path in sorted(MODULES.iterdir()) if path.is_dir()]
    return {key: fitted(chemistry, seen) for chemistry, key in TYPES.items()}
