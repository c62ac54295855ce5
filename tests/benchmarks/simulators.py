"""What the simulator costs: masses of Modbus units, and SNMP agents.

Usage: ``python -m tests.benchmarks.simulators [modbus] [snmp]`` (both of them).
The server is a process of its own; its CPU time is read from the kernel.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from agent.profiles.load import load
from agent.profiles.schema import Words

SIM = Path(sys.executable).with_name("bbu-sim")
RATE = 4000
SECONDS = 15.0
AGENTS = 500
UNITS, ROWS = 2000, 40
MEASURED = ((0x2800, 60), (0x2C00, 60))
"""What of a cabinet is asked for: the voltages of its cells, then their temperatures."""
MOST_MOVED = sum(count for _, count in MEASURED)
FIRST_CLASSIC = 101
OUTAGE_S = 10.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SLOT_S = 0.01


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: ``count`` holding registers of a unit from ``address`` on."""

    unit: int
    address: int
    count: int


def spans(profile: str) -> list[tuple[int, int]]:
    """Give the unbroken runs of registers that a profile maps: first address and length."""
    places: set[int] = set()
    for field in load(profile).fields:
        if isinstance(field.where, Words):
            places |= {register.address for register in field.where.registers}
    found: list[tuple[int, int]] = []
    for place in sorted(places):
        if found and place == found[-1][0] + found[-1][1]:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((place, 1))
    return found


def cpu_s(pid: int) -> float:
    """Give the CPU seconds that a process has used."""
    parts = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(parts[11]) + int(parts[12])) / TICKS_PER_S


def memory_mb(pid: int) -> float:
    """Give the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


class Master(asyncio.Protocol):
    """Asks one gateway's units for their spans in turn, and looks at what comes back.

    ``moved`` holds of each unit the registers that were seen with more than one value.
    """

    def __init__(self, asked: Sequence[Asked]) -> None:
        self.asked = asked
        self.sent = self.answers = self.words = self.wrong = 0
        self.first: dict[Asked, bytes] = {}
        self.moved: dict[int, set[int]] = {one.unit: set() for one in asked}
        self._waiting: dict[int, Asked] = {}
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take whole answers."""
        buffer = self._buffer + data
        at = 0
        while len(buffer) - at >= 9:
            end = at + 6 + int.from_bytes(buffer[at + 4 : at + 6])
            if end > len(buffer):
                break
            self._take(buffer[at:end])
            at = end
        self._buffer = buffer[at:]

    def _take(self, frame: bytes) -> None:
        asked = self._waiting.pop(int.from_bytes(frame[:2]), None)
        if asked is None or frame[6:9] != bytes((asked.unit, 3, 2 * asked.count)):
            self.wrong += 1
            return
        self.answers += 1
        self.words += asked.count
        data = frame[9:]
        before = self.first.setdefault(asked, data)
        moved = self.moved[asked.unit]
        if before is not data and len(moved) < MOST_MOVED:
            pairs = zip(memoryview(before).cast("H"), memoryview(data).cast("H"), strict=True)
            moved |= {asked.address + n for n, (old, new) in enumerate(pairs) if old != new}

    def ask(self) -> None:
        """Send the next request."""
        assert self._transport is not None
        asked, number = self.asked[self.sent % len(self.asked)], self.sent & 0xFFFF
        self._waiting[number] = asked
        head = number.to_bytes(2) + b"\0\0\0\6" + bytes((asked.unit, 3))
        self._transport.write(head + asked.address.to_bytes(2) + asked.count.to_bytes(2))
        self.sent += 1


async def load_it(gateways: Sequence[tuple[int, Sequence[Asked]]], pid: int) -> dict[str, float]:
    """Ask all gateways at the wanted rate; give what came back and what it cost."""
    loop = asyncio.get_running_loop()
    masters: list[Master] = []
    for port, asked in gateways:
        _, master = await loop.create_connection(
            lambda asked=asked: Master(asked),  # type: ignore[misc]
            "127.0.0.1",
            port,
        )
        masters.append(master)
    began, used = loop.time(), cpu_s(pid)
    sent = 0
    while (into := loop.time() - began) < SECONDS:
        while sent < into * RATE:
            masters[sent % len(masters)].ask()
            sent += 1
        await asyncio.sleep(SLOT_S)
    spent, used = loop.time() - began, cpu_s(pid) - used
    await asyncio.sleep(0.5)
    answers = sum(master.answers for master in masters)
    moved = [len(places) for master in masters for places in master.moved.values()]
    return {
        "units": len(moved),
        "asked a second": sent / spent,
        "answered a second": answers / spent,
        "unanswered or wrong": sent - answers,
        "words an answer": sum(master.words for master in masters) / max(1, answers),
        "registers of a unit that moved, least": min(moved),
        "in the median": median(moved),
        "% of a core": 100 * used / spent,
        "MB": memory_mb(pid),
    }


