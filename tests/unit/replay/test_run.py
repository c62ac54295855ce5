"""How old a recording's cells are held for where nobody tells, and what its rows call them."""

from dataclasses import replace

import pytest

from agent.health.engine import HealthEngine, Observation
from agent.health.verdict import Raised
from agent.model import Battery, Chemistry
from agent.replay.run import Tables, course, replay, write_alarm

START_S = 1.7e9
REST = Observation(START_S, 0.0, (4.07,) * 4, (25.0,))


def engine_after(reported: float | None, commissioned_s: float | None = None) -> HealthEngine:
    battery = Battery(Chemistry.NCA, rated_capacity_ah=15.0, commissioned_s=commissioned_s)
    engine = HealthEngine(battery, cells=tuple("1234"))
    first = replace(REST, reported_soh=reported)
    later = replace(REST, time_s=START_S + 3600.0, reported_soh=0.8)
    replay(engine, iter([first, later]), every_s=86400.0)
    return engine


@pytest.mark.parametrize(("reported", "unknown"), [(None, False), (0.98, False), (0.95, True)])
def test_cells_are_held_for_new_unless_their_device_says_otherwise(
    reported: float | None, *, unknown: bool
) -> None:
    assert engine_after(reported).age_unknown is unknown


def test_a_date_of_commissioning_counts_more_than_the_device_s_word() -> None:
    assert not engine_after(0.9, START_S - 1e6).age_unknown


def test_every_row_calls_a_cell_by_its_own_number() -> None:
    engine = HealthEngine(Battery(Chemistry.NCA, rated_capacity_ah=15.0), cells=("1", "3", "12"))
    rows = [replace(REST, time_s=START_S + day * 86400.0, cells_v=(4.07,) * 3) for day in range(4)]
    tables = replay(engine, iter(rows), every_s=86400.0)
    assert {row[1] for row in tables.soh} == {1, 3, 12}
    assert {row[1] for row in tables.forecast} == {1, 3, 12}
    assert {tuple(held) for _, held in course(tables)} == {("1", "3", "12")}


@pytest.mark.parametrize(("cell", "number"), [("3", 3), ("12", 12), (None, 0)])
def test_an_alarm_calls_a_cell_as_its_text_does(cell: str | None, number: int) -> None:
    tables = Tables()
    write_alarm(tables, Raised(START_S, "cell_resistance", cell, "text"))
    assert tables.alarms == [(START_S, number, "resistance", "text")]
