"""The OpenAPI document of ``/api/v1``, served at ``/api/v1/openapi.json``."""

from functools import cache

from aiohttp import web

from agent import __version__
from agent.export.answer import known, unchanged
from agent.export.openapi_schemas import SCHEMAS, Schema, ref
from agent.model import Verdict
from agent.quantities import QUANTITIES

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number", "minimum": 0}


def _query(name: str, text: str, schema: Schema, *, required: bool = False) -> Schema:
    return {
        "name": name,
        "in": "query",
        "description": text,
        "schema": schema,
        "required": required,
    }


_UNIT: Schema = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "Name of the unit in the configuration.",
    "schema": _TEXT,
}
_QUANTITY = _query(
    "quantity",
    "Which quantity.",
    {"type": "string", "enum": sorted(QUANTITIES)},
    required=True,
)
_SINCE = _query("since", "From when, in unix seconds; a day before `until` if absent.", _NUMBER)
_UNTIL = _query("until", "To when, in unix seconds; now if absent.", _NUMBER)
_RACK = _query("rack", "Only this rack.", _TEXT)
_KNOWN: Schema = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of an earlier answer; 304 if nothing has changed since.",
    "schema": _TEXT,
}


def _limit(most: int, text: str) -> Schema:
    return _query("limit", text, {"type": "integer", "minimum": 1, "maximum": most})


def _format(*names: str) -> Schema:
    return _query("format", f"{names[0]} if absent.", {"type": "string", "enum": list(names)})


def _answer(text: str, schema: str | None, kind: str = "application/json") -> Schema:
    inner = _TEXT if schema is None else ref(schema)
    return {"description": text, "content": {kind: {"schema": inner}}}


def _get(
    name: str,
    text: str,
    answer: Schema,
    *parameters: Schema,
    errors: tuple[int, ...] = (),
    revalidated: bool = False,
) -> Schema:
    answers: dict[str, Schema] = {"200": answer}
    if revalidated:
        answers["304"] = {"description": "Nothing has changed since that ETag."}
        parameters = (*parameters, _KNOWN)
    words = {
        400: "What was asked for is wrong.",
        404: "There is no such thing.",
        413: "It is too large; the detail says which part to ask for.",
        503: "Full.",
    }
    for error in errors:
        answers[str(error)] = _answer(words[error], "Problem", "application/problem+json")
    return {
        "get": {
            "operationId": name,
            "summary": text,
            "parameters": list(parameters),
            "responses": answers,
        }
    }


_ONE = "/api/v1/units/{name}"
_CSV = "text/csv"


def _unit_paths() -> dict[str, Schema]:
    return {
        "/api/v1/units": _get(
            "listUnits",
            "Units in short, in configured order, with verdict, reasons and age.",
            _answer("The units.", "Units"),
            _query("verdict", "Only this verdict.", {"type": "string", "enum": list(Verdict)}),
            _RACK,
            _query("shelf", "Only this shelf.", _TEXT),
            _query("up", "Only units that answer, or that do not.", {"type": "boolean"}),
            _limit(1000, "That many at a time; all without it."),
            _query("cursor", "`next` of the page before.", _TEXT),
            errors=(400,),
            revalidated=True,
        ),
        _ONE: _get(
            "getUnit",
            "Everything known of one unit. An unknown one is a 404 that lists near names.",
            _answer("The unit.", "UnitInFull"),
            _UNIT,
            errors=(404,),
            revalidated=True,
        ),
        f"{_ONE}/estimates": _get(
            "getEstimates",
            "What was believed of each cell over time.",
            _answer("The estimates, oldest first.", "Estimates"),
            _UNIT,
            errors=(404,),
        ),
        f"{_ONE}/seen": _get(
            "getSeen",
            "What the estimator of one unit was shown in the last hour or two, sample by sample.",
            _answer("The samples, oldest first.", "Seen"),
            _UNIT,
            errors=(404,),
        ),
        f"{_ONE}/readings.csv": _get(
            "getReadingsCsv",
            "The present readings of one unit with their registers or OIDs.",
            _answer("One row for each reading.", None, _CSV),
            _UNIT,
            errors=(404,),
        ),
    }


