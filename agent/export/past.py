"""The API of the past of a unit: its readings and our estimates over time, as JSON and CSV."""

import csv
import io
import json
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import fields
from functools import partial

from aiohttp import web

from agent.export.answer import beside, bulky, send, send_json
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
MOST_ROWS = 500_000
"""Rows of one CSV file of the past: some 25 MB."""
_CSV = "text/csv; charset=utf-8"
_SEEN = tuple(field.name for field in fields(Observation))


@bulky
async def history(request: web.Request) -> web.StreamResponse:
    """Show the past of one quantity of one unit: ``quantity``, ``index``, ``since``, ``until``.

    The times are unix seconds; without them it is the last day.
    """
    context = request.app[CONTEXT]
    name, quantity, since_s, until_s = _asked(request)
    index = request.query.get("index")
    points = await context.history.history(name, quantity, index, since_s=since_s, until_s=until_s)
    return await send_json(
        request,
        lambda: {
            "unit": name,
            "quantity": quantity,
            "index": index,
            "measure": QUANTITIES[quantity].unit,
            "points": [_point(point) for point in points],
        },
    )


@bulky
async def series(request: web.Request) -> web.StreamResponse:
    """Show the past of every part (cell, sensor, ...) of one quantity of one unit.

    Each is thinned out to what a chart can show, its highest and lowest points kept.
    """
    name, quantity, since_s, until_s = _asked(request)
    shown = [
        (index, await beside(partial(thinned, points, _MOST_POINTS)))
        async for index, points in _parts(request, name, quantity, since_s, until_s)
    ]
    return await send_json(
        request,
        lambda: {
            "unit": name,
            "quantity": quantity,
            "measure": QUANTITIES[quantity].unit,
            "series": [
                {"index": index, "points": [_point(p) for p in points]} for index, points in shown
            ],
        },
    )


@bulky
async def history_csv(request: web.Request) -> web.StreamResponse:
    """Give the same as CSV, every point of it: one row for each time and part.

    What has more rows than ``MOST_ROWS`` is a 413.
    """
    name, quantity, since_s, until_s = _asked(request)
    chunks = [table(("time", "part", "value", "low", "high"), ())]
    count = 0
    async for index, points in _parts(request, name, quantity, since_s, until_s):
        count += len(points)
        if count > MOST_ROWS:
            raise web.HTTPRequestEntityTooLarge(
                MOST_ROWS,
                count,
                text=f"more than {MOST_ROWS} rows; ask for less at a time by since= and until=",
            )
        chunks.append(await beside(partial(_rows, index, points)))
    return await _file(request, chunks, f"{name}-{quantity}")


def _rows(index: str | None, points: Sequence[HistoryPoint]) -> str:
    rows = ((moment(p.time_s), index or "", p.value, p.low, p.high) for p in points)
    return table((), rows)


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
    return await _file(request, [table(names, rows)], f"{view.info.name}-readings")


@bulky
async def estimates(request: web.Request) -> web.StreamResponse:
    """Show what was believed of each cell over time: state of health and resistance growth."""
    context = request.app[CONTEXT]
    name = unit_view(request, request.match_info["name"]).info.name
    course = await context.history.course(name)
    return await send_json(
        request,
        lambda: {
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
        },
    )


@bulky
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
    """Give rows as CSV, without ``names`` further ones.

    A text that a spreadsheet would take for a formula is quoted.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if names:
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
) -> AsyncIterator[tuple[str | None, list[HistoryPoint]]]:
    """Give one part after the other: after a year each has 20,000 points, some 3 MB."""
    past = request.app[CONTEXT].history
    parts = await past.parts(name, quantity)
    for part in sorted(parts, key=lambda one: natural(one or ""))[:_MOST_PARTS]:
        yield part, await past.history(name, quantity, part, since_s=since_s, until_s=until_s)


async def _file(request: web.Request, texts: Iterable[str], name: str) -> web.StreamResponse:
    named = f'attachment; filename="{file_name(name)}.csv"'
    headers = {"Content-Type": _CSV, "Content-Disposition": named}
    return await send(request, [text.encode("utf-8", "replace") for text in texts], headers)
