"""What the agent says of itself when something of its own goes wrong."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent import app
from agent.config.types import Config
from agent.errors import AgentError
from agent.poll.fleet import Fleet
from agent.store.history import HistoryStore
from agent.tasks import begin


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

    async def slow(one: app.Agent, config: Config) -> None:
        under_way.set()
        await go_on.wait()
        await configure(one, config)

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


async def test_work_that_ends_of_itself_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> None:
        raise OSError("gone")

    with caplog.at_level(logging.CRITICAL), pytest.raises(OSError, match="gone"):
        await begin(broken(), "heartbeat", app._broken)
    assert "the heartbeat has ended" in caplog.text
