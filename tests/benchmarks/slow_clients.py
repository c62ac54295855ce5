"""Clients that ask for all series, hardly read them and come back when cut off: who else gets in?

Usage: ``python -m tests.benchmarks.slow_clients [UNITS [CLIENTS [SECONDS]]]`` (3000, 300, 25). The
server is a process of its own, over real sockets. First the clients have an address of their own,
then that of the one who looks every five seconds; each time it prints how long its scrape took, or
how it failed, and the memory of the server.
"""

import asyncio
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path
from resource import getpagesize

from agent.export.web import make_app, make_runner
from agent.export.webconfig.guard import Guard
from agent.export.webconfig.types import WebConfig
from agent.model import Location, Reading, Sample, UnitInfo, UnitState, UnitStatus
from agent.store.history import HistoryStore
from agent.store.live import LiveStore
from tests.still_agent import StillAgent

CELLS, AT_S = 11, 100.0
HERE, CROWD = "127.0.0.1", "127.0.0.2"
LOOK_S, PATIENCE_S = 5.0, 10.0
READ_S, AGAIN_S = 1.0, 0.5
ASKED = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def fleet(units: int) -> LiveStore:
    """Make a fleet that has answered once."""
    names = [f"unit-{n}" for n in range(units)]
    infos = [UnitInfo(n, "orv3-hpr-bbu", Location("r1", "a", n)) for n in names]
    store = LiveStore(infos, [], stale_after_s=30)
    rows = tuple(Reading("cell_voltage", str(n), 3.7, AT_S, "x") for n in range(CELLS))
    for name in names:
        store.put_sample(Sample(name, 1.7e9, AT_S, rows))
        store.put_status(name, UnitStatus(UnitState.UP, 1.7e9, 1.7e9, polls=1))
    return store


async def serve(told: Connection, units: int) -> None:
    """Serve until killed."""
    app = make_app(fleet(units), StillAgent(), HistoryStore(None), mono=lambda: AT_S)
    guard = Guard(None, WebConfig())
    guard.protect(app)
    runner = make_runner(app)
    await runner.setup()
    await guard.listen(runner, HERE, 0)
    told.send(runner.addresses[0][1])
    await asyncio.Event().wait()


def served(told: Connection, units: int) -> None:
    """Be the process of the server."""
    asyncio.run(serve(told, units))


@contextmanager
def server(units: int) -> Iterator[tuple[int, Path]]:
    """Give the port of a server, and where the kernel tells of its memory."""
    told, tell = Pipe(duplex=False)
    process = Process(target=served, args=(tell, units), daemon=True)
    process.start()
    try:
        yield told.recv(), Path(f"/proc/{process.pid}/statm")
    finally:
        process.terminate()
        process.join()


async def hardly_read(port: int, client: str) -> None:
    """Ask, take some kilobytes a second, and come back, for ever."""
    loop = asyncio.get_running_loop()
    while True:
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.settimeout(0)
            one.bind((client, 0))
            try:
                await loop.sock_connect(one, (HERE, port))
                await loop.sock_sendall(one, ASKED)
                await asyncio.sleep(READ_S)
                taken = await loop.sock_recv(one, 4096)
                while taken:
                    await asyncio.sleep(READ_S)
                    taken = await loop.sock_recv(one, 4096)
            except OSError:
                await asyncio.sleep(AGAIN_S)


async def look(port: int) -> str:
    """Scrape once; tell what came of it."""
    begun_s = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(HERE, port, local_addr=(HERE, 0))
            writer.write(ASKED)
            size = len(await reader.read())
            writer.close()
    except (OSError, TimeoutError) as error:
        return type(error).__name__
    return f"{size / 1e6:.1f} MB in {time.monotonic() - begun_s:.2f} s" if size else "closed"


async def measure(units: int, clients: int, seconds: float) -> None:
    """Measure both crowds, each with a server of its own."""
    for client in (CROWD, HERE):
        with server(units) as (port, memory):

            def show(what: str, memory: Path = memory) -> None:
                resident = int(memory.read_text().split()[1]) * getpagesize() / 1e6
                print(f"{what}, {resident:.0f} MB", flush=True)  # noqa: T201 - a command

            show(f"alone: {await look(port)}")
            crowd = [asyncio.create_task(hardly_read(port, client)) for _ in range(clients)]
            for _ in range(round(seconds / LOOK_S)):
                await asyncio.sleep(LOOK_S)
                show(f"{clients} clients at {client}: {await look(port)}")
            for each in crowd:
                each.cancel()
            await asyncio.gather(*crowd, return_exceptions=True)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    asyncio.run(measure(*given, *(3000, 300, 25)[len(given) :]))