def _past_paths() -> dict[str, Schema]:
    past = (_UNIT, _QUANTITY, _SINCE, _UNTIL)
    return {
        f"{_ONE}/history": _get(
            "getHistory",
            "The past of one reading; what is older than a week as hourly means.",
            _answer("Its points, oldest first.", "History"),
            *past,
            _query("index", "Which cell, sensor, module or phase.", _TEXT),
            errors=(400, 404),
        ),
        f"{_ONE}/series": _get(
            "getSeries",
            "The past of every part of one quantity, thinned out to what a chart can show.",
            _answer("The points of each part.", "Series"),
            *past,
            errors=(400, 404),
        ),
        f"{_ONE}/history.csv": _get(
            "getHistoryCsv",
            "The past of every part of one quantity, every point of it.",
            _answer("One row for each time and part.", None, _CSV),
            *past,
            errors=(400, 404, 413),
        ),
    }


def _event_paths() -> dict[str, Schema]:
    return {
        "/api/v1/stream": _get(
            "followUnits",
            "Server-sent events: `hello`, `news`, `heartbeat` (every 5 s of silence), `restart`.",
            _answer("The data of `news` is News.", None, "text/event-stream"),
            _query("unit", "Only this unit.", _TEXT),
            _query("since", "Id of the last event seen; browsers send Last-Event-ID.", _TEXT),
            errors=(404, 503),
        ),
        "/api/v1/events": _get(
            "listEvents",
            "What has happened, newest first.",
            _answer("The events.", "Events"),
            _query("unit", "Only this unit, or `rack:NAME`.", _TEXT),
            _RACK,
            _query("group", "Only the units of this configured group.", _TEXT),
            _query("kind", "Only this kind.", _TEXT),
            _SINCE,
            _UNTIL,
            _query("open", "Only what is under way.", _TEXT),
            _limit(1000, "That many; 100 if absent."),
            _format("json", "csv", "parquet"),
            errors=(400,),
        ),
        "/api/v1/events/telemetry": _get(
            "getTelemetry",
            "What was read of a unit in one event.",
            _answer("One row for each time, one column for each reading.", None, _CSV),
            _query("unit", "The unit.", _TEXT, required=True),
            _query("start", "`start_s` of the event.", _NUMBER, required=True),
            _query("since", "From when, in unix seconds; half a minute before it.", _NUMBER),
            _query("until", "To when, in unix seconds; a minute after it.", _NUMBER),
            _format("csv", "parquet"),
            errors=(400, 404, 413),
        ),
    }


def _other_paths() -> dict[str, Schema]:
    return {
        "/api/v1/shelves": _get(
            "listShelves",
            "What each configured shelf can count on just now.",
            _answer("The shelves.", "Shelves"),
        ),
        "/api/v1/groups": _get(
            "listGroups",
            "What each configured group beyond shelves can count on just now.",
            _answer("The groups.", "Groups"),
        ),
        "/api/v1/openapi.json": _get(
            "getOpenapi",
            "This document.",
            _answer("The document.", "Document"),
            revalidated=True,
        ),
    }


@cache
def document() -> Schema:
    """Give the document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "bbu-agent",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Battery backup units, read only. Ratios are 0 to 1, temperatures "
            "degrees Celsius, charge ampere-hours, current positive when charging; what is not "
            "known is null, never 0. Within v1 fields are added and never change their meaning.",
        },
        "paths": _unit_paths() | _past_paths() | _event_paths() | _other_paths(),
        "components": {"schemas": SCHEMAS},
    }


async def openapi(request: web.Request) -> web.Response:
    """Serve the document."""
    etag = f"openapi-{__version__}"
    if known(request, etag):
        return unchanged(etag)
    return web.json_response(
        document(), headers={"ETag": f'W/"{etag}"', "Cache-Control": "no-cache"}
    )
