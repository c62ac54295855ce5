"""Two fleets under one Prometheus: nothing is wrong in one, much is in the other."""

import asyncio
import shutil
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, create_subprocess_exec
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from simulators import scenario_file
from simulators.fleet import build_fleet
from simulators.service import Service
from tests.end_to_end.bench import BIN, Rack, free_port, until
from tests.end_to_end.pager import DEPLOY, build_rules

HEALTHY_JOB, OUTAGE_JOB = "healthy/bbu-agent", "outage/bbu-agent"
PATIENCE_S = 120.0
RATED_W = 5500.0
# Patient with a busy machine: what answers late must not look silent.
POLL = {"interval": "1s", "discharge_interval": "500ms", "timeout": "500ms", "stale_after": "15s"}
HEALTHY = """
name: healthy
about: A rack with nothing wrong.
seed: 3
past: {years: 1, tests_every: 30 d, outages_per_year: 4, long_outages: [-250 d, -30 d]}
buses:
  line-a: {rtu_over_tcp: 0}
units:
  - {name: "h1-a-{n}", count: 4, model: hpr, bus: line-a, unit_id: 48, rack: h1, shelf: a}
ups:
  - {name: ups-h, model: ups, version: 2, rack: h2}
shelves:
  - {rack: h1, shelf: a, required: 3, rated_power: 16.5 kW, required_seconds: 90 s}
"""
OUTAGE = """
name: outage
about: Racks on battery; a unit is silent, one is lost, one is hot, a cell is weak.
seed: 7
past: {years: 1, tests_every: 30 d, outages_per_year: 4, long_outages: [-250 d, -30 d]}
buses:
  line-a: {rtu_over_tcp: 0}
  gate-b: {modbus_tcp: 0}
units:
  - {name: "r1-a-{n}", count: 4, model: hpr, bus: line-a, unit_id: 48, rack: r1, shelf: a}
  - {name: "r2-a-{n}", count: 4, model: hpr, bus: gate-b, unit_id: 48, rack: r2, shelf: a}
ups:
  - {name: ups-1, model: ups, version: 2, rack: r3}
shelves:
  - {rack: r1, shelf: a, required: 3, rated_power: 16.5 kW, required_seconds: 90 s}
  - {rack: r2, shelf: a, required: 4, rated_power: 22 kW, required_seconds: 90 s}
faults:
  - {unit: r2-a-2, kind: open-cell, cell: 7, at: -180 d, size: 1}
  - {unit: r2-a-2, kind: fast-ageing, cell: 7, at: -365 d, size: 1.6}
"""
WEAK = "r2-a-2"
ON_BATTERY = [f"{rack}-a-{slot}" for rack in ("r1", "r2") for slot in (1, 2, 3, 4)]


