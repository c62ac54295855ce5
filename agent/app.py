"""The running agent: start and stop order, signals, reload, the watchdog.

The only place that knows all rooms. Starting: state, store, web, polling; stopping: the
reverse, so that a scrape never meets a half-built agent and nothing learnt is lost.
"""

import asyncio
import errno
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from aiohttp import web

from agent import __version__, systemd
from agent.config.load import load
from agent.config.shards import own_part
from agent.config.types import Config, Shard
from agent.errors import AgentError, ConfigError, ListenError, StoreError
from agent.events.kinds import OF_RACK
from agent.export.facts import BusFacts, ReloadFacts
from agent.export.web import make_app, make_runner
from agent.export.webconfig.guard import Guard
from agent.model import UnitInfo
from agent.poll.fleet import Fleet, unit_infos
from agent.poll.intake import Intake
from agent.poll.past import Past
from agent.profiles.load import protocols
from agent.store.archive import Archive
from agent.store.history import HistoryStore
from agent.store.live import LiveStore
from agent.store.records import Batch
from agent.store.waiting import tell_waiting
from agent.tasks import begin

log = logging.getLogger(__name__)

_BEAT_S = 1.0
_SWITCH_S = 0.001
"""How long the event loop waits for its turn while a thread works (Python's own is 5 ms): tables,
large units and large pages are made beside it."""
_EVENTS_LOOKED_AT = 10_000
_DISK_AT_RELOAD_S = 60.0
"""How long a reload waits for the past that it needs; tidying a large file takes a while."""
DISK_AT_STOP_S = 20.0
"""How long a stop waits for the disk to take what was learnt."""
_STOPPING = "the agent is stopping; it reads the configuration when it starts"

Addresses = tuple[tuple[str, int], ...]


@dataclass(slots=True)
class Agent:
    """One agent for one configuration file.

    ``listen`` is where it serves and ``shard`` what it takes of the units, whatever the
    configuration says; empty leaves it to that. ``config`` holds its own units alone; ``guard``
    is what it serves behind.
    """

    path: Path
    config: Config
    store: LiveStore
    history: HistoryStore
    archive: Archive
    intake: Intake
    fleet: Fleet
    reload_result: ReloadFacts
    lag_s: float | None = None
    listen: Addresses = ()
    shard: Shard | None = None
    guard: Guard | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    reloads: set[asyncio.Task[None]] = field(default_factory=set)
    waiting: asyncio.Task[None] | None = None
    """Of the reloads, of which there are no more than two, the one that has not begun."""

    @property
    def version(self) -> str:
        """The version of the agent."""
        return __version__

    def buses(self) -> Sequence[BusFacts]:
        """Every line and gateway."""
        now_s = time.monotonic()
        return tuple(
            BusFacts(bus.name, bus.polls, dict(bus.errors), bus.busy_s, bus.utilisation(now_s))
            for bus in self.fleet.buses
        )

    def reload_facts(self) -> ReloadFacts:
        """How the last loading of the configuration went."""
        web = None if self.guard is None else self.guard.up_to_date
        return replace(self.reload_result, web=web)

    def loop_lag_s(self) -> float | None:
        """How late the event loop lately ran what was due."""
        return self.lag_s

    async def configure(self, config: Config, disk_s: float | None = None) -> None:
        """Take ``config``: the store first, then polling.

        Raises:
            StoreError: nothing is taken, as the disk has not answered for minutes, or ``disk_s``.
        """
        now_s = time.time()
        # A unit that gets another engine now goes on from what its old one has learnt.
        await self.intake.keep_all(now_s)
        try:
            async with asyncio.timeout(disk_s):
                past = await self._past(now_s)
        except TimeoutError:
            raise StoreError(f"the disk has not answered for {disk_s:g} s") from None
        infos = unit_infos(config)
        self.store.reconfigure(
            infos,
            config.shelves,
            stale_after_s=config.poll.stale_after_s,
            wider=config.groups,
        )
        overrides = {unit.name: unit.battery for unit in config.units}
        self.intake.follow(infos, overrides, past)
        await self.fleet.configure(config)
        racks = {OF_RACK + rack for info in infos if (rack := info.location.rack) is not None}
        self.archive.units = frozenset({info.name for info in infos} | racks)
        self.config = config

    async def _past(self, now_s: float) -> Past:
        await self.archive.write(now_s)
        saved = await self.history.load_states()
        happened = await self.history.events(limit=_EVENTS_LOOKED_AT)
        learnt = {unit: (state.serial, dict(state.body)) for unit, state in saved.items()}
        return Past(learnt, happened, now_s)

    async def reload(self) -> None:
        """Load the file again; when it is wrong, say so and go on with the old one.

        Whoever asks while another waits shares its turn, which begins after both have asked.

        Raises:
            ConfigError: the file is wrong.
            AgentError: the agent is stopping, or the disk does not answer.
        """
        if self.stopping.is_set():
            raise AgentError(_STOPPING)
        turn = self.waiting
        if turn is None:
            turn = self.waiting = asyncio.create_task(self._turn(), name="reload")
            self.reloads.add(turn)
            turn.add_done_callback(self.reloads.discard)
        await asyncio.wait([turn])
        if turn.cancelled():
            raise AgentError(_STOPPING)
        turn.result()

    async def _turn(self) -> None:
        async with self.changing:
            self.waiting = None
            await self._reload()

    async def stop(self) -> None:
        """Stop polling; a reload that is under way begins nothing any more."""
        self.stopping.set()
        for task in self.reloads:
            task.cancel()
        await asyncio.gather(*self.reloads, return_exceptions=True)
        await self.fleet.stop()

    async def _reload(self) -> None:
        try:
            # A file of thousands of units takes seconds to read; polling goes on meanwhile.
            config = await asyncio.to_thread(read_config, self.path, self.listen, self.shard)
        except ConfigError as error:
            self._refuse(error)
            raise
        if config.listen != self.config.listen or config.state_dir != self.config.state_dir:
            log.warning("listen and state_dir take effect at the next start")
        for warning in config.warnings:
            log.warning("%s", warning)
        with ExitStack() as stack:
            stack.push(self._half_way)
            await self.configure(config, _DISK_AT_RELOAD_S)
        self.reload_result = _loaded(config)
        log.info("configuration reloaded: %s", _units(config))

    def _half_way(self, kind: type | None, error: BaseException | None, _trace: object) -> None:
        """Tell of a reload that an error of our own has ended."""
        if isinstance(error, StoreError):
            self._refuse(error)
        elif kind is not None:
            told = f"taken up in part, after an error of our own: {kind.__name__}: {error}"
            self.reload_result = replace(self.reload_result, successful=False, error=told)

    def _refuse(self, error: AgentError) -> None:
        self.reload_result = replace(self.reload_result, successful=False, error=str(error))
        log.warning("configuration not reloaded, the old one goes on:\n%s", error)

    async def beat(self) -> None:
        """Measure the lag of the event loop and keep systemd's watchdog content."""
        watchdog_s = systemd.watchdog_interval_s()
        pause_s = _BEAT_S if watchdog_s is None else min(_BEAT_S, watchdog_s)
        while True:
            due_s = time.monotonic() + pause_s
            await asyncio.sleep(pause_s)
            self.lag_s = max(0.0, time.monotonic() - due_s)
            if watchdog_s is not None:
                systemd.notify("WATCHDOG=1")


