"""Hand-made units for the exporters' tests."""

import pytest

from agent.model import (
    Basis,
    CellHealth,
    Fault,
    FaultReason,
    Health,
    Interval,
    Location,
    Reading,
    Reason,
    UnitInfo,
    UnitState,
    UnitStatus,
    Value,
    Verdict,
)
from agent.store.live import UnitView

NOW_S = 1000.0


def reading(
    quantity: str, value: Value, index: str | None = None, text: str | None = None
) -> Reading:
    return Reading(quantity, index, value, NOW_S - 2, "holding 100", text)


WEAK = Reason("cell_weak", "cell 2 holds 71 % of its rated capacity", "2", Verdict.DEGRADED, 1.68e9)


@pytest.fixture
def health() -> Health:
    """A module of two cells, the second weak, of which no end of life by capacity is known."""
    return Health(
        verdict=Verdict.DEGRADED,
        reasons=(WEAK,),
        updated_at=1.7e9,
        cells=(
            CellHealth(
                "1",
                Interval(0.95, 0.92, 0.98),
                Interval(1.02, 1.0, 1.05),
                Verdict.OK,
                Basis.RESISTANCE,
            ),
            CellHealth(
                "2",
                Interval(0.71, 0.66, 0.75),
                Interval(1.5, 1.4, float("nan")),
                Verdict.DEGRADED,
                Basis.FULL_TEST,
                Interval(0.002, 0.001, 0.003),
            ),
        ),
        state_of_health=Interval(0.71, 0.66, 0.75),
        ride_through_s=Interval(180.5, 160.0, 200.0),
        ride_through_probability=0.25,
        limiting_cell="2",
        basis=Basis.FULL_TEST,
        evidence_at=1.69e9,
        evidence=("full test on 2023-07-22",),
        ride_end_of_life_s=Interval(1.73e9, 1.7e9, 1.85e9),
    )


@pytest.fixture
def module(health: Health) -> UnitView:
    """An ORV3 module that answers, with a fault and an estimate."""
    return UnitView(
        info=UnitInfo("r1-a-1", "orv3-hpr-bbu", Location("r1", "a", "1"), "shelf-a", "unit id 48"),
        status=UnitStatus(
            UnitState.DEGRADED,
            1.6e9,
            1.7e9,
            polls=12,
            errors={"NoAnswer": 2},
            last_duration_s=0.25,
        ),
        mono_s=NOW_S,
        up=True,
        readings=(
            reading("battery_voltage", 51.25),
            reading("battery_current", -3.0),
            reading("state_of_charge", 1.0),
            reading("cell_voltage", 0.0, "1"),
            reading("cell_voltage", 3.98, "2"),
            reading("temperature", 25.5, "inlet"),
            reading("charging", False),  # noqa: FBT003 - a value
            reading("battery_status", "discharging", text="DSG"),
            reading("cycle_count", 12.0),
            reading("self_test_time", 1.7e9),
            reading("model", "HPR"),
            reading("model", "MOD-X", "module:3"),
            reading("battery_voltage", 48.5, "module:3"),
            reading("load", 0.5, "phase:2"),
            reading("alarm", True, "over temperature"),  # noqa: FBT003 - a value
        ),
        faults=(Fault("temperature", "outlet", FaultReason.SENTINEL, "65535", "holding 101"),),
        fault_counts={("temperature", FaultReason.SENTINEL): 7},
        health=health,
        identity={"model": "HPR", "serial_number": "SN1", "battery_chemistry": "NMC"},
        discharges=3,
        changed_at=1.7e9,
    )


@pytest.fixture
def silent() -> UnitView:
    """A UPS that no longer answers and of which nothing was ever learnt."""
    return UnitView(
        info=UnitInfo("ups-7", "auto", address="10.1.3.20:161"),
        status=UnitStatus(
            UnitState.DORMANT,
            1.6e9,
            None,
            9,
            9,
            {"NoAnswer": 9},
            "10.1.3.20:161: no answer in 1 s",
        ),
        mono_s=NOW_S,
    )