@dataclass(frozen=True)
class Fleets:
    """What runs: the Prometheus at ``base``, and the two racks behind it."""

    base: str
    healthy: Rack
    outage: Rack
    session: aiohttp.ClientSession

    async def value(self, query: str) -> float | None:
        """Give the value of the first series of ``query``, or None."""
        async with self.session.get(f"{self.base}/api/v1/query", params={"query": query}) as answer:
            found = (await answer.json())["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    async def when(self, query: str) -> None:
        """Wait until ``query`` gives something other than 0."""

        async def look() -> bool:
            return bool(await self.value(query))

        await until(look, query, within_s=PATIENCE_S)


@asynccontextmanager
async def served(text: str, folder: Path) -> AsyncIterator[Rack]:
    """Serve a scenario while the block runs, and end its agents with it."""
    now_s = time.time()
    fleet = build_fleet(scenario_file.parse(text, "test.yaml"), start_s=now_s, born_s=now_s)
    folder.mkdir()
    service = Service(fleet, folder, "127.0.0.1:9877")
    try:
        await service.start()
        rack = Rack(service, folder, asyncio.create_task(service.run()))
    except BaseException:
        await service.stop()
        raise
    try:
        yield rack
    finally:
        await rack.close()


async def learn(text: str, folder: Path, state: Path, only: Sequence[str]) -> None:
    """Let the agent's estimator live through the past of the units ``only``, or of all."""
    folder.mkdir()
    path = folder / "scenario.yaml"
    path.write_text(text, "utf-8")
    some = [word for name in only for word in ("--only", name)]
    where = ("--out", folder / "past", "--agent-state", state)
    words = map(str, ("history", path, *where, *some))
    process = await create_subprocess_exec(str(BIN / "bbu-sim"), *words, stdout=PIPE, stderr=STDOUT)
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


def write_config(folder: Path, agents: Mapping[str, str]) -> Path:
    """Write the shipped configuration of Prometheus with our agents (job: address)."""
    content: dict[str, Any] = yaml.safe_load(
        (DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8")
    )
    del content["alerting"]
    content["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    content["scrape_configs"] = [
        {"job_name": job, "static_configs": [{"targets": [address], "labels": {"site": "here"}}]}
        for job, address in agents.items()
    ]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(content), "utf-8")
    return path


@asynccontextmanager
async def prometheus(
    folder: Path, agents: Mapping[str, str], session: aiohttp.ClientSession
) -> AsyncIterator[str]:
    """Run Prometheus with our rules over ``agents``; give its address."""
    assert shutil.which("prometheus"), "prometheus is not installed; see deploy/scripts/peers.sh"
    await build_rules(folder)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    process = await create_subprocess_exec(
        "prometheus",
        f"--config.file={write_config(folder, agents)}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=DEVNULL,
        stderr=DEVNULL,
    )

    async def ready() -> bool:
        assert process.returncode is None
        with suppress(aiohttp.ClientError):
            async with session.get(f"{base}/-/ready") as answer:
                return answer.status == 200
        return False

    try:
        await until(ready, "Prometheus is ready")
        yield base
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def fleets(folder: Path, *, learnt: bool = False) -> AsyncIterator[Fleets]:
    """Serve both fleets, each with its agent, under one Prometheus.

    The past of the weak unit is known to its agent, and with ``learnt`` that of all units.
    """
    async with AsyncExitStack() as stack:
        healthy = await stack.enter_async_context(served(HEALTHY, folder / "healthy"))
        outage = await stack.enter_async_context(served(OUTAGE, folder / "outage"))
        documents = [rack.document() | {"poll": POLL} for rack in (healthy, outage)]
        states = [Path(document["state_dir"]) for document in documents]
        await learn(OUTAGE, folder / "learnt", states[1], () if learnt else (WEAK,))
        if learnt:
            await learn(HEALTHY, folder / "learnt well", states[0], ())
        racks = zip((healthy, outage), documents, strict=True)
        agents = [await rack.launch(rack.write(document)) for rack, document in racks]
        session = await stack.enter_async_context(aiohttp.ClientSession())
        where = [agent.base.removeprefix("http://") for agent in agents]
        jobs = dict(zip((HEALTHY_JOB, OUTAGE_JOB), where, strict=True))
        base = await stack.enter_async_context(prometheus(folder, jobs, session))
        yield Fleets(base, healthy, outage, session)


def begin_outage(rack: Rack, share: float = 0.4) -> None:
    """Let both racks carry ``share`` of their rated power."""
    for name in ON_BATTERY:
        rack.service.fleet.modules[name].load_w = share * RATED_W


def end_outage(rack: Rack) -> None:
    """Give the grid back."""
    for name in ON_BATTERY:
        rack.service.fleet.modules[name].load_w = 0.0


def break_things(rack: Rack) -> None:
    """Silence a unit and the UPS, and heat another."""
    for name in ("r1-a-4", "ups-1"):
        rack.fault(name, "silent")
    rack.service.fleet.modules["r1-a-3"].pack.cells.celsius[:] = 70.0