def _units(config: Config) -> str:
    share = "" if config.shard is None else f", the share {config.shard} of the fleet"
    return f"{len(config.units)} units{share}"


def _loaded(config: Config) -> ReloadFacts:
    shard = None if config.shard is None else str(config.shard)
    return ReloadFacts(successful=True, success_at=time.time(), shard=shard)


def read_config(path: Path, listen: Addresses = (), shard: Shard | None = None) -> Config:
    """Load the configuration with the profiles that we have, and take its own share of it.

    ``listen`` and ``shard`` overrule what the file says.

    Raises:
        ConfigError: everything that is wrong, one line each.
    """
    config = own_part(load(path, profiles=protocols(), environ=os.environ, shard=shard))
    return replace(config, listen=listen) if listen else config


def build(path: Path, config: Config, history: HistoryStore) -> Agent:
    """Put the rooms together. Nothing runs yet; the units are known and not tried."""
    store = LiveStore(
        unit_infos(config),
        config.shelves,
        stale_after_s=config.poll.stale_after_s,
        wider=config.groups,
    )

    def alarmed(info: UnitInfo, until_s: float) -> None:
        fleet.alarm(info, until_s)

    archive = Archive(history)
    intake = Intake(store, archive, alarmed)
    fleet = Fleet(intake)
    return Agent(path, config, store, history, archive, intake, fleet, _loaded(config))


