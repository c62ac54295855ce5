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
from pathlib import Path

from agent.profiles.load import load
from agent.profiles.schema import Words

SIM = Path(sys.executable).with_name("bbu-sim")
RATE = 4000
SECONDS = 15.0
AGENTS = 500
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SLOT_S = 0.01


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
    """Sends requests to one gateway and counts the good answers and the registers in them."""

    def __init__(self, frames: Sequence[bytes]) -> None:
        self.frames = frames
        self.sent = self.answers = self.words = self.refused = 0
        self.seen: set[bytes] = set()
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
            if buffer[at + 7] == 3:
                self.answers += 1
                self.words += buffer[at + 8] // 2
            else:
                self.refused += 1
            at = end
        self._buffer = buffer[at:]

    def ask(self) -> None:
        """Send the next request."""
        assert self._transport is not None
        self._transport.write(self.frames[self.sent % len(self.frames)])
        self.sent += 1


def frames_of(units: Sequence[int], *, whole: bool) -> list[bytes]:
    """Give the requests that read a gateway's units: ``whole``, or the longest run of each."""
    runs = {1: spans("orv3-hpr-bbu"), 101: spans("orv3-bbu")}
    most = max(len(part) for part in runs.values())
    frames = []
    for turn in range(most):
        for unit in units:
            part = runs[101 if unit >= 101 else 1]
            address, count = part[turn % len(part)] if whole else max(part, key=lambda run: run[1])
            body = bytes((unit, 3)) + address.to_bytes(2) + count.to_bytes(2)
            frames.append(b"\0\1\0\0\0\6" + body)
    return frames


async def load_it(
    gateways: Sequence[tuple[int, Sequence[int]]], pid: int, *, whole: bool
) -> dict[str, float]:
    """Ask all gateways at the wanted rate; give what came back and what it cost."""
    loop = asyncio.get_running_loop()
    masters: list[Master] = []
    for port, units in gateways:
        frames = frames_of(units, whole=whole)
        _, master = await loop.create_connection(
            lambda frames=frames: Master(frames),  # type: ignore[misc]
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
    return {
        "asked a second": sent / spent,
        "answered a second": answers / spent,
        "refused": sum(master.refused for master in masters),
        "words a read": sum(master.words for master in masters) / max(1, answers),
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
    """Measure 2,000 units behind 40 gateways."""
    with tempfile.TemporaryDirectory() as home:
        process, start_s = served("ageing-fleet", Path(home))
        try:
            text = (Path(home) / "endpoints.json").read_text(encoding="utf-8")
            endpoints = json.loads(text).values()
            gateways = [
                (int(entry["modbus_tcp"].split(":")[1]), entry["units"])
                for entry in endpoints
                if "modbus_tcp" in entry
            ]
            told = [
                _told(asyncio.run(load_it(gateways, process.pid, whole=whole)))
                for whole in (True, False)
            ]
        finally:
            process.terminate()
            process.wait(30)
    sizes = {name: sum(n for _, n in spans(name)) for name in ("orv3-hpr-bbu", "orv3-bbu")}
    return (
        f"modbus  registers of a unit {sizes}, seconds to start {start_s:.1f}\n"
        f"  every run of registers in turn: {told[0]}\n"
        f"  the longest run alone: {told[1]}"
    )


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
