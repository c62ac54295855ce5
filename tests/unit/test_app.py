"""What the agent says of itself when something of its own goes wrong."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent import app
from agent.config.types import Config
from agent.errors import AgentError
from agent.model import Event
from agent.poll.fleet import Fleet
from agent.store import waiting
from agent.store.history import HistoryStore
from agent.tasks import begin

EVENT = Event("a", "discharge", 1.0, 2.0)
TWO_UNITS = """
units:
  - {name: a, modbus_tcp: 192.0.2.1, unit_id: 1, location: {rack: r1}}
  - {name: b, modbus_tcp: 192.0.2.1, unit_id: 2}
"""


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[app.Agent]:
    path, history = tmp_path / "agent.yaml", HistoryStore(None)
    path.write_text("units: []\n", "utf-8")
    yield app.build(path, app.read_config(path), history)
    await history.close()


async def test_a_reload_that_fails_half_way_is_no_success(
    agent: app.Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_fleet: Fleet, _config: Config) -> None:
        raise RuntimeError("no such line")

    with monkeypatch.context() as patched:
        patched.setattr(Fleet, "configure", broken)
        with pytest.raises(RuntimeError):
            await agent.reload()
    told = agent.reload_facts()
    assert (told.successful, "no such line" in str(told.error)) == (False, True)
    await agent.reload()
    assert agent.reload_facts().successful


async def test_who_asks_while_a_reload_waits_shares_it(
    agent: app.Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, under_way, go_on = 0, asyncio.Event(), asyncio.Event()

    async def slow(_fleet: Fleet, _config: Config) -> None:
        nonlocal begun
        begun += 1
        under_way.set()
        await go_on.wait()

    monkeypatch.setattr(Fleet, "configure", slow)
    first = asyncio.create_task(agent.reload())
    await under_way.wait()
    others = [asyncio.create_task(agent.reload()) for _ in range(50)]
    await asyncio.sleep(0)
    assert len(agent.reloads) == 2
    go_on.set()
    await asyncio.gather(first, *others)
    assert (begun, agent.reloads, agent.waiting) == (2, set(), None)


async def test_a_stop_during_a_reload_begins_no_line(
    agent: app.Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured: list[Config] = []
    under_way, go_on = asyncio.Event(), asyncio.Event()
    configure = app.Agent.configure

    async def slow(one: app.Agent, config: Config, disk_s: float | None) -> None:
        under_way.set()
        await go_on.wait()
        await configure(one, config, disk_s)

    async def take(_fleet: Fleet, config: Config) -> None:
        configured.append(config)

    monkeypatch.setattr(app.Agent, "configure", slow)
    monkeypatch.setattr(Fleet, "configure", take)
    reloads = [asyncio.create_task(agent.reload()) for _ in range(2)]
    await under_way.wait()
    stop = asyncio.create_task(agent.stop())
    await asyncio.sleep(0)
    go_on.set()
    await stop
    for reload in reloads:
        with pytest.raises(AgentError, match="is stopping"):
            await reload
    with pytest.raises(AgentError, match="is stopping"):
        await agent.reload()
    assert configured == []


@asynccontextmanager
async def hanging(history: HistoryStore) -> AsyncIterator[None]:
    """Let the disk answer nothing."""
    begun, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        go_on.wait()

    work = asyncio.create_task(history._run(hang))
    await asyncio.to_thread(begun.wait)
    try:
        yield
    finally:
        go_on.set()
        await work


async def test_a_reload_that_the_disk_holds_up_leaves_the_old_configuration(
    agent: app.Agent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    agent.path.write_text(TWO_UNITS, "utf-8")
    agent.archive.keep_event(EVENT)
    async with hanging(agent.history):
        with monkeypatch.context() as patched:
            patched.setattr(app, "_DISK_AT_RELOAD_S", 0.0)
            with pytest.raises(AgentError, match="the disk has not answered for 0 s"):
                await agent.reload()
    assert "not reloaded, the old one goes on:\nthe disk has not answered" in caplog.text
    told = agent.reload_facts()
    assert (told.successful, told.error) == (False, "the disk has not answered for 0 s")
    assert (agent.store.names, agent.config.units) == ((), ())

    async def polled(_fleet: Fleet, _config: Config) -> None:
        return

    monkeypatch.setattr(Fleet, "configure", polled)
    await agent.reload()
    assert agent.reload_facts().successful
    assert agent.store.names == ("a", "b")
    assert agent.archive.units == frozenset({"a", "b", "rack:r1"})
    assert await agent.history.events() == [EVENT]


async def test_a_start_that_the_disk_holds_up_can_be_stopped(agent: app.Agent) -> None:
    async with hanging(agent.history):
        starting = asyncio.create_task(app._begun(agent, agent.config))
        await asyncio.sleep(0)
        assert not starting.done()
        agent.stopping.set()
        assert await starting is False


async def test_a_start_that_fails_says_why(
    agent: app.Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_fleet: Fleet, _config: Config) -> None:
        raise RuntimeError("no such line")

    assert await app._begun(agent, agent.config)
    monkeypatch.setattr(Fleet, "configure", broken)
    with pytest.raises(RuntimeError, match="no such line"):
        await app._begun(agent, agent.config)


async def test_a_stop_that_the_disk_holds_up_ends_and_says_what_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(app, "DISK_AT_STOP_S", 0.0)
    path, history = tmp_path / "agent.yaml", HistoryStore(tmp_path / "history.db")
    path.write_text("units: []\n", "utf-8")
    agent = app.build(path, app.read_config(path), history)
    agent.archive.keep_event(EVENT)
    agent.archive.keep_state("a", None, {"x": 1})
    agent.archive.keep_seen("a", 1.0, {})
    async with hanging(history):
        until_s = await app._end(agent, [])
        lost = await history.close(until_s)
        app._tell_lost(lost, history)
        assert history.hangs
    told = "lost as the agent stops: 1 learnt states, 1 events, 1 observations (the disk has not"
    assert told in caplog.text


async def test_a_stop_while_records_are_kept_in_memory_says_that_they_are_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    history = HistoryStore(tmp_path / "file" / "history.db")
    await history.put_event(EVENT)
    app._tell_lost(await history.close(), history)
    assert not history.hangs
    assert "lost as the agent stops: 1 events (" in caplog.text
    assert str(tmp_path / "file") in caplog.text
    for whole in (HistoryStore(None), HistoryStore(tmp_path / "history.db")):
        await whole.put_event(EVENT)
        app._tell_lost(await whole.close(), whole)
    assert len(caplog.records) == 2


async def test_work_that_ends_of_itself_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> None:
        raise OSError("gone")

    with caplog.at_level(logging.CRITICAL), pytest.raises(OSError, match="gone"):
        await begin(broken(), "heartbeat", app._broken)
    assert "the heartbeat has ended" in caplog.text


async def test_a_start_says_what_it_waits_for(
    agent: app.Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, again = list[str](), asyncio.Event()

    def warning(text: str, *words: object) -> None:
        told.append(text % words)
        if len(told) > 1:
            again.set()

    monkeypatch.setattr(waiting, "_SILENT_S", 0.0)
    monkeypatch.setattr(waiting._LOG, "warning", warning)
    looking = asyncio.create_task(waiting.tell_waiting(agent.history, Path("state/file")))
    for _ in range(5):
        await asyncio.sleep(0)
    assert told == [], "a disk that answers"
    async with hanging(agent.history):
        await again.wait()
    looking.cancel()
    assert told[0].startswith("the start has waited for state/file for 0 s: the disk does not")
