"""A disk that does not answer, not even with an error, in a whole process."""

import asyncio
import contextlib
import os
import re
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import aiohttp

from tests.end_to_end.bench import PATIENCE_S, TETHER, free_port, until

AGENT = """
import os, sys
from agent import app
from agent.cli.main import main
from agent.model import Event
from agent.store.keeper import Keeper

fifo, write = sys.argv.pop(), Keeper.write

async def keep_all(intake, now_s):
    intake.archive.keep_event(Event("a", "discharge", now_s, None))

def hang(keeper, batch):
    if os.path.exists(fifo):
        open(fifo).close()  # once somebody writes into it, which nobody does
    write(keeper, batch)

app.Intake.keep_all, Keeper.write = keep_all, hang
app._DISK_AT_RELOAD_S = app.DISK_AT_STOP_S = 0.2
main()
"""


async def test_a_disk_that_hangs_holds_up_neither_reload_nor_stop(tmp_path: Path) -> None:
    path, fifo, address = tmp_path / "agent.yaml", tmp_path / "fifo", f"127.0.0.1:{free_port()}"
    path.write_text(f"units: []\nstate_dir: {tmp_path / 'state'}\n", "utf-8")
    agent = await asyncio.create_subprocess_exec(
        *(*TETHER, sys.executable, "-c", AGENT, "run", "--config.file", str(path)),
        *("--web.listen-address", address, str(fifo)),
        stderr=PIPE,
    )
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE_S)) as session:

        async def answered() -> bool:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.post(f"http://{address}/-/reload") as told:
                    return told.status == 200
            return False

        await until(answered, "the agent reloads")
        os.mkfifo(fifo)
        async with session.post(f"http://{address}/-/reload") as told:
            assert told.status == 500
            assert await told.text() == "the disk has not answered for 0.2 s\n"
        async with session.get(f"http://{address}/metrics") as told:
            assert "bbu_agent_config_last_reload_successful 0" in await told.text()
    agent.terminate()
    try:
        _, log = await asyncio.wait_for(agent.communicate(), PATIENCE_S)
    finally:
        if agent.returncode is None:
            agent.kill()
    assert agent.returncode == 5
    lost = r"lost as the agent stops: \d events \(the disk has not answered for 0.2 s\)"
    assert re.search(lost, log.decode()), log
