"""Reads the cell types that come with the agent: ``cells/*.yaml``, a source for each figure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from agent.errors import ProfileError
from agent.health.ageing import LFP_SONY, NCA_PANASONIC, NMC_MJ1, AgeingLaw
from agent.health.celltype import CellType
from agent.model import Chemistry

FOLDER = Path(__file__).parent / "cells"
LAWS: Mapping[str, AgeingLaw] = {
    "nca-panasonic": NCA_PANASONIC,
    "nmc-mj1": NMC_MJ1,
    "lfp-sony": LFP_SONY,
}
_CYCLE = ", an order of magnitude: standby cells see few"
LAW_SOURCES: Mapping[str, str] = {
    "nca-panasonic": "BLAST-Lite 1.1.1, nca_gr_Panasonic3Ah_2018 (data Keil, Preger); "
    "calendar 75.4 exp(-3340/T) exp(353 s/T) t^0.512; a full cycle 3.6e-4" + _CYCLE,
    "nmc-mj1": "BLAST-Lite 1.1.1, nmc811_grSi_LGMJ1_4Ah_2020; "
    "calendar 0.0353 exp(-1030/T) exp(57.7 s/T) t^0.743; a full cycle 1.0e-4" + _CYCLE,
    "lfp-sony": "Naumann et al. 2018, J. Energy Storage 17, 153-169; calendar 1.2571e-5 "
    "exp(-17126/8.3144 (1/T - 1/298.15)) (2.8575 (s - 0.5)^3 + 0.60225) sqrt(t in seconds); a full "
    "cycle 1.5e-4" + _CYCLE,
}
"""Loss of capacity as a share; T in kelvin, s state of charge, t in days where not said."""
UNITS: Mapping[str, str] = {
    "ocv": "V over state of charge",
    "cutoff_v": "V",
    "float_v": "V",
    "max_v": "V",
    "specific_resistance_ohm_ah": "ohm Ah",
    "resistance_sd": "sd of ln",
    "ln_rate": "ln",
    "ln_rate_sd": "sd of ln",
    "gain": "ln R / -ln Q",
    "gain_sd": "sd of ln",
    "cell_gain_sd": "sd of ln",
    "cell_rate_sd": "sd of ln",
    "resistance_by_soc": "ratio over state of charge",
    "level_walk": "ln / sqrt(year)",
    "rate_walk": "ln / sqrt(year)",
    "hidden_walk": "ln / sqrt(year)",
    "relaxation": "d ln R / d ln t",
    "heat_j_k_ah": "J/(K Ah)",
    "gain_curves": "ln R over -ln Q",
    "interval_share": "ratio",
    "growth_share": "ratio",
}
"""The unit of each figure of a cell type."""
_Loader = type("_Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})


@dataclass(frozen=True, slots=True)
class Entry:
    """One type of the library: what the estimator takes, and where each figure is from."""

    key: str
    about: str
    law: str
    cell: CellType
    sources: Mapping[str, str]


@cache
def entries() -> Mapping[str, Entry]:
    """Give every type by its key, such as ``nca-power``.

    Raises ProfileError when a file that comes with the agent is damaged.
    """
    found: dict[str, Entry] = {}
    trees = {path.stem: _tree(path) for path in sorted(FOLDER.glob("*.yaml"))}
    for key, tree in trees.items():
        try:
            figures, sources = _figures(key, trees)
            found[key] = _entry(key, tree, figures, sources)
        except (KeyError, TypeError, ValueError) as error:
            raise ProfileError(f"{FOLDER / key}.yaml: is damaged: {error!r}") from error
    return found


def _tree(path: Path) -> dict[str, Any]:
    tree = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - safe loaders both
    if not isinstance(tree, dict):
        raise ProfileError(f"{path}: is no mapping")
    return tree


def _figures(
    key: str, trees: Mapping[str, dict[str, Any]]
) -> tuple[dict[str, object], dict[str, str]]:
    """Give the figures of a type and their sources in words, those of ``like`` below its own."""
    tree = trees[key]
    figures, sources = _figures(tree["like"], trees) if "like" in tree else ({}, {})
    words = _words(key, trees)
    for name, given in tree["figures"].items():
        figures[name] = given["value"]
        sources[name] = words[given["source"]]
    return figures, sources


def _words(key: str, trees: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    tree = trees[key]
    inherited = _words(tree["like"], trees) if "like" in tree else {}
    return {**inherited, **tree.get("sources", {})}


def _entry(
    key: str, tree: Mapping[str, Any], figures: Mapping[str, object], sources: Mapping[str, str]
) -> Entry:
    unknown = set(figures) - set(UNITS)
    if unknown:
        raise ValueError(f"no figure is named {', '.join(sorted(unknown))}")
    cell = CellType(
        name=tree["title"],
        chemistry=Chemistry(tree["chemistry"]),
        law=LAWS[tree["law"]],
        **{name: _value(name, value) for name, value in figures.items()},
    )
    return Entry(key, tree["about"], tree["law"], cell, sources)


def _value(name: str, value: Any) -> Any:  # noqa: ANN401 - YAML
    """Give a figure as ``CellType`` holds it: a number, a curve, or curves by state of charge."""
    if name == "gain_curves":
        return tuple((float(soc), _curve(points)) for soc, points in sorted(value.items()))
    return _curve(value) if isinstance(value, list) else float(value)


def _curve(points: list[list[float]]) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in points)
