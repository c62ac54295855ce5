"""What a unit costs: processor time, memory, series and bytes, of the agent and of Prometheus.

Usage: ``python -m tests.benchmarks.sizing [SMALL LARGE [SECONDS]]`` (50 and 250 units, 420 s).
Both fleets run at the same time, HPR modules behind gateways of twenty-five that are read every
10 s at rest and scraped every 15 s; the difference between them, over the units that it is
of, is what one unit costs. Processor time is counted, so a busy machine does little harm.
"""

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack, suppress
from dataclasses import astuple, dataclass
from pathlib import Path

import aiohttp
import yaml

from tests.benchmarks.blackout import BIN, scenario, value

WARM_S = 90.0
POLL = {"interval": "10s", "discharge_interval": "1s", "timeout": "3s"}
FIRST_PORT = 19880


@dataclass(frozen=True)
class Cost:
    """What one fleet of ``units`` took; CPU in ms for each second, sizes in bytes."""

    units: float
    polls_per_second: float
    agent_cpu_ms: float
    agent_memory: float
    series: float
    scrape: float
    state: float
    prometheus_cpu_ms: float
    prometheus_memory: float
    wal_per_sample: float


async def _text(session: aiohttp.ClientSession, base: str) -> str:
    async with session.get(f"{base}/metrics", headers={"Accept-Encoding": "identity"}) as answer:
        return await answer.text()


async def _spawn(stack: AsyncExitStack, *words: object) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *map(str, words), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )

    async def end() -> None:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()

    stack.push_async_callback(end)
    return process


async def _start(stack: AsyncExitStack, units: int, folder: Path, port: int) -> str:
    """Start simulator, agent and Prometheus; give the address of Prometheus."""
    plan = yaml.safe_load(scenario(units, 1)) | {"events": []}
    path, run = folder / "sizing.yaml", folder / "run"
    path.write_text(yaml.safe_dump(plan), encoding="utf-8")
    listen = f"127.0.0.1:{port}"
    simulator = await _spawn(
        stack, BIN / "bbu-sim", "run", path, "--run-dir", run, "--listen", listen
    )
    if simulator.stdout is None:
        raise RuntimeError("the simulator says nothing")
    async for line in simulator.stdout:
        if line.startswith(b"ready"):
            break
    document = yaml.safe_load((run / "agent.yaml").read_text(encoding="utf-8"))
    document |= {"poll": POLL, "state_dir": str(folder / "state")}
    (folder / "agent.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    await _spawn(stack, BIN / "bbu-agent", "run", "--config.file", folder / "agent.yaml")
    job = {"job_name": "bbu-agent", "static_configs": [{"targets": [listen]}]}
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump({"global": {"scrape_interval": "15s"}, "scrape_configs": [job]})
    )
    await _spawn(
        stack,
        *("prometheus", f"--config.file={folder / 'prometheus.yml'}"),
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port + 1}",
    )
    return f"http://127.0.0.1:{port + 1}"


def _size(folder: Path) -> float:
    return float(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))


async def measure(units: int, seconds: float, folder: Path, port: int) -> Cost:
    """Run one fleet and give its cost."""
    async with AsyncExitStack() as stack:
        prometheus = await _start(stack, units, folder, port)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        await asyncio.sleep(WARM_S)
        places = (f"http://127.0.0.1:{port}", prometheus)
        before = [await _text(session, base) for base in places]
        wal = _size(folder / "data" / "wal")
        await asyncio.sleep(seconds)
        after = [await _text(session, base) for base in places]
        grown = _size(folder / "data" / "wal") - wal

        def rate(which: int, name: str) -> float:
            return (value(after[which], name) - value(before[which], name)) / seconds

        agent, store = after
        samples = rate(1, "prometheus_tsdb_head_samples_appended_total") * seconds
        return Cost(
            units,
            rate(0, "bbu_polls_total"),
            rate(0, "process_cpu_seconds_total") * 1000,
            value(agent, "process_resident_memory_bytes"),
            sum(not line.startswith("#") for line in agent.splitlines()),
            len(agent),
            _size(folder / "state"),
            rate(1, "process_cpu_seconds_total") * 1000,
            value(store, "process_resident_memory_bytes"),
            grown / samples if samples else 0.0,
        )


async def compare(small: int, large: int, seconds: float) -> None:
    """Measure both at once and print them, and what one unit costs."""
    with tempfile.TemporaryDirectory() as home:
        folders = [Path(home) / str(units) for units in (small, large)]
        for folder in folders:
            folder.mkdir()
        costs = await asyncio.gather(
            measure(small, seconds, folders[0], FIRST_PORT),
            measure(large, seconds, folders[1], FIRST_PORT + 4),
        )
    names = Cost.__dataclass_fields__
    for name, one, other in zip(names, *map(astuple, costs), strict=True):
        each = (other - one) / (large - small)
        sys.stdout.write(f"{name:20} {one:14.4g} {other:14.4g}   {each:10.4g} a unit\n")


def main() -> None:
    """Read the command line and measure."""
    small = int(sys.argv[1]) if len(sys.argv) > 2 else 50
    large = int(sys.argv[2]) if len(sys.argv) > 2 else 250
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 420.0
    asyncio.run(compare(small, large, seconds))


if __name__ == "__main__":
    main()
