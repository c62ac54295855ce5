"""Carries what was learnt of some cells over to another order, or to more cells. Pure.

A cell that shows up late, or cells that turn out to be numbered in another order, must not
cost what was learnt of the others.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from agent.errors import StoreError
from agent.health.celltype import CellType
from agent.health.filter import PER_CELL, SHARED, ModuleFilter
from agent.health.record import numbers

JSON = object
State = dict[str, JSON]
Sources = Sequence[int | None]
"""For each cell its place in the old state; None for a cell that nothing is known of."""

# A cell never seen differs from one of its module as cells of a lot do: ln R, ln Q.
_RESISTANCE_SD = 0.05
_CAPACITY_SD = 0.008
_UNDER_WAY: Mapping[str, Mapping[str, JSON]] = {
    "steps": {"steady": [], "before": [], "after": []},
    "windows": {"before_v": [], "rest_v": [], "resting_s": 0.0, "loaded": False},
    "deep": {"rest_v": [], "last": [], "start_s": None, "rest_s": 0.0},
    "standby": {"rows": [], "bin_sum": [], "bin_count": 0},
}
"""What is being gathered right now: it begins again."""
_NEVER = frozenset(
    [
        "held",
        "held_s",
        "level",
        "level_sd",
        "since_s",
        "crept_s",
        "spent",
        "shown",
        "on_away",
        "on_sd",
        "out_by",
        "before",
        "tested_s",
        "bounded_s",
        "first_s",
        "stepped_s",
        "last_s",
        "sigmas",
        "value",
        "reference",
        "reference_sd",
    ]
)
"""What is null until something happens to a cell; all else begins at 0."""
_PER_CELL = ("deep", "jumps", "standby", "birth", "testimony", "stuck", "order", "unread")


def sources(old: Sequence[str], new: Sequence[str]) -> list[int | None]:
    """Say where each of the cells ``new`` was among the cells ``old``."""
    place = {cell: index for index, cell in enumerate(old)}
    return [place.get(cell) for cell in new]


def regrouped(
    state: Mapping[str, JSON], kind: CellType, cells: Sequence[str], taken: Sources
) -> State:
    """Give the engine state of ``cells`` whose places in ``state`` were ``taken``.

    Raises StoreError when ``state`` does not fit.
    """
    held = state.get("cells")
    if not isinstance(held, list) or all(index is None for index in taken):
        raise StoreError("the saved health state is of other cells")
    old = ModuleFilter.unpack(kind, len(held), state.get("filter"))
    made = {**state, "cells": list(cells), "filter": _filter(old, taken).pack()}
    for section in {*_UNDER_WAY, *_PER_CELL} & state.keys():
        saved = state[section]
        if isinstance(saved, Mapping):
            begun = {k: v for k, v in _UNDER_WAY.get(section, {}).items() if k in saved}
            made[section] = {**saved, **begun}
            if section in _PER_CELL:
                made[section] = _moved({**saved, **begun}, len(held), taken)
    order = state.get("order")
    if isinstance(order, Mapping):
        made["order"] = _renumbered(order, made["order"], taken, len(held))
    return made


def _renumbered(before: Mapping[str, JSON], moved: JSON, taken: Sources, count: int) -> JSON:
    """Bring places that are values, not positions, into the new order; what waits begins anew."""
    place = {old: new for new, old in enumerate(taken)}
    came = numbers(before.get("came_from"))
    if len(came) != count:
        raise StoreError("the saved order of the cells is for another number of them")
    known = [math.nan if old is None else came[old] for old in taken]
    from_place = [None if math.isnan(at) else place.get(int(at)) for at in known]
    nothing = [None] * len(taken)
    watch = moved if isinstance(moved, Mapping) else {}
    return {**watch, "came_from": from_place, "held": nothing, "print": nothing}


def _moved(value: JSON, count: int, taken: Sources, name: str = "") -> JSON:
    """Bring every list of one number for each cell into the new order; ``name`` is its key."""
    if isinstance(value, Mapping):
        moved = {key: _moved(item, count, taken, key) for key, item in value.items()}
        return moved | {"cells": len(taken)} if "cells" in moved else moved
    if not isinstance(value, list):
        return value
    if len(value) == count and not any(isinstance(item, list | Mapping) for item in value):
        unknown = None if name in _NEVER else 0.0
        return [unknown if index is None else value[index] for index in taken]
    return [_moved(item, count, taken, name) for item in value]


def _filter(old: ModuleFilter, taken: Sources) -> ModuleFilter:
    """Rearrange a filter; a new cell is like the middle one of its module, less well known."""
    count = len(taken)
    blocks = old.blocks()
    _, _, rho, r, _ = blocks
    model = int(np.argsort(old.x[r] + old.x[rho])[old.cells // 2])
    place = [model if index is None else index for index in taken]
    index = np.concatenate([np.arange(SHARED), *(block[place] for block in blocks)])
    x, p = old.x[index].copy(), old.p[np.ix_(index, index)].copy()
    made = ModuleFilter(old.kind, count, x, p, old.law_loss, old.leaning)
    strangers = np.array([n for n, source in enumerate(taken) if source is None], dtype=np.intp)
    if len(strangers):
        _estrange(made, strangers)
    if len(x) != SHARED + PER_CELL * count:
        raise StoreError("the saved health filter is for another number of cells")
    return made


def _estrange(state: ModuleFilter, cells: npt.NDArray[np.intp]) -> None:
    """Widen what is believed of ``cells`` by what cells of one module differ by."""
    b, h, rho, r, q = (block[cells] for block in state.blocks())
    kind = state.kind
    for own, sd in ((b, kind.cell_rate_sd), (h, kind.cell_gain_sd)):
        state.x[own] = 0.0
        state.p[own, :] = 0.0
        state.p[:, own] = 0.0
        state.p[own, own] = sd**2
    spread = np.hypot(kind.cell_rate_sd, kind.cell_gain_sd) * np.abs(state.x[rho])
    state.p[rho, rho] += spread**2
    state.p[r, r] += _RESISTANCE_SD**2
    state.p[q, q] += _CAPACITY_SD**2
