"""A real Prometheus asks the agent for its targets, scrapes them and answers with the truth."""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.end_to_end.bench import (
    MODULES,
    PATIENCE_S,
    UNITS,
    Agent,
    MakeRack,
    Rack,
    free_port,
    until,
)

DEMO = Path(__file__).parents[2] / "simulators" / "scenarios" / "demo-rack.yaml"
CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: bbu
    honor_labels: true
    http_sd_configs: [{{url: "{base}/sd", refresh_interval: 1s}}]
"""
RESOLUTION_V = 0.002  # a millivolt of the registers, and what a float cell moves in between


@asynccontextmanager
async def prometheus(folder: Path, agent: Agent) -> AsyncIterator[str]:
    """Run a Prometheus that finds its targets at ``agent``; give its address."""
    port = free_port()
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(base=agent.base), encoding="utf-8")
    process = await create_subprocess_exec(
        *("prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"),
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def test_what_prometheus_answers_is_what_the_cells_have(rack: Rack, tmp_path: Path) -> None:
    agent = await rack.agent()
    await agent.when(lambda page: page.up() == {*UNITS}, "all are up")
    async with prometheus(tmp_path, agent) as base:

        async def ask(query: str) -> list[tuple[dict[str, str], float]]:
            with suppress(aiohttp.ClientError):
                params = {"query": query}
                async with agent.session.get(f"{base}/api/v1/query", params=params) as answer:
                    found: list[dict[str, Any]] = (await answer.json())["data"]["result"]
                    return [(row["metric"], float(row["value"][1])) for row in found]
            return []

        async def all_up() -> bool:
            return {labels["unit"] for labels, value in await ask("bbu_up") if value == 1} == {
                *UNITS
            }

        await until(all_up, "every unit is scraped", within_s=60)
        cells = await ask("bbu_cell_voltage_volts")
        fleet = rack.service.fleet
        truth = {
            (name, str(n)): pytest.approx(float(volts), abs=10 * RESOLUTION_V)
            for name in MODULES
            for n, volts in enumerate(fleet.modules[name].measure().volts, 1)
        }
        assert {(labels["unit"], labels["cell"]): value for labels, value in cells} == truth
        sums = await ask(
            "sum by (unit) (bbu_cell_voltage_volts) - on (unit) bbu_battery_voltage_volts"
        )
        assert {labels["unit"] for labels, _ in sums} == {*MODULES}
        assert all(abs(volts) < 0.1 for _, volts in sums)
        racks = await ask("count by (rack, shelf) (bbu_up * on (unit) group_left () bbu_up)")
        assert sum(count for _, count in racks) == len(UNITS)

        rack.fault("a-2", "silent")

        async def forgotten() -> bool:
            left = {labels["unit"] for labels, _ in await ask("bbu_cell_voltage_volts")}
            return left == {*MODULES} - {"a-2"}

        await until(forgotten, "a silent unit's cells are forgotten")
        assert [value for _, value in await ask('bbu_up{unit="a-2"}')] == [0]


async def test_promtool_has_nothing_to_say_of_the_demo_rack(make_rack: MakeRack) -> None:
    rack = await make_rack(DEMO.read_text(encoding="utf-8"))
    agent = await rack.agent()
    page = await agent.when(lambda page: len(page.up()) == 16, "all but the silent one are up")
    assert len(page.units("bbu_up")) == 17
    checker = await create_subprocess_exec(
        "promtool", "check", "metrics", stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    said = await asyncio.wait_for(checker.communicate(page.text.encode()), PATIENCE_S)
    assert (said, checker.returncode) == ((b"", b""), 0)
