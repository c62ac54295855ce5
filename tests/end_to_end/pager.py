"""Prometheus and Alertmanager with the files that we ship, and the pager that they call."""

import asyncio
import shutil
import sys
from asyncio.subprocess import DEVNULL, Process
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from tests.end_to_end.bench import free_port, until

DEPLOY = Path(__file__).parents[2] / "deploy"
TIMES = 0.015
"""Factor on all waiting times of the rules: 5 min become 4.5 s."""

WITHIN_S = 60.0
Labels = frozenset[tuple[str, str]]


def labels(page: Mapping[str, str]) -> Labels:
    """Give the labels of an alert as a key."""
    return frozenset(page.items())


@dataclass
class Pager:
    """What has been sent to people: how often each alert was told, by its state."""

    fired: Counter[Labels] = field(default_factory=Counter)
    resolved: Counter[Labels] = field(default_factory=Counter)
    receivers: dict[Labels, str] = field(default_factory=dict)
    texts: dict[Labels, Mapping[str, str]] = field(default_factory=dict)

    async def take(self, request: web.Request) -> web.Response:
        """Take one message of Alertmanager's webhook (format version 4)."""
        message = await request.json()
        for alert in message["alerts"]:
            known = {k: v for k, v in alert["labels"].items() if k not in {"job", "instance"}}
            (self.fired if alert["status"] == "firing" else self.resolved)[labels(known)] += 1
            self.receivers[labels(known)] = message["receiver"]
            self.texts[labels(known)] = alert["annotations"]
        return web.Response()

    async def told(self, *pages: Mapping[str, str]) -> None:
        """Wait until all of ``pages`` have been sent."""
        wanted = {labels(page) for page in pages}

        async def look() -> bool:
            return wanted <= set(self.fired)

        await until(look, "the pages", within_s=WITHIN_S, shown=self.names)

    async def calmed(self) -> None:
        """Wait until all that was sent has been resolved."""

        async def look() -> bool:
            return set(self.resolved) == set(self.fired)

        await until(look, "all is resolved", within_s=WITHIN_S, shown=self.names)

    def names(self) -> list[str]:
        """Say how often each alert was sent and resolved."""
        return sorted(
            told_as(dict(key), count, self.resolved[key]) for key, count in self.fired.items()
        )


def told_as(page: Mapping[str, str], fired: int, resolved: int) -> str:
    """Say how often a page was sent, for a person."""
    rest = ", ".join(f"{name}={page[name]}" for name in sorted(set(page) - {"alertname"}))
    return f"{page['alertname']} ({rest}): fired {fired}, resolved {resolved}"


@dataclass
class Watch:
    """The programs that stand between an agent and its people."""

    pager: Pager
    base: str

    async def ask(self, query: str) -> list[dict[str, str]]:
        """Ask Prometheus; give the labels and the value of each series."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.base}/api/v1/query", params={"query": query}) as answer,
        ):
            result = (await answer.json())["data"]["result"]
        return [one["metric"] | {"value": one["value"][1]} for one in result]


def _config(path: Path, changes: Mapping[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return content | dict(changes)


def _shortened(route: dict[str, Any]) -> dict[str, Any]:
    waits = {"group_wait": "2s", "group_interval": "1s", "repeat_interval": "1h"}
    changed = {key: waits.get(key, value) for key, value in route.items()}
    if "routes" in route:
        changed["routes"] = [_shortened(child) for child in route["routes"]]
    return changed


def write_alertmanager(folder: Path, hook: str) -> Path:
    """Write the shipped configuration with our pager's address and short waits."""
    source = DEPLOY / "alertmanager" / "alertmanager.yml"
    content = _config(source, {})
    content["route"] = _shortened(content["route"])
    for receiver in content["receivers"]:
        for webhook in receiver["webhook_configs"]:
            webhook["url"] = hook
    path = folder / "alertmanager.yml"
    path.write_text(yaml.safe_dump(content), "utf-8")
    return path


def write_prometheus(folder: Path, agent: str, alertmanager: str) -> Path:
    """Write the shipped configuration with our addresses and pace; build the rules for it."""
    content = _config(
        DEPLOY / "prometheus" / "prometheus.yml",
        {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}},
    )
    content["scrape_configs"][0]["static_configs"][0]["targets"] = [agent]
    content["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(content), "utf-8")
    return path


async def build_rules(folder: Path) -> None:
    """Build the rules into ``folder`` with waiting times for a test."""
    build = DEPLOY / "prometheus" / "build.py"
    words = (str(build), "--out", str(folder), "--times", str(TIMES))
    process = await asyncio.create_subprocess_exec(sys.executable, *words)
    assert await process.wait() == 0


async def _started(stack: AsyncExitStack, base: str, *words: str) -> None:
    log = stack.enter_context(Path(words[1].partition("=")[2]).with_suffix(".log").open("wb"))
    process = await asyncio.create_subprocess_exec(*words, stdout=DEVNULL, stderr=log)
    stack.push_async_callback(_ended, process)
    session = await stack.enter_async_context(aiohttp.ClientSession())

    async def ready() -> bool:
        assert process.returncode is None, words[0]
        with suppress(aiohttp.ClientError):
            async with session.get(f"{base}/-/ready") as answer:
                return answer.status == 200
        return False

    await until(ready, f"{words[0]} is ready")


async def _ended(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
        await process.wait()


async def start_watch(stack: AsyncExitStack, folder: Path, agent: str) -> Watch:
    """Start the pager, Alertmanager and Prometheus over the agent at ``agent`` (host:port)."""
    for program in ("prometheus", "prometheus-alertmanager"):
        assert shutil.which(program), f"{program} is not installed; see deploy/scripts/peers.sh"
    pager = Pager()
    app = web.Application()
    app.add_routes([web.post("/hook", pager.take)])
    runner = web.AppRunner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    hook, alerts, metrics = free_port(), free_port(), free_port()
    await web.TCPSite(runner, "127.0.0.1", hook).start()
    config = write_alertmanager(folder, f"http://127.0.0.1:{hook}/hook")
    await _started(
        stack,
        f"http://127.0.0.1:{alerts}",
        *("prometheus-alertmanager", f"--config.file={config}"),
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{alerts}",
        "--cluster.listen-address=",
    )
    await build_rules(folder)
    config = write_prometheus(folder, agent, f"127.0.0.1:{alerts}")
    await _started(
        stack,
        f"http://127.0.0.1:{metrics}",
        *("prometheus", f"--config.file={config}"),
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{metrics}",
    )
    return Watch(pager, f"http://127.0.0.1:{metrics}")
