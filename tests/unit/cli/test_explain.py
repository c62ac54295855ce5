"""What ``bbu-agent explain`` makes of an answer of the agent."""

from typing import Any

import pytest

from agent.cli.explain import explained, needs_attention, readiness
from agent.model import FaultReason

HEALTH: dict[str, Any] = {
    "updated_at": "2026-01-02T03:04:05Z",
    "basis": "resistance",
    "evidence": ["4 load steps gave a resistance, last on 2025-12-01"],
    "rejected": [
        {"what": "load step", "why": "near empty", "times": 3, "last": "2025-12-01T01:02:03Z"},
        {"what": "sample", "why": "its clock", "times": 1, "last": "2025-11-01T01:02:03Z"},
    ],
    "peers": [
        {"measure": "temperature", "score": 1.0, "text": "as warm as its shelf"},
        {"measure": "temperature", "score": 6.0, "text": "warmer than its batch"},
        {"measure": "cell_spread", "score": -1.0, "text": "no more spread than others"},
    ],
    "next_test_advice": {"text": "a self-test now would tell most"},
    "ride_through_s": {"estimate": 300.0, "lower": 250.0, "upper": 360.0},
    "ride_through_probability": 0.97,
    "end_of_life": {
        "estimate": "2031-01-02T00:00:00Z",
        "lower": "2029-01-02T00:00:00Z",
        "upper": "2034-01-02T00:00:00Z",
    },
    "end_of_life_by_ride_through": {
        "estimate": "2027-05-02T00:00:00Z",
        "lower": "2026-01-02T03:00:00Z",
        "upper": "2030-06-02T00:00:00Z",
    },
    "end_of_life_by_ride_through_unknown": None,
    "cells": [
        {
            "cell": str(n),
            "verdict": "ok",
            "basis": "resistance",
            "state_of_health": {"estimate": soh, "lower": soh - 0.04, "upper": soh + 0.04},
            "resistance_growth": {"estimate": 1.2, "lower": 1.15, "upper": 1.25},
        }
        for n, soh in ((1, 0.93), (2, 0.88))
    ],
}
UNIT: dict[str, Any] = {
    "name": "r1-a-1",
    "verdict": "degraded",
    "reasons": [
        {
            "code": "cell_resistance",
            "verdict": "degraded",
            "text": "cell 2: a sudden change",
            "since": "2025-11-30T12:00:00Z",
        },
    ],
    "faults": [
        {
            "quantity": "cell_voltage",
            "index": "3",
            "reason": "sentinel",
            "raw": "65535",
            "source": "holding 109",
        }
    ],
    "fault_counts": [{"quantity": "cell_voltage", "reason": "sentinel", "count": 12}],
    "rack": "r1",
    "shelf": "a",
    "health": HEALTH,
}
SHELF: dict[str, Any] = {"rack": "r1", "shelf": "a", "ready": 6, "required": 5}
WEAKEST = (
    "  - weakest cell 2: 88 % (84 to 92) of rated capacity, resistance x 1.20 (1.15 to 1.25), "
    "by resistance"
)
RIDE = (
    "  - ride-through at rated power: 5 min (4.17 min to 6 min); long enough with probability 0.97"
)
BY_CAPACITY = "  - end of life by capacity (70 % of rated)"
BY_RIDE = "  - end of life by ride-through (usual charge, rated power)"
CHECK = (
    "  - Check the module's connectors for heat at the next visit; if its resistance goes on "
    "rising, exchange it."
)
ABSENT = (
    "  - cell_voltage 3: sentinel, the device's word for not known (65535, holding 109); "
    "12 in all of this quantity"
)


def test_the_whole_explanation() -> None:
    assert list(explained(UNIT, "its shelf can spare it")) == [
        "r1-a-1: degraded",
        "",
        "Why:",
        "  - degraded: cell 2: a sudden change (believed since 2025-11-30)",
        "",
        "What to do:",
        CHECK,
        "",
        "What is believed (90 % intervals):",
        WEAKEST,
        RIDE,
        "  - end of life by capacity (70 % of rated): 2031-01 (2029-01 to 2034-01)",
        f"{BY_RIDE}: 2027-05 (already to 2030-06)",
        "",
        "On what grounds (basis: resistance, as of 2026-01-02T03:04:05Z):",
        "  - 4 load steps gave a resistance, last on 2025-12-01",
        "",
        "Evidence that was not used:",
        "  - 3 load steps, last on 2025-12-01: near empty",
        "  - 1 sample, last on 2025-11-01: its clock",
        "",
        "Against its peers:",
        "  - warmer than its batch",
        "  - no more spread than others",
        "",
        "Next test:",
        "  - a self-test now would tell most",
        "  - its shelf can spare it",
        "",
        "Readings that were refused or not believed:",
        ABSENT,
    ]


