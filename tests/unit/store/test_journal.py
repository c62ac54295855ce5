"""What engines saw outlives a kill, up to the last commit, and no longer than it must."""

import os
import sqlite3
import tracemalloc
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Event, Reading, Sample
from agent.store.archive import Archive
from agent.store.database import Database
from agent.store.history import HistoryStore
from agent.store.journal import KEPT_S, Seen, drop, everything
from agent.store.keeper import Bounds
from agent.store.records import Batch

NOW_S = 1.7e9
NAMES = ("a", "b", 'a"\\', "é")


def body(value: float) -> dict[str, object]:
    return {"cells": ["1"], "values": [value]}


def killed(history: HistoryStore) -> None:
    """Drop the file's lock as the death of the process would."""
    assert history._keeper._disk is not None
    history._keeper._disk.close()


async def test_what_was_seen_after_a_state_comes_back_with_it(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path / "db")
    archive = Archive(history)
    archive.keep_seen("u", NOW_S, body(1.0))
    mark = archive.keep_seen("u", NOW_S + 1, body(2.0))
    archive.keep_state("u", "S1", {"x": 7, "seen": mark})
    archive.keep_seen("other", NOW_S + 2, body(9.0))
    archive.keep_seen("u", NOW_S + 3, body(3.0))
    await archive.write(NOW_S)
    archive.keep_seen("u", NOW_S + 4, body(4.0))
    await archive.write(NOW_S + 1)
    archive.keep_seen("u", NOW_S + 5, body(5.0))  # never committed
    killed(history)

    again = HistoryStore(tmp_path / "db")
    states = await again.load_states()
    assert states["u"].body == {"x": 7, "seen": mark, "since": [body(3.0), body(4.0)]}
    assert again.put_seen("u", NOW_S + 6, body(6.0)) > mark + 3
    await again.close()


async def test_a_state_that_does_not_say_how_far_it_came_gets_nothing(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path / "db")
    archive = Archive(history)
    archive.keep_seen("u", NOW_S, body(1.0))
    archive.keep_state("u", None, {"x": 7})
    archive.keep_state("v", None, {"seen": True})
    await archive.write(NOW_S)
    states = await history.load_states()
    assert {unit: dict(state.body) for unit, state in states.items()} == {
        "u": {"x": 7},
        "v": {"seen": True},
    }
    await history.close()


async def test_seeing_alone_writes_no_readings(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path / "db")
    archive = Archive(history)
    reading = Reading("battery_current", None, 1.0, 0.0, "x")
    archive.keep_sample(Sample("u", NOW_S, 0.0, (reading,)), closely=True)
    archive.keep_seen("u", NOW_S, body(1.0))
    await archive.write(NOW_S)
    assert len(history._waiting) == 1
    archive.keep_event(Event("u", "discharge", NOW_S, None))
    await archive.write(NOW_S)
    assert history._waiting == []
    await history.close()


@pytest.mark.parametrize("leap_s", [-5 * 3600.0, 0.0, 5 * 3600.0, 400 * 86400.0])
async def test_a_clock_that_is_set_costs_no_sample_and_changes_no_order(
    tmp_path: Path, leap_s: float
) -> None:
    history = HistoryStore(tmp_path / "db")
    archive = Archive(history)
    mark = archive.keep_seen("u", NOW_S, body(0.0))
    archive.keep_state("u", "S1", {"seen": mark})
    for number in range(1, 7):
        at_s = NOW_S + 60.0 * number + (leap_s if number > 3 else 0.0)
        archive.keep_seen("u", at_s, body(float(number)))
        await archive.write(at_s)
        await history.tidy(now_s=at_s)
    killed(history)
    again = HistoryStore(tmp_path / "db")
    states = await again.load_states()
    assert states["u"].body["since"] == [body(float(number)) for number in range(1, 7)]
    assert len(await again.seen("u")) == 7
    await again.close()


async def test_rows_stay_for_two_hours_of_being_seen(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path / "db")
    minutes = range(0, 200, 5)
    for minute in minutes:
        history.put_seen("u", NOW_S + 60.0 * minute, body(0.0))
        await history.flush()
    await history.tidy(now_s=NOW_S)
    held = [(row.time_s - NOW_S) / 60 for row in await history.seen()]
    assert held == [minute for minute in minutes if minute >= minutes[-1] - KEPT_S / 60]
    # Three days without anybody at work make the last of what was seen no older than a gap.
    history.put_seen("u", NOW_S + 3 * 86400.0, body(0.0))
    await history.flush()
    await history.tidy(now_s=NOW_S + 3 * 86400.0)
    held = [(row.time_s - NOW_S) / 60 for row in await history.seen()]
    assert held == [*range(90, 200, 5), 4320]
    await history.close()


def test_a_clock_that_stands_still_fills_no_disk() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE seen (number INTEGER PRIMARY KEY, time_s REAL, body BLOB)")
    rows = ((number, NOW_S, b"") for number in range(10_000))
    connection.executemany("INSERT INTO seen VALUES (?, ?, ?)", rows)
    drop(connection)
    assert connection.execute("SELECT count(*), max(number) FROM seen").fetchone() == (8000, 9999)
    connection.close()


