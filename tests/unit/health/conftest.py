import math
from collections.abc import Callable, Iterator

import pytest

from agent.health.engine import Observation
from agent.model import Battery, Chemistry

DAY_S = 86400.0
START_S = 1.7e9
OCV = ((0.0, 2.7), (0.1, 3.39), (0.3, 3.57), (0.5, 3.69), (0.7, 3.87), (0.9, 4.06), (1.0, 4.2))


@pytest.fixture
def battery() -> Battery:
    return Battery(
        chemistry=Chemistry.NCA,
        series=6,
        parallel=6,
        rated_capacity_ah=15.0,
        rated_power_w=1600.0,
        cell_cutoff_v=2.7,
        cell_float_v=4.07,
        resistance_ohm=0.0024,
        ocv=OCV,
        voltage_step_v=0.001,
        temperature_step_c=0.1,
        commissioned_s=START_S,
    )


Life = Callable[..., Iterator[Observation]]


@pytest.fixture
def life() -> Life:
    """A module's life: hourly standby and a 30 s test every 90 days.

    ``growth`` gives ln R growth of every cell at a time in days; ``cells`` voltages are
    quantised to ``step_v``; ``sign`` -1 flips the current.
    """

    def make(
        *,
        days: float = 400.0,
        growth: Callable[[float, int], float] = lambda day, _cell: 0.004 * math.sqrt(day),
        cells: int = 6,
        step_v: float = 0.001,
        sign: float = 1.0,
        first_test: float = 20.0,
        tests_every: float = 90.0,
        hours: float = 12.0,
        start_s: float = START_S,
    ) -> Iterator[Observation]:
        def volts(day: float, load_a: float, held_s: float) -> tuple[float, ...]:
            answer = []
            for cell in range(cells):
                ohm = 0.0024 * (1.0 + 0.02 * cell) * math.exp(growth(day, cell))
                part = 0.8 + 0.2 * math.log(1.0 + held_s) / math.log(11.0)
                volt = 4.02 - load_a * (ohm * part) - load_a * held_s / 3600.0 / 15.0 * 0.9
                answer.append(round(volt / step_v) * step_v)
            return tuple(answer)

        day, due = 0.0, first_test
        while day < days:
            now_s = start_s + day * DAY_S
            if day >= due:
                due += tests_every
                for second in range(-6, 0, 2):
                    yield Observation(now_s + second, 0.0, volts(day, 0.0, 0.0), (25.0,))
                for second in range(1, 31, 2):
                    sample = volts(day, 40.0, float(second))
                    yield Observation(now_s + second, -40.0 * sign, sample, (25.0,))
                for second in range(31, 61, 2):
                    rest = volts(day, 0.0, 0.0)
                    yield Observation(now_s + second, 0.0, rest, (25.0,))
            else:
                yield Observation(now_s, 0.0, volts(day, 0.0, 0.0), (25.0,))
            day += hours / 24.0

    return make