async def run(
    path: Path,
    config: Config,
    guard: Guard,
    listen: Addresses = (),
    shard: Shard | None = None,
) -> bool:
    """Run until SIGTERM or SIGINT; SIGHUP reads ``path`` again.

    ``listen`` and ``shard`` then overrule it as they did at first; ``guard`` stands before all
    that is served. Gives whether the disk took what was learnt; where it hangs, so does a thread
    that would hold up the end of the process.

    Raises:
        ListenError: a listen address cannot be used; the text says what to do.
    """
    sys.setswitchinterval(_SWITCH_S)
    file = config.state_dir / "bbu-agent.sqlite"
    history = HistoryStore(file)
    starting = begin(tell_waiting(history, file), "look at the disk", _broken)
    for trouble in (await history.import_folder(config.state_dir / "import")).problems:
        log.warning("not imported: %s", trouble)
    agent = build(path, config, history)
    agent.listen, agent.shard, agent.guard = listen, shard, guard
    _on_signals(agent)
    application = make_app(agent.store, agent, history, reload=agent.reload)
    guard.protect(application)
    runner = make_runner(application)
    tasks = [
        starting,
        begin(agent.beat(), "heartbeat", _broken),
        agent.archive.start(),
        begin(guard.follow(runner), "following of the web configuration", _broken),
    ]
    try:
        await runner.setup()
        await _listen(guard, runner, config)
        begun = await _begun(agent, config)
        starting.cancel()
        if begun:
            _shorten_collections()
            shown = ", ".join(
                f"{guard.scheme}://{host or '*'}:{port}/" for host, port in config.listen
            )
            log.info("bbu-agent %s polls %s; %s", __version__, _units(config), shown)
            systemd.notify("READY=1")
        await agent.stopping.wait()
        log.info("stopping")
        systemd.notify("STOPPING=1")
    finally:
        until_s = await _end(agent, tasks)
        await runner.cleanup()
        guard.close()
        lost = await history.close(until_s)
        _tell_lost(lost, history)
    return not history.hangs


async def _begun(agent: Agent, config: Config) -> bool:
    """Take the first configuration, unless the agent is to stop before it could."""
    async with agent.changing:
        stopping = asyncio.create_task(agent.stopping.wait(), name="stop")
        beginning = asyncio.create_task(agent.configure(config), name="start")
        await asyncio.wait([stopping, beginning], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if agent.stopping.is_set():
            beginning.cancel()
        await asyncio.gather(beginning, return_exceptions=agent.stopping.is_set())
        return not agent.stopping.is_set()


async def _end(agent: Agent, tasks: Sequence[asyncio.Task[None]]) -> float:
    """Stop polling and what runs beside it, then write what was learnt.

    Gives until when the disk is waited for, by the clock of the event loop.
    """
    await agent.stop()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await agent.intake.keep_all(time.time())
    until_s = asyncio.get_running_loop().time() + DISK_AT_STOP_S
    with suppress(TimeoutError):
        async with asyncio.timeout_at(until_s):
            await agent.archive.write(time.time())
    return until_s


def _tell_lost(lost: Batch, history: HistoryStore) -> None:
    if history.hangs:
        told = f"the disk has not answered for {DISK_AT_STOP_S:g} s"
        log.critical("lost as the agent stops: %s (%s)", lost, told)
    elif lost != Batch():
        log.warning("lost as the agent stops: %s (%s)", lost, history.problem)


def _shorten_collections() -> None:
    """Keep garbage collections from stalling the event loop."""
    # Modules, profiles and units stay: a full collection that walks them stalls the loop
    # for some 80 ms with 2,000 units.
    gc.collect()
    gc.freeze()
    # Readings come and go without cycles: young ones in smaller steps, all of them seldom.
    gc.set_threshold(700, 3, 1000)


def _broken(name: str, error: BaseException) -> None:
    log.critical("the %s has ended: restart the agent", name, exc_info=error)


async def _listen(guard: Guard, runner: web.AppRunner, config: Config) -> None:
    for host, port in config.listen:
        try:
            await guard.listen(runner, host, port)
        except OSError as error:
            raise ListenError(f"cannot listen on {host}:{port}: {_advice(error)}") from error


def _advice(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "the host name is not known; give an address of this machine"
    advice = {
        errno.EADDRINUSE: "another program, perhaps another bbu-agent, holds the port; stop it, "
        "or choose another port with listen: or --web.listen-address",
        errno.EADDRNOTAVAIL: "this machine has no such address; "
        "127.0.0.1 is this machine alone, an empty host is all of its addresses",
        errno.EACCES: "this user may not take the port; choose one above 1023",
    }
    return advice.get(error.errno or 0, error.strerror or str(error))


def _on_signals(agent: Agent) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, agent.stopping.set)
    tasks: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        systemd.notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            await agent.reload()
        except AgentError:
            return
        finally:
            systemd.notify("READY=1")

    def hang_up() -> None:
        if agent.stopping.is_set():
            return
        task = asyncio.create_task(reload(), name="reload")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGHUP, hang_up)
