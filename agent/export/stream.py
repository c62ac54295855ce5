"""The API's stream: units whose summary has changed, and when others last answered."""

import json
import time
from collections.abc import Mapping

from aiohttp import web

from agent.export.context import CONTEXT, unit_view
from agent.export.feed import Changes, Feed
from agent.export.fragments import Fragments
from agent.export.json import Json, moment
from agent.export.summaries import Summary, summarised


class UnitNews:
    """What changes about units, as JSON."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._changes = Changes()
        self._made = Fragments(summarised)
        self.summaries: dict[str, Summary] = {}

    async def update(self) -> int:
        """Look at every unit; give the version now."""
        context = self._app[CONTEXT]
        found = self.summaries = await self._made.all(context.store, context.mono)
        looks: dict[tuple[str, ...], object] = {("unit", n): s.look for n, s in found.items()}
        looks |= {("seen", name): one.last_ok for name, one in found.items()}
        looks["units",] = tuple(found)
        return self._changes.update(looks)

    def since(self, version: int, only: str | None = None) -> Mapping[str, Json]:
        """Give the changed units, and when others answered; of unit ``only`` if there is one."""
        now_s = time.time()
        news: dict[str, Json] = {}
        units: list[Json] = []
        seen: dict[str, Json] = {}
        for kind, *names in self._changes.after(version):
            if kind == "units":
                news["restart"] = True
            elif only not in (None, names[0]):
                continue
            elif kind == "unit":
                units.append(json.loads(self.summaries[names[0]].text(now_s)))
            else:
                seen[names[0]] = moment(self.summaries[names[0]].last_ok)
        if not (news or units or seen):
            return {}
        return news | {"units": units, "seen": seen}


NEWS: web.AppKey[UnitNews] = web.AppKey("unit news", UnitNews)
FEED: web.AppKey[Feed] = web.AppKey("unit feed", Feed)


async def stream(request: web.Request) -> web.StreamResponse:
    """Serve changes as server-sent events: ``unit`` limits them to one, ``since`` resumes."""
    only = request.query.get("unit")
    if only is not None:
        unit_view(request, only)
    return await request.app[FEED].serve(request, only)


def prepare(app: web.Application) -> None:
    """Put the stream into ``app``, once it has its context."""
    app[NEWS] = UnitNews(app)
    app[FEED] = Feed(app[NEWS], app[CONTEXT].boot)

    async def close(_app: web.Application) -> None:
        await app[FEED].close()

    app.on_shutdown.append(close)
