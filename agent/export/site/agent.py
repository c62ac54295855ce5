"""The Agent page: how the agent itself does, line by line."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from aiohttp import web

from agent.export.answer import send
from agent.export.context import CONTEXT, Context
from agent.export.facts import BusFacts
from agent.export.fragments import all_views
from agent.export.order import natural
from agent.export.site.charts import bar
from agent.export.site.layout import Frame, facts, notices, page, panel, table
from agent.export.site.markup import Html, h
from agent.export.site.words import amount, clock, percent
from agent.export.stream import NEWS
from agent.model import Interval, UnitState
from agent.store.live import UnitView

_SLOWEST = 12
_BUSY = 0.8
"""Share of the time from which a line is too full: retries would find no room."""


async def agent(request: web.Request) -> web.StreamResponse:
    """Serve the page of the agent itself."""
    context = request.app[CONTEXT]
    version = await request.app[NEWS].update()
    views = await all_views(context.store, context.mono)
    frame = Frame(
        *("Agent", "agent", context.agent.version, time.time()),
        stream=f"api/v1/stream?since={context.boot}-{version}",
        styles=("style.css", "unit.css"),
        notices=notices(context),
        refresh=True,
    )
    body = h(
        "div",
        _buses(sorted(context.agent.buses(), key=lambda bus: natural(bus.name))),
        _slow(views),
        h("div", _store(context), _configuration(context), _states(views, context)),
        class_="grid",
    )
    whole = page(frame, h("h1", "The agent itself"), body)
    return await send(request, [whole.encode()], {"Content-Type": "text/html; charset=utf-8"})


def _buses(buses: Sequence[BusFacts]) -> Html:
    rows = [
        h(
            "tr",
            h("th", bus.name, scope="row"),
            h("td", _gauge(bus.utilisation), data_name="Time in use"),
            h("td", bus.polls, data_name="Polls"),
            h("td", sum(bus.errors.values()), data_name="Failed"),
            h("td", _causes(bus.errors), data_name="Causes"),
        )
        for bus in buses
    ]
    heads = ("Line or device", "Time in use", "Polls", "Failed", "Causes")
    return panel(
        "Lines",
        table(heads, rows, class_="cards lines", label="Lines and gateways"),
        id_="lines",
        class_="wide",
        note="Time in use is the share of the last minute spent in transactions; above 80 % "
        "polls come late.",
    )


def _gauge(share: float | None) -> Html:
    if share is None:
        return h("span", "not polled yet", class_="quiet")
    word = h("span", " busy", class_="shape watch") if share > _BUSY else None
    drawn = bar(Interval(share, 0.0, share), 0.0, 1.0, limit=_BUSY)
    return h("span", drawn, h("span", percent(share), word), class_="share")


def _causes(errors: Mapping[str, int]) -> str:
    told = [f"{cause} {count}" for cause, count in sorted(errors.items()) if count]
    return ", ".join(told) or "none"


def _slow(views: Sequence[UnitView]) -> Html:
    timed = [view for view in views if view.status.last_duration_s is not None]
    timed.sort(key=lambda view: -(view.status.last_duration_s or 0.0))
    rows = [
        h(
            "tr",
            h("th", _link(view.info.name), scope="row"),
            h("td", amount(view.status.last_duration_s, 1000.0, "ms"), data_name="Last poll took"),
            h("td", view.info.bus or view.info.address, data_name="Line"),
        )
        for view in timed[:_SLOWEST]
    ]
    heads = ("Unit", "Last poll took", "Line")
    return panel(
        "Slowest devices", table(heads, rows, class_="cards", label="Slowest devices"), id_="slow"
    )


def _link(name: str) -> Html:
    return h("a", name, href=f"units/{quote(name, safe='')}")


def _store(context: Context) -> Html:
    past = context.history
    state = past.problem or "well: events and what was learnt are on disk"
    return panel(
        "Store",
        h("p", state),
        facts(
            [
                ("Commits", str(past.commits)),
                ("Failed commits", str(past.failures)),
                ("Records dropped", str(past.dropped)),
            ]
        ),
        id_="store",
    )


def _configuration(context: Context) -> Html:
    loaded = context.agent.reload_facts()
    lag_s = context.agent.loop_lag_s()
    words = "The file was loaded without an error."
    if not loaded.successful:
        words = (
            "The file was changed and is wrong, so the one before it goes on. "
            "Say: bbu-agent check FILE"
        )
    return panel(
        "Configuration and process",
        h("p", words),
        loaded.error and h("pre", loaded.error, class_="error"),
        facts(
            [
                ("Loaded", clock(loaded.success_at)),
                ("Version", context.agent.version),
                ("Share of the fleet", loaded.shard),
                ("Event loop late by", None if lag_s is None else amount(lag_s, 1000.0, "ms", 1)),
            ]
        ),
        id_="configuration",
    )


def _states(views: Sequence[UnitView], context: Context) -> Html:
    counts = Counter(view.status.state for view in views)
    errors: Counter[str] = Counter()
    for view in views:
        errors.update(view.status.errors)
    return panel(
        "Units",
        facts(
            [
                *((state.value, str(counts[state])) for state in UnitState if counts[state]),
                ("Shelves configured", str(len(context.store.shelves))),
                ("Failed polls by cause", _causes(errors)),
            ]
        ),
        id_="states",
    )
