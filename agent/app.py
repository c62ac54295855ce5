"""The running agent: start and stop order, signals, reload, the watchdog.

The only place that knows all rooms. Starting: state, store, web, polling; stopping: the
reverse, so that a scrape never meets a half-built agent and nothing learnt is lost.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from aiohttp import web

from agent import __version__, systemd
from agent.config.load import load
from agent.config.types import Config
from agent.errors import ConfigError, StoreError
from agent.export.facts import BusFacts, ReloadFacts
from agent.export.web import make_app
from agent.model import UnitInfo
from agent.poll.fleet import Fleet, unit_infos
from agent.poll.intake import Intake
from agent.profiles.load import names
from agent.store.archive import Archive
from agent.store.history import HistoryStore
from agent.store.live import LiveStore

log = logging.getLogger(__name__)

_BEAT_S = 1.0


@dataclass(slots=True)
class Agent:
    """One agent for one configuration file."""

    path: Path
    config: Config
    store: LiveStore
    history: HistoryStore
    archive: Archive
    intake: Intake
    fleet: Fleet
    reload_result: ReloadFacts
    lag_s: float | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

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
        return self.reload_result

    def loop_lag_s(self) -> float | None:
        """How late the event loop lately ran what was due."""
        return self.lag_s

    async def configure(self, config: Config) -> None:
        """Take ``config``: the store first, then polling."""
        infos = unit_infos(config)
        await self.archive.write(time.time())
        saved = await self.history.load_states()
        learnt = {unit: (state.serial, dict(state.body)) for unit, state in saved.items()}
        self.store.reconfigure(infos, config.shelves, stale_after_s=config.poll.stale_after_s)
        overrides = {unit.name: unit.battery for unit in config.units}
        self.intake.follow(infos, overrides, learnt)
        await self.fleet.configure(config)
        self.config = config

    async def reload(self) -> None:
        """Load the file again; when it is wrong, say so and go on with the old one.

        Raises:
            ConfigError: the file is wrong.
        """
        try:
            config = read_config(self.path)
        except ConfigError as error:
            self.reload_result = replace(self.reload_result, successful=False)
            log.warning("configuration not reloaded, the old one goes on:\n%s", error)
            raise
        if config.listen != self.config.listen or config.state_dir != self.config.state_dir:
            log.warning("listen and state_dir take effect at the next start")
        await self.configure(config)
        self.reload_result = ReloadFacts(successful=True, success_at=time.time())
        log.info("configuration reloaded: %d units", len(config.units))

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


def read_config(path: Path) -> Config:
    """Load the configuration with the profiles that we have.

    Raises:
        ConfigError: everything that is wrong, one line each.
    """
    return load(path, profiles=names(), environ=os.environ)


def build(path: Path, config: Config, history: HistoryStore) -> Agent:
    """Put the rooms together. Nothing runs yet."""
    store = LiveStore((), (), stale_after_s=config.poll.stale_after_s)

    def alarmed(info: UnitInfo, until_s: float) -> None:
        fleet.alarm(info, until_s)

    archive = Archive(history)
    intake = Intake(store, archive, alarmed)
    fleet = Fleet(intake)
    facts = ReloadFacts(successful=True, success_at=time.time())
    return Agent(path, config, store, history, archive, intake, fleet, facts)


async def run(path: Path, config: Config) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reloads.

    Raises:
        StoreError: a listen address cannot be used; the text says what to do.
    """
    history = HistoryStore(config.state_dir / "bbu-agent.sqlite")
    for trouble in (await history.import_folder(config.state_dir / "import")).problems:
        log.warning("not imported: %s", trouble)
    if history.problem is not None:
        log.warning("history is kept in memory only: %s", history.problem)
    agent = build(path, config, history)
    _on_signals(agent)
    runner = web.AppRunner(
        make_app(agent.store, agent, history, reload=agent.reload), access_log=None
    )
    tasks = [
        asyncio.create_task(agent.beat(), name="heartbeat"),
        asyncio.create_task(agent.archive.run(), name="archive"),
    ]
    try:
        await runner.setup()
        await _listen(runner, config)
        await agent.configure(config)
        shown = ", ".join(f"http://{host or '*'}:{port}/" for host, port in config.listen)
        log.info("bbu-agent %s polls %d units; %s", __version__, len(config.units), shown)
        systemd.notify("READY=1")
        await agent.stopping.wait()
        log.info("stopping")
        systemd.notify("STOPPING=1")
    finally:
        await agent.fleet.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        agent.intake.keep_all(time.time())
        await agent.archive.write(time.time())
        await runner.cleanup()
        await history.close()


async def _listen(runner: web.AppRunner, config: Config) -> None:
    for host, port in config.listen:
        try:
            await web.TCPSite(runner, host or None, port).start()
        except OSError as error:
            raise StoreError(
                f"cannot listen on {host}:{port}: {error.strerror or error}. "
                "Another program may hold the port: choose another with listen:, or stop it"
            ) from error


def _on_signals(agent: Agent) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, agent.stopping.set)
    tasks: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        systemd.notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            await agent.reload()
        except ConfigError:
            return
        finally:
            systemd.notify("READY=1")

    def hang_up() -> None:
        task = asyncio.create_task(reload(), name="reload")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGHUP, hang_up)
