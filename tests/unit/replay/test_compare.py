"""Rows of compare.csv: nothing that is over reads as a day to come."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.cli.explain import explained
from agent.model import Health, Interval, Reason, Verdict
from agent.replay.compare import NAMES, rank, rows
from agent.replay.page import Report

DAY_S = 86400.0
YEAR_S = 365.25 * DAY_S
Make = Callable[..., Report]


def row(report: Report) -> dict[str, object]:
    (cells,) = rows(rank([report]))
    return dict(zip(NAMES, cells, strict=True))


def with_health(report: Report, **fields: object) -> Report:
    health: Health = replace(report.health, **fields)  # type: ignore[arg-type]
    return replace(report, health=health)


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (Verdict.UNKNOWN, "no evidence yet, only what age and chemistry let expect"),
        (Verdict.OK, "no reason for concern"),
    ],
)
def test_a_unit_without_reasons_is_called_sound_on_evidence_only(
    make: Make, verdict: Verdict, said: str
) -> None:
    report = make(days=1)
    assert report.health.verdict is Verdict.UNKNOWN
    report = with_health(report, verdict=verdict, reasons=())
    assert (rank([report])[0].why(), row(report)["first_reason"]) == (said, said)
    reason = Reason("cell_unread", "cell 2: nobody reads it", "2", Verdict.WATCH)
    assert rank([with_health(report, reasons=(reason,))])[0].why() == reason.text


def test_explain_says_the_same_of_a_unit_without_evidence(make: Make) -> None:
    unit = {"name": "a", "verdict": "unknown", "reasons": [], "fault_counts": [], "faults": []}
    health = {"cells": [1], "basis": "prior", "updated_at": "", "evidence": [], "rejected": []}
    absent = dict.fromkeys(("state_of_health", "ride_through_s", "next_test_advice"))
    lines = explained(unit | {"health": health | absent | {"peers": []}})
    told = [next(lines) for _ in range(4)][-1]
    assert told == f"  - {rank([make(days=1)])[0].why()}"


ENDS = ("end_of_life", "end_of_life_lo", "end_of_life_hi")


def test_an_end_of_life_that_is_over_says_since_when(make: Make) -> None:
    report = make()
    now_s = report.health.updated_at
    # Estimate, lower and upper bound of the weaker cell; the last row decides when it began.
    courses = [
        (0, 0.72, 0.66, 0.8),
        (10, 0.69, 0.65, 0.78),
        (20, 0.71, 0.66, 0.79),
        (30, 0.70, 0.66, 0.77),
        (40, 0.68, 0.64, 0.75),
    ]
    soh: list[tuple[object, ...]] = [
        (1.7e9 + day * DAY_S, cell, *(value + 0.1 * (cell == 1) for value in held), 1.5, 1.4, 1.6)
        for day, *held in courses
        for cell in (1, 2)
    ]
    report = replace(report, tables=replace(report.tables, soh=soh))
    end_s = Interval(now_s, now_s - 0.5 * DAY_S, now_s + 3 * YEAR_S)
    told = row(with_health(report, end_of_life_s=end_s))
    assert [told[name] for name in ENDS] == [
        "already since 2023-12-14",
        "already since 2023-11-14",
        "2027-06-01",
    ]


def test_an_end_that_no_row_saw_is_over_all_the_same(make: Make) -> None:
    report = make()
    now_s = report.health.updated_at
    told = row(with_health(report, end_of_life_s=Interval(now_s, now_s, now_s + 20 * YEAR_S)))
    assert [told[name] for name in ENDS] == ["already", "already", "after 2044-05-31"]


def test_a_ride_that_is_too_short_says_since_when(make: Make) -> None:
    report = make()
    now_s, rated_w = report.health.updated_at, 200.0
    ride: list[tuple[object, ...]] = [
        (1.7e9 + day * DAY_S, power_w, 0.5, *(seconds * share for share in (1.0, 0.5, 2.0)))
        for day, rated_s in ((0, 300.0), (10, 240.0), (20, 230.0))
        for power_w, seconds in ((rated_w, rated_s), (0.6 * rated_w, 2.0 * rated_s))
    ]
    report = replace(report, tables=replace(report.tables, ride=ride))
    end_s = Interval(now_s, now_s, now_s + 10 * YEAR_S)
    told = row(with_health(report, ride_end_of_life_s=end_s))
    assert [told[f"ride_{name}"] for name in ENDS] == [
        "already since 2023-11-24",
        "already since 2023-11-14",
        "after 2034-06-01",
    ]
