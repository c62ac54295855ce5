"""A simulated rack and the agent that watches it, live. Run by ``make demo``.

Makes a past for the rack, starts the simulator and the agent as the two programs they are,
shows what the agent says, and leaves nothing behind. Standard library only.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

BIN = Path(sys.executable).parent
SCENARIO = "demo-rack"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Unit = dict[str, Any]
DIRECT = build_opener(ProxyHandler({}))  # a proxy knows nothing of this machine
RUNNING: set[subprocess.Popen[str]] = set()


class Stopped(Exception):  # noqa: N818 - a wish of the user's, no error
    """The user asked for the end."""


def say(text: str) -> None:
    """Print one line at once, also into a pipe."""
    print(text, flush=True)


def run(*command: object) -> None:
    """Run one of our commands to its end; show what it said if it fails."""
    words = [str(BIN / str(command[0])), *map(str, command[1:])]
    # A group of its own, so that its workers end with it when the user stops the demo.
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    RUNNING.add(process)
    try:
        said, _ = process.communicate()
    finally:
        end(process)
        RUNNING.discard(process)
    if process.returncode != 0:
        say(said)
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}")


def end(process: subprocess.Popen[str]) -> None:
    """End a command of ``run`` and its workers, if they still run."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@contextlib.contextmanager
def started(name: str, log: Path, *command: object) -> Iterator[subprocess.Popen[bytes]]:
    """Keep one of our commands running inside the block; its log is shown if it dies."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(BIN / str(command[0])), *map(str, command[1:])],
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() not in (None, 0):
                say(f"{name} ended with {process.returncode}:\n{log.read_text()[-2000:]}")
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def make_past(folder: Path, state: Path, years: float) -> int:
    """Simulate the past and let the agent's estimator learn from it. Gives the unit count."""
    run("bbu-sim", "history", SCENARIO, "--years", years, "--out", folder)
    units = sorted(meta.parent for meta in folder.glob("*/meta.json"))

    def learn(unit: Path) -> None:
        telemetry = next(unit.glob("telemetry.*"))
        run(
            *("bbu-agent", "replay", telemetry, "--meta", unit / "meta.json"),
            *("--out", unit / "estimates", "--state-dir", state, "--unit", unit.name),
        )

    def end_all() -> None:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in list(RUNNING):
            end(process)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool, contextlib.ExitStack() as unless_done:
        unless_done.callback(end_all)
        list(pool.map(learn, units))
        unless_done.pop_all()
    return len(units)


def free_port(wanted: int) -> int:
    """Give ``wanted``, or any free port where another program holds it."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise SystemExit("no free port on 127.0.0.1")


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until the simulator has written ``path``."""
    end = time.monotonic() + START_TIMEOUT_S
    while not path.exists():
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit("the simulator did not start")
        time.sleep(0.1)


def units_of(base: str) -> list[Unit] | None:
    """Ask the agent for its units; None while it does not answer."""
    try:
        with DIRECT.open(f"{base}/api/v1/units", timeout=5) as answer:
            units: list[Unit] = json.load(answer)["units"]
            return units
    except (URLError, OSError):
        return None


@contextlib.contextmanager
def lines(rack: Path) -> Iterator[Path]:
    """Give a way to ``rack`` that is the same in every demo; ``rack`` where none can be had."""
    for folder in filter(None, (os.environ.get("XDG_RUNTIME_DIR"), "/run")):
        link = Path(folder, "bbu-demo")
        try:
            if link.is_symlink() and not link.exists():
                link.unlink()
            link.symlink_to(rack)
        except OSError:
            continue  # no place of ours, or that of another demo
        try:
            yield link
        finally:
            link.unlink(missing_ok=True)
        return
    yield rack


