"""What of a sample the health engine takes, and what is absent."""

from dataclasses import replace

import pytest

from agent.health.engine import Observation
from agent.model import Reading, Sample, Value
from agent.poll.observation import observation
from tests.unit.poll.samples import WALL_S, sample


def indexed(quantity: str, index: str, value: float) -> Reading:
    return Reading(quantity, index, value, 0.0, "x")


def test_an_observation_holds_what_the_engine_takes() -> None:
    rows = sample(
        7,
        4.0,
        None,
        0.0,
        battery_current=-75.5,
        state_of_charge=0.81,
        reported_state_of_health=0.87,
        charging=False,
        discharging=True,
    ).readings
    more = (
        indexed("temperature", "pack1", 25.0),
        indexed("temperature", "pack2", 26.5),
        indexed("temperature", "inlet", 60.0),
        indexed("ambient_temperature", "rack", 21.0),
    )
    assert observation(Sample("u", WALL_S, 7, (*rows, *more)), ("1", "2", "3")) == Observation(
        time_s=WALL_S,
        current_a=-75.5,
        cells_v=(4.0, None, 0.0),
        temperatures_c=(25.0, 26.5),
        ambient_c=21.0,
        phase="discharge",
        reported_soc=0.81,
        reported_soh=0.87,
    )


@pytest.mark.parametrize(
    ("facts", "phase"),
    [
        ({"self_test_running": True, "discharging": True}, "selftest"),
        ({"discharging": True, "charging": False}, "discharge"),
        ({"charging": True}, "charge"),
        ({"charging": False}, "standby"),
        ({}, None),
    ],
)
def test_phases(facts: dict[str, Value], phase: str | None) -> None:
    assert observation(sample(0, **facts), ()).phase == phase


def test_absent_is_not_zero() -> None:
    assert observation(sample(0), ("1",)) == Observation(WALL_S, None, (None,))


def balanced(flags: tuple[bool, ...]) -> Sample:
    rows = [
        Reading("cell_balancing", str(n), flag, 0, "x") for n, flag in enumerate(flags, start=1)
    ]
    rested = sample(0, 4.0, 4.0, 4.0)
    return replace(rested, readings=(*rested.readings, *rows))


def test_the_cells_being_balanced_are_a_mask_in_the_engine_s_order() -> None:
    assert observation(balanced((True, False, True)), ("3", "1", "2")).balancing == 0b011
    assert observation(balanced((False,) * 3), ("1", "2", "3")).balancing == 0


def test_a_device_that_only_says_that_it_balances_gives_no_mask() -> None:
    taken = observation(sample(0, 4.0, 4.0, balancing=True), ("1", "2"))
    assert (taken.balancing, taken.bleeding) == (None, True)