async def test_a_disk_that_fails_keeps_them_in_memory_and_then_takes_them(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    history = HistoryStore(tmp_path / "db")
    history.put_seen("u", NOW_S, body(1.0))
    await history.flush()
    assert history.problem
    assert [row.body for row in await history.seen()] == [body(1.0)]
    (tmp_path / "db").rmdir()
    history.put_seen("u", NOW_S + 1, body(2.0))
    await history.flush()
    assert not history.problem
    assert [row.body for row in await history.seen()] == [body(1.0), body(2.0)]
    await history.close()


@pytest.mark.parametrize("garbled", [b"", b"zzz", None, b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_a_garbled_row_costs_itself(garbled: bytes | None) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE seen (number INTEGER PRIMARY KEY, time_s REAL, body BLOB)")
    connection.execute("INSERT INTO seen VALUES (1, 0, ?)", (garbled,))
    assert everything(connection) == []
    connection.close()


def journal_of(commits: list[list[Seen]]) -> Database:
    database = Database(None)
    for rows in commits:
        database.commit(Batch(seen=tuple(rows)))
    return database


def test_each_unit_gets_what_it_saw_after_its_own_mark() -> None:
    names = "abab", "bbac"
    numbers = iter(range(1, 9))
    commits = [[Seen(unit, next(numbers), NOW_S, {}) for unit in units] for units in names]
    database = journal_of(commits)
    last, rows = database.seen_after({"a": 1, "b": 5, "gone": 3})
    assert last == 8
    assert [(row.unit, row.number) for row in rows] == [("a", 3), ("b", 6), ("a", 7)]
    assert database.seen_after({}) == (8, [])
    assert journal_of([]).seen_after({"a": 1}) == (0, [])


@given(
    seen=st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), max_size=30),
    marks=st.dictionaries(st.sampled_from((*NAMES, "gone")), st.integers(0, 40)),
    few=st.integers(0, 4),
)
def test_however_it_is_looked_for_it_is_the_same(
    seen: list[tuple[str, bool]], marks: dict[str, int], few: int
) -> None:
    commits: list[list[Seen]] = [[]]
    for number, (unit, ends) in enumerate(seen, start=1):
        # Bodies hold texts that look like a row's beginning.
        commits[-1].append(Seen(unit, number, NOW_S, {"cells": [unit, 1, 2.0, unit]}))
        if ends:
            commits.append([])
    database = journal_of([rows for rows in commits if rows])
    rows = [row for commit in commits for row in commit]
    with mock.patch("agent.store.journal._FEW", few):
        found = database.seen_after(marks)[1]
    assert found == [row for row in rows if row.number > marks.get(row.unit, row.number)]
    for name in NAMES:
        assert database.seen(name) == [row for row in rows if row.unit == name]
    assert database.seen() == rows


@pytest.mark.parametrize("mark", range(9))
def test_no_row_is_lost_wherever_a_mark_lies(mark: int) -> None:
    rows = [Seen("a", number, NOW_S, {}) for number in range(1, 9)]
    database = journal_of([rows[:3], rows[3:4], rows[4:]])
    assert [row.number for row in database.seen_after({"a": mark})[1]] == [*range(mark + 1, 9)]


def test_a_start_holds_in_memory_only_what_is_new() -> None:
    """Two hours of 500 units would take 0.9 GB as Python objects."""
    rows = [Seen("a", number, NOW_S, body(number)) for number in range(1, 20_001)]
    database = journal_of([rows[n : n + 200] for n in range(0, len(rows), 200)])
    tracemalloc.start()
    database.seen()
    whole = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    database.seen_after({"a": 19_900, "b": 0})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.1 * whole


async def test_a_fleet_under_load_does_not_crowd_out_the_past(tmp_path: Path) -> None:
    bounds = Bounds(file_bytes=400_000)
    history = HistoryStore(tmp_path / "db", bounds)
    reading = Reading("battery_current", None, 1.0, 0.0, "x")
    history.put_sample(Sample("u", NOW_S, 0.0, (reading,)), closely=True)
    for n in range(60):
        history.put_seen("u", NOW_S + n, {"noise": os.urandom(8_000).hex()})
        await history.flush()
    await history.tidy(now_s=NOW_S + 60)
    kept = await history.seen()
    assert 5 < len(kept) < 30
    assert kept[-1].time_s == NOW_S + 59
    found = await history.history("u", "battery_current", None, since_s=0.0, until_s=2 * NOW_S)
    assert len(found) == 1
    await history.close()


async def test_without_a_disk_the_journal_stays_within_the_memory_for_it(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    history = HistoryStore(tmp_path / "db", Bounds(memory_bytes=200_000))
    for n in range(60):
        history.put_seen("u", NOW_S + n, {"noise": os.urandom(8_000).hex()})
        await history.flush()
    assert history._keeper._memory is not None
    assert history._keeper._memory.size_bytes() < 400_000
    assert (await history.seen())[-1].time_s == NOW_S + 59
    await history.close()
