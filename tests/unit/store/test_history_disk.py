"""kill -9, rot, full, missing and foreign disks."""

import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.store.history import HistoryStore
from agent.store.keeper import Bounds
from agent.store.records import HistoryPoint, SavedState
from tests.unit.store.records import DISCHARGE, ENDED, TEST, points, sample

WRITER = """
import asyncio, sys
from pathlib import Path
from agent.model import Event
from agent.store.history import HistoryStore

async def main():
    store = HistoryStore(Path(sys.argv[1]))
    number = 0
    while True:
        number += 1
        await store.save({"a": ("SN", {"n": number})}, saved_s=number)
        await store.put_event(Event("a", "discharge", number, None))
        print(number, flush=True)

asyncio.run(main())
"""


async def test_what_was_committed_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            told = [int(writer.stdout.readline()) for _ in range(20)]
            writer.send_signal(signal.SIGKILL)
            told += [int(line) for line in writer.stdout if line.endswith("\n")]
        store = HistoryStore(path)
        state = (await store.load_states())["a"]
        assert state.body["n"] >= told[-1]
        assert {event.start_s for event in await store.events(limit=10**6)} >= set(told)
        assert store.problem is None
        await store.close()


async def test_a_file_that_is_no_database_is_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"this is not a database, " * 1000)
    store = HistoryStore(path)
    assert await store.load_states() == {}
    await store.put_event(DISCHARGE)
    assert (await store.events(), store.problem) == ([DISCHARGE], None)
    await store.close()
    assert [p.name.partition("-")[0] for p in tmp_path.glob("*corrupt*")] == ["history.db.corrupt"]


