"""What was believed of the cells is kept when it moves, and comes back as it was."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from agent.model import Basis, CellHealth, Health, Interval, Verdict
from agent.store.archive import Archive
from agent.store.course import Course, CourseKeeper
from agent.store.history import HistoryStore

HOUR_S = 3600.0
DAY_S = 86400.0


def health(at_s: float, capacity: float = 0.97, cells: int = 2) -> Health:
    found = tuple(
        CellHealth(
            str(n + 1),
            Interval(capacity, capacity - 0.02, capacity + 0.02),
            Interval(1.1, 1.0, 1.2),
            Verdict.OK,
            Basis.PRIOR,
        )
        for n in range(cells)
    )
    return Health(Verdict.OK, (), at_s, found)


def kept(*assessed: Health) -> list[float]:
    keeper = CourseKeeper()
    courses = [keeper.take("u", one) for one in assessed]
    return [course.time_s for course in courses if course is not None]


def test_an_estimate_that_stands_still_is_kept_once_a_month() -> None:
    days = [health(day * DAY_S) for day in range(65)]
    assert kept(*days) == [0.0, 30 * DAY_S, 60 * DAY_S]


def test_a_slow_change_is_kept_a_few_times_a_day_and_a_sudden_one_at_once() -> None:
    assert kept(
        health(0.0, 0.97),
        health(HOUR_S, 0.966),
        health(7 * HOUR_S, 0.966),
        health(7 * HOUR_S + 30, 0.80),
    ) == [0.0, 7 * HOUR_S, 7 * HOUR_S + 30]


def test_a_clock_set_back_and_other_cells_are_news() -> None:
    assert kept(health(DAY_S), health(0.0), health(1.0, cells=3)) == [DAY_S, 0.0, 1.0]


def test_without_cells_there_is_nothing_to_keep() -> None:
    assert CourseKeeper().take("u", replace(health(0.0), cells=())) is None


async def test_what_was_believed_survives_a_restart(tmp_path: Path) -> None:
    archive = Archive(HistoryStore(tmp_path / "history.db"))
    archive.keep_health("u", health(10.0))
    archive.keep_health("other", health(10.0))
    await archive.write(11.0)
    assert archive.believed == {}
    await archive.history.close()
    store = HistoryStore(tmp_path / "history.db")
    row = (0.97, 0.95, 0.99, 1.1, 1.0, 1.2)
    assert await store.course("u") == [Course("u", 10.0, {"1": row, "2": row})]
    await store.close()


async def test_a_broken_disk_keeps_it_in_memory_until_it_is_well(tmp_path: Path) -> None:
    (tmp_path / "history.db").mkdir()
    store = HistoryStore(tmp_path / "history.db")
    row = {"1": (1.0, 1.0, 1.0, 1.0, 1.0, 1.0)}
    await store.save({}, (), saved_s=1.0, course=(Course("u", 5.0, row),))
    assert await store.course("u") == [Course("u", 5.0, row)]
    (tmp_path / "history.db").rmdir()
    await store.save({}, (), saved_s=2.0, course=(Course("u", 6.0, row),))
    await store.close()
    again = HistoryStore(tmp_path / "history.db")
    assert [course.time_s for course in await again.course("u")] == [5.0, 6.0]
    await again.close()


async def test_of_old_estimates_one_a_week_stays(tmp_path: Path) -> None:
    now_s = 20_000 * DAY_S
    row = {"1": (1.0, 1.0, 1.0, 1.0, 1.0, 1.0)}
    course = tuple(Course("u", now_s - day * DAY_S, row) for day in range(200))
    store = HistoryStore(tmp_path / "history.db")
    await store.save({}, (), saved_s=1.0, course=course)
    for _ in range(2):
        await store.tidy(now_s=now_s)
        kept = [(now_s - one.time_s) / DAY_S for one in await store.course("u")]
        assert [day for day in kept if day < 60] == list(range(59, -1, -1))
        old = [day for day in kept if day > 67]
        assert {a - b for a, b in pairwise(old[1:])} == {7.0}
    await store.close()


PAST = {"unit": "a", "saved_at": 500, "state": {}, "events": []}


@pytest.mark.parametrize(
    "course",
    [[7], [["x", {}]], [[5, {"1": [1, 2]}]], [[5, {"1": [1, 2, 3, 4, 5, 1e999]}]], [[5, []]]],
)
async def test_an_import_with_a_wrong_course_is_refused_whole(
    tmp_path: Path, course: object
) -> None:
    (tmp_path / "a.json").write_text(json.dumps({**PAST, "course": course}))
    store = HistoryStore(None)
    imported = await store.import_folder(tmp_path)
    assert (imported.units, len(imported.problems)) == ((), 1)
    assert (tmp_path / "a.json.bad").exists()
    await store.close()


async def test_a_replayed_past_is_taken_in(tmp_path: Path) -> None:
    row = [0.9, 0.8, 1.0, 1.1, 1.0, 1.2]
    (tmp_path / "a.json").write_text(json.dumps({**PAST, "course": [[5, {"1": row}]]}))
    store = HistoryStore(None)
    assert await store.import_folder(tmp_path) == (("a",), ())
    assert await store.course("a") == [Course("a", 5.0, {"1": tuple(row)})]
    await store.close()
