"""From a fault in the rack to one page at night, and to its end after the repair."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.end_to_end import bench
from tests.end_to_end.bench import MakeRack, Rack, command, free_port
from tests.end_to_end.pager import labels, start_watch, told_as

# One rack for each fault, so that the pages cannot be mistaken for one another.
SCENARIO = """
name: pages
about: Six racks in which something different goes wrong.
seed: 7
past: {years: 1, tests_every: 30 d, outages_per_year: 4, long_outages: [-250 d, -30 d]}
buses:
  line-a: {serial: 115200}
  gate-b: {modbus_tcp: 0}
  gate-c: {modbus_tcp: 0}
  gate-d: {modbus_tcp: 0}
units:
  - {name: "r1-a-{n}", count: 3, model: hpr, bus: line-a, unit_id: 48, rack: r1, shelf: a}
  - {name: "r2-a-{n}", count: 2, model: hpr, bus: gate-b, unit_id: 48, rack: r2, shelf: a}
  - {name: "r3-a-{n}", count: 2, model: classic, bus: gate-c, unit_id: 64, rack: r3, shelf: a}
  - {name: "r4-a-{n}", count: 3, model: hpr, bus: gate-d, unit_id: 48, rack: r4, shelf: a}
  - {name: "r5-a-{n}", count: 2, model: hpr, bus: gate-d, unit_id: 58, rack: r5, shelf: a}
ups:
  - {name: ups-1, model: ups, version: 2, rack: r6}
shelves:
  - {rack: r1, shelf: a, required: 2, rated_power: 11 kW, required_seconds: 90 s}
  - {rack: r2, shelf: a, required: 1, rated_power: 5.5 kW, required_seconds: 90 s}
  - {rack: r4, shelf: a, required: 2, rated_power: 11 kW, required_seconds: 90 s}
"""
WEAK, WEAK_CELL = "r3-a-2", "7"
FAULTS = f"""
faults:
  - {{unit: {WEAK}, kind: open-cell, cell: {WEAK_CELL}, at: -180 d, size: 1}}
  - {{unit: {WEAK}, kind: fast-ageing, cell: {WEAK_CELL}, at: -365 d, size: 1.6}}
"""
POLL = {"interval": "500ms", "discharge_interval": "500ms", "timeout": "400ms", "stale_after": "3s"}
RATED_W = 5500.0
UNITS = 13


def page(alert: str, severity: str, **labels: str) -> dict[str, str]:
    return {"alertname": alert, "severity": severity, "site": "here", **labels}


def unit(name: str, bus: str) -> dict[str, str]:
    rack, shelf, slot = name.split("-")
    return {"unit": name, "bus": bus, "rack": rack, "shelf": shelf, "slot": slot}


PAGES = {
    "a unit falls silent": page("BbuUnitNotAnswering", "warning", **unit("r1-a-2", "line-a")),
    "a line is cut": page("BbuBusDown", "critical", bus="gate-b", rack="r2", shelf="a"),
    "a cell is weak": page(
        "BbuCellWeak", "warning", **unit(WEAK, "gate-c"), cell=WEAK_CELL, reason="cell_weak"
    ),
    "a rack goes on battery": page("BbuRackOnBattery", "critical", rack="r4"),
    "a unit is lost on battery": page(
        "BbuLostWhileDischarging",
        "critical",
        **unit("r4-a-3", "gate-d"),
        finding="lost_while_discharging",
    ),
    "a unit is too hot": page("BbuOverTemperature", "critical", **unit("r5-a-1", "gate-d")),
    "a configuration is wrong": page("BbuConfigRejected", "warning"),
    "the agent is killed": page("BbuAgentDown", "critical"),
}
IN_THE_RACKS = [page for page in PAGES.values() if "rack" in page]


async def learn(folder: Path, state: Path) -> None:
    """Let the agent's estimator live through a year in which one cell has grown weak."""
    place = "model: classic, bus: gate-c, unit_id: 65, rack: r3, shelf: a"
    lone = SCENARIO.partition("units:")[0] + f"units:\n  - {{name: {WEAK}, {place}}}"
    (folder / "weak.yaml").write_text(lone + FAULTS, "utf-8")
    past = folder / "past"
    made = await command("bbu-sim", "history", folder / "weak.yaml", "--out", past)
    assert made.code == 0, made.err
    telemetry, meta = past / WEAK / "telemetry.csv.gz", past / WEAK / "meta.json"
    out = ("--out", past / "estimates", "--state-dir", state, "--unit", WEAK)
    learnt = await command("bbu-agent", "replay", telemetry, "--meta", meta, *out)
    assert learnt.code == 0, learnt.err