async def test_pages_that_rot_later_are_moved_aside_too(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    first = HistoryStore(path)
    for number in range(300):
        first.put_sample(sample(number), closely=True)
    await first.save({f"u{n}": (None, {"x": "y" * 500}) for n in range(100)}, saved_s=1)
    await first.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    second = HistoryStore(path)
    assert await second.load_states() == {}
    await second.save({"a": (None, {"x": 1})}, saved_s=2)
    assert await second.load_states() == {"a": SavedState(None, 2, {"x": 1})}
    assert second.problem is None
    assert len(list(tmp_path.glob("*corrupt*"))) == 1
    await second.close()


async def test_of_broken_files_the_newest_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    (tmp_path / "history.db.corrupt-20200101T000000Z").write_text("older")
    (tmp_path / "other.db.corrupt-20200101T000000Z").write_text("not ours")
    path.write_text("no database " * 100)
    store = HistoryStore(path)
    await store.save({"a": (None, {"x": 1})}, saved_s=2)
    await store.close()
    aside = sorted(tmp_path.glob("*corrupt*"))
    assert [one.name.partition(".")[0] for one in aside] == ["history", "other"]
    assert aside[0].read_text().startswith("no database")


async def test_a_state_that_rotted_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    first = HistoryStore(path)
    await first.save({"a": (None, {"x": 1}), "b": (None, {"x": 2})}, saved_s=1)
    await first.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE state SET body = '{\"x' WHERE unit = 'a'")
    connection.close()
    second = HistoryStore(path)
    assert set(await second.load_states()) == {"b"}
    await second.close()


async def test_a_file_of_a_newer_agent_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    store = HistoryStore(path)
    await store.put_event(DISCHARGE)
    assert await store.events() == [DISCHARGE]
    assert store.problem is not None
    assert "newer bbu-agent" in store.problem
    await store.close()
    assert not list(tmp_path.glob("*corrupt*"))


async def test_a_directory_that_cannot_be_made_degrades_to_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = HistoryStore(tmp_path / "file" / "history.db")
    await store.put_event(DISCHARGE)
    await store.save({"a": (None, {"x": 1})}, saved_s=5)
    store.put_sample(sample(10))
    await store.flush()
    assert await store.events() == [DISCHARGE]
    assert await store.load_states() == {"a": SavedState(None, 5, {"x": 1})}
    assert await points(store) == [HistoryPoint(10, 51)]
    assert store.problem is not None
    assert str(tmp_path / "file") in store.problem
    assert (store.commits, store.failures > 0) == (0, True)
    await store.close()


async def test_what_waited_in_memory_goes_to_disk_once_it_can(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    path = tmp_path / "state" / "history.db"
    store = HistoryStore(path)
    await store.put_event(DISCHARGE)
    store.put_sample(sample(10))
    await store.flush()
    (tmp_path / "state").unlink()
    await store.put_event(ENDED)
    assert (store.problem, store.commits) == (None, 1)
    await store.close()
    again = HistoryStore(path)
    assert await again.events() == [ENDED]
    assert await points(again) == [HistoryPoint(10, 51)]
    await again.close()


async def test_a_removed_file_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    store = HistoryStore(path)
    await store.put_event(DISCHARGE)
    for file in tmp_path.iterdir():
        file.unlink()
    await store.put_event(TEST)
    await store.close()
    again = HistoryStore(path)
    assert await again.events() == [TEST]
    await again.close()


async def test_a_second_agent_on_the_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.store.database._BUSY_S", 0.01)
    first = HistoryStore(tmp_path / "history.db")
    await first.put_event(DISCHARGE)
    second = HistoryStore(tmp_path / "history.db")
    await second.put_event(TEST)
    assert second.problem is not None
    assert "locked" in second.problem
    assert await second.events() == [TEST]
    await first.close()
    await second.close()


@contextmanager
def no_file_larger_than(size_bytes: int) -> Iterator[None]:
    """Make the kernel refuse to grow files, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_costs_nothing_but_time(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    store = HistoryStore(path)
    await store.put_event(DISCHARGE)
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    many = {f"u{n}": (None, {"x": "y" * 1000}) for n in range(500)}
    with no_file_larger_than(size):
        await store.save(many, saved_s=5)
        problem_then = store.problem
        assert len(await store.load_states()) == 500
        assert await store.events() == [DISCHARGE]
    await store.put_event(TEST)
    assert (problem_then is None, store.problem) == (False, None)
    await store.close()
    again = HistoryStore(path)
    assert len(await again.load_states()) == 500
    assert await again.events() == [TEST, DISCHARGE]
    await again.close()


async def test_memory_is_bounded_while_the_disk_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = HistoryStore(tmp_path / "file" / "history.db", Bounds(memory_bytes=200_000, repeat_s=0))
    for start_s in range(0, 40_000, 10_000):
        for at_s in range(start_s, start_s + 10_000):
            store.put_sample(sample(at_s), closely=True)
        await store.flush()
    left = await points(store)
    assert store.dropped == 40_000 - len(left) > 0
    assert left[-1].time_s == 39_999
    await store.close()


HOUR_S = 3600.0


async def test_points_spilled_past_a_tidying_are_summed_up_too(tmp_path: Path) -> None:
    path = tmp_path / "state" / "history.db"
    store = HistoryStore(path, Bounds(raw_s=2 * HOUR_S))
    store.put_sample(sample(10, 50.0), closely=True)
    await store.flush()
    with no_file_larger_than(0):
        store.put_sample(sample(20, 60.0), closely=True)
        await store.flush()
        spilled = store.failures > 0
    # The marks of a tidying that did not see what is in memory.
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT OR REPLACE INTO mark VALUES ('hours', 3600000)")
        connection.execute("INSERT OR REPLACE INTO hour VALUES (1, 0, 50, 50, 50)")
    connection.close()
    store.put_sample(sample(HOUR_S, 51.0), closely=True)
    await store.flush()
    await store.tidy(now_s=4 * HOUR_S)
    hours = [HistoryPoint(0, 55, 50, 60), HistoryPoint(HOUR_S, 51, 51, 51)]
    assert (spilled, await points(store)) == (True, hours)
    await store.close()
