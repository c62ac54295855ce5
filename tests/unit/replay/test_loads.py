"""What the list of a replay's discharges says where cells gave no reading."""

import math

import pytest

from agent.health.observation import Observation
from agent.replay.loads import LoadLog


def logged(volts: tuple[float | None, ...]) -> dict[str, object]:
    """Log one discharge of 10 A over 60 s at ``volts`` and give its detail."""
    log = LoadLog(10.0)
    for time_s, current_a in ((0.0, 0.0), (10.0, -10.0), (70.0, -10.0), (80.0, 0.0)):
        log.watch(Observation(time_s, current_a, volts, (25.0,)))
    return detail_of(log)


def detail_of(log: LoadLog) -> dict[str, object]:
    (event,) = log.events
    detail = event["detail"]
    assert isinstance(detail, dict)
    return detail


@pytest.mark.parametrize("volts", [(4.0, 4.0, 4.0), (4.0, None, 4.0), (float("nan"), 4.0, 4.0)])
def test_an_absent_cell_counts_as_the_mean_of_the_others(volts: tuple[float | None, ...]) -> None:
    assert logged(volts) == {"duration_s": 70.0, "charge_ah": 0.1944, "energy_wh": 2.33}


def test_a_cell_at_zero_volts_is_a_reading() -> None:
    assert logged((4.0, 0.0, 4.0)) == {"duration_s": 70.0, "charge_ah": 0.1944, "energy_wh": 1.56}


def test_no_cell_no_energy() -> None:
    assert logged((None, None, None)) == {"duration_s": 70.0, "charge_ah": 0.1944}


def loaded(*rows: tuple[float, float | None]) -> LoadLog:
    """Log rows of unix seconds and amperes at 3 cells of 4 V and 10 Ah."""
    log = LoadLog(10.0)
    for time_s, current_a in rows:
        log.watch(Observation(time_s, current_a, (4.0, 4.0, 4.0), (25.0,)))
    return log


def test_a_load_sampled_every_two_seconds_has_its_whole_length_and_charge() -> None:
    load = [(float(at_s), -30.0) for at_s in range(0, 60, 2)]
    log = loaded((-4.0, 0.0), (-2.0, 0.0), *load, (60.0, 0.0), (62.0, 0.0))
    assert detail_of(log) == {"duration_s": 60.0, "charge_ah": 0.5, "energy_wh": 6.0}
    assert (log.events[0]["start_s"], log.events[0]["end_s"]) == (-1.0, 59.0)


def test_an_hour_without_samples_is_no_part_of_a_load() -> None:
    log = loaded((-3600.0, 0.0), (0.0, -30.0), (60.0, -30.0), (3660.0, 0.0))
    assert detail_of(log) == {"duration_s": 60.0, "charge_ah": 0.5, "energy_wh": 6.0}


@pytest.mark.parametrize("absent", [None, float("nan")])
def test_a_row_without_a_current_is_bridged(absent: float | None) -> None:
    log = loaded((0.0, 0.0), (2.0, -30.0), (4.0, absent), (60.0, -30.0), (62.0, 0.0))
    assert detail_of(log) == {"duration_s": 60.0, "charge_ah": 0.5, "energy_wh": 6.0}


@pytest.mark.parametrize("amperes", [-math.inf, -1e300, -2001.0])
def test_a_current_that_cannot_be_is_no_load(amperes: float) -> None:
    load = [(float(at_s), amperes) for at_s in range(2, 60, 2)]
    assert loaded((0.0, 0.0), *load, (60.0, 0.0), (62.0, 0.0)).events == []


@pytest.mark.parametrize("volts", [math.inf, 1e300, 4000.0])
def test_a_voltage_that_cannot_be_is_none(volts: float) -> None:
    assert logged((4.0, volts, 4.0)) == logged((4.0, None, 4.0))
