"""A real Prometheus and promtool against a served store."""

import asyncio
import shutil
import socket
from asyncio.subprocess import DEVNULL, PIPE, create_subprocess_exec
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from agent.export.facts import BusFacts
from agent.export.web import make_app
from agent.model import (
    Basis,
    CellHealth,
    Fault,
    FaultReason,
    Health,
    Interval,
    Location,
    Reading,
    Reason,
    Sample,
    Shelf,
    UnitInfo,
    UnitState,
    UnitStatus,
    Value,
    Verdict,
)
from agent.quantities import QUANTITIES, Kind, Quantity, Scope
from agent.store.history import HistoryStore
from agent.store.live import LiveStore
from tests.still_agent import StillAgent

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="prometheus and promtool are not installed",
)
PATIENCE = 300  # tenths of a second
HOSTILE = 'a"b\\c\nd\0e\u2028f\x85} 1'


def value_of(quantity: Quantity) -> Value:
    if quantity.kind is Kind.TEXT:
        return HOSTILE
    if quantity.kind is Kind.STATE:
        return quantity.states[0]
    return 1.0 if quantity.lowest is None else quantity.lowest


def full_sample(unit: str) -> Sample:
    """Hold every quantity of the vocabulary, for the unit and for parts of it."""
    readings = [
        Reading(q.key, index, value_of(q), 0.0, "holding 1")
        for q in QUANTITIES.values()
        for index in (["1", "2"] if q.scope is Scope.CELL else [None, "module:1", "string:2"])
    ]
    readings += [
        Reading("alarm", HOSTILE, True, 0.0, "x"),  # noqa: FBT003 - a value
        Reading("load", "phase:1", 0.5, 0.0, "x"),
        Reading("temperature", HOSTILE, 20.0, 0.0, "x"),
    ]
    faults = (Fault("fan_speed", "1", FaultReason.REFUSED, "", "x"),)
    return Sample(unit, 1.7e9, 0.0, tuple(readings), faults)


def health() -> Health:
    band = Interval(0.9, 0.8, 0.95)
    cell = CellHealth("1", band, band, Verdict.WATCH, Basis.WINDOW, band)
    reason = Reason("cell_weak", HOSTILE, "1")
    return Health(
        Verdict.WATCH, (reason,), 1.7e9, (cell,), band, band, 0.5, band, "1", evidence_at=1.7e9
    )


class Served:
    """A served store whose clock is ``now_s``."""

    def __init__(self) -> None:
        units = [UnitInfo("a", "p", Location("r1", "s1", "1")), UnitInfo("b", "p")]
        self.store = LiveStore(units, [Shelf("r1", "s1", 1)], stale_after_s=30)
        for name in ("a", "b"):
            self.store.put_status(name, UnitStatus(UnitState.UP, 1.7e9, 1.7e9, polls=1))
            self.store.put_sample(full_sample(name))
        self.store.put_health("a", health())
        self.now_s = 1.0
        self.address = ""


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    here = Served()
    history = HistoryStore(None)
    runner = web.AppRunner(
        make_app(
            here.store,
            StillAgent(facts=[BusFacts("shelf-a", 10, {"NoAnswer": 1}, 2.5, 0.25)]),
            history,
            mono=lambda: here.now_s,
        )
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    here.address = f"127.0.0.1:{runner.addresses[0][1]}"
    yield here
    await runner.cleanup()
    await history.close()


async def test_promtool_has_nothing_to_say(served: Served) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{served.address}/metrics") as answer,
    ):
        page = await answer.read()
    checker = await create_subprocess_exec(
        "promtool", "check", "metrics", stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    assert await checker.communicate(page) == (b"", b"")
    assert checker.returncode == 0


CONFIG = """
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
scrape_configs:
  - job_name: all
    static_configs: [{{targets: ["{address}"]}}]
  - job_name: each
    honor_labels: true
    http_sd_configs: [{{url: "http://{address}/sd"}}]
"""


class Prometheus:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def ask(self, query: str) -> list[dict[str, Any]]:
        """Give the labels of every series of the answer, with its value as ``value``."""
        params = {"query": query}
        try:
            async with self.session.get(f"{self.url}/api/v1/query", params=params) as answer:
                found = (await answer.json())["data"]["result"]
        except aiohttp.ClientError:
            return []
        return [series["metric"] | {"value": float(series["value"][1])} for series in found]

    async def wait(
        self, query: str, accept: Callable[[list[dict[str, Any]]], bool]
    ) -> list[dict[str, Any]]:
        """Ask until the answer is acceptable."""
        for _ in range(PATIENCE):
            found = await self.ask(query)
            if accept(found):
                return found
            await asyncio.sleep(0.1)
        pytest.fail(f"no acceptable answer to {query}: {found}")


@asynccontextmanager
async def prometheus(folder: Path, address: str) -> AsyncIterator[Prometheus]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(address=address))
    process = await create_subprocess_exec(
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        async with aiohttp.ClientSession() as session:
            yield Prometheus(session, f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        await process.wait()


async def test_prometheus_scrapes_discovers_and_forgets(served: Served, tmp_path: Path) -> None:
    async with prometheus(tmp_path, served.address) as peer:
        targets = await peer.wait("up == 1", lambda found: len(found) == 3)
        assert {(t["job"], t["instance"]) for t in targets} == {
            ("all", served.address),
            ("each", "a"),
            ("each", "b"),
        }
        cells = await peer.wait('bbu_cell_voltage_volts{job="all"}', lambda found: len(found) == 4)
        assert {(c["unit"], c["cell"]) for c in cells} == {
            (unit, cell) for unit in "ab" for cell in "12"
        }
        verdict = await peer.ask('bbu_health_verdict{job="each", unit="a"} == 1')
        assert [(v["bbu_health_verdict"], v["rack"]) for v in verdict] == [("watch", "r1")]
        place = await peer.ask(
            'bbu_up{job="all", unit="a"} * on (unit) group_left (rack) bbu_unit_info{job="all"}'
        )
        assert [p["rack"] for p in place] == ["r1"]

        served.store.put_status("b", UnitStatus(UnitState.DOWN, polls=2))
        left = await peer.wait('bbu_cell_voltage_volts{job="all"}', lambda found: len(found) == 2)
        assert {c["unit"] for c in left} == {"a"}
        up = await peer.ask('bbu_up{job="all"}')
        assert {(u["unit"], u["value"]) for u in up} == {("a", 1), ("b", 0)}