def break_slowly(rack: Rack) -> None:
    """Begin with what takes its time to page."""
    rack.fault("r1-a-2", "silent")
    rack.service.fleet.modules["r5-a-1"].pack.cells.celsius[:] = 70.0


def break_quickly(rack: Rack) -> None:
    """Go on with what pages at once.

    The longer a line is silent the more rarely its units are asked; the agent's own waiting
    is not shortened as that of the rules is.
    """
    for name in ("r2-a-1", "r2-a-2"):
        rack.fault(name, "silent")
    for name in ("r4-a-1", "r4-a-2", "r4-a-3"):
        rack.service.fleet.modules[name].load_w = 0.4 * RATED_W


def repair_all(rack: Rack) -> None:
    modules = rack.service.fleet.modules
    for name in ("r4-a-1", "r4-a-2", "r4-a-3"):
        modules[name].load_w = 0.0
    modules["r5-a-1"].pack.cells.celsius[:] = 28.0
    for name in ("r1-a-2", "r2-a-1", "r2-a-2", "r4-a-3"):
        rack.heal(name)


async def swap(rack: Rack, name: str) -> None:
    """Put another module into the slot; the agent sees it by the number that it reads again."""
    rack.fault(name, "silent")
    rack.service.fleet.modules[name].serial = "SIM-SPARE"
    agent = rack.agents[-1]
    await agent.when(lambda found: found.one("bbu_up", unit=name) == 0, f"{name} is out")
    rack.heal(name)
    await agent.when(lambda found: found.one("bbu_up", unit=name) == 1, f"{name} is in")


async def reject(rack: Rack) -> Path:
    """Break the configuration file and tell the agent to read it again; give its path."""
    path = rack.folder / "test.yaml"
    path.write_text(path.read_text("utf-8").replace("interval:", "intervall:"), "utf-8")
    status, text = await rack.agents[-1].status("/-/reload", "POST")
    assert (status, "did you mean" in text) == (400, True)
    return path


async def test_each_fault_pages_once_and_ends_with_its_repair(
    make_rack: MakeRack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rack = await make_rack(SCENARIO)
    document = rack.document() | {"poll": POLL}
    await learn(tmp_path, rack.folder / document["state_dir"])
    port = free_port()
    monkeypatch.setattr(bench, "free_port", lambda: port)  # the same address after a restart
    agent = await rack.agent(document)
    await agent.when(lambda found: len(found.up()) == UNITS, "all units answer")
    async with AsyncExitStack() as stack:
        watch = await start_watch(stack, tmp_path, f"127.0.0.1:{port}")
        pager = watch.pager

        break_slowly(rack)
        await pager.told(PAGES["a cell is weak"])
        break_quickly(rack)
        await pager.told(PAGES["a rack goes on battery"])
        rack.fault("r4-a-3", "silent")
        await pager.told(*IN_THE_RACKS)
        repair_all(rack)
        await swap(rack, WEAK)
        await pager.calmed()

        path = await reject(rack)
        await pager.told(PAGES["a configuration is wrong"])
        rack.write(document, path.name)
        assert (await agent.status("/-/reload", "POST"))[0] == 200
        await pager.calmed()

        await agent.kill()
        await pager.told(PAGES["the agent is killed"])
        await rack.launch(path)
        await pager.calmed()

        assert pager.names() == sorted(told_as(page, 1, 1) for page in PAGES.values())
        assert {dict(key)["severity"]: name for key, name in pager.receivers.items()} == {
            "critical": "page",
            "warning": "ticket",
        }
        assert (
            "Its state of health is" in pager.texts[labels(PAGES["a cell is weak"])]["description"]
        )
        assert not await watch.ask('ALERTS{alertstate="firing"}')
