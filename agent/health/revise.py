"""What happens to cells makes a filter give up what it believed: a contact, a knee, a misreading.

Nothing here learns from numbers: these are the filter's answers to a change that was noticed.
"""

import numpy as np
import numpy.typing as npt

from agent.health.filter import A, F, ModuleFilter

_UNKNOWN_OFF_STEP_SD = 0.3
_CHANGED_RATE_SD = 0.35
_CONTACT_SD = 0.1


def doubt_growth(state: ModuleFilter, share_sd: float) -> None:
    """Hold the growth so far, of all cells together, for uncertain by ``share_sd`` of it."""
    rho = state.blocks()[2]
    state.p[np.ix_(rho, rho)] += share_sd**2 * np.outer(state.x[rho], state.x[rho])
    state.tidy()


def loosen(state: ModuleFilter, cell: int, sd: float) -> None:
    """Give up what is believed of one cell's resistance level: something happened to it."""
    r = state.blocks()[3][cell]
    state.p[r, r] += sd**2


def free_capacity(state: ModuleFilter, cells: npt.NDArray[np.intp], sd: float) -> None:
    """Give up that ``cells`` have the capacity of their module, within ``sd`` of ln Q."""
    q = state.blocks()[4][cells]
    state.p[q, q] += sd**2
    state.tidy()


def quicken(state: ModuleFilter, cell: int, departure: float) -> None:
    """Give up what is believed of one cell's fade rate: it departs step by step."""
    b, _, rho, _, _ = state.blocks()
    state.p[b[cell], b[cell]] += _CHANGED_RATE_SD**2
    state.p[rho[cell], rho[cell]] += departure**2


def blame_contact(state: ModuleFilter, cell: int, model: int) -> float:
    """Take the growth of ``cell`` beyond that of cell ``model`` for a bad contact.

    The cell's ageing becomes that of ``model``, not quite as well known; the rest moves
    into its level, which is free from now on. Gives the level before.
    """
    b, h, rho, r, _ = state.blocks()
    before = float(state.x[r[cell]])
    excess = float(state.x[rho[cell]] - state.x[rho[model]])
    state.x[r[cell]] += excess
    state.x[rho[cell]] = state.x[rho[model]]
    state.x[b[cell]] = state.x[h[cell]] = 0.0
    state.p[rho[cell], :] = state.p[rho[model], :]
    state.p[:, rho[cell]] = state.p[:, rho[model]]
    own = float(np.hypot(state.kind.cell_rate_sd, state.kind.cell_gain_sd))
    state.p[rho[cell], rho[cell]] = (
        state.p[rho[model], rho[model]] + (own * float(state.x[rho[model]])) ** 2
    )
    for index, sd in (
        (b[cell], state.kind.cell_rate_sd),
        (h[cell], state.kind.cell_gain_sd),
        (r[cell], _CONTACT_SD),
    ):
        state.p[index, :] = state.p[:, index] = 0.0
        state.p[index, index] = sd**2
    state.tidy()
    return before


def meet_other_steps(state: ModuleFilter) -> None:
    """Steps on and off read differently by an amount that only both can show."""
    state.p[F, F] += _UNKNOWN_OFF_STEP_SD**2


def relevel(state: ModuleFilter, ln_r: float) -> None:
    """Move the resistance of all cells as new by ``ln_r``: it was misread."""
    r = state.blocks()[3]
    state.x[r] += ln_r
    state.p[np.ix_(r, r)] += _CONTACT_SD**2
    state.tidy()


def unsettle(state: ModuleFilter, departure: float) -> None:
    """Give up what is believed of the module's fade: all cells departed together."""
    rho = state.blocks()[2]
    state.p[A, A] += _CHANGED_RATE_SD**2
    state.p[np.ix_(rho, rho)] += departure**2
