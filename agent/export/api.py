"""The JSON API of units: all in short, one in full."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping

from aiohttp import web

from agent.export.answer import beside, known, send, unchanged
from agent.export.context import CONTEXT, unit_view
from agent.export.harmless import clean
from agent.export.json import (
    Json,
    fault_json,
    health_json,
    number,
    reading_json,
)
from agent.export.stream import NEWS
from agent.export.summaries import Summary, summary
from agent.model import Verdict
from agent.store.live import UnitView
from agent.tasks import Turn

_LATEST_S = 1e11
MOST_UNITS = 1000
"""Units in one page of a paged list."""
_CHUNK = 200
_JSON = {"Content-Type": "application/json; charset=utf-8"}


def _details(view: UnitView) -> dict[str, Json]:
    status = view.status
    readings: list[Json] = [
        reading_json(reading) | {"age_s": round(view.age_s(reading), 3)}
        for reading in view.readings
    ]
    age_s = None if status.last_ok is None else max(0.0, time.time() - status.last_ok)
    return summary(view) | {
        "age_s": None if age_s is None else round(age_s, 1),
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


async def units(request: web.Request) -> web.StreamResponse:
    """List units in short, in configured order.

    ``verdict``, ``rack``, ``shelf`` and ``up`` limit them. ``limit`` gives that many, and the
    ``cursor`` for the next ones; without it all come at once.
    """
    context, news = request.app[CONTEXT], request.app[NEWS]
    version = await news.update()
    asked = f"{context.boot}-{version}-{request.query_string}"
    etag = hashlib.sha256(asked.encode("utf-8", "replace")).hexdigest()[:16]
    chosen = list(_chosen(news.summaries, request.query))
    chosen, following = _paged(chosen, request.query)
    if known(request, etag):
        return unchanged(etag)
    chunks = [b'{"units": [']
    turn, now_s = Turn(), time.time()
    for start in range(0, len(chosen), _CHUNK):
        texts = [one.text(now_s) for one in chosen[start : start + _CHUNK]]
        chunks.append(((", " if start else "") + ", ".join(texts)).encode())
        await turn.pause()
    chunks.append(f'], "next": {json.dumps(following)}}}'.encode())
    return await send(request, chunks, _JSON, etag=etag)


def _chosen(found: Mapping[str, Summary], query: Mapping[str, str]) -> Iterator[Summary]:
    verdict, up = query.get("verdict"), query.get("up")
    if verdict is not None and verdict not in list(Verdict):
        raise web.HTTPBadRequest(
            text=f"no verdict {clean(verdict)!r}; verdicts are {', '.join(Verdict)}"
        )
    if up not in (None, "true", "false"):
        raise web.HTTPBadRequest(text="up is true or false")
    rack, shelf = query.get("rack"), query.get("shelf")
    for one in found.values():
        if (
            verdict in (None, one.verdict)
            and rack in (None, one.rack)
            and shelf in (None, one.shelf)
            and (up is None or one.up == (up == "true"))
        ):
            yield one


def _paged(found: list[Summary], query: Mapping[str, str]) -> tuple[list[Summary], str | None]:
    """Give the page asked for, and the cursor of the next one, if there is one."""
    limit, cursor = query.get("limit"), query.get("cursor")
    start = 0
    if cursor is not None:
        names = [one.name for one in found]
        if cursor not in names:
            raise web.HTTPBadRequest(
                text="the list has changed since this cursor was given; start again without it"
            )
        start = names.index(cursor) + 1
    if limit is None:
        return found[start:], None
    end = start + limited(limit, MOST_UNITS)
    return found[start:end], found[end - 1].name if end < len(found) else None


async def unit(request: web.Request) -> web.StreamResponse:
    """Show everything known of one unit."""
    context = request.app[CONTEXT]
    view = unit_view(request, request.match_info["name"])
    version, up = context.store.stamp(view.info.name, mono_s=context.mono())
    etag = f"{context.boot}-{version}-{up:d}-{len(view.readings)}"
    if known(request, etag):
        return unchanged(etag)
    body = await beside(lambda: json.dumps(_details(view), allow_nan=False).encode())
    return await send(request, [body], _JSON, etag=etag)


def limited(text: str, most: int) -> int:
    """Give a limit of the query, 1 to ``most``; a wrong one is a 400 that says so."""
    if len(text) <= len(str(most)) and text.isascii() and text.isdecimal():
        limit = int(text)
        if 0 < limit <= most:
            return limit
    raise web.HTTPBadRequest(text=f"limit is from 1 to {most}")


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