def served(scenario: str, folder: Path) -> tuple[subprocess.Popen[str], float]:
    """Run the simulator; give it and the seconds until it was ready."""
    began = time.monotonic()
    process = subprocess.Popen(
        [str(SIM), "run", scenario, "--run-dir", str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready"):
            break
    return process, time.monotonic() - began


def modbus() -> str:
    """Measure 2,000 units behind 40 gateways: cabinets of 120 sensors, and Open Rack modules."""
    return "\n".join((_modbus("cabinets", cabinets()), _modbus("modules", "ageing-fleet")))


def cabinets() -> str:
    """Give a scenario of 2,000 cabinets in 40 rows, one of which is without mains in turn."""
    lines = ["name: cabinets", "about: Masses of cabinets.", "past: {years: 2}", "buses:"]
    lines += [f"  row-{n}: {{modbus_tcp: 0}}" for n in range(ROWS)]
    lines.append("units:")
    for n in range(ROWS):
        place = f"bus: row-{n}, unit_id: 1, rack: row-{n}, shelf: a"
        lines.append(f'  - {{name: "c{n}-{{n}}", count: {UNITS // ROWS}, model: cabinet, {place}}}')
    lines.append("events:")
    for n in range(ROWS):
        at = f"at: {OUTAGE_S * (n + 1)} s, length: {OUTAGE_S} s"
        lines.append(f"  - {{kind: outage, rack: row-{n}, {at}, load: 0.7}}")
    return "\n".join([*lines, ""])


def _modbus(what: str, scenario: str) -> str:
    with tempfile.TemporaryDirectory() as home:
        if "\n" in scenario:
            path = Path(home) / "scenario.yaml"
            path.write_text(scenario, encoding="utf-8")
            scenario = str(path)
        process, start_s = served(scenario, Path(home) / "run")
        try:
            text = (Path(home) / "run" / "endpoints.json").read_text(encoding="utf-8")
            gateways = [
                (int(entry["modbus_tcp"].split(":")[1]), asked_of(entry["units"], what))
                for entry in json.loads(text).values()
                if "modbus_tcp" in entry
            ]
            started = f"seconds to start {start_s:.1f}, CPU seconds {cpu_s(process.pid):.1f}"
            told = _told(asyncio.run(load_it(gateways, process.pid)))
        finally:
            process.terminate()
            process.wait(30)
    return f"modbus  {what}  {started}\n  {told}"


def asked_of(units: Sequence[int], what: str) -> list[Asked]:
    """Give the requests of a round: every unit's first span, then every unit's second, ..."""
    if what == "cabinets":
        parts = {unit: list(MEASURED) for unit in units}
    else:
        kinds = {False: spans("orv3-hpr-bbu"), True: spans("orv3-bbu")}
        parts = {unit: kinds[unit >= FIRST_CLASSIC] for unit in units}
    most = max(len(part) for part in parts.values())
    return [
        Asked(unit, *parts[unit][turn % len(parts[unit])]) for turn in range(most) for unit in units
    ]


def snmp() -> str:
    """Measure the start of 500 agents in one process."""
    lines = ["name: masses", "about: Cards.", "ups:"]
    lines += [f"  - {{name: u-{n}, version: 2, rack: r{n // 50}}}" for n in range(AGENTS)]
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "masses.yaml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        process, start_s = served(str(path), Path(home) / "run")
        try:
            used = cpu_s(process.pid)
            time.sleep(5.0)
            idle = (cpu_s(process.pid) - used) / 5.0
            told = {
                "seconds to start": start_s,
                "CPU seconds to start": used,
                "% of a core idle": 100 * idle,
            }
            told["MB"] = memory_mb(process.pid)
        finally:
            process.terminate()
            process.wait(30)
    return f"snmp    {AGENTS} agents  {_told(told)}"


def _told(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.1f}" for name, value in values.items())


def main(wanted: Sequence[str]) -> None:
    """Measure what is named, or everything."""
    for measure in (modbus, snmp):
        if not wanted or measure.__name__ in wanted:
            sys.stdout.write(measure() + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
