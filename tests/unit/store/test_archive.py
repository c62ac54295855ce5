"""What waits for the disk gets there, whatever stops the writing."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from agent.model import Event, Reading, Sample
from agent.store.archive import Archive
from agent.store.history import HistoryStore
from agent.store.records import HistoryPoint, SavedState

HAPPENED = [Event(f"u{n}", "discharge", float(n), None) for n in range(17)]


async def committed(path: Path) -> tuple[dict[str, SavedState], list[Event]]:
    store = HistoryStore(path)
    found = await store.load_states(), sorted(await store.events(), key=lambda e: e.start_s)
    await store.close()
    return found


async def test_all_that_waits_is_one_commit(tmp_path: Path) -> None:
    archive = Archive(HistoryStore(tmp_path / "history.db"))
    archive.keep_state("u0", "SN", {"x": 1})
    for event in HAPPENED:
        archive.keep_event(event)
    await archive.write(50.0)
    await archive.write(51.0)
    assert (archive.history.commits, archive.states, archive.happened) == (1, {}, {})
    await archive.history.close()
    saved = {"u0": SavedState("SN", 50.0, {"x": 1})}
    assert await committed(tmp_path / "history.db") == (saved, HAPPENED)


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancelled_write_loses_nothing(tmp_path: Path, turns: int) -> None:
    archive = Archive(HistoryStore(tmp_path / "history.db"))
    for event in HAPPENED:
        archive.keep_event(event)
    writing = asyncio.create_task(archive.write(50.0))
    for _ in range(turns):
        await asyncio.sleep(0)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await archive.write(50.0)
    await archive.history.close()
    assert await committed(tmp_path / "history.db") == ({}, HAPPENED)


async def test_a_newer_form_that_comes_in_meanwhile_waits_on(tmp_path: Path) -> None:
    archive = Archive(HistoryStore(tmp_path / "history.db"))
    archive.keep_state("u0", "SN", {"x": 1})
    archive.keep_event(HAPPENED[0])
    ended = replace(HAPPENED[0], end_s=9.0)
    writing = asyncio.create_task(archive.write(50.0))
    await asyncio.sleep(0)
    archive.keep_state("u0", "SN", {"x": 2})
    archive.keep_event(ended)
    await writing
    await archive.write(51.0)
    await archive.history.close()
    saved = {"u0": SavedState("SN", 51.0, {"x": 2})}
    assert await committed(tmp_path / "history.db") == (saved, [ended])


async def test_points_survive_a_cancelled_flush_behind_other_work(tmp_path: Path) -> None:
    store = HistoryStore(tmp_path / "history.db")
    reading = Reading("battery_voltage", None, 51.0, 1.0, "holding 1")
    store.put_sample(Sample("a", 1.0, 1.0, (reading,)))
    before = [asyncio.create_task(store.put_event(event)) for event in HAPPENED[:1]]
    await asyncio.sleep(0)
    store.put_sample(Sample("b", 1.0, 1.0, (reading,)))
    flushing = asyncio.create_task(store.flush())
    await asyncio.sleep(0)
    flushing.cancel()
    await asyncio.gather(flushing, *before, return_exceptions=True)
    found = await store.history("b", "battery_voltage", None, since_s=0, until_s=9)
    assert found == [HistoryPoint(1.0, 51.0)]
    await store.close()


async def test_a_record_that_cannot_be_kept_costs_no_other(tmp_path: Path) -> None:
    archive = Archive(HistoryStore(tmp_path / "history.db"))
    archive.keep_state("good", None, {"x": 1})
    archive.keep_state("bad", None, {"x": object()})
    bad = Event("\ud800", "discharge", 5.0, None)
    for event in [*HAPPENED[:5], bad, *HAPPENED[5:]]:
        archive.keep_event(event)
    for at_s, value in enumerate([51, 2**80, 52]):
        reading = Reading("battery_voltage", None, value, at_s, "holding 1")
        archive.keep_sample(Sample("a", at_s, at_s, (reading,)), closely=True)
    await archive.write(50.0)
    found = await archive.history.history("a", "battery_voltage", None, since_s=0, until_s=9)
    assert found == [HistoryPoint(0, 51), HistoryPoint(2, 52)]
    assert (archive.history.dropped, archive.history.problem) == (3, None)
    await archive.history.close()
    saved = {"good": SavedState(None, 50.0, {"x": 1})}
    assert await committed(tmp_path / "history.db") == (saved, HAPPENED)


async def test_a_record_that_memory_cannot_keep_is_dropped() -> None:
    store = HistoryStore(None)
    await store.put_event(Event("\ud800", "discharge", 5.0, None))
    await store.put_event(HAPPENED[0])
    assert (await store.events(), store.dropped) == (HAPPENED[:1], 1)
    await store.close()


async def test_a_battery_at_rest_is_written_once_a_minute_a_discharge_at_once() -> None:
    archive = Archive(HistoryStore(None), written_s=100.0)
    quiet = Sample("a", 0.0, 0.0, ())
    archive.keep_state("a", None, {"x": 1})
    archive.keep_sample(quiet, closely=False)
    assert [archive.due(now_s) for now_s in (100.0, 159.9, 160.0)] == [False, False, True]
    archive.keep_sample(quiet, closely=True)
    archive.keep_sample(quiet, closely=False)
    assert archive.due(101.0)


async def test_an_archive_that_ends_of_itself_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_archive: Archive, _now_s: float) -> None:
        raise KeyError("unforeseen")

    monkeypatch.setattr("agent.store.archive._WRITE_EVERY_S", 0.0)
    monkeypatch.setattr(Archive, "write", fail)
    archive = Archive(HistoryStore(None))
    await asyncio.wait([archive.start()])
    await asyncio.sleep(0)
    await archive.history.put_event(HAPPENED[0])
    assert archive.history.problem == "the agent has stopped keeping records: restart it"
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    await archive.history.close()


async def test_an_archive_that_is_stopped_is_not_broken() -> None:
    archive = Archive(HistoryStore(None))
    task = archive.start()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert archive.history.problem is None
    await archive.history.close()
