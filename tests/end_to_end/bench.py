"""What the tests are written with: a simulated rack in the test's loop, the agent beside it.

The simulator runs inside the event loop of the test, so that a test can silence or garble
one unit while all goes on; the agent and the commands are processes, as a user starts them.
"""

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Any

import aiohttp
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from simulators.device.faults import WireFault, WireFaultKind
from simulators.service import Service

BIN = Path(sys.executable).parent
TETHER = ("setpriv", "--pdeathsig", "KILL") if which("setpriv") else ()
"""Ends an agent with its test: one that outlives it would take lines that others open."""
PATIENCE_S = 60.0
"""How long what must happen may take on a machine that does many other things."""
LOOK_S = 0.1
"""Between two looks: a scrape costs the agent and the test a few ms of CPU."""
_NAME = re.compile(r"[{ ]")
SCENARIO = """
name: small
about: Three lines of three modules and two UPSs.
buses:
  line: {serial: 115200}
  gate: {modbus_tcp: 0}
  rtu: {rtu_over_tcp: 0}
units:
  - {name: "a-{n}", count: 3, model: hpr, bus: line, unit_id: 48, rack: r1, shelf: a}
  - {name: "b-{n}", count: 3, model: classic, bus: gate, unit_id: 64, rack: r1, shelf: b}
  - {name: "c-{n}", count: 3, model: classic, bus: rtu, unit_id: 64, rack: r1, shelf: c}
ups:
  - {name: ups-1, model: ups, version: 2, rack: r1}
  - {name: ups-2, model: apc-ups, version: 3, auth: sha256, privacy: aes256, rack: r1}
"""
MODULES = [f"{shelf}-{n}" for shelf in "abc" for n in (1, 2, 3)]
UPSES = ["ups-1", "ups-2"]
UNITS = [*MODULES, *UPSES]
POLL = {
    "interval": "800ms",
    "discharge_interval": "800ms",
    "timeout": "800ms",
    "stale_after": "4s",
}

Labels = frozenset[tuple[str, str]]
Accept = Callable[[], Awaitable[object]]


def free_port() -> int:
    """Give a TCP port of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(
    accept: Accept,
    what: str,
    *,
    within_s: float = PATIENCE_S,
    shown: Callable[[], object] = lambda: "",
) -> Any:
    """Ask again and again until the answer is truthy; give it. A failure says what is ``shown``."""
    end = time.monotonic() + within_s
    while True:
        found = await accept()
        if found:
            return found
        if time.monotonic() > end:
            pytest.fail(f"not within {within_s:g} s: {what} {shown()}")
        await asyncio.sleep(LOOK_S)


@dataclass(frozen=True)
class Ended:
    """What a command left: its exit code and its two texts."""

    code: int
    out: str
    err: str


async def command(*words: object, **environ: str) -> Ended:
    """Run one of our commands to its end."""
    name, *rest = map(str, words)
    process = await asyncio.create_subprocess_exec(
        str(BIN / name), *rest, stdout=PIPE, stderr=PIPE, env={**os.environ, **environ}
    )
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return Ended(process.returncode or 0, out.decode(), err.decode())


class Page:
    """The samples of one scrape, parsed when asked for: a test may scrape hundreds of times."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._rows: dict[str, list[str]] = {}
        self._samples: dict[str, dict[Labels, float]] = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                self._rows.setdefault(_NAME.split(line, maxsplit=1)[0], []).append(line)

    def all_of(self, name: str) -> dict[Labels, float]:
        """Give the series of ``name``."""
        if name not in self._samples:
            rows = "\n".join([*self._rows.get(name, ()), ""])
            self._samples[name] = {
                frozenset(sample.labels.items()): sample.value
                for family in text_string_to_metric_families(rows)
                for sample in family.samples
            }
        return self._samples[name]

    def of(self, name: str, **labels: str) -> dict[Labels, float]:
        """Give the series of ``name`` that have ``labels``."""
        wanted = set(labels.items())
        return {key: value for key, value in self.all_of(name).items() if wanted <= key}

    def one(self, name: str, **labels: str) -> float | None:
        """Give the value of the one series, or None where there is none."""
        found = list(self.of(name, **labels).values())
        assert len(found) < 2, (name, labels, found)
        return found[0] if found else None

    def units(self, name: str) -> set[str]:
        """Give the units that ``name`` has series of."""
        return {dict(key)["unit"] for key in self.all_of(name)}

    def up(self) -> set[str]:
        """Give the units that are up."""
        return {dict(key)["unit"] for key, value in self.of("bbu_up").items() if value == 1}


