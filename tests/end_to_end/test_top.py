"""``bbu-agent top`` in tmux, as a person has it: a real terminal, agent and simulated rack."""

import asyncio
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.bench import BIN, Agent, Rack, until

UNIT = "a-2"


class Terminal:
    """A terminal of tmux with one program in it."""

    def __init__(self, folder: Path, columns: int = 140, rows: int = 32) -> None:
        self._tmux = ("tmux", "-f", "/dev/null", "-S", str(folder / "tmux"))
        self._size = ("-x", str(columns), "-y", str(rows))

    def start(self, *words: str, **environ: str) -> None:
        environ = {"COLORTERM": "truecolor", **environ}
        told = [part for key, value in environ.items() for part in ("-e", f"{key}={value}")]
        line = f"{shlex.join(words)}; echo left with $?; sleep 600"
        self._run("new-session", "-d", *self._size, *told, line)

    def screen(self, *, colours: bool = False) -> str:
        return self._run("capture-pane", "-p", *(("-e",) if colours else ()))

    def press(self, *keys: str) -> None:
        self._run("send-keys", *keys)

    def resize(self, columns: int, rows: int) -> None:
        self._run("resize-window", "-x", str(columns), "-y", str(rows))

    async def shows(self, *texts: str) -> str:
        async def look() -> str:
            shown = self.screen()
            return shown if all(text in shown for text in texts) else ""

        found: str = await until(look, f"shows {texts}", shown=lambda: "\n" + self.screen())
        return found

    async def back(self, gone: str) -> None:
        """Press escape and wait: another key at once would make one key of the two."""

        async def look() -> bool:
            return gone not in self.screen()

        self.press("Escape")
        await until(look, f"{gone} leaves", shown=self.screen)

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)

    def _run(self, *words: str) -> str:
        # The size is the terminal's: what the test's own terminal says must not get there.
        own = {key: text for key, text in os.environ.items() if key not in ("COLUMNS", "LINES")}
        done = subprocess.run(
            [*self._tmux, *words], check=True, capture_output=True, text=True, env=own
        )
        return done.stdout


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path)
    yield made
    made.close()


def top(agent: Agent, *more: str) -> tuple[str, ...]:
    return (str(BIN / "bbu-agent"), "top", "--agent", agent.base, "--every", "0.3", *more)


def coloured(terminal: Terminal) -> set[tuple[str, ...]]:
    """Give the colours on the screen that are no grey."""
    told = re.findall(r"[34]8;2;(\d+);(\d+);(\d+)", terminal.screen(colours=True))
    return {colour for colour in told if len(set(colour)) > 1}


def row(screen: str, unit: str) -> str:
    return next(line for line in screen.splitlines() if line.split()[:1] == [unit])


async def test_a_fault_shows_without_a_key_and_the_keys_lead_to_it(
    rack: Rack, terminal: Terminal
) -> None:
    agent = await rack.agent()
    terminal.start(*top(agent))
    await terminal.shows("11 units:", f" {UNIT} ")
    assert coloured(terminal)
    rack.fault(UNIT, "silent")
    shown = await terminal.shows("silent since")
    assert "silent since" in row(shown, UNIT)
    rack.heal(UNIT)

    terminal.press("/")
    await terminal.shows("words to look for")
    terminal.press(*UNIT, "Enter")
    assert "b-1" not in await terminal.shows(f"1 shown with: {UNIT}")
    terminal.press("Enter")
    await terminal.shows("hpr", "battery_voltage", "40 % ... health")
    terminal.press("?")
    await terminal.shows("next that is not ok")
    await terminal.back("next that is not ok")
    terminal.press("e")
    await terminal.shows("events", "lowest cell")
    await terminal.back("lowest cell")
    await terminal.back("40 % ... health")
    terminal.resize(60, 16)
    small = await terminal.shows("11 units:")
    assert max(map(len, small.splitlines())) <= 60
    terminal.press("q")
    assert "11 units" not in await terminal.shows("left with 0"), "the terminal is as it was"


async def test_an_agent_that_goes_is_told_with_the_time_and_comes_back(
    rack: Rack, terminal: Terminal
) -> None:
    agent = await rack.agent()
    terminal.start(*top(agent), NO_COLOR="1")
    await terminal.shows("11 units:", UNIT)
    assert coloured(terminal) == set(), "NO_COLOR leaves greys alone"
    await agent.stop()
    shown = await terminal.shows("no answer from", "since", "connection refused")
    assert row(shown, UNIT), "what was known stays"
    port = agent.base.rpartition(":")[2]
    again = await asyncio.create_subprocess_exec(
        *(str(BIN / "bbu-agent"), "run", "--config.file", str(rack.folder / "test.yaml")),
        *("--web.listen-address", f"127.0.0.1:{port}", "--log.level", "error"),
        env=os.environ,
    )
    try:
        assert "no answer" not in await terminal.shows("11 units:")
    finally:
        again.terminate()
        await again.wait()
