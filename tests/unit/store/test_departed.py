"""Units that left the configuration: kept for a time, then gone."""

import logging
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.model import Event
from agent.store import archive
from agent.store.archive import Archive
from agent.store.course import Course
from agent.store.history import HistoryStore
from agent.store.keeper import Bounds
from agent.store.records import PARKED

HOUR_S, DAY_S = 3600.0, 86400.0
KEPT_HOURS = 48
START_S = 20_000 * DAY_S
ROW = (0.9, 0.8, 0.95, 1.1, 1.0, 1.2)
SPARE = f"{PARKED}SN9"


async def filled(path: Path) -> HistoryStore:
    """Make a history of two units, a rack of them, and a module in no slot."""
    made = HistoryStore(path, Bounds(hours_s=KEPT_HOURS * HOUR_S))
    states = {name: ("SN", {"x": 1}) for name in ("a", "b", SPARE)}
    events = tuple(Event(name, "discharge", START_S, START_S + 9) for name in ("a", "b", "rack:r"))
    course = tuple(Course(name, START_S, {"1": ROW}) for name in ("a", "b"))
    await made.save(states, events, saved_s=START_S, course=course)
    return made


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[HistoryStore]:
    """Give such a history."""
    made = await filled(tmp_path / "history.db")
    yield made
    await made.close()


async def on_record(store: HistoryStore) -> set[str]:
    """Give who has anything on record; whoever has, has all of it."""
    states = set(await store.load_states())
    events = {event.unit for event in await store.events()}
    course = {name for name in ("a", "b") if await store.course(name)}
    assert states - {SPARE} == course == {name for name in events if ":" not in name}
    return states | events


async def pass_hours(store: HistoryStore, hours: range, units: set[str]) -> None:
    for hour in hours:
        await store.tidy(now_s=START_S + hour * HOUR_S, units=units)


async def test_who_left_is_kept_for_a_time_and_then_gone(
    store: HistoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await pass_hours(store, range(KEPT_HOURS + 1), {"b"})
    assert await on_record(store) == {"a", "b", "rack:r", SPARE}
    await pass_hours(store, range(KEPT_HOURS + 1, KEPT_HOURS + 2), {"b"})
    assert await on_record(store) == {"b", SPARE}
    told = [f"{name} left the configuration 2 days ago: its past goes" for name in ("a", "rack:r")]
    assert [record.message for record in caplog.records] == told


async def test_who_comes_back_goes_on(store: HistoryStore) -> None:
    everybody = {"a", "b", "rack:r"}
    await pass_hours(store, range(KEPT_HOURS), {"b"})
    await pass_hours(store, range(KEPT_HOURS, KEPT_HOURS + 2), everybody)
    # Time begins anew when it leaves again.
    await pass_hours(store, range(KEPT_HOURS + 2, 2 * KEPT_HOURS), {"b"})
    assert await on_record(store) == {*everybody, SPARE}


async def test_who_is_configured_stays_however_long_it_is_silent(store: HistoryStore) -> None:
    await pass_hours(store, range(0, 10 * KEPT_HOURS, 2), {"a", "b", "rack:r"})
    assert await on_record(store) == {"a", "b", "rack:r", SPARE}


@pytest.mark.parametrize("units", [None, {"b"}])
async def test_neither_a_clock_nor_an_unread_configuration_costs_anything(
    store: HistoryStore, units: set[str] | None
) -> None:
    for year in (0, 30, -50, 0, 10, 10, 20):
        at_s = START_S + year * 365 * DAY_S
        for hour in range(5 if units else 60):
            await store.tidy(now_s=at_s + hour * HOUR_S, units=units)
    assert await on_record(store) == {"a", "b", "rack:r", SPARE}


async def test_time_goes_on_where_it_stood_at_a_restart(tmp_path: Path) -> None:
    first = await filled(tmp_path / "history.db")
    await pass_hours(first, range(KEPT_HOURS), {"b"})
    await first.close()
    # Two hours count of the days in which nobody was there.
    again = HistoryStore(tmp_path / "history.db", Bounds(hours_s=KEPT_HOURS * HOUR_S))
    await pass_hours(again, range(20 * KEPT_HOURS, 20 * KEPT_HOURS + 1), {"b"})
    assert await on_record(again) == {"b", SPARE}
    await again.close()
    with sqlite3.connect(tmp_path / "history.db") as connection:
        marks = connection.execute("SELECT name FROM mark WHERE name GLOB 'left*'").fetchall()
    connection.close()
    assert marks == [("left",)]


async def test_the_archive_says_who_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []

    async def tidy(_history: HistoryStore, *, now_s: float, units: object) -> None:
        told.append((now_s > 0, units))
        raise KeyError("enough")

    monkeypatch.setattr(archive, "_WRITE_EVERY_S", 0.0)
    monkeypatch.setattr(archive, "_TIDY_EVERY_S", 0.0)
    monkeypatch.setattr(HistoryStore, "tidy", tidy)
    made = Archive(HistoryStore(None), units=frozenset({"a", "rack:r"}))
    with pytest.raises(KeyError, match="enough"):
        await made.run()
    assert told == [(True, {"a", "rack:r"})]
    await made.history.close()
