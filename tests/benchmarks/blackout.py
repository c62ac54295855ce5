"""A whole fleet goes on battery: is a poll lost, does /metrics answer, is memory flat?

Usage: ``python -m tests.benchmarks.blackout [UNITS [SECONDS]]`` (500 units, 120 s). The units
are simulated HPR modules behind gateways of twenty-five in a process of their own; the agent
is ``bbu-agent run``. It prints what was read and how long scrapes took.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import yaml

BIN = Path(sys.executable).parent
PER_GATEWAY = 25
BEFORE_S, SCRAPE_S = 40.0, 2.0
POLL = {
    "interval": "5s",
    "discharge_interval": "1s",
    "timeout": "2s",
    "stale_after": "3 intervals",
}


def scenario(units: int, seconds: float) -> str:
    """Give a scenario in which every rack loses its mains at once."""
    gateways = range((units + PER_GATEWAY - 1) // PER_GATEWAY)
    content = {
        "name": "blackout",
        "about": "Every rack on battery at once.",
        "buses": {f"g{n}": {"modbus_tcp": 0, "latency": "1 ms"} for n in gateways},
        "units": [
            {
                "name": f"m{n}-{{n}}",
                "count": min(PER_GATEWAY, units - n * PER_GATEWAY),
                "model": "hpr",
                "bus": f"g{n}",
                "unit_id": 48,
                "rack": f"r{n}",
                "shelf": "a",
            }
            for n in gateways
        ],
        "shelves": [{"rack": f"r{n}", "shelf": "a", "required": 1} for n in gateways],
        "events": [
            {
                "at": f"{BEFORE_S} s",
                "kind": "outage",
                "length": f"{seconds} s",
                "rack": f"r{n}",
                "load": 0.5,
            }
            for n in gateways
        ],
    }
    return yaml.safe_dump(content, sort_keys=False)


def value(text: str, name: str) -> float:
    """Give the sum of a family's samples."""
    rows = (line for line in text.splitlines() if line.startswith((name + "{", name + " ")))
    return sum(float(line.rpartition(" ")[2]) for line in rows)


async def measure(units: int, seconds: float, folder: Path) -> None:
    """Run simulator and agent, scrape all the while, and print the figures."""
    path = folder / "blackout.yaml"
    path.write_text(scenario(units, seconds), encoding="utf-8")
    run = folder / "run"
    listen = "127.0.0.1:19877"
    async with contextlib.AsyncExitStack() as stack:
        simulator = await asyncio.create_subprocess_exec(
            *(str(BIN / "bbu-sim"), "run", str(path), "--run-dir", str(run), "--listen", listen),
            stdout=asyncio.subprocess.PIPE,
        )
        stack.push_async_callback(_end, simulator)
        if simulator.stdout is None:
            raise RuntimeError("the simulator says nothing")
        async for line in simulator.stdout:
            if line.startswith(b"ready"):
                break
        began_s = time.monotonic()
        document = yaml.safe_load((run / "agent.yaml").read_text(encoding="utf-8"))
        (folder / "agent.yaml").write_text(
            yaml.safe_dump(document | {"poll": POLL}), encoding="utf-8"
        )
        agent = await asyncio.create_subprocess_exec(
            *(str(BIN / "bbu-agent"), "run", "--config.file", str(folder / "agent.yaml")),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        stack.push_async_callback(_end, agent)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        await _watch(session, f"http://{listen}/metrics", began_s, seconds)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    await process.wait()


async def _watch(session: aiohttp.ClientSession, url: str, began_s: float, seconds: float) -> None:
    await asyncio.sleep(10)
    before: tuple[float, float] | None = None
    while (at_s := time.monotonic() - began_s) < BEFORE_S + seconds + 20:
        start_s = time.monotonic()
        async with session.get(url) as answer:
            text = await answer.text()
        took_s = time.monotonic() - start_s
        polls, now_s = value(text, "bbu_polls_total"), time.monotonic()
        rate = 0.0 if before is None else (polls - before[0]) / (now_s - before[1])
        before = (polls, now_s)
        sys.stdout.write(
            f"{at_s:5.0f} s: {value(text, 'bbu_up'):.0f} up, "
            f"{value(text, 'bbu_shelf_on_battery_units'):.0f} on battery, {rate:.0f} polls/s, "
            f"{value(text, 'bbu_poll_errors_total'):.0f} errors, scrape {took_s:.2f} s, "
            f"loop lag {value(text, 'bbu_agent_event_loop_lag_seconds') * 1000:.0f} ms, "
            f"memory {value(text, 'process_resident_memory_bytes') / 1e6:.0f} MB, "
            f"CPU {value(text, 'process_cpu_seconds_total'):.0f} s\n"
        )
        sys.stdout.flush()
        await asyncio.sleep(SCRAPE_S)


def main() -> None:
    """Read the command line and measure."""
    units = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 120.0
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(units, seconds, Path(folder)))


if __name__ == "__main__":
    main()
