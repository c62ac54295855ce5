"""What is calibrated on the development modules, fitted again without some of them.

The truth of a healthy cell gives the two figures that the library's types take from these
modules: the fade rate over the published law's, and the gain from loss of capacity to growth
of resistance, over the published one. A type's figure is the mean over its modules; a type that
has none left takes the mean over the other types, with the spread between types on top of its
own, and narrows its intervals as they do. A type of which nothing is published either takes their
gain as it is, and intervals that are not narrowed, as those of any type that nobody has measured.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from agent.health.ageing import fade_step
from agent.health.library import entries
from agent.replay.meta import read_meta
from tests.benchmarks.accuracy_modules import MODULES, Job

TYPES = {"NCA": "nca-power", "NMC": "nmc-power", "LFP": "lfp-power"}
PUBLISHED_GAIN = {"NCA": 1.8, "NMC": 1.8, "LFP": 1.3}
"""Growth of ln R over loss of ln Q that is published for other cells (docs/estimator.md)."""
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


def fitted(
    chemistry: str, seen: Iterable[Lived], published: Mapping[str, float] = PUBLISHED_GAIN
) -> dict[str, float]:
    """Give the figures of a type by the modules ``seen``; its spreads stay as they ship.

    ``published`` is each chemistry's gain by the literature, to which the fitted ones are factors.
    """
    held = list(seen)
    shipped = {name: entries()[key].cell for name, key in TYPES.items()}
    own = shipped[chemistry]
    rate, rate_sd = _of(chemistry, ((one.chemistry, one.ln_rate) for one in held))
    factors = ((one.chemistry, one.ln_gain - math.log(published[one.chemistry])) for one in held)
    factor, factor_sd = _of(chemistry, factors)
    found = {
        "ln_rate": rate,
        "ln_rate_sd": math.hypot(own.ln_rate_sd, rate_sd),
        "gain": published[chemistry] * math.exp(factor),
        "gain_sd": math.hypot(own.gain_sd, factor_sd),
    }
    others = {one.chemistry for one in held}
    if chemistry not in others:
        shares = [shipped[name].interval_share for name in sorted(others)]
        found["interval_share"] = math.fsum(shares) / len(shares)
    return found


def _of(chemistry: str, values: Iterable[tuple[str, float]]) -> tuple[float, float]:
    """Give the mean of a chemistry's values, or of the other chemistries' means and their sd."""
    each: dict[str, list[float]] = {}
    for name, value in values:
        each.setdefault(name, []).append(value)
    if chemistry in each:
        return float(np.mean(each[chemistry])), 0.0
    means = [float(np.mean(own)) for own in each.values()]
    return float(np.mean(means)), float(np.std(means, ddof=1))


def jobs(all_lived: Mapping[str, Lived]) -> list[Job]:
    """Give the replays of every module by figures fitted with it, without it, without its type."""
    found = []
    for name, one in all_lived.items():
        kind, everyone = one.chemistry, list(all_lived.values())
        others = [x for x in everyone if x.chemistry != kind]
        sets = {
            "refit": fitted(kind, everyone),
            "without the module": fitted(kind, [x for x in everyone if x.module != name]),
            "without the chemistry": fitted(kind, others),
            "nothing published": fitted(kind, others, dict.fromkeys(TYPES, 1.0))
            | {"interval_share": 1.0},
        }
        found += [
            Job(table, name, figures={TYPES[kind]: figures}) for table, figures in sets.items()
        ]
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