@contextlib.contextmanager
def watching(home: Path, rack: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Keep the agent running on what the simulator has written into ``rack``.

    Messages and pages name the serial lines, and a temporary folder tells nobody anything.
    """
    config = rack / "agent.yaml"
    listen = ("--web.listen-address", f"127.0.0.1:{port}")
    watch = ("bbu-agent", "run", "--config.file", config, *listen)
    with lines(rack) as way:
        written = config.read_text(encoding="utf-8")
        config.write_text(written.replace(f"{rack.resolve()}/tty-", f"{way}/tty-"), "utf-8")
        with started("the agent", home / "agent.log", *watch) as agent:
            yield agent


def table(units: list[Unit]) -> list[str]:
    """Show every unit on one line."""
    lines = [f"{'unit':<12}{'verdict':<10}{'health':>8}{'ride-through':>14}  why"]
    for unit in units:
        health, ride = unit["state_of_health"], unit["ride_through_s"]
        shown = f"{health['estimate']:.0%}" if health else "-"
        seconds = f"{ride['estimate']:.0f} s" if ride else "-"
        why = "; ".join(reason["text"] for reason in unit["reasons"])
        lines.append(f"{unit['name']:<12}{unit['verdict']:<10}{shown:>8}{seconds:>14}  {why}")
    return lines


def show(base: str, agent: subprocess.Popen[bytes], seconds: float | None) -> list[Unit]:
    """Show the table until the time is over or the user stops it; give the last one."""
    live = sys.stdout.isatty()
    start = time.monotonic()
    units: list[Unit] = []
    shown = -1e9
    while seconds is None or time.monotonic() - start < seconds:
        if agent.poll() is not None:
            raise SystemExit("the agent ended by itself")
        units = units_of(base) or units
        now = time.monotonic()
        if units and now - shown >= (2 if live else 20):
            shown = now
            if live:
                width = shutil.get_terminal_size().columns
                body = "\n".join(line[:width] for line in table(units))
                say(f"\033[H\033[J{addresses(base)}\n\n{body}\n\nCtrl-C stops everything.")
            else:
                counts = Counter(unit["verdict"] for unit in units)
                tally = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
                say(f"{now - start:5.0f} s  {len(units)} units: {tally}")
        time.sleep(0.5)
    return units


def addresses(base: str) -> str:
    """Say where to look."""
    return "\n".join(
        [
            f"Page        {base}/",
            f"Metrics     {base}/metrics",
            f"API         {base}/api/v1/units",
            f"Terminal    {BIN}/bbu-agent top --agent {base}",
        ]
    )


def summarise(units: list[Unit], events: list[dict[str, Any]]) -> None:
    """Print the last state of every unit and what happened while we watched."""
    say("\n" + "\n".join(table(units)))
    counts = Counter(unit["verdict"] for unit in units)
    tally = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    say(f"\n{len(units)} units: {tally}")
    kinds = Counter(event["kind"] for event in events)
    if kinds:
        happened = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        say(f"events while we watched: {happened}")


def events_of(base: str, since_s: float) -> list[dict[str, Any]]:
    """Ask the agent for what has happened since a unix time."""
    try:
        url = f"{base}/api/v1/events?since={since_s:.0f}&limit=1000"
        with DIRECT.open(url, timeout=5) as answer:
            events: list[dict[str, Any]] = json.load(answer)["events"]
            return events
    except (URLError, OSError):
        return []


def demo(home: Path, seconds: float | None, years: float) -> None:
    """Do all of it inside ``home``."""
    past, rack = home / "past", home / "rack"
    say(f"Simulating {years:g} year(s) of past for the rack, and learning from it ...")
    begun = time.monotonic()
    count = make_past(past, rack / "agent-state", years)
    say(f"  {count} modules, {time.monotonic() - begun:.0f} s")
    port = free_port(9877)
    base = f"http://127.0.0.1:{port}"
    simulate = ("bbu-sim", "run", SCENARIO, "--run-dir", rack, "--state", past)
    with started("the simulator", home / "sim.log", *simulate) as simulator:
        wait_for(rack / "agent.yaml", simulator)
        since_s = time.time()
        units: list[Unit] = []
        with watching(home, rack, port) as agent:
            say(addresses(base) + "\n")
            try:
                units = show(base, agent, seconds)
            except Stopped:
                say("\nstopping ...")
            units = units_of(base) or units
            summarise(units, events_of(base, since_s))
    if not units:
        raise SystemExit("the agent never answered")


def main() -> None:
    """Run the demo; a signal ends it in good order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, help="end by itself after so long")
    parser.add_argument("--years", type=float, default=1.0, help="of simulated past")
    wanted = parser.parse_args()

    def stop(_number: int, _frame: FrameType | None) -> None:
        # One wish is enough: a second one must not interrupt the tidying up.
        for number in ENDINGS:
            signal.signal(number, signal.SIG_IGN)
        raise Stopped

    for number in ENDINGS:
        signal.signal(number, stop)
    with tempfile.TemporaryDirectory(prefix="bbu-demo-") as home:
        try:
            demo(Path(home), wanted.seconds, wanted.years)
        except Stopped:
            say("\nstopped")


if __name__ == "__main__":
    main()
