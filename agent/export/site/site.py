"""The routes of the site, and what its pages share."""

from collections.abc import Iterable

from aiohttp import web

from agent.export.context import CONTEXT
from agent.export.feed import Feed
from agent.export.fragments import Fragments
from agent.export.site.agent import agent
from agent.export.site.assets import asset
from agent.export.site.fleet import FEED, NEWS, fleet, stream
from agent.export.site.fleet_live import FleetNews
from agent.export.site.fleet_map import ShelfNotes
from agent.export.site.fleet_parts import NOTES, ROWS
from agent.export.site.fleet_row import row
from agent.export.site.outage import outage, outages
from agent.export.site.runbooks import index as runbook_index
from agent.export.site.runbooks import runbook
from agent.export.site.unit import report, unit


def routes() -> Iterable[web.RouteDef]:
    """Give every page and what belongs to it."""
    return (
        web.get("/", fleet),
        web.get("/live/fleet", stream),
        web.get("/units/{name}", unit),
        web.get("/units/{name}/report.html", report),
        web.get("/outages", outages),
        web.get("/outage", outage),
        web.get("/agent", agent),
        web.get("/assets/{name}", asset),
        web.get("/docs/runbooks/", runbook_index),
        web.get("/docs/runbooks/{name}", runbook),
    )


def prepare(app: web.Application) -> None:
    """Put what the pages keep between requests into ``app``, once it has its context."""
    app[ROWS] = Fragments(row)
    app[NOTES] = ShelfNotes()
    app[NEWS] = FleetNews(app)
    app[FEED] = Feed(app[NEWS], app[CONTEXT].boot)
    app.on_shutdown.append(_close)


async def _close(app: web.Application) -> None:
    await app[FEED].close()
