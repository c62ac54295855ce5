"""What the judge remembers: which reasons stand, since when, and across a restart."""

import json

import pytest

from agent.errors import StoreError
from agent.health.verdict import Finding, Judge
from agent.model import Reason, Verdict


def weak(severity: float, cell: str = "1") -> Finding:
    return Finding("cell_weak", cell, severity, Verdict.WATCH, f"cell {cell}: weak")


def sensor(part: str, severity: float) -> Finding:
    code, text = "temperature_sensor", f"sensor {part} stands still"
    return Finding(code, None, severity, Verdict.WATCH, text, part=part)


def restarted(judge: Judge) -> Judge:
    return Judge.unpack(json.loads(json.dumps(judge.pack(), allow_nan=False)))


def test_parts_of_one_code_stay_apart_across_a_restart() -> None:
    judge = Judge()
    judge.review([sensor("1", 2.0), sensor("2", 2.0)], 0.0)
    again = restarted(judge)
    assert again.reasons() == judge.reasons()
    # Both are believed already, so both stay as long as they are not clearly gone.
    for one in (judge, again):
        assert one.review([sensor("1", 0.9), sensor("2", 0.9)], 1.0) == []
    assert [r.text for r in again.reasons()] == [r.text for r in judge.reasons()]
    assert len(again.reasons()) == 2


def test_a_reason_says_since_when_it_stands() -> None:
    judge = Judge()
    for now_s, severity in enumerate((0.9, 1.0, 0.9, 2.0)):
        judge.review([weak(severity)], float(now_s))
    assert [reason.since_s for reason in judge.reasons()] == [1.0]
    judge.review([weak(0.5)], 4.0)
    judge.review([weak(1.5)], 5.0)  # raised before, and stands anew
    assert [reason.since_s for reason in judge.reasons()] == [5.0]


def test_a_reason_of_another_verdict_stands_since_then() -> None:
    judge = Judge()
    judge.review([weak(2.0)], 1.0)
    opened = Finding("cell_weak", "1", 2.0, Verdict.DEGRADED, "cell 1: an open parallel cell")
    for now_s in (5.0, 6.0):
        judge.review([opened], now_s)
        told = Reason("cell_weak", "cell 1: an open parallel cell", "1", Verdict.DEGRADED, 5.0)
        assert judge.reasons() == (told,)


def test_a_restart_does_not_move_since() -> None:
    judge = Judge()
    judge.review([weak(2.0)], 7.0)
    again = restarted(judge)
    assert again == judge
    again.review([weak(0.9), weak(2.0, "2")], 8.0)
    assert {reason.cell: reason.since_s for reason in again.reasons()} == {"1": 7.0, "2": 8.0}


def test_what_an_older_agent_has_recorded_is_still_read() -> None:
    row = ["cell_weak", "cell 1: weak", "1", "watch"]
    judge = Judge.unpack({"standing": [row], "known": ["cell_weak:1"]})
    assert judge.reasons() == (Reason("cell_weak", "cell 1: weak", "1", Verdict.WATCH),)
    assert judge.review([weak(0.9)], 5.0) == []
    (reason,) = judge.reasons()
    assert reason.since_s is None  # nobody has recorded it, and it is not since now
    judge.review([], 6.0)
    judge.review([weak(1.0)], 7.0)
    assert [one.since_s for one in judge.reasons()] == [7.0]


def test_an_older_agent_reads_what_this_one_records() -> None:
    judge = Judge()
    judge.review([sensor("2", 2.0)], 3.0)
    saved = judge.pack()
    assert isinstance(saved, dict)
    assert saved["standing"] == [["temperature_sensor", "sensor 2 stands still", None, "watch"]]
    assert saved["known"] == ["temperature_sensor:2"]


@pytest.mark.parametrize(
    "stood", [None, "x", [], [["cell_weak:1"]], [["cell_weak:1", "x"]], [["a", 1.0], ["b", 2.0]]]
)
def test_a_record_that_does_not_fit_is_refused(stood: object) -> None:
    row = ["cell_weak", "cell 1: weak", "1", "watch"]
    with pytest.raises(StoreError, match="verdict"):
        Judge.unpack({"standing": [row], "known": [], "stood": stood})
