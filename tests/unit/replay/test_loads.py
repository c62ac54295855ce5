"""What the list of a replay's discharges says where cells gave no reading."""

import pytest

from agent.health.observation import Observation
from agent.replay.loads import LoadLog


def logged(volts: tuple[float | None, ...]) -> dict[str, object]:
    """Log one discharge of 10 A over 60 s at ``volts`` and give its detail."""
    log = LoadLog(10.0)
    for time_s, current_a in ((0.0, 0.0), (10.0, -10.0), (70.0, -10.0), (80.0, 0.0)):
        log.watch(Observation(time_s, current_a, volts, (25.0,)))
    (event,) = log.events
    detail = event["detail"]
    assert isinstance(detail, dict)
    return detail


@pytest.mark.parametrize("volts", [(4.0, 4.0, 4.0), (4.0, None, 4.0), (float("nan"), 4.0, 4.0)])
def test_an_absent_cell_counts_as_the_mean_of_the_others(volts: tuple[float | None, ...]) -> None:
    assert logged(volts) == {"charge_ah": 0.1667, "energy_wh": 2.0}


def test_a_cell_at_zero_volts_is_a_reading() -> None:
    assert logged((4.0, 0.0, 4.0)) == {"charge_ah": 0.1667, "energy_wh": 1.33}


def test_no_cell_no_energy() -> None:
    assert logged((None, None, None)) == {"charge_ah": 0.1667}
