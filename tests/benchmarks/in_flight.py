"""How long 20 units at 5 ms take behind a Modbus TCP gateway, by how many requests are in flight.

Usage: ``python -m tests.benchmarks.in_flight [ROUNDS]`` (20). A round is one request of 100
registers to each unit. Read the ratios: the gateway is the simulators', in the same process.
"""

import asyncio
import sys
import time
from dataclasses import dataclass
from statistics import median

from agent.errors import NoAnswer
from agent.model import Table
from agent.targets import ModbusHost
from agent.transport.base import ModbusLink
from agent.transport.modbus import open_modbus
from simulators.wire.faults import WireFault, WireFaultKind
from simulators.wire.line import Line, Station
from simulators.wire.modbus import ModbusServer

UNITS = 20
LATENCY_S = 0.005
WORDS = 100
TIMEOUT_S = 1.0
GIVES_UP_S = 1.5
WIDTHS = (1, 2, 4, 8, 16)


class Zeros:
    """Registers that hold nothing."""

    def read(self, table: str, address: int, count: int) -> list[int]:
        """Give ``count`` zeros."""
        del table, address
        return [0] * count


@dataclass(frozen=True, slots=True)
class Measured:
    """The median round in seconds, its processor time, and unanswered requests of all rounds."""

    wall_s: float
    cpu_s: float
    unanswered: int


async def ask(link: ModbusLink, unit_id: int) -> int:
    """Read one unit; give 1 where it did not answer."""
    try:
        await link.read(unit_id, Table.HOLDING, 0, WORDS, timeout_s=TIMEOUT_S)
    except NoAnswer:
        return 1
    return 0


async def measure(most: int, rounds: int, faults: tuple[WireFault, ...], first: int) -> Measured:
    """Ask every unit in each round, with up to ``most`` requests in flight.

    Those below ``first`` are silent; ``faults`` are the gateway's.
    """
    stations = {n: Station(Zeros()) for n in range(first, UNITS + 1)}
    server = ModbusServer(Line(stations, faults=faults), latency_s=LATENCY_S)
    link = open_modbus(ModbusHost("127.0.0.1", await server.start()), most)
    await ask(link, UNITS)
    walls_s, cpus_s, unanswered = [], [], 0
    for _ in range(rounds):
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        unanswered += sum(await asyncio.gather(*(ask(link, n) for n in range(1, UNITS + 1))))
        walls_s.append(time.perf_counter() - wall_s)
        cpus_s.append(time.process_time() - cpu_s)
    await link.close()
    await server.stop()
    return Measured(median(walls_s), median(cpus_s), unanswered)


async def main(arguments: list[str]) -> None:
    """Measure a parallel gateway, a serial one, and a serial one with a silent unit."""
    rounds = int(arguments[0]) if arguments else 20
    queue = (WireFault(WireFaultKind.ONE_AT_A_TIME, value=GIVES_UP_S),)
    cases: dict[str, tuple[int, tuple[WireFault, ...], int]] = {
        "a parallel gateway": (rounds, (), 1),
        "a gateway that asks one after the other": (rounds, queue, 1),
        f"the same with a silent unit, for which it waits {GIVES_UP_S} s": (3, queue, 2),
    }
    for name, (count, faults, first) in cases.items():
        sys.stdout.write(f"{name}:\n")
        alone: Measured | None = None
        for most in WIDTHS:
            got = await measure(most, count, faults, first)
            alone = alone or got
            sys.stdout.write(
                f"  {most:2} in flight: {1e3 * got.wall_s:7.1f} ms a round, "
                f"ratio {alone.wall_s / got.wall_s:.1f}; {1e3 * got.cpu_s:.1f} ms of CPU; "
                f"{got.unanswered} of {count * UNITS} unanswered\n"
            )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
