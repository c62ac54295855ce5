"""The API of the past of a unit: its readings and our estimates over time, as JSON and CSV."""

import asyncio
import csv
import io
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import fields

from aiohttp import web

from agent.export.answer import beside, send
from agent.export.api import seconds
from agent.export.context import CONTEXT, unit_view
from agent.export.harmless import disarmed, file_name
from agent.export.json import Json, moment
from agent.export.order import natural
from agent.health.observation import Observation
from agent.health.seen import unpack
from agent.quantities import QUANTITIES
from agent.store.journal import Seen
from agent.store.records import HistoryPoint

_DAY_S = 86400.0
_MOST_PARTS = 1024
_MOST_POINTS = 1200
"""Points of one part in ``series``; more would not show on any screen."""
_CSV = "text/csv; charset=utf-8"
_SEEN = tuple(field.name for field in fields(Observation))


async def history(request: web.Request) -> web.Response:
    """Show the past of one quantity of one unit: ``quantity``, ``index``, ``since``, ``until``.

    The times are unix seconds; without them it is the last day.
    """
    context = request.app[CONTEXT]
    name, quantity, since_s, until_s = _asked(request)
    index = request.query.get("index")
    points = await context.history.history(name, quantity, index, since_s=since_s, until_s=until_s)
    return web.json_response(
        {
            "unit": name,
            "quantity": quantity,
            "index": index,
            "measure": QUANTITIES[quantity].unit,
            "points": [_point(point) for point in points],
        }
    )


async def series(request: web.Request) -> web.Response:
    """Show the past of every part (cell, sensor, ...) of one quantity of one unit.

    Each is thinned out to what a chart can show, its highest and lowest points kept.
    """
    name, quantity, since_s, until_s = _asked(request)
    found = await _parts(request, name, quantity, since_s, until_s)
    shown: list[Json] = []
    for index, points in found:
        shown.append({"index": index, "points": [_point(p) for p in thinned(points, _MOST_POINTS)]})
        await asyncio.sleep(0)
    return web.json_response(
        {
            "unit": name,
            "quantity": quantity,
            "measure": QUANTITIES[quantity].unit,
            "series": shown,
        }
    )


async def history_csv(request: web.Request) -> web.StreamResponse:
    """Give the same as CSV, every point of it: one row for each time and part."""
    name, quantity, since_s, until_s = _asked(request)
    found = await _parts(request, name, quantity, since_s, until_s)
    rows = (
        (moment(p.time_s), index or "", p.value, p.low, p.high)
        for index, points in found
        for p in points
    )
    text = await beside(lambda: table(("time", "part", "value", "low", "high"), rows))
    return await _file(request, text, f"{name}-{quantity}")


async def readings_csv(request: web.Request) -> web.StreamResponse:
    """Give the present readings of one unit as CSV, with their sources and ages."""
    view = unit_view(request, request.match_info["name"])
    rows = [
        (
            *(r.quantity, r.index or "", r.value, QUANTITIES[r.quantity].unit, r.text or ""),
            *(r.source, f"{view.age_s(r):.1f}"),
        )
        for r in view.readings
    ]
    names = ("quantity", "part", "value", "unit", "text", "source", "age_s")
    return await _file(request, table(names, rows), f"{view.info.name}-readings")


async def estimates(request: web.Request) -> web.Response:
    """Show what was believed of each cell over time: state of health and resistance growth."""
    context = request.app[CONTEXT]
    name = unit_view(request, request.match_info["name"]).info.name
    course = await context.history.course(name)
    return web.json_response(
        {
            "unit": name,
            "estimates": [
                {
                    "time": moment(one.time_s),
                    "time_s": one.time_s,
                    "cells": [
                        {
                            "cell": cell,
                            "state_of_health": _interval(row[:3]),
                            "resistance_growth": _interval(row[3:]),
                        }
                        for cell, row in one.cells.items()
                    ],
                }
                for one in course
            ],
        }
    )


async def seen(request: web.Request) -> web.StreamResponse:
    """Show what the estimator of one unit was shown in the last hour or two, sample by sample."""
    past = request.app[CONTEXT].history
    name = unit_view(request, request.match_info["name"]).info.name
    await past.flush()
    state, rows = await past.state(name), await past.seen(name)
    battery = None if state is None else state.body.get("battery")
    chunks = await beside(lambda: _seen_json(name, battery, rows))
    return await send(request, chunks, {"Content-Type": "application/json; charset=utf-8"})


def _seen_json(name: str, battery: object, rows: Iterable[Seen]) -> list[bytes]:
    head = json.dumps({"unit": name, "battery": battery if isinstance(battery, dict) else None})
    told = [
        json.dumps({"cells": cells} | {key: getattr(one, key) for key in _SEEN}, allow_nan=False)
        for row in rows
        for cells, one in [unpack(row.body) or ((), None)]
        if one is not None
    ]
    return [f'{head[:-1]}, "seen": ['.encode(), ", ".join(told).encode(), b"]}"]


def thinned(points: Sequence[HistoryPoint], most: int) -> list[HistoryPoint]:
    """Give at most ``most`` of ``points``, the lowest and highest of each stretch kept."""
    numbers = [p for p in points if isinstance(p.value, int | float)]
    if len(points) <= most or len(numbers) < len(points):
        return list(points[-most:])
    step = -(-2 * len(points) // most)
    kept: list[HistoryPoint] = []
    for start in range(0, len(points), step):
        stretch = points[start : start + step]
        ends = {min(stretch, key=_value), max(stretch, key=_value)}
        kept += sorted(ends, key=lambda point: point.time_s)
    return kept


def table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Give rows as CSV. A text that a spreadsheet would take for a formula is quoted."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([disarmed(value) for value in row] for row in rows)
    return out.getvalue()


def _value(point: HistoryPoint) -> float:
    return float(point.value)


def _interval(row: Sequence[float]) -> dict[str, float]:
    return dict(zip(("estimate", "lower", "upper"), row, strict=False))


def _point(point: HistoryPoint) -> dict[str, Json]:
    return {"time_s": point.time_s, "value": point.value, "low": point.low, "high": point.high}


def _asked(request: web.Request) -> tuple[str, str, float, float]:
    name = unit_view(request, request.match_info["name"]).info.name
    quantity = request.query.get("quantity", "")
    if quantity not in QUANTITIES:
        raise web.HTTPBadRequest(text="say which quantity: ?quantity=battery_voltage")
    until_s = seconds(request, "until", time.time())
    return name, quantity, seconds(request, "since", until_s - _DAY_S), until_s


async def _parts(
    request: web.Request, name: str, quantity: str, since_s: float, until_s: float
) -> list[tuple[str | None, list[HistoryPoint]]]:
    past = request.app[CONTEXT].history
    parts = await past.parts(name, quantity)
    found = []
    for part in sorted(parts, key=lambda one: natural(one or ""))[:_MOST_PARTS]:
        points = await past.history(name, quantity, part, since_s=since_s, until_s=until_s)
        found.append((part, points))
    return found


async def _file(request: web.Request, text: str, name: str) -> web.StreamResponse:
    named = f'attachment; filename="{file_name(name)}.csv"'
    headers = {"Content-Type": _CSV, "Content-Disposition": named}
    return await send(request, [text.encode("utf-8", "replace")], headers)
