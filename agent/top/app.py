"""The program on the screen: it follows the agent and shows what has changed."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from agent.top.client import AgentGoneError, Client, Shown, Where, connected
from agent.top.screens import EventsScreen, FleetScreen, HelpScreen, Opened, UnitScreen

AGAIN_S = 3.0
"""Between two tries to reach an agent that is gone."""
EVENTS = 200
_PICTURE_S = 30.0
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


class Top(App[None]):
    """Shows the agent at ``where``, drawn again at most every ``every_s`` seconds."""

    CSS = """
    Head { height: 1; background: $panel; text-style: bold; }
    Head.trouble { background: #a33b00; color: #ffffff; }
    #fleet, #events { height: 1fr; }
    Sheet { scrollbar-size-horizontal: 0; }
    #cells, #readings { height: auto; margin-top: 1; }
    #why { height: auto; max-height: 6; background: $panel; }
    #filter { height: 1; border: none; padding: 0; }
    #keys { width: 80; height: auto; padding: 0 1; background: $panel; border: ascii $foreground; }
    HelpScreen { align: center middle; }
    """
    TITLE = "bbu-agent"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "events", "events"),
        Binding("question_mark", "help", "keys"),
        Binding("q", "quit", "leave"),
    ]

    def __init__(self, where: Where, every_s: float, unit: str | None = None) -> None:
        """Begin with ``unit`` if one is named."""
        super().__init__(ansi_color=False)
        self.animation_level = "none"  # every frame of one is a thousand bytes on a slow line
        self._where = where
        self._every_s = every_s
        self._first = unit
        self._units: dict[str, Shown] = {}
        self._events: list[Shown] = []
        self._unit: Shown | None = None
        self._client: Client | None = None
        self._heard: datetime | None = None
        self.trouble: str | None = None
        self._changed = asyncio.Event()
        self.shown = asyncio.Event()
        """Set once something of the agent stands on the screen."""

    async def on_mount(self) -> None:
        """Show the fleet and begin to follow the agent."""
        await self.push_screen(FleetScreen())
        if self._first is not None:
            await self.push_screen(UnitScreen(self._first))
        self.run_worker(self._follow(), name="follow")
        self.run_worker(self._draw(), name="draw")

    async def _follow(self) -> None:
        async with connected(self._where) as client:
            self._client = client
            while True:
                try:
                    await self._listen(client)
                except AgentGoneError as error:
                    self._gone(str(error))
                await asyncio.sleep(AGAIN_S)

    def _gone(self, why: str) -> None:
        # One moment for the whole absence: a clock that runs would be drawn all the time.
        heard = self._heard
        since = "" if heard is None else f" since {heard:%Y-%m-%d %H:%M:%S}Z; shown is what was"
        self.trouble = f"no answer from {self._where.url}{since}: {why}. Trying again."
        self._changed.set()

    async def _listen(self, client: Client) -> None:
        """Take everything once, then what changes; raises AgentGoneError in the end."""
        self._units = {one["name"]: one for one in await client.units()}
        await self._look_closer(client)
        async for kind, content in client.news():
            self._heard, self.trouble = datetime.now(UTC), None
            if kind == "restart" or content.get("restart"):
                self._units = {one["name"]: one for one in await client.units()}
            for one in content.get("units", ()):
                self._units[one["name"]] = one
            for name, moment in content.get("seen", {}).items():
                if name in self._units:
                    self._units[name]["last_success"] = moment
            if kind != "heartbeat":
                await self._look_closer(client)

    def on_opened(self, _opened: Opened) -> None:
        """Ask at once for what a new screen shows."""
        self.run_worker(self._ask(), group="ask", exclusive=True)

    async def _ask(self) -> None:
        self._changed.set()
        if self._client is not None:
            try:
                await self._look_closer(self._client)
            except AgentGoneError as error:
                self._gone(str(error))

    async def _look_closer(self, client: Client) -> None:
        """Ask for what the open screen shows beyond the summaries."""
        screen = self.screen
        if isinstance(screen, UnitScreen):
            self._unit = await client.unit(screen.unit)
        elif isinstance(screen, EventsScreen):
            self._events = await client.events(EVENTS)
        self._heard, self.trouble = datetime.now(UTC), None
        self._changed.set()

    async def _draw(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._show()
            await asyncio.sleep(self._every_s)

    def _show(self) -> None:
        screen = self.screen
        if not screen.is_mounted:
            return  # it says itself when it has opened
        if isinstance(screen, FleetScreen):
            screen.show(self._units, self.trouble)
        elif isinstance(screen, UnitScreen):
            held = self._unit if self._unit and self._unit["name"] == screen.unit else None
            screen.show(held, self.trouble)
            if held is None and self.trouble is None:
                return
        elif isinstance(screen, EventsScreen):
            screen.show(self._events, self.trouble)
        self.shown.set()

    def action_events(self) -> None:
        """Show what has happened."""
        if not isinstance(self.screen, EventsScreen):
            self.push_screen(EventsScreen())

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(HelpScreen())


def run(where: Where, every_s: float, unit: str | None) -> None:
    """Take the terminal until the user leaves."""
    # Without the mouse: it would send bytes all the time, and keep the terminal from copying.
    Top(where, every_s, unit).run(mouse=False)


def picture(where: Where, unit: str | None, size: tuple[int, int], out: Path) -> None:
    """Write one screen of ``size`` columns and rows to ``out`` as SVG.

    Raises:
        AgentGoneError: the agent does not answer.
    """
    svg = asyncio.run(_picture(where, unit, size))
    # Its fonts would come from elsewhere; the reader's own will do.
    out.write_text(_FONTS.sub("", svg), encoding="utf-8")


async def _picture(where: Where, unit: str | None, size: tuple[int, int]) -> str:
    top = Top(where, 0.1, unit)
    async with top.run_test(size=size) as pilot:
        async with asyncio.timeout(_PICTURE_S):
            await top.shown.wait()
        await pilot.pause(1.0)
        if top.trouble is not None:
            raise AgentGoneError(top.trouble)
        return top.export_screenshot(title="bbu-agent top")