@pytest.mark.parametrize(
    ("ready", "words"),
    [
        (6, "its shelf has 6 ready units and requires 5: it can spare this one for the test"),
        (5, "its shelf has 5 ready units and requires 5: a test now would leave too few; let "),
        (3, "its shelf has 3 ready units and requires 5: a test now would leave too few; let "),
    ],
)
def test_what_a_test_would_leave_of_the_shelf(ready: int, words: str) -> None:
    told = readiness(UNIT, [SHELF | {"shelf": "b"}, SHELF | {"ready": ready}])
    assert told is not None
    assert told.startswith(words)


def test_a_unit_of_no_shelf_costs_no_redundancy() -> None:
    assert readiness(UNIT, [SHELF | {"rack": "r2"}]) is None
    assert readiness(UNIT | {"rack": None, "shelf": None}, [SHELF]) is None


def test_a_unit_that_was_never_read() -> None:
    silent = UNIT | {"verdict": "unknown", "reasons": [], "faults": [], "health": None}
    assert list(explained(silent)) == [
        "r1-a-1: unknown",
        "",
        "Why:",
        "  - nothing is known",
        "",
        "What to do:",
        "  - Wait for its first answers and evidence; a self-test gives the best.",
        "",
        "Nothing has been estimated yet.",
    ]


def test_an_estimate_without_evidence_is_called_so() -> None:
    fresh = UNIT | {"verdict": "unknown", "reasons": [], "health": HEALTH}
    assert (
        list(explained(fresh))[3] == "  - no evidence yet, only what age and chemistry let expect"
    )
    fresh["health"] = HEALTH | {"cells": []}
    assert list(explained(fresh))[3] == "  - nothing is known"


@pytest.mark.parametrize(
    ("verdict", "up", "attention"),
    [
        ("ok", True, False),
        ("watch", True, False),
        ("unknown", True, False),
        ("degraded", True, True),
        ("replace", True, True),
        ("unknown", False, True),
    ],
)
def test_who_does_not_answer_needs_attention_too(
    verdict: str, *, up: bool, attention: bool
) -> None:
    assert needs_attention({"verdict": verdict, "up": up}) is attention


def test_an_end_of_life_that_is_past_is_no_date() -> None:
    over = dict.fromkeys(("estimate", "lower", "upper"), HEALTH["updated_at"])
    lines = list(explained(UNIT | {"health": HEALTH | {"end_of_life": over}}))
    assert "  - end of life by capacity (70 % of rated): already" in lines


@pytest.mark.parametrize(
    ("key", "said"), [("end_of_life", BY_CAPACITY), ("end_of_life_by_ride_through", BY_RIDE)]
)
def test_why_there_is_no_end_of_life_is_said(key: str, said: str) -> None:
    none = {key: None, f"{key}_unknown": "not soon"}
    assert f"{said}: not soon" in list(explained(UNIT | {"health": HEALTH | none}))
    older = {name: value for name, value in HEALTH.items() if name not in none}
    assert said not in "".join(explained(UNIT | {"health": older}))


@pytest.mark.parametrize("unknown", [{"since": None}, {}])  # without: an older agent answers
def test_a_reason_of_which_nobody_kept_since_when(unknown: dict[str, None]) -> None:
    reason = {"code": "x", "verdict": "watch", "text": "it says so"} | unknown
    assert "  - watch: it says so" in list(explained(UNIT | {"reasons": [reason]}))


def test_every_kind_of_fault_has_words() -> None:
    for reason in FaultReason:
        fault = UNIT["faults"][0] | {"reason": reason.value}
        (line,) = [row for row in explained(UNIT | {"faults": [fault]}) if "cell_voltage" in row]
        assert f"{reason.value}, " in line


def test_a_unit_judged_by_its_own_word() -> None:
    spare = HEALTH | {
        "cells": [],
        "evidence": [],
        "rejected": [],
        "peers": [],
        "next_test_advice": None,
        "basis": "device report",
        "ride_through_s": None,
        "end_of_life": None,
        "end_of_life_by_ride_through": None,
    }
    lines = list(explained(UNIT | {"verdict": "ok", "reasons": [], "health": spare}))
    assert "  - nothing speaks against it" in lines
    assert "  - the device's own word" in lines
    assert not any(line.startswith("What is believed") for line in lines)
