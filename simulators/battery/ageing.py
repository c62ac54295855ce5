"""How cells age: published power laws, taken step by step.

A power law of time cannot simply be added up when temperature changes, so each law is
used in its differential form: the loss so far stands for the age (``dL/dt`` as a function
of ``L``), and a hotter day carries on from there.
"""

import numpy as np

from simulators.battery.chemistry import Array, CalendarLaw, CycleLaw

KELVIN = 273.15
_SEED_LOSS = 1e-9  # the law's slope is infinite at zero loss


def calendar_loss(
    loss: Array, law: CalendarLaw, *, days: float, celsius: Array, soc: Array, factor: Array
) -> Array:
    """Give the calendar loss (share of new capacity) after ``days`` more.

    ``factor`` multiplies the law's coefficient: what a unit and a cell are apart from the
    average cell of the literature.
    """
    kelvin = celsius + KELVIN
    coefficient = factor * law.scale * np.exp((law.charge_k * soc - law.temperature_k) / kelvin)
    return _continue(loss, coefficient, law.power, days)


def cycle_loss(loss: Array, law: CycleLaw, *, cycles: Array, depth: Array) -> Array:
    """Give the cycling loss (share of new capacity) after ``cycles`` more of ``depth``."""
    return _continue(loss, law.base + law.slope * depth, law.power, cycles)


def _continue(loss: Array, coefficient: Array, power: float, amount: Array | float) -> Array:
    # loss = k * t**p, so the equivalent past is (loss / k)**(1/p).
    past = (np.maximum(loss, _SEED_LOSS) / coefficient) ** (1 / power)
    return np.maximum(loss, coefficient * (past + amount) ** power)
