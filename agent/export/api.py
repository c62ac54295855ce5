"""The JSON API under ``/api/v1``."""

import time

from aiohttp import web

from agent.export.context import CONTEXT, unit_view
from agent.export.json import (
    Json,
    fault_json,
    health_json,
    interval_json,
    moment,
    number,
    reading_json,
    reason_json,
)
from agent.export.verdicts import judge
from agent.quantities import QUANTITIES
from agent.store.live import UnitView

_DAY_S = 86400.0
_LATEST_S = 1e11


def _summary(view: UnitView) -> dict[str, Json]:
    info, status, health = view.info, view.status, view.health
    verdict, reasons = judge(view)
    return {
        "name": info.name,
        "profile": status.profile or info.profile,
        "location": {
            "rack": info.location.rack,
            "shelf": info.location.shelf,
            "slot": info.location.slot,
        },
        "bus": info.bus,
        "address": info.address,
        "identity": dict(view.identity),
        "up": view.up,
        "state": status.state.value,
        "since": moment(status.since) if status.since else None,
        "last_success": moment(status.last_ok),
        "last_error": status.last_error,
        "verdict": verdict.value,
        "reasons": [reason_json(reason) for reason in reasons],
        "state_of_health": interval_json(health.state_of_health) if health else None,
        "ride_through_s": interval_json(health.ride_through_s) if health and view.up else None,
    }


def _details(view: UnitView) -> dict[str, Json]:
    status = view.status
    readings: list[Json] = [
        reading_json(reading) | {"age_s": round(view.age_s(reading), 3)}
        for reading in view.readings
    ]
    return _summary(view) | {
        "polls": status.polls,
        "errors": dict(status.errors),
        "failures": status.failures,
        "last_duration_s": number(status.last_duration_s),
        "readings": readings,
        "faults": [fault_json(fault) for fault in view.faults],
        "fault_counts": [
            {"quantity": quantity, "reason": reason.value, "count": count}
            for (quantity, reason), count in view.fault_counts.items()
        ],
        "health": health_json(view.health) if view.health else None,
    }


async def units(request: web.Request) -> web.Response:
    """List every unit in short."""
    context = request.app[CONTEXT]
    views = context.store.views(mono_s=context.mono())
    return web.json_response({"units": [_summary(view) for view in views]})


async def unit(request: web.Request) -> web.Response:
    """Show everything known of one unit."""
    return web.json_response(_details(unit_view(request, request.match_info["name"])))


async def history(request: web.Request) -> web.Response:
    """Show the past of one quantity of one unit: ``quantity``, ``index``, ``since``, ``until``.

    The times are unix seconds; without them it is the last day.
    """
    context = request.app[CONTEXT]
    name = unit_view(request, request.match_info["name"]).info.name
    quantity = request.query.get("quantity", "")
    if quantity not in QUANTITIES:
        raise web.HTTPBadRequest(text="say which quantity: ?quantity=battery_voltage")
    until_s = seconds(request, "until", time.time())
    since_s = seconds(request, "since", until_s - _DAY_S)
    index = request.query.get("index")
    points = await context.history.history(name, quantity, index, since_s=since_s, until_s=until_s)
    return web.json_response(
        {
            "unit": name,
            "quantity": quantity,
            "index": index,
            "measure": QUANTITIES[quantity].unit,
            "points": [
                {"time_s": p.time_s, "value": p.value, "low": p.low, "high": p.high} for p in points
            ],
        }
    )


def seconds(request: web.Request, name: str, default: float) -> float:
    """Give a time of the query as unix seconds; a wrong one is a 400 that names it."""
    text = request.query.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= _LATEST_S:
        raise web.HTTPBadRequest(text=f"{name} is not a number of seconds since 1970")
    return value
