"""A central store that is away for ten seconds has every sample once it is back."""

import asyncio
import json
import shutil
import time
from asyncio.subprocess import Process, create_subprocess_exec
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.end_to_end.bench import POLL, UNITS, Rack, command, free_port, until

SOURCE = Path(__file__).parents[2] / "deploy" / "prometheus"
SCRAPE_S = 2.0
AWAY_S = 10.0
LATE_S = 0.75 * SCRAPE_S
"""How late a scrape may be on a busy machine; a lost one would make a gap of two intervals."""
WITHIN_S = 60.0
DIRECT = 'bbu_up{job="direct"}[5m]'
ALL = ("--all", "--site", "here", "--rack", "r1", "--format", "json")


@dataclass
class Store:
    """A program that takes what the collectors send, and answers queries."""

    words: tuple[str, ...]
    base: str
    log: Path
    process: Process | None = None

    async def start(self) -> None:
        """Start it on the data that it has."""
        with self.log.open("ab") as stream:
            self.process = await create_subprocess_exec(*self.words, stdout=stream, stderr=stream)

    async def stop(self, *, kill: bool = False) -> None:
        """End it, with or without a chance to write down what it has."""
        if self.process is not None and self.process.returncode is None:
            if kill:
                self.process.kill()
            else:
                self.process.terminate()
            await self.process.wait()

    async def ask(self, query: str) -> list[dict[str, Any]]:
        """Ask for series; nothing while it does not answer."""
        with suppress(aiohttp.ClientError, OSError, KeyError, ValueError):
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{self.base}/api/v1/query", params={"query": query}) as answer,
            ):
                found: list[dict[str, Any]] = (await answer.json())["data"]["result"]
                return found
        return []

    async def times(self, query: str) -> dict[str, list[float]]:
        """Give when each unit's samples were taken, from a query for a range of them."""
        return {
            row["metric"]["unit"]: [float(at) for at, _ in row["values"]]
            for row in await self.ask(query)
        }


@asynccontextmanager
async def running(*stores: Store) -> AsyncIterator[None]:
    """Run all of them."""
    async with AsyncExitStack() as stack:
        for store in stores:
            stack.push_async_callback(store.stop, kill=True)
            await store.start()
        yield


def _write(source: str, folder: Path, changes: Mapping[str, Any]) -> Path:
    """Write one of the shipped configurations with the tests' addresses and pace."""
    content: dict[str, Any] = yaml.safe_load((SOURCE / source).read_text("utf-8"))
    path = folder / source.replace("/", "-")
    path.write_text(yaml.safe_dump(content | dict(changes)), "utf-8")
    return path


