"""``make demo`` as a user sees it: it prints what the scenario has and leaves nothing behind."""

import asyncio
import os
import re
import signal
import sys
import time
from asyncio.subprocess import PIPE, STDOUT, Process, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

from tests.end_to_end.bench import as_json, command, until

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "deploy" / "demo" / "demo.py"
SCENARIO = ROOT / "simulators" / "scenarios" / "demo-rack.yaml"
LONGEST_S = 300.0
STOP_S = 30.0
"""For a stop that takes a second or two on a quiet machine."""
ROW = re.compile(r"^(\S+) +(ok|watch|degraded|replace|unknown) +(\S+) +(\d+ s|-) *(.*)$")


def left_behind(folder: Path) -> list[str]:
    """Give the files in ``folder`` and the processes that name it or have worked there."""
    found = [str(path) for path in folder.iterdir()]
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid():
            try:
                words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in words:
                found.append(words.replace(b"\0", b" ").decode(errors="replace")[:200])
    return found


@asynccontextmanager
async def demo(folder: Path, *options: str) -> AsyncIterator[Process]:
    process = await create_subprocess_exec(
        *(sys.executable, str(DEMO), *options),
        stdout=PIPE,
        stderr=STDOUT,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def rows(text: str) -> dict[str, tuple[str, str]]:
    """Give verdict and reasons of every unit of the last table."""
    found = [ROW.match(line) for line in text.splitlines()]
    return {match[1]: (match[2], match[5]) for match in found if match}


async def test_the_summary_names_what_the_scenario_has(tmp_path: Path) -> None:
    async with demo(tmp_path, "--seconds", "30") as process:
        said, _ = await asyncio.wait_for(process.communicate(), LONGEST_S)
    text = said.decode()
    assert process.returncode == 0, text
    scenario = yaml.safe_load(SCENARIO.read_text(encoding="utf-8"))
    where = {part["kind"]: (part["unit"], part.get("cell")) for part in scenario["faults"]}
    tested = next(event["units"] for event in scenario["events"] if event["kind"] == "self-test")
    weak, welded, silent = where["open-cell"], where["weld"], where["silent"][0]

    told = rows(text)
    assert len(told) == 17
    assert {unit for unit, (verdict, _) in told.items() if verdict in ("degraded", "replace")} == {
        weak[0],
        welded[0],
    }
    for unit, cell in (weak, welded):
        reasons = told[unit][1]
        assert set(re.findall(r"cell (\d+):", reasons)) == {str(cell)}, reasons
        assert re.search(r"\d+ %", reasons), reasons
    assert told[silent][0] == "unknown"
    assert "does not answer" in told[silent][1]
    assert "silent for 0.5 s" in told[silent][1]
    assert [unit for unit, (verdict, _) in told.items() if verdict == "unknown"] == [silent]
    assert f"{len(tested)} self_test" in text.splitlines()[-1]
    assert left_behind(tmp_path) == []


async def test_a_demo_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    async with demo(tmp_path, "--years", "0.02") as process:
        assert process.stdout is not None
        base = ""
        async with asyncio.timeout(LONGEST_S):
            while not base.startswith("http"):
                line = (await process.stdout.readline()).decode()
                assert line, "the demo ended"
                base = line.split()[-1].rstrip("/") if line.startswith("Page") else ""

        async def shown() -> bool:
            ended = await command("bbu-agent", "status", "--agent", base, "--format", "json")
            return ended.code in (0, 1) and len(as_json(ended.out)["units"]) == 17

        await until(shown, "the agent of the demo answers")
        process.send_signal(signal.SIGINT)
        begun_s = time.monotonic()
        rest = (await asyncio.wait_for(process.stdout.read(), STOP_S)).decode()
        assert await process.wait() == 0, rest
    assert time.monotonic() - begun_s < STOP_S
    assert "stopping ..." in rest
    assert len(rows(rest)) == 17
    assert left_behind(tmp_path) == []


async def test_a_demo_that_is_stopped_while_it_makes_the_past(tmp_path: Path) -> None:
    async with demo(tmp_path) as process:

        async def working() -> bool:
            return sum("history" in words for words in left_behind(tmp_path)) > 1

        await until(working, "the workers simulate")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), STOP_S) == 0

    async def nothing() -> bool:
        return left_behind(tmp_path) == []

    await until(nothing, "all is gone", within_s=5)
