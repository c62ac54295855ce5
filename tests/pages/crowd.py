"""Two thousand units that answer every ten seconds, served by the real store and pages.

``python -m tests.pages.crowd PORT`` serves them; there are no devices behind them. It prints
the longest time that the event loop was held up, in milliseconds, each second.
"""

import asyncio
import sys
import time

from aiohttp import web

from agent.export.facts import BusFacts, ReloadFacts
from agent.export.web import make_app
from agent.model import (
    Basis,
    CellHealth,
    Health,
    Interval,
    Location,
    Reading,
    Reason,
    Sample,
    Shelf,
    UnitInfo,
    UnitState,
    UnitStatus,
    Verdict,
)
from agent.store.history import HistoryStore
from agent.store.live import LiveStore
from tests.still_agent import StillAgent

UNITS = 2000
_SHELF, _RACK = 6, 36
_INTERVAL_S = 10.0
_CELLS = 12
LINES = [BusFacts(f"line-{n}", 100, {}, 1.0, 0.3) for n in range(60)]


def info(number: int) -> UnitInfo:
    """Place a unit: six on a shelf, six shelves in a rack."""
    rack, rest = divmod(number, _RACK)
    shelf, slot = divmod(rest, _SHELF)
    where = Location(f"r{rack + 1:02}", "abcdef"[shelf], str(slot + 1))
    name = f"{where.rack}-{where.shelf}-{where.slot}"
    return UnitInfo(name, "orv3-hpr-bbu", where, f"line-{number // 34}", f"unit id {48 + number}")


def health(number: int, now_s: float) -> Health:
    """Make one in forty of them bad, each with a reason of its own."""
    bad = number % 40 == 0
    soh = Interval(0.78, 0.75, 0.81) if bad else Interval(0.95, 0.92, 0.98)
    cells = tuple(
        CellHealth(
            *(str(n + 1), soh, Interval(1.2, 1.1, 1.3)), verdict=Verdict.OK, basis=Basis.WINDOW
        )
        for n in range(_CELLS)
    )
    cell = str(number % _CELLS + 1)
    text = f"cell {cell}: holds 78 % (75 to 81) of its rated capacity, seen on 2026-06-28"
    reasons = (Reason("cell_weak", text, cell, Verdict.DEGRADED),) if bad else ()
    ride = Interval(300.0 + number % 97, 270.0 + number % 97, 340.0 + number % 97)
    verdict = Verdict.DEGRADED if bad else Verdict.OK
    return Health(verdict, reasons, now_s, cells, soh, ride, 0.999, basis=Basis.WINDOW)


def answer(store: LiveStore, number: int, polls: int) -> None:
    """Let a unit answer now, as the poller tells of it; one in a hundred does not."""
    name, now_s, mono_s = info(number).name, time.time(), time.monotonic()
    if number % 100 == 7:
        error = f"/dev/ttyUSB{number // 34}: unit {48 + number % 34}: silent for 0.5 s"
        store.put_status(name, UnitStatus(UnitState.DOWN, 1.79e9, None, polls, polls, {}, error))
        return
    volts = (4.04 + (number + cell) % 7 / 1000 for cell in range(_CELLS))
    rows = (
        Reading("battery_voltage", None, 48.5, mono_s, "holding 96"),
        Reading("state_of_charge", None, 0.98, mono_s, "holding 94"),
        *(
            Reading("cell_voltage", str(n + 1), v, mono_s, "holding 109")
            for n, v in enumerate(volts)
        ),
    )
    store.put_sample(Sample(name, now_s, mono_s, rows))
    store.put_status(name, UnitStatus(UnitState.UP, 1.79e9, now_s, polls=polls))


async def serve(port: int) -> None:
    """Serve until killed."""
    infos = [info(number) for number in range(UNITS)]
    places = dict.fromkeys((one.location.rack or "", one.location.shelf or "") for one in infos)
    shelves = [Shelf(rack, shelf, _SHELF - 1) for rack, shelf in places]
    store = LiveStore(infos, shelves, stale_after_s=3 * _INTERVAL_S)
    for number in range(UNITS):
        answer(store, number, 1)
        store.put_health(infos[number].name, health(number, time.time()))
    runner = web.AppRunner(
        make_app(
            store,
            StillAgent("crowd", LINES, ReloadFacts(success_at=time.time()), None),
            HistoryStore(None),
        ),
        access_log=None,
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    lag = asyncio.create_task(_watch())
    polls = 1
    while not lag.done():
        polls += 1
        for number in range(UNITS):
            answer(store, number, polls)
            await asyncio.sleep(_INTERVAL_S / UNITS if number % 4 == 0 else 0)


async def _watch() -> None:
    """Print how late the loop ran what was due, at worst, once a second."""
    while True:
        worst_s, end_s = 0.0, time.monotonic() + 1.0
        while time.monotonic() < end_s:
            due_s = time.perf_counter() + 0.002
            await asyncio.sleep(0.002)
            worst_s = max(worst_s, time.perf_counter() - due_s)
        sys.stdout.write(f"{worst_s * 1000:.1f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
