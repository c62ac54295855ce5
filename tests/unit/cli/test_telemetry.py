"""``bbu-agent telemetry``: a unit's last hours out of a state directory."""

import asyncio
import json
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli.telemetry import telemetry
from agent.config.cells import read_cells
from agent.errors import ConfigError
from agent.health.facts import pack as pack_battery
from agent.health.observation import Observation
from agent.health.seen import pack
from agent.model import Battery, Chemistry
from agent.replay.meta import read_meta
from agent.replay.telemetry import read_telemetry
from agent.store.history import HistoryStore

BATTERY = Battery(Chemistry.LFP, series=2, rated_capacity_ah=20.0, required_seconds=90.0)
SEEN = [Observation(1.7e9 + n, -n / 3, (3.3, 3.31 + n / 7)) for n in range(5)]


async def remember(folder: Path) -> None:
    history = HistoryStore(folder / "bbu-agent.sqlite")
    for one in SEEN:
        history.put_seen("a-1", one.time_s, pack(("1", "2"), one))
    state = {"seen": 1, "battery": pack_battery(BATTERY)}
    await history.save({"a-1": (None, state)}, (), saved_s=1.7e9)
    await history.close()


def run(folder: Path, unit: str) -> tuple[int, str]:
    arguments = [unit, "--state-dir", str(folder), "--out", str(folder / "out")]
    result = CliRunner().invoke(telemetry, arguments)
    if isinstance(result.exception, ConfigError):
        return 2, str(result.exception)
    return result.exit_code, result.output


def test_what_an_engine_saw_comes_out_as_replay_takes_it(tmp_path: Path) -> None:
    asyncio.run(remember(tmp_path))
    assert run(tmp_path, "a-1")[0] == 0
    known = read_meta(tmp_path / "out/meta.json", read_cells(None))
    assert (known.name, known.battery, known.charge_sign) == ("a-1", BATTERY, 1.0)
    read = list(read_telemetry(tmp_path / "out/telemetry.csv", 1.0).observations)
    assert [(one.time_s, one.current_a, one.cells_v) for one in read] == [
        (one.time_s, one.current_a, one.cells_v) for one in SEEN
    ]
    assert json.loads((tmp_path / "out/meta.json").read_text())["current_sign"] == "charge positive"


def test_a_running_agent_is_asked_for_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(remember(tmp_path))
    run(tmp_path, "a-1")
    names = [field.name for field in fields(Observation)]
    told = [{"cells": ["1", "2"]} | {key: getattr(one, key) for key in names} for one in SEEN]
    answer = json.dumps({"unit": "a-1", "battery": pack_battery(BATTERY), "seen": told})
    asked: list[tuple[str, str]] = []

    def fetch(base: str, path: str) -> object:
        asked.append((base, path))
        return json.loads(answer)

    monkeypatch.setattr("agent.cli.telemetry.fetch", fetch)
    arguments = ["a-1", "--agent", "http://a:1", "--out", str(tmp_path / "asked")]
    assert CliRunner().invoke(telemetry, arguments).exit_code == 0
    assert asked == [("http://a:1", "/api/v1/units/a-1/seen")]
    for name in ("telemetry.csv", "meta.json"):
        assert (tmp_path / "asked" / name).read_text() == (tmp_path / "out" / name).read_text()


def test_an_agent_that_has_seen_no_cells_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer: dict[str, object] = {"unit": "ups", "battery": None, "seen": []}
    monkeypatch.setattr("agent.cli.telemetry.fetch", lambda _base, _path: answer)
    result = CliRunner().invoke(telemetry, ["ups", "--out", str(tmp_path / "out")])
    assert (result.exit_code, "hold no cells of ups" in result.output) == (2, True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("unit", "known", "said"),
    [
        ("b-9", True, "hold no cells of b-9; known are a-1"),
        ("a-1", False, "holds no bbu-agent.sqlite"),
    ],
)
def test_what_is_not_there_is_told(tmp_path: Path, unit: str, *, known: bool, said: str) -> None:
    if known:
        asyncio.run(remember(tmp_path))
    code, text = run(tmp_path, unit)
    assert code == 2
    assert said in text


def test_the_state_of_a_running_agent_is_read_as_it_stands(tmp_path: Path) -> None:
    async def beside() -> tuple[int, str]:
        history = HistoryStore(tmp_path / "bbu-agent.sqlite")
        history.put_seen("a-1", SEEN[-1].time_s, pack(("1", "2"), SEEN[-1]))
        await history.save({}, (), saved_s=1.7e9)
        try:
            return await asyncio.to_thread(run, tmp_path, "a-1")
        finally:
            await history.close()

    code, text = asyncio.run(beside())
    assert (code, text.splitlines()[0].startswith("1 samples of 2 cells")) == (0, True)


def test_a_file_that_is_none_of_an_agent_is_told_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "bbu-agent.sqlite"
    path.write_bytes(b"no database" * 500)
    code, text = run(tmp_path, "a-1")
    assert code == 2
    assert "is damaged, or no agent's file" in text
    assert path.read_bytes() == b"no database" * 500
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
