"""What the device says of itself: a witness beside our estimate, never a part of it."""

import pytest

from agent.health.witness import combine
from agent.model import Health, Interval, Value, Verdict

OURS = Health(Verdict.OK, (), 1.7e9, state_of_health=Interval(0.82, 0.78, 0.86), evidence=("ours",))


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ({}, ()),
        (
            {"reported_state_of_health": 0.84},
            ("the device puts its state of health at 84%, which is within our 78% to 86%",),
        ),
        (
            {"reported_state_of_health": 0.97, "self_test_result": "passed"},
            (
                "the device puts its state of health at 97%, which is outside our 78% to 86%",
                "the device says that its last self-test was passed",
            ),
        ),
        ({"reported_state_of_health": True, "self_test_result": "running"}, ()),
    ],
)
def test_the_device_is_heard_beside_our_own_evidence(
    known: dict[str, Value], told: tuple[str, ...]
) -> None:
    health = combine(OURS, known, 1.7e9)
    assert health.evidence == ("ours", *told)
    assert health.state_of_health == OURS.state_of_health
    assert health.verdict is Verdict.OK


def test_a_low_word_of_the_device_is_a_reason_however_we_see_it() -> None:
    health = combine(OURS, {"reported_state_of_health": 0.7}, 1.7e9)
    assert [one.code for one in health.reasons] == ["device_health_low"]
    assert health.verdict is Verdict.DEGRADED
