"""Nothing learnt is lost: not by kill -9, not in the middle of a discharge, not by a stop."""

import asyncio
import os
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.end_to_end.bench import UNITS, Agent, Rack, command, until

UNIT = "a-1"
ONE_RACK = """
name: past
about: A shelf with a year behind it.
past: {years: 1, tests_every: 30 d, test_length: 45 s, outages_per_year: 4, long_outages: [-200 d]}
buses: {line: {serial: 115200}}
units:
  - {name: "a-{n}", count: 2, model: hpr, bus: line, unit_id: 48, rack: r1, shelf: a}
faults:
  - {unit: a-2, kind: weld, cell: 8, at: -300 d, over: 300 d, size: 0.4}
"""


def discharge(rack: Rack, *, on: bool) -> None:
    """Make the first shelf carry half of its rated power, or none."""
    for name in ("a-1", "a-2", "a-3"):
        module = rack.service.fleet.modules[name]
        module.load_w = 0.5 * module.design.rated_power_w if on else 0.0


async def events(agent: Agent, unit: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await agent.get(f"/api/v1/events?unit={unit}"))["events"]
    return found


async def test_a_discharge_outlives_a_killed_agent(rack: Rack) -> None:
    document = rack.document()
    first = await rack.agent(document)
    await first.when(lambda page: page.up() == {*UNITS}, "all are up")
    discharge(rack, on=True)

    async def recorded() -> list[dict[str, Any]]:
        found = await events(first, UNIT)
        return [event for event in found if event["detail"]["duration_s"] > 1]

    (begun,) = await until(recorded, "the discharge is recorded")
    assert (begun["kind"], begun["end"]) == ("discharge", None)
    await first.kill()

    second = await rack.agent(document)
    await second.when(lambda page: page.up() == {*UNITS}, "all are up again")
    await asyncio.sleep(1)
    discharge(rack, on=False)

    async def ended() -> list[dict[str, Any]]:
        return [event for event in await events(second, UNIT) if event["end"] is not None]

    (whole,) = await until(ended, "the discharge has ended")
    assert len(await events(second, UNIT)) == 1
    assert whole["start"] == begun["start"]
    assert whole["detail"]["duration_s"] > begun["detail"]["duration_s"] + 1
    assert whole["detail"]["charge_ah"] > begun["detail"]["charge_ah"] > 0
    # The first agent has counted it.
    assert (await second.scrape()).one("bbu_discharges_total", unit=UNIT) == 0


def health(unit: dict[str, Any]) -> dict[str, Any]:
    """Give what was learnt of every cell, to a digit that minutes do not move."""
    return {
        cell["cell"]: (
            cell["verdict"],
            cell["basis"],
            round(cell["state_of_health"]["estimate"], 2),
            round(cell["resistance_growth"]["estimate"], 2),
        )
        for cell in unit["health"]["cells"]
    }


async def with_a_past(folder: Path, scenario: str) -> Path:
    """Simulate a past and let the estimator learn from it; give the state directory."""
    path = folder / "scenario.yaml"
    path.write_text(scenario, encoding="utf-8")
    past, state = folder / "past", folder / "state"
    made = await command("bbu-sim", "history", path, "--out", past)
    assert made.code == 0, made
    for meta in sorted(past.glob("*/meta.json")):
        home = meta.parent
        learnt = await command(
            *("bbu-agent", "replay", next(home.glob("telemetry.*")), "--meta", meta),
            *("--out", home / "estimates", "--state-dir", state, "--unit", home.name),
        )
        assert learnt.code == 0, learnt
    return state


async def test_what_was_learnt_outlives_kill_and_stop(make_rack: Any, tmp_path: Path) -> None:
    state = await with_a_past(tmp_path, ONE_RACK)
    rack: Rack = await make_rack(ONE_RACK)
    document = rack.document() | {"state_dir": str(state)}
    for entry in document["units"]:
        # Each a lot of its own: what a lot says is in an estimate only from the second one on.
        batteries, name = document["batteries"], entry["name"]
        batteries[name] = batteries[entry["battery"]] | {"lot": name}
        entry["battery"] = name
    seen = []
    for end in ("kill", "stop", "kill", "stop"):
        agent = await rack.agent(document)
        await agent.when(lambda page: page.up() == {"a-1", "a-2"}, "both are up")
        seen.append([health(await agent.unit(name)) for name in ("a-1", "a-2")])
        if end == "kill":
            await asyncio.sleep(1.2)  # what an agent may lose is one second
            await agent.kill()
        else:
            assert await agent.stop() == 0
        assert agent.lines("level=error") == []
    assert seen[1:] == seen[:1] * 3
    sound, welded = seen[0]
    growth = {cell: values[3] for cell, values in welded.items()}
    assert max(growth, key=lambda cell: growth[cell]) == "8"
    assert growth["8"] > 1.15
    assert all(basis != "prior only" for _, basis, _, _ in [*sound.values(), *welded.values()])


async def test_a_stop_is_quick_whole_and_leaves_nothing(rack: Rack) -> None:
    agent = await rack.agent()
    await agent.when(lambda page: page.up() == {*UNITS}, "all are up")
    rack.fault("a-2", "silent")  # a pass under way must not hold the stop
    host, port = agent.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as idle:
        idle.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")  # and no half a request
        begun_s = time.monotonic()
        assert await agent.stop() == 0
        # Who waits for either waits for a minute; a busy machine takes seconds for the rest.
        assert time.monotonic() - begun_s < 20
    assert agent.lines("level=error") == []
    assert agent.lines("Traceback") == []
    state = rack.folder / "agent-state"
    assert sorted(os.listdir(state)) == ["bbu-agent.sqlite"]  # noqa: PTH208 - names alone
    with closing(sqlite3.connect(state / "bbu-agent.sqlite")) as database:
        kept = {unit for (unit,) in database.execute("SELECT unit FROM state")}
    # Modules with what was learnt of their cells, and units whose last test is known.
    assert {name for name in UNITS if name.startswith(("a", "b", "c"))} <= kept <= {*UNITS}
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind((host, int(port)))


async def test_systemd_is_told(rack: Rack, tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(0)
        heard: list[bytes] = []

        def listen() -> None:
            while True:
                try:
                    heard.append(listener.recv(4096))
                except BlockingIOError:
                    return

        agent = await rack.agent(NOTIFY_SOCKET=str(path), WATCHDOG_USEC="400000")

        async def beats() -> bool:
            listen()
            return heard.count(b"WATCHDOG=1") > 3

        await until(beats, "the watchdog is fed")
        assert heard[0] == b"READY=1" or heard[: heard.index(b"READY=1")] == [b"WATCHDOG=1"] * (
            heard.index(b"READY=1")
        )
        assert await agent.stop() == 0
        listen()
    assert heard.count(b"READY=1") == 1
    assert heard.count(b"STOPPING=1") == 1
    assert set(heard) == {b"READY=1", b"WATCHDOG=1", b"STOPPING=1"}
