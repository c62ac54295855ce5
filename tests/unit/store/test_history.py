import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from agent.errors import StoreError
from agent.model import Event, Reading, Sample
from agent.store import history, retention
from agent.store.history import HistoryStore
from agent.store.keeper import Bounds
from agent.store.records import MOST_PARKED, PARKED, HistoryPoint, SavedState
from tests.unit.store.records import DISCHARGE, ENDED, TEST, points, sample

HOUR_S = 3600.0
DAY_S = 86400.0


async def tidied(store: HistoryStore, now_s: float) -> None:
    """Tidy after days in which nobody did: the clock has to be believed first."""
    await store.tidy(now_s=now_s - 7 * HOUR_S)
    await store.tidy(now_s=now_s)


async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "new" / "history.db"
    first = HistoryStore(path)
    await first.save({"a": ("SN1", {"x": [1.5, -2]}), "b": (None, {})}, saved_s=50)
    await first.put_event(DISCHARGE)
    first.put_sample(sample(10))
    await first.close()
    second = HistoryStore(path)
    assert await second.load_states() == {
        "a": SavedState("SN1", 50, {"x": [1.5, -2]}),
        "b": SavedState(None, 50, {}),
    }
    assert await second.events() == [DISCHARGE]
    assert await points(second) == [HistoryPoint(10, 51)]
    assert second.problem is None
    await second.close()


