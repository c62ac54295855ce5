"""A daemon, killed and started again in the middle, ends in the same state as a replay."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.end_to_end.bench import MakeRack, Rack, command

UNIT = "a-1"
ONE_MODULE = """
name: one
about: One module.
buses: {line: {modbus_tcp: 0}}
units:
  - {name: "a-{n}", count: 1, model: hpr, bus: line, unit_id: 48, rack: r1, shelf: a}
"""
CELLS = {
    "own": {
        "like": "nca-power",
        "capacity": "3 Ah",
        "cell_max": "4.2 V",
        "ocv": {"0 %": "2.6 V", "10 %": "3.37 V", "50 %": "3.66 V", "100 %": "4.19 V"},
    }
}
KILLED_AFTER_S, LOADED_AGAIN_S, REST_S = 2.0, 9.0, 10.0
"""A step, here that from load to rest, is read at 10 s, after a load of 8 s at least."""


def load(rack: Rack, share: float) -> None:
    rack.service._bring_all([UNIT])  # a quiet module would notice only later
    module = rack.service.fleet.modules[UNIT]
    module.load_w = share * module.design.rated_power_w
    rack.service._bring_all([UNIT])


def saved_state(folder: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(folder / "bbu-agent.sqlite")) as database:
        ((body,),) = database.execute("SELECT body FROM state WHERE unit = ?", (UNIT,))
    found: dict[str, Any] = json.loads(body)
    return found


async def lived(rack: Rack, document: dict[str, Any]) -> None:
    """Let agents watch one discharge, of which the first is killed."""
    first = await rack.agent(document)
    await first.when(lambda page: page.up() == {UNIT}, "it is up")
    load(rack, 0.6)
    await asyncio.sleep(KILLED_AFTER_S)
    await first.kill()
    second = await rack.agent(document)
    await second.when(lambda page: page.up() == {UNIT}, "it is up again")
    await asyncio.sleep(LOADED_AGAIN_S)
    load(rack, 0.0)
    await asyncio.sleep(REST_S)
    load(rack, 0.6)  # the next step is the end of this one
    await asyncio.sleep(1.5)
    assert second.lines("level=error") == []
    assert await second.stop() == 0


async def test_a_killed_daemon_and_a_replay_end_in_the_same_state(
    make_rack: MakeRack, tmp_path: Path
) -> None:
    rack: Rack = await make_rack(ONE_MODULE)
    document = rack.document() | {"cells": CELLS}
    document["batteries"] = {"ours": {"cell": "own", "parallel": 6, "commissioned": "2025-03-01"}}
    document["units"][0]["battery"] = "ours"
    checked = await command("bbu-agent", "check", rack.write(document))
    assert checked.code == 0, checked
    await lived(rack, document)

    state = rack.folder / "agent-state"
    made = await command(
        "bbu-agent", "telemetry", UNIT, "--state-dir", state, "--out", tmp_path / "seen"
    )
    assert made.code == 0, made
    replayed = await command(
        *("bbu-agent", "replay", tmp_path / "seen/telemetry.csv"),
        *("--meta", tmp_path / "seen/meta.json", "--out", tmp_path / "out"),
        *("--state-dir", tmp_path / "again", "--unit", UNIT),
    )
    assert replayed.code == 0, replayed
    offline = json.loads((tmp_path / "again/import" / f"{UNIT}.json").read_text())["state"]
    live = saved_state(state)
    assert {key: live[key] for key in offline} == offline
    # The discharge, begun before the kill and ended after it, was learnt from.
    assert live["memory"]["pulses"] > 0
    assert live["battery"]["ocv"][0] == [0.0, 2.6]