def prometheus(folder: Path, agents: list[str]) -> Store:
    """The shipped central store; it also scrapes the agents itself, to have something to miss."""
    for name in ("recording.rules.yaml", "alerts.rules.yaml"):
        shutil.copy(SOURCE / name, folder)
    direct = {"job_name": "direct", "static_configs": [{"targets": agents}]}
    config = _write(
        "central/prometheus.yml",
        folder,
        {
            "global": {"scrape_interval": f"{SCRAPE_S:g}s", "evaluation_interval": "1s"},
            "rule_files": ["recording.rules.yaml", "alerts.rules.yaml"],
            "scrape_configs": [direct],
        },
    )
    port = free_port()
    words = (
        *("prometheus", "--web.enable-remote-write-receiver", f"--config.file={config}"),
        *(f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={folder / 'central'}"),
    )
    return Store(words, f"http://127.0.0.1:{port}", folder / "central.log")


def victoria(folder: Path) -> Store:
    """VictoriaMetrics as Debian has it; it shows the newest samples after a second, not 30."""
    port = free_port()
    words = (
        *("victoria-metrics", f"-storageDataPath={folder / 'victoria'}"),
        *(f"-httpListenAddr=127.0.0.1:{port}", "-search.latencyOffset=1s"),
    )
    return Store(words, f"http://127.0.0.1:{port}", folder / "victoria.log")


def collector(folder: Path, agents: list[str], stores: list[Store]) -> Store:
    """The shipped Prometheus in agent mode, which writes to every store."""
    shipped = yaml.safe_load((SOURCE / "agent-mode/prometheus.yml").read_text("utf-8"))
    job = shipped["scrape_configs"][0]
    job["static_configs"][0]["targets"] = agents
    config = _write(
        "agent-mode/prometheus.yml",
        folder,
        {
            "global": {"scrape_interval": f"{SCRAPE_S:g}s"},
            "scrape_configs": [job],
            "remote_write": [
                shipped["remote_write"][0]
                | {"name": store.log.stem, "url": f"{store.base}/api/v1/write"}
                for store in stores
            ],
        },
    )
    port = free_port()
    words = (
        *("prometheus", "--enable-feature=agent", f"--config.file={config}"),
        *(f"--web.listen-address=127.0.0.1:{port}", f"--storage.agent.path={folder / 'agent'}"),
    )
    return Store(words, f"http://127.0.0.1:{port}", folder / "collector.log")


def gaps(times: Mapping[str, list[float]]) -> dict[str, float]:
    """Give the longest time between two samples of each unit, in seconds."""
    return {
        unit: max(later - earlier for earlier, later in pairwise(at)) for unit, at in times.items()
    }


async def test_a_central_outage_leaves_no_gap(rack: Rack, tmp_path: Path) -> None:
    document = rack.document() | {"poll": POLL}
    agents = [
        await rack.agent(document | {"shard": f"{i}/2", "state_dir": f"state-{i}"}) for i in (0, 1)
    ]
    places = [agent.base.removeprefix("http://") for agent in agents]
    stores = [prometheus(tmp_path, places), victoria(tmp_path)]
    async with running(*stores, collector(tmp_path, places, stores)):
        span = 'bbu_up{job="bbu-agent"}[5m]'

        async def begun() -> bool:
            found = [await store.times(span) for store in stores]
            found.append(await stores[0].times(DIRECT))
            return all(
                {*times} == {*UNITS} and min(map(len, times.values())) > 2 for times in found
            )

        await until(begun, "both stores have every unit of both agents", within_s=WITHIN_S)
        first_s = {store.base: await store.times(span) for store in stores}
        # VictoriaMetrics keeps its newest second in memory; a kill would cost what it has taken.
        await stores[0].stop(kill=True)
        await stores[1].stop()
        await asyncio.sleep(AWAY_S)
        for store in stores:
            await store.start()
        back_s = time.time()

        async def caught_up() -> bool:
            spans = [await store.times(span) for store in stores]
            spans.append(await stores[0].times(DIRECT))
            return all(
                {*times} == {*UNITS} and min(at[-1] for at in times.values()) > back_s + SCRAPE_S
                for times in spans
            )

        await until(caught_up, "both stores go on", within_s=WITHIN_S)
        for store in stores:
            times = await store.times(span)
            longest = gaps(times)
            assert {*longest} == {*UNITS}
            assert all(at[0] <= first_s[store.base][unit][0] for unit, at in times.items())
            assert max(longest.values()) <= SCRAPE_S + LATE_S, (store.log.stem, longest)
        # What the store scraped by itself has the gap: it was away, and the test sees it.
        missed = gaps(await stores[0].times(DIRECT))
        assert min(missed.values()) >= AWAY_S

        async def added_up() -> bool:
            views = await stores[0].ask('site:bbu_up:count{site="here"}')
            return [float(view["value"][1]) for view in views] == [len(UNITS)]

        await until(added_up, "the rules of the store add both agents up", within_s=WITHIN_S)
        for store in stores:
            listed = await command("bbu-agent", "fleet", "--prometheus", store.base, *ALL)
            shown = json.loads(listed.out)
            assert listed.code in {0, 1}, listed.err
            assert {(row["unit"], row["site"]) for row in shown["units"]} == {
                (unit, "here") for unit in UNITS
            }
            assert all(row["answers"] and row["rack"] == "r1" for row in shown["units"])
            assert shown["fleet"]["not_answering"] == 0
