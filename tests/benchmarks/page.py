"""The Fleet page with 2,000 units: paint, transfer, search, scrolling, and the event loop.

``python -m tests.benchmarks.page`` (needs Debian's chromium). Run it on a quiet machine.
"""

import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.pages.conftest import ARGUMENTS, CHROMIUM, fetch
from tests.pages.measure import Measured, measure

_ROUNDS = 5


def main() -> None:
    """Print the medians of five rounds, each with an empty cache."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "tests.pages.crowd", str(port)]
    with tempfile.NamedTemporaryFile() as log:
        served = subprocess.Popen(command, stdout=log)
        try:
            _wait(url)
            time.sleep(5)
            quiet = _lags(log.name)
            rounds = _rounds(url)
            busy = _lags(log.name)[len(quiet) :]
        finally:
            served.terminate()
            served.wait()
    _tell("first contentful paint", [one.paint_ms for one in rounds], "ms")
    _tell("transferred", [one.transferred_bytes / 1000 for one in rounds], "kB")
    _tell("search to next frame", [max(one.filter_ms) for one in rounds], "ms (slowest of 7)")
    _tell("frame while scrolling", [one.frame_ms[len(one.frame_ms) // 2] for one in rounds], "ms")
    _tell("slowest frame", [one.frame_ms[-1] for one in rounds], "ms")
    _tell("loop held up, nobody looking", quiet or [0.0], "ms")
    _tell("loop held up, pages loading", busy or [0.0], "ms")


def _rounds(url: str) -> list[Measured]:
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        for _ in range(_ROUNDS):
            context = browser.new_context(viewport={"width": 1600, "height": 900})
            page = context.new_page()
            page.goto(url)
            found.append(measure(page))
            context.close()
        browser.close()
    return found


def _wait(url: str) -> None:
    for _ in range(300):
        try:
            fetch(f"{url}-/healthy")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the crowd is not served")


def _lags(path: str) -> list[float]:
    return [float(line) for line in Path(path).read_text(encoding="utf-8").split()]


def _tell(name: str, values: list[float], unit: str) -> None:
    middle, worst = statistics.median(values), max(values)
    sys.stdout.write(f"{name:32}{middle:8.1f} (worst {worst:.1f}) {unit}\n")


if __name__ == "__main__":
    main()
