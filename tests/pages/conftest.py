"""Debian's Chromium on the pages of a real agent that watches the simulated demo rack."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from agent.model import Event
from agent.store.course import Course
from agent.store.history import HistoryStore

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
PATIENCE_S = 60.0
DAY_S = 86400.0


@dataclass
class Fleet:
    """The demo rack, served by the simulator and watched by an agent at ``url``."""

    url: str
    folder: Path
    agent: subprocess.Popen[bytes]

    def inject(self, *words: str) -> None:
        """Let a fault befall a unit, as ``bbu-sim inject`` does."""
        command = [str(BIN / "bbu-sim"), "inject", *words, "--run-dir", str(self.folder)]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Serve the demo rack, with a past for one of its modules."""
    folder = tmp_path_factory.mktemp("pages") / "rack"
    with _running(folder.parent / "sim.log", "bbu-sim", "run", "demo-rack", "--run-dir", folder):
        _until((folder / "agent.yaml").exists, "the simulator runs")
        asyncio.run(_write_past(folder / "agent-state" / "bbu-agent.sqlite"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        words = ("run", "--config.file", folder / "agent.yaml", "--web.listen-address", address)
        with _running(folder.parent / "agent.log", "bbu-agent", *words) as agent:
            _until(lambda: _is_ready(f"http://{address}/-/ready"), "the agent has tried all units")
            yield Fleet(f"http://{address}/", folder, agent)


@contextmanager
def _running(log: Path, name: str, *words: object) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(BIN / name), *map(str, words)],
            stdout=stream,
            stderr=stream,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


async def _write_past(path: Path) -> None:
    """Leave a year of estimates and an outage, as an earlier run of the agent would."""
    now_s = time.time()
    course = tuple(
        Course(
            "r12-a-3",
            now_s - day * DAY_S,
            {
                str(cell): (0.98 - worn * (365 - day), 0.9, 1.0, 1.0 + worn, 0.95, 1.3)
                for cell, worn in ((1, 1e-4), (2, 2e-4), (5, 5e-4))
            },
        )
        for day in range(360, 0, -30)
    )
    events = (
        Event("r12-a-3", "discharge", now_s - 9 * DAY_S, now_s - 9 * DAY_S + 30, {"depth": 0.1}),
        Event("r12-a-3", "self_test", now_s - 40 * DAY_S, now_s - 40 * DAY_S + 45),
    )
    history = HistoryStore(path)
    await history.save({}, events, saved_s=now_s, course=course)
    await history.close()


def fetch(url: str, **headers: str) -> tuple[int, Mapping[str, str], str]:
    """Get the status, the headers and the text of an answer, as no browser would."""
    place = urlsplit(url)
    connection = HTTPConnection(str(place.hostname), place.port, timeout=PATIENCE_S)
    with closing(connection):
        connection.request("GET", place.path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()


def _is_ready(url: str) -> bool:
    try:
        return fetch(url)[0] == HTTPStatus.OK
    except OSError:
        return False


def _until(accept: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not accept():
        assert time.monotonic() < end, f"not within {PATIENCE_S:g} s: {what}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def browser(fleet: Fleet) -> Iterator[Browser]:
    """Run one Chromium for all tests, after the fleet: its loop allows no other one."""
    assert fleet.agent.poll() is None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


Look = Callable[..., Page]


@pytest.fixture
def look(browser: Browser, fleet: Fleet) -> Iterator[Look]:
    """Give a function that opens a page; anything on its console is a failure.

    ``fails`` allows it to fail to load something.
    """
    expect.set_options(timeout=PATIENCE_S * 1000)
    opened: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(path: str, *, scripts: bool = True, fails: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": 1600, "height": 900}, java_script_enabled=scripts
        )
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        if not fails:
            page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(urljoin(fleet.url, path))
        return page

    yield open_page
    for context in opened:
        context.close()
    assert complaints == []