@dataclass
class Agent:
    """A running ``bbu-agent run``."""

    process: Process
    base: str
    log: Path
    session: aiohttp.ClientSession

    async def scrape(self) -> Page:
        """Scrape the agent as Prometheus does."""
        async with self.session.get(f"{self.base}/metrics") as answer:
            assert answer.status == 200
            return Page(await answer.text())

    async def get(self, path: str) -> Any:
        """Get a JSON answer."""
        async with self.session.get(self.base + path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def unit(self, name: str) -> Any:
        """Get everything known of a unit."""
        return await self.get(f"/api/v1/units/{name}")

    async def status(self, path: str, method: str = "GET") -> tuple[int, str]:
        """Get the status and the text of an answer."""
        async with self.session.request(method, self.base + path) as answer:
            return answer.status, await answer.text()

    async def when(self, accept: Callable[[Page], object], what: str) -> Page:
        """Scrape until a page is acceptable; give it."""
        pages: list[Page] = []

        async def look() -> bool:
            pages[:] = [await self.scrape()]
            return bool(accept(pages[0]))

        await until(look, what)
        return pages[0]

    def lines(self, *words: str) -> list[str]:
        """Give the lines of the log with every one of ``words``."""
        text = self.log.read_text(encoding="utf-8")
        return [line for line in text.splitlines() if all(word in line for word in words)]

    async def stop(self) -> int:
        """Stop it as systemd does, and give its exit code."""
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), PATIENCE_S)

    async def kill(self) -> None:
        """Kill it with no chance to say goodbye."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


@dataclass
class Rack:
    """A served fleet and its configuration files."""

    service: Service
    folder: Path
    clock: asyncio.Task[None]
    agents: list[Agent] = field(default_factory=list)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def fault(self, unit: str, kind: str, value: float = 0.0) -> None:
        """Make the wire of ``unit`` go wrong from now on."""
        self.service.fleet.wire_faults[unit].append(WireFault(WireFaultKind(kind), value=value))

    def heal(self, unit: str) -> None:
        """Make the wire of ``unit`` well again."""
        self.service.fleet.wire_faults[unit].clear()

    def requests(self, unit: str) -> int:
        """Count the requests that ``unit`` has got."""
        site = self.service.fleet.sites[unit]
        return self.service._lines[site.bus].stations[site.unit_id].requests

    def document(self) -> dict[str, Any]:
        """Give the configuration that the simulator wrote, at the tests' pace."""
        text = (self.folder / "agent.yaml").read_text(encoding="utf-8")
        content: dict[str, Any] = yaml.safe_load(text)
        content["poll"] = dict(POLL)
        return content

    def write(self, document: Mapping[str, Any], name: str = "test.yaml") -> Path:
        """Write a configuration."""
        path = self.folder / name
        path.write_text(yaml.safe_dump(dict(document), sort_keys=False), encoding="utf-8")
        return path

    async def launch(self, path: Path | None = None, **environ: str) -> Agent:
        """Start an agent and return at once."""
        path = self.write(self.document()) if path is None else path
        port = free_port()
        log = self.folder / f"agent-{len(self.agents)}.log"
        where = ("--web.listen-address", f"127.0.0.1:{port}")
        with log.open("wb") as stream:
            process = await asyncio.create_subprocess_exec(
                *(*TETHER, str(BIN / "bbu-agent"), "run", "--config.file", str(path), *where),
                stdout=stream,
                stderr=stream,
                env={**os.environ, **environ},
            )
        session = await self.stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE_S))
        )
        agent = Agent(process, f"http://127.0.0.1:{port}", log, session)
        self.agents.append(agent)
        return agent

    async def agent(
        self, document: Mapping[str, Any] | None = None, *, ready: bool = True, **environ: str
    ) -> Agent:
        """Start an agent and wait until it has tried every unit once."""
        path = None if document is None else self.write(document)
        agent = await self.launch(path, **environ)

        async def tried() -> bool:
            assert agent.process.returncode is None, agent.log.read_text()
            with suppress(aiohttp.ClientError):
                return (await agent.status("/-/ready"))[0] == 200 or not ready
            return False

        await until(tried, "the agent is ready")
        return agent

    async def close(self) -> None:
        """End everything."""
        for agent in self.agents:
            if agent.process.returncode is None:
                await agent.kill()
        await self.stack.aclose()
        self.clock.cancel()
        await asyncio.gather(self.clock, return_exceptions=True)
        await self.service.stop()


MakeRack = Callable[..., Awaitable[Rack]]


def as_json(text: str) -> Any:
    """Decode what a command printed."""
    return json.loads(text)