async def test_an_event_put_again_takes_the_place_of_its_earlier_form(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db")
    for event in (DISCHARGE, TEST, ENDED):
        await store.put_event(event)
    assert await store.events() == [TEST, ENDED]
    assert await store.events(unit="a") == [ENDED]
    assert await store.events(since_s=150) == [TEST]
    assert await store.events(limit=1) == [TEST]
    await store.close()


async def test_without_a_path_it_works_in_memory() -> None:
    store = HistoryStore(None)
    await store.put_event(DISCHARGE)
    await store.save({"a": (None, {"x": 1})}, saved_s=5)
    assert await store.events() == [DISCHARGE]
    assert await store.load_states() == {"a": SavedState(None, 5, {"x": 1})}
    assert store.problem is None
    await store.close()


async def test_samples_are_thinned_out_but_not_in_an_event(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db", Bounds(gap_s=60, repeat_s=0))
    for at_s in (0, 59, 60, 100):
        store.put_sample(sample(at_s))
    store.put_sample(sample(101), closely=True)
    store.put_sample(sample(102), closely=True)
    await store.flush()
    assert [point.time_s for point in await points(store)] == [0, 60, 101, 102]
    await store.close()


async def test_a_clock_set_back_does_not_stop_the_record(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db")
    for at_s in (1000, 10):
        store.put_sample(sample(at_s))
    await store.flush()
    assert [point.time_s for point in await points(store)] == [10, 1000]
    await store.close()


async def test_values_keep_their_kind_and_parts_stand_apart() -> None:
    store = HistoryStore(None)
    readings = (
        Reading("battery_status", None, "charging", 0, "x"),
        Reading("charging", None, False, 0, "x"),  # noqa: FBT003 - a value
        Reading("cell_voltage", "1", 0.0, 0, "x"),
        Reading("cell_voltage", "2", 4.0, 0, "x"),
        Reading("model", None, "not kept", 0, "x"),
    )
    store.put_sample(Sample("a", 1, 1, readings))
    await store.flush()
    kept = {
        (quantity, index): [
            point.value for point in await store.history("a", quantity, index, since_s=0, until_s=9)
        ]
        for quantity, index in [(r.quantity, r.index) for r in readings]
    }
    assert kept == {
        ("battery_status", None): ["charging"],
        ("charging", None): [0],
        ("cell_voltage", "1"): [0.0],
        ("cell_voltage", "2"): [4.0],
        ("model", None): [],
    }
    await store.close()


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "'; DROP TABLE point", "\U0001f50b"])
async def test_hostile_texts_are_only_texts(tmp_path: Path, text: str) -> None:
    store = HistoryStore(tmp_path / "history.db")
    store.put_sample(Sample("a", 1, 1, (Reading("battery_status", text, text, 1, "x"),)))
    await store.put_event(Event("a", "alarm", 1, None, {text: text}))
    await store.save({"a": (text, {text: text})}, saved_s=1)
    found = await store.history("a", "battery_status", text, since_s=0, until_s=9)
    assert [point.value for point in found] == [text.replace("\ud800", "?")]
    assert (await store.events())[0].detail == {text: text}
    assert (await store.load_states())["a"].body == {text: text}
    assert store.problem is None
    await store.close()


async def test_what_waits_is_bounded_and_the_rest_counted() -> None:
    store = HistoryStore(None, Bounds(waiting_points=2, repeat_s=0))
    for at_s in range(5):
        store.put_sample(sample(at_s), closely=True)
    await store.flush()
    assert (len(await points(store)), store.dropped) == (2, 3)
    await store.close()


async def test_old_raw_points_become_hours(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db", Bounds(raw_s=DAY_S, hours_s=10 * DAY_S))
    for at_s, value in ((0, 50.0), (1800, 54.0), (HOUR_S, 40.0), (2 * DAY_S, 51.0)):
        store.put_sample(sample(at_s, value))
    await store.flush()
    await store.tidy(now_s=2 * DAY_S + 60)
    await store.tidy(now_s=2 * DAY_S + 120)
    assert await points(store) == [
        HistoryPoint(0, 52, 50, 54),
        HistoryPoint(HOUR_S, 40, 40, 40),
        HistoryPoint(2 * DAY_S, 51),
    ]
    await tidied(store, 10 * DAY_S + 60)
    assert await points(store) == [
        HistoryPoint(HOUR_S, 40, 40, 40),
        HistoryPoint(2 * DAY_S, 51, 51, 51),
    ]
    await store.close()


async def test_a_clock_that_leaps_ahead_for_a_while_does_not_cost_the_past(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db", Bounds(raw_s=7 * DAY_S, hours_s=400 * DAY_S))
    start_s, wrong_s = 10_000 * DAY_S, 30_000 * DAY_S
    store.put_sample(sample(start_s, 50.0))
    await store.tidy(now_s=start_s + HOUR_S)
    before = await points(store)
    for hour in range(6):
        await store.tidy(now_s=wrong_s + hour * HOUR_S)
    await store.tidy(now_s=start_s + 8 * HOUR_S)
    assert before == await points(store) == [HistoryPoint(start_s, 50)]
    for hour in (24 * 7, 24 * 7 + 7):
        await store.tidy(now_s=start_s + hour * HOUR_S)
    assert await points(store) == [HistoryPoint(start_s, 50, 50, 50)]
    await store.close()


async def test_a_sensor_that_makes_events_for_ever_fills_no_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MOST_EVENTS", 3)
    store = HistoryStore(tmp_path / "history.db")
    for at_s in range(5):
        for kind in ("discharge", "flicker"):
            await store.put_event(Event("a", kind, at_s + (kind == "flicker") / 2, at_s, {}))
    await store.put_event(Event("b", "discharge", 0.0, 1.0, {}))
    await store.tidy(now_s=HOUR_S)
    assert [event.start_s for event in await store.events(unit="a")] == [4.5, 4.0, 3.5]
    assert len(await store.events(unit="b")) == 1
    await store.close()


async def test_points_that_wait_are_summed_up_too(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db", Bounds(raw_s=HOUR_S))
    for at_s, value in ((0, 50.0), (HOUR_S - 1, 54.0)):
        store.put_sample(sample(at_s, value))
    await store.tidy(now_s=HOUR_S + 1)
    await store.tidy(now_s=3 * HOUR_S)
    assert await points(store) == [HistoryPoint(0, 52, 50, 54)]
    await store.close()


async def test_points_of_a_clock_set_back_are_summed_up_too(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db", Bounds(raw_s=2 * HOUR_S))
    store.put_sample(sample(0, 50.0))
    await store.tidy(now_s=HOUR_S)
    store.put_sample(sample(1800, 54.0))
    await store.flush()
    await store.tidy(now_s=4 * HOUR_S)
    assert await points(store) == [HistoryPoint(0, 52, 50, 54)]
    await store.close()


async def test_a_late_point_does_not_take_the_place_of_a_whole_hour(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db", Bounds(raw_s=HOUR_S))
    for at_s, value in ((0, 50.0), (60, 54.0)):
        store.put_sample(sample(at_s, value))
    await store.tidy(now_s=3 * HOUR_S)
    store.put_sample(sample(120, 99.0))
    await store.tidy(now_s=3 * HOUR_S)
    assert await points(store) == [HistoryPoint(0, 52, 50, 54)]
    await store.close()


async def test_states_have_no_hourly_mean(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db", Bounds(raw_s=DAY_S))
    reading = Reading("battery_status", None, "charging", 0, "x")
    store.put_sample(Sample("a", 0, 0, (reading,)))
    await store.flush()
    await store.tidy(now_s=2 * DAY_S)
    assert await store.history("a", "battery_status", None, since_s=0, until_s=1e9) == []
    await store.close()


async def test_a_series_is_forgotten_with_its_last_point(tmp_path: Path) -> None:
    bounds = Bounds(raw_s=DAY_S, hours_s=10 * DAY_S)
    store = HistoryStore(tmp_path / "history.db", bounds)
    for n in range(5):
        row = Reading("cell_voltage", f"row {n}", 3.9, 0, "x")
        store.put_sample(Sample("a", n * 86400, n * 86400, (row,)), closely=True)
    for day, left in ((5, 5), (12, 2), (20, 0)):
        await tidied(store, day * DAY_S + HOUR_S)
        assert len(await store.parts("a", "cell_voltage")) == left
    again = Reading("cell_voltage", "row 0", 3.8, 0, "x")
    store.put_sample(Sample("a", 30 * 86400, 0, (again,)), closely=True)
    assert await store.parts("a", "cell_voltage") == ["row 0"]
    await store.close()


async def test_the_file_stays_within_its_bound(tmp_path: Path) -> None:
    bound = 300_000
    store = HistoryStore(tmp_path / "history.db", Bounds(file_bytes=bound, repeat_s=0))
    for at_s in range(40_000):
        store.put_sample(sample(at_s), closely=True)
    await store.flush()
    assert (tmp_path / "history.db-wal").stat().st_size > bound
    await store.tidy(now_s=40_000)
    left = await points(store)
    assert 0 < len(left) < 40_000
    assert left[-1].time_s == 39_999
    await store.close()


def in_use(path: Path) -> tuple[int, int, int]:
    """Give the bytes in use, the raw points and the hours of a file that is closed."""
    with sqlite3.connect(path) as connection:
        pages, free, size, raw, hours = (
            connection.execute(question).fetchone()[0]
            for question in (
                "PRAGMA page_count",
                "PRAGMA freelist_count",
                "PRAGMA page_size",
                "SELECT count(*) FROM point",
                "SELECT count(*) FROM hour",
            )
        )
    connection.close()
    return (pages - free) * size, raw, hours


async def test_a_file_too_large_is_trimmed_no_further_than_needed(tmp_path: Path) -> None:
    bound = 300_000
    path = tmp_path / "history.db"
    store = HistoryStore(path, Bounds(file_bytes=bound, repeat_s=0))
    for at_s in range(40_000):
        store.put_sample(sample(at_s), closely=True)
    await store.tidy(now_s=40_000)
    await store.close()
    used_bytes, _, _ = in_use(path)
    assert 0.95 * bound <= used_bytes <= bound


async def test_hours_that_fill_the_file_go_and_raw_points_stay(tmp_path: Path) -> None:
    bound = 300_000
    path = tmp_path / "history.db"
    raw = HistoryStore(path, Bounds(repeat_s=0))
    for at_s in range(1000):
        raw.put_sample(sample(20_000 * HOUR_S + at_s), closely=True)
    await raw.close()
    with sqlite3.connect(path) as connection:
        connection.executemany(
            "INSERT INTO hour VALUES (1, ?, 50, 50, 50)",
            ((number * 3_600_000,) for number in range(20_000)),
        )
    connection.close()
    store = HistoryStore(path, Bounds(file_bytes=bound, raw_s=1e9, hours_s=1e9))
    await store.tidy(now_s=20_000 * HOUR_S + 1000)
    left = await points(store)
    await store.close()
    used_bytes, raw_count, hours = in_use(path)
    assert 0.95 * bound <= used_bytes <= bound
    assert (raw_count, hours) == (1000, len(left) - 1000)
    assert left[-1001].time_s == 19_999 * HOUR_S


async def test_a_bound_that_nothing_fits_in_ends_the_trimming(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db", Bounds(file_bytes=1))
    store.put_sample(sample(0))
    await store.tidy(now_s=2 * HOUR_S)
    assert (await points(store), store.problem) == ([], None)
    await store.close()


async def test_of_modules_that_left_their_slots_the_newest_states_are_kept(
    tmp_path: Path,
) -> None:
    store = HistoryStore(tmp_path / "history.db")
    for n in range(3):
        await store.save({f"{PARKED}{n}": (str(n), {"x": n})}, saved_s=n)
    newer = {f"{PARKED}{n}": (str(n), {"x": n}) for n in range(3, MOST_PARKED + 3)}
    await store.save(newer, saved_s=5)
    await store.save({"a": ("SN1", {"x": 1})}, saved_s=0)
    await store.tidy(now_s=DAY_S)
    kept = await store.load_states()
    assert set(kept) == {"a", *(f"{PARKED}{n}" for n in range(3, MOST_PARKED + 3))}
    await store.close()


async def test_a_disk_that_does_not_answer_is_told_and_asked_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = HistoryStore(None, Bounds(waiting_points=3))
    begun, go_on = threading.Event(), threading.Event()

    def stuck() -> None:
        begun.set()
        go_on.wait()

    work = asyncio.create_task(store._run(stuck))
    await asyncio.to_thread(begun.wait)
    assert store.problem is None
    monkeypatch.setattr(history, "STALLED_S", 0.0)
    assert str(store.problem) == "the disk has not answered for 0 min: look at it, then restart"
    with pytest.raises(StoreError, match="has not answered"):
        await store.events()
    for at_s in range(5):
        store.put_sample(sample(at_s, 50.0 + at_s), closely=True)
        await store.flush()
    assert (len(store._waiting), store.dropped) == (3, 2)
    monkeypatch.undo()
    go_on.set()
    await work
    assert store.problem is None
    assert len(await points(store)) == 0
    await store.flush()
    assert len(await points(store)) == 3
    await store.close()
