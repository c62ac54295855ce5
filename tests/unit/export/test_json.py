import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.export.json import event_json, fault_json, health_json, moment, reading_json, reason_json
from agent.model import (
    Advice,
    Event,
    Fault,
    FaultReason,
    Health,
    Interval,
    PeerScore,
    Reading,
    Reason,
    Rejected,
    Trial,
    Value,
    Verdict,
)
from agent.quantities import QUANTITIES


def test_a_reading_as_others_read_it() -> None:
    reading = Reading("cell_voltage", "7", 3.981, 5.0, "holding 115")
    assert reading_json(reading) == {
        "quantity": "cell_voltage",
        "index": "7",
        "value": 3.981,
        "unit": "V",
        "source": "holding 115",
    }


def test_a_state_keeps_the_devices_wording() -> None:
    shown = reading_json(Reading("battery_status", None, "low", 5.0, "1.3.6", "batteryLow(3)"))
    assert (shown["value"], shown["text"]) == ("low", "batteryLow(3)")


@pytest.mark.parametrize(
    ("quantity", "value", "unit"),
    [
        ("battery_install_date", "2025-04-30", "date"),
        ("self_test_time", "2025-04-30T12:00:00Z", "time"),
    ],
)
def test_a_timestamp_is_an_iso_text(quantity: str, value: str, unit: str) -> None:
    shown = reading_json(Reading(quantity, None, 1746014400.0, 5.0, "x"))
    assert (shown["value"], shown["unit"]) == (value, unit)


def test_a_fault_as_others_read_it() -> None:
    fault = Fault("temperature", None, FaultReason.SENTINEL, "65535", "1.3.6.1")
    assert fault_json(fault) == {
        "quantity": "temperature",
        "index": None,
        "reason": "sentinel",
        "raw": "65535",
        "source": "1.3.6.1",
    }


def test_a_reason_says_since_when_it_stands() -> None:
    reason = Reason("cell_weak", "cell 2 is weak", "2", Verdict.DEGRADED, 1746014400.0)
    shown = {"code": "cell_weak", "text": "cell 2 is weak", "cell": "2", "verdict": "degraded"}
    assert reason_json(reason) == shown | {"since": "2025-04-30T12:00:00Z"}
    assert reason_json(Reason("x", "x"))["since"] is None


@pytest.mark.parametrize("unix_s", [None, math.nan, math.inf, 1e300, -1e300])
def test_no_moment_from_no_time(unix_s: float | None) -> None:
    assert moment(unix_s) is None


ANY_FLOAT = st.floats()


@given(st.sampled_from(sorted(QUANTITIES)), ANY_FLOAT | st.booleans() | st.text())
def test_readings_are_always_strict_json(quantity: str, value: Value) -> None:
    json.dumps(reading_json(Reading(quantity, None, value, 0.0, "x")), allow_nan=False)


@given(ANY_FLOAT, ANY_FLOAT)
def test_estimates_and_events_are_always_strict_json(a: float, b: float) -> None:
    interval = Interval(a, b, a)
    trials = (Trial("x", a, b, a, b, a),)
    health = Health(
        Verdict.OK,
        (),
        a,
        (),
        interval,
        interval,
        b,
        interval,
        evidence_at=b,
        rejected=(Rejected("load step", "near empty", 3, a),),
        peers=(PeerScore("temperature", "shelf a", 5, a, b, a, believed=False),),
        advice=Advice("x", a, b, a, trials, "text"),
        ride_end_of_life_s=interval,
    )
    json.dumps(health_json(health), allow_nan=False)
    json.dumps(event_json(Event("a", "discharge", a, b, {"energy_wh": a})), allow_nan=False)


def test_why_there_is_no_end_of_life_by_capacity_is_said_where_cells_are_known(
    health: Health,
) -> None:
    assert health_json(health)["end_of_life_unknown"] == "not within 20 years"
    seen = replace(health, end_of_life_s=Interval(1.8e9, 1.75e9, 1.9e9))
    for other in (seen, replace(health, cells=())):
        assert health_json(other)["end_of_life_unknown"] is None
