"""What the agent says of itself when something of its own goes wrong."""

import logging
from pathlib import Path

import pytest

from agent import app
from agent.config.types import Config
from agent.poll.fleet import Fleet
from agent.store.history import HistoryStore


async def test_a_reload_that_fails_half_way_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, history = tmp_path / "agent.yaml", HistoryStore(None)
    path.write_text("units: []\n", "utf-8")
    agent = app.build(path, app.read_config(path), history)

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
    await history.close()


async def test_work_that_ends_of_itself_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> None:
        raise OSError("gone")

    with caplog.at_level(logging.CRITICAL), pytest.raises(OSError, match="gone"):
        await app._begun(broken(), "heartbeat")
    assert "the heartbeat has ended" in caplog.text
