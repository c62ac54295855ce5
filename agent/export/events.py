"""The JSON API of what happened: events with filters, their telemetry, shelves just now."""

import time
from collections.abc import Callable, Mapping

from aiohttp import web

from agent.errors import AgentError
from agent.events.kinds import KINDS, OF_RACK
from agent.export.answer import beside, bulky, send, send_json
from agent.export.api import limited, seconds
from agent.export.context import CONTEXT, Context, unit_view
from agent.export.fragments import all_views
from agent.export.harmless import clean, file_name
from agent.export.json import Json, event_json, interval_json
from agent.export.redundancy import Redundancy, Standings, standings
from agent.export.sheets import (
    MOST_POINTS,
    Sheet,
    TooLarge,
    as_csv,
    as_parquet,
    of_events,
    of_points,
)
from agent.model import Event, Group, Shelf

_MOST_EVENTS = 1000
_LOOKED_AT = 20_000
_LATEST_S = 1e11
_BEFORE_S, _AFTER_S = 30.0, 60.0
_LONGEST_S = 24 * 3600.0


async def events(request: web.Request) -> web.StreamResponse:
    """List events, newest first.

    ``unit``, ``rack`` (its outages and its units' events), ``group`` (its units' events),
    ``kind``, ``since`` and ``until`` (unix seconds of the start), ``open`` (only those under
    way), ``limit``; ``format`` is json, csv or parquet.
    """
    context = request.app[CONTEXT]
    query = request.query
    kind, rack = query.get("kind"), query.get("rack")
    if kind is not None and kind not in KINDS:
        raise web.HTTPBadRequest(text=f"no kind {clean(kind)!r}; kinds are {', '.join(KINDS)}")
    limit = limited(query.get("limit", "100"), _MOST_EVENTS)
    form = query.get("format", "json")
    group = await _members(context, query["group"]) if "group" in query else None
    sifted = rack is not None or group is not None or "open" in query
    found = await context.history.events(
        unit=query.get("unit"),
        since_s=seconds(request, "since", 0.0),
        until_s=seconds(request, "until", _LATEST_S),
        kind=kind,
        limit=_LOOKED_AT if sifted else limit,
    )
    if rack is not None:
        names = {
            view.info.name
            for view in await all_views(context.store, context.mono)
            if view.info.location.rack == rack
        }
        found = [event for event in found if event.unit in names or event.unit == OF_RACK + rack]
    if group is not None:
        found = [event for event in found if event.unit in group]
    if "open" in query:
        found = [event for event in found if event.end_s is None]
    shown = found[:limit]
    if form != "json":
        return await _sheet(request, form, "events", lambda: of_events(shown))
    return await send_json(request, lambda: {"events": [event_json(event) for event in shown]})


async def _members(context: Context, name: str) -> set[str]:
    """Give the units of a configured group."""
    group = next((one for one in context.store.wider if one.name == name), None)
    if group is None:
        raise web.HTTPBadRequest(text=f"no group {clean(name)!r} is configured")
    views = await all_views(context.store, context.mono)
    return {view.info.name for view in views if group.holds(view.info)}


@bulky
async def telemetry(request: web.Request) -> web.StreamResponse:
    """Give what was read of ``unit`` in the event that began at ``start``.

    ``start`` is the event's ``start_s``, ``format`` csv or parquet. The half minute before and
    the minute after come with it, or it is what lies between ``since`` and ``until``. A reading
    that stays as it was is repeated from the row before. Of an event longer than a day it is the
    first day; one whose table would be too large is a 413 that says which part of it is not.
    """
    context = request.app[CONTEXT]
    name = unit_view(request, request.query.get("unit", "")).info.name
    start_s = seconds(request, "start", 0.0)
    near = await context.history.events(unit=name, since_s=start_s - 1, until_s=start_s + 1)
    if not near:
        raise web.HTTPNotFound(text=f"no event of {name} begins at {start_s:.3f}")
    event = min(near, key=lambda one: abs(one.start_s - start_s))
    end_s = _end(event, time.time())
    since_s = seconds(request, "since", event.start_s - _BEFORE_S)
    until_s = seconds(request, "until", end_s + _AFTER_S)
    points = await context.history.readings(
        name, since_s=since_s, until_s=until_s, limit=MOST_POINTS + 1
    )
    form = request.query.get("format", "csv")
    try:
        return await _sheet(request, form, f"{name}-{event.start_s:.0f}", lambda: of_points(points))
    except TooLarge as error:
        told = f"the event is too large for one table; ask for parts of it: since={since_s:.3f}"
        raise web.HTTPRequestEntityTooLarge(
            MOST_POINTS, len(points), text=f"{told}&until={error.until_s:.3f} is the first"
        ) from None


async def _sheet(
    request: web.Request, form: str, name: str, make: Callable[[], Sheet]
) -> web.StreamResponse:
    """Answer with a table, made beside the event loop."""
    if form not in _SHEETS:
        raise web.HTTPBadRequest(text=f"format is one of {', '.join(_SHEETS)}")
    kind, write = _SHEETS[form]
    try:
        body = await beside(lambda: write(make()))
    except TooLarge:
        raise
    except AgentError as error:
        raise web.HTTPNotImplemented(text=str(error)) from None
    named = f'attachment; filename="{file_name(name)}.{form}"'
    return await send(request, [body], {"Content-Type": kind, "Content-Disposition": named})


_SHEETS: Mapping[str, tuple[str, Callable[[Sheet], bytes]]] = {
    "csv": ("text/csv", as_csv),
    "parquet": ("application/vnd.apache.parquet", as_parquet),
}


def _end(event: Event, now_s: float) -> float:
    end_s = now_s if event.end_s is None else event.end_s
    return min(end_s, event.start_s + _LONGEST_S)


async def shelves(request: web.Request) -> web.Response:
    """List what each configured shelf can count on just now."""
    found = (await _standings(request)).shelves
    return web.json_response(
        {
            "shelves": [
                {"rack": one.of.rack, "shelf": one.of.shelf} | _standing(one) | _rides(one)
                for one in found
            ]
        }
    )


async def groups(request: web.Request) -> web.Response:
    """List what each configured group beyond shelves can count on just now."""
    found = (await _standings(request)).groups
    return web.json_response({"groups": [{"group": o.of.name} | _standing(o) for o in found]})


async def _standings(request: web.Request) -> Standings:
    store = request.app[CONTEXT].store
    views = await all_views(store, request.app[CONTEXT].mono)
    shelves, wider = store.shelves, store.wider
    return await beside(lambda: standings(shelves, wider, views, wall_s=time.time()))


def _rides(one: Redundancy[Shelf]) -> dict[str, Json]:
    return {
        "ride_through_s": interval_json(one.lasts),
        "ride_through_one_less_s": interval_json(one.lasts_with_one_less),
    }


def _standing(one: Redundancy[Shelf] | Redundancy[Group]) -> dict[str, Json]:
    return {
        "units": one.units,
        "present": one.present,
        "ready": one.ready,
        "required": one.of.required,
        "margin": one.margin,
        "margin_after_failure": one.margin_after_failure,
        "on_battery": one.on_battery,
        "not_ready": [{"unit": name, "why": why} for name, why in one.absent],
        "swap_first": one.swap_first,
        "time_left_s": interval_json(one.left),
    }
