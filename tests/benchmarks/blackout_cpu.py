"""What a second of a blackout costs the agent, without a wire: processor time and memory.

Usage: ``python -m tests.benchmarks.blackout_cpu [UNITS [SECONDS]]`` (500 units, 120 s). Store,
events, projections, health engines and archive are the agent's own, fed with a sample of every
unit a second. Processor time does not depend on what else the machine does.
"""

import asyncio
import gc
import resource
import sys
import tempfile
import time
from pathlib import Path

from agent.model import Chemistry, Location, Reading, Sample, UnitInfo
from agent.poll.intake import Intake
from agent.profiles.load import load
from agent.store.archive import Archive
from agent.store.history import HistoryStore
from agent.store.live import LiveStore

START_S = 1.76e9
FACTS: dict[str, object] = {
    "chemistry": Chemistry.NCA,
    "series": 12,
    "parallel": 6,
    "rated_capacity_ah": 15.3,
    "rated_power_w": 5500.0,
    "required_seconds": 90.0,
    "cell_cutoff_v": 2.7,
    "cell_float_v": 4.07,
    "cell_max_v": 4.2,
}
REST_S, LOAD_A = 30, -80.0
SAG_V, FALL_V_S = 0.25, 0.003


def sample(unit: str, at_s: float, current_a: float, cell_v: float) -> Sample:
    """Give what a vital pass over a module brings."""
    volts = [cell_v - 0.001 * n for n in range(12)]
    rows = [
        Reading("battery_current", None, current_a, at_s, "holding 97"),
        Reading("battery_voltage", None, sum(volts), at_s, "holding 96"),
        Reading("discharging", None, current_a < 0, at_s, "holding 107"),
    ]
    rows += [Reading("cell_voltage", str(n + 1), v, at_s, "x") for n, v in enumerate(volts)]
    return Sample(unit, START_S + at_s, at_s, tuple(rows))


def memory_mb() -> float:
    """Give the resident memory of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


async def measure(units: int, seconds: int, folder: Path) -> None:
    """Feed standby, then the blackout, and print the figures."""
    infos = [
        UnitInfo(f"m{n}", "orv3-hpr-bbu", Location(f"r{n // 6}", "a", str(n % 6)))
        for n in range(units)
    ]
    history = HistoryStore(folder / "bbu-agent.sqlite")
    archive = Archive(history)
    store = LiveStore(infos, [], stale_after_s=30)
    intake = Intake(store, archive, lambda _info, _until_s: None)
    intake.follow(infos, {info.name: FACTS for info in infos})
    profile = load("orv3-hpr-bbu")
    for info in infos:
        intake.found(info.name, profile)

    async def pass_second(at_s: float, current_a: float, cell_v: float) -> None:
        for n, info in enumerate(infos):
            one = sample(info.name, at_s + n / units, current_a, cell_v)
            intake.sample(one, profile)
            intake.learn(one)
        await archive.write(START_S + at_s)

    for second in range(0, REST_S, 10):
        await pass_second(second, 0.0, 4.07)
    for second in range(seconds):
        if second % 30 == 0:
            began_s, mark = time.process_time(), second
        await pass_second(REST_S + second, LOAD_A, 4.07 - SAG_V - FALL_V_S * second)
        if (second + 1) % 30 == 0:
            await history.flush()
            used_s = (time.process_time() - began_s) / (second + 1 - mark)
            sys.stdout.write(
                f"{second + 1:4d} s: {used_s:.2f} s of processor time a second, "
                f"{used_s / units * 1000:.2f} ms a sample; memory {memory_mb():.0f} MB\n"
            )
            sys.stdout.flush()
    await history.close()


def main() -> None:
    """Read the command line and measure."""
    units = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 120
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(units, seconds, Path(folder)))


if __name__ == "__main__":
    main()
