"""The Outage page: what happened when a rack or a unit last ran on its batteries."""

import time
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from aiohttp import web

from agent.events.kinds import OF_RACK
from agent.events.tally import number
from agent.export.answer import beside, send
from agent.export.context import CONTEXT, Context, unit_view
from agent.export.fragments import all_views
from agent.export.harmless import clean
from agent.export.order import natural
from agent.export.site.layout import Frame, facts, notices, page, panel, table
from agent.export.site.markup import Child, Html, h
from agent.export.site.outage_curves import ALONE, WHOLE, Course, course, curves
from agent.export.site.outage_units import predictions, units_table, weakest_first
from agent.export.site.words import clock, span
from agent.export.stream import NEWS
from agent.model import Event
from agent.store.steps import Steps

# A unit at rest is recorded once a minute, in a large fleet more rarely.
_BEFORE_S, _AFTER_S = 300.0, 60.0
_LONGEST_S = 6 * 3600.0
_MOST_STEPS = 900
"""Steps of the time that is drawn: a quarter of an hour second by second. What is shorter is drawn
as it was read."""
_TOGETHER_S = 5.0
_MOST_UNITS = 60
_LISTED = 100
_HTML = {"Content-Type": "text/html; charset=utf-8"}
_STYLES = ("style.css", "unit.css")


async def outage(request: web.Request) -> web.StreamResponse:
    """Serve one event: ``rack`` or ``unit``, its last one or the one that began at ``start``."""
    context, query = request.app[CONTEXT], request.query
    rack, name = query.get("rack"), query.get("unit")
    if rack is None and name is None:
        raise web.HTTPBadRequest(text="say of what: outage?rack=NAME or outage?unit=NAME")
    if rack is None and name is not None:
        unit_view(request, name)
        event = await _find(context, name, ("discharge", "self_test"), query.get("start"))
        parts = [] if event is None else [event]
    else:
        event = await _find(context, f"{OF_RACK}{rack}", ("outage",), query.get("start"))
        parts = [] if event is None else await _parts(context, str(rack), event)
    of = f"rack {clean(str(rack))}" if rack is not None else f"unit {clean(str(name))}"
    if event is None:
        raise web.HTTPNotFound(text=f"no outage of {of} is recorded")
    now_s = time.time()
    steps = _steps(event, now_s)
    drawn = [part.unit for part in parts[:_MOST_UNITS]]
    wanted = ALONE if len(drawn) == 1 else WHOLE
    found = [await _course(context, unit, steps, wanted) for unit in drawn]
    version = await request.app[NEWS].update()
    frame = Frame(
        *(f"Outage of {of}", "outages", context.agent.version, now_s),
        stream=f"api/v1/stream?since={context.boot}-{version}" if event.end_s is None else None,
        refresh=True,
        styles=_STYLES,
        notices=notices(context),
    )
    body = _body(of, event, parts, found, steps, now_s)
    return await send(request, [page(frame, body).encode()], _HTML)


async def _find(
    context: Context, unit: str, kinds: Sequence[str], start: str | None
) -> Event | None:
    since_s = until_s = None
    if start is not None:
        try:
            at_s = float(start)
        except ValueError:
            raise web.HTTPBadRequest(text="start is unix seconds") from None
        if not 0 <= at_s <= 1e11:  # noqa: PLR2004 - beyond any year that is written with four digits
            raise web.HTTPBadRequest(text="start is unix seconds")
        since_s, until_s = at_s - 1, at_s + 1
    found = await context.history.events(unit=unit, since_s=since_s, until_s=until_s, limit=50)
    return next((event for event in found if event.kind in kinds), None)


async def _parts(context: Context, rack: str, event: Event) -> list[Event]:
    end_s = event.end_s or time.time()
    found = await context.history.events(
        kind="discharge", since_s=event.start_s - _TOGETHER_S, until_s=end_s, limit=1000
    )
    views = await all_views(context.store, context.mono)
    here = {view.info.name for view in views if view.info.location.rack == rack}
    return weakest_first([part for part in found if part.unit in here])


def _steps(event: Event, now_s: float) -> Steps:
    """Give the time to draw of an event, in no more steps than a chart can show."""
    end_s = min(now_s if event.end_s is None else event.end_s, event.start_s + _LONGEST_S)
    since_s, until_s = event.start_s - _BEFORE_S, end_s + _AFTER_S
    step_s = (until_s - since_s) / _MOST_STEPS
    return Steps(since_s, until_s, event.start_s, step_s if step_s > 1.0 else 0.0)


async def _course(context: Context, unit: str, steps: Steps, quantities: Sequence[str]) -> Course:
    points = await context.history.stepped(unit, quantities, steps)
    return await beside(lambda: course(unit, points, steps.at_s))


def _body(
    of: str,
    event: Event,
    parts: Sequence[Event],
    found: Sequence[Course],
    steps: Steps,
    now_s: float,
) -> Html:
    drawn = [one for one in found if one.volts.times or one.charge.times]
    curve: Child = h(
        "p", "Readings of an event are kept for a week; these are gone.", class_="note"
    )
    if drawn:
        curve = curves(drawn, event.start_s, [part.unit for part in parts])
    what = "Self-test" if event.kind == "self_test" else "Outage"
    return h(
        "div",
        h("h1", f"{what} of {of}"),
        panel("What happened", _summary(event, parts, now_s), id_="what", class_="wide"),
        panel(
            "Curves",
            curve,
            id_="curves",
            class_="wide",
            note=" ".join(_drawn(event, parts, steps, now_s)),
        ),
        predictions(parts),
        units_table(parts, found, steps.until_s),
        _downloads(parts),
    )


def _drawn(event: Event, parts: Sequence[Event], steps: Steps, now_s: float) -> Iterator[str]:
    """Say how the curves are to be read, and what of the event is not in them."""
    yield "Seconds are counted from the start of the event."
    if steps.step_s > 0:
        yield f"One reading every {span(steps.step_s)} is drawn; the files below have all."
    if (now_s if event.end_s is None else event.end_s) > steps.until_s:
        yield f"Only the first {span(_LONGEST_S)} are drawn."
    if len(parts) > _MOST_UNITS:
        yield f"Only the {_MOST_UNITS} weakest of {len(parts)} units are drawn."


def _summary(event: Event, parts: Sequence[Event], now_s: float) -> Html:
    detail = event.detail
    energy_wh = number(detail, "energy_wh")
    lost = [part.unit for part in parts if part.detail.get("lost") is True]
    length_s = number(detail, "duration_s")
    if length_s is None:
        length_s = (event.end_s or now_s) - event.start_s
    ended: Child = "under way" if event.end_s is None else clock(event.end_s)
    return facts(
        [
            ("Began", clock(event.start_s)),
            ("Ended", ended),
            ("Lasted", span(length_s)),
            ("Units", str(len(parts))),
            ("Energy delivered", None if energy_wh is None else f"{energy_wh:.0f} Wh"),
            ("Highest power", _kilowatts(number(detail, "peak_power_w"))),
            ("Noticed by", _words(detail.get("trigger"))),
            ("Start known to", _within(number(detail, "start_uncertainty_s"))),
            ("Fell silent under load", ", ".join(lost)),
        ]
    )


def _kilowatts(watts: float | None) -> str | None:
    return None if watts is None else f"{watts / 1000:.2f} kW"


def _within(seconds: float | None) -> str | None:
    return None if seconds is None else f"within {seconds:.1f} s"


def _words(value: object) -> str | None:
    return None if value is None else str(value).replace("_", " ")


def _downloads(parts: Sequence[Event]) -> Html:
    links = [
        h(
            "a",
            part.unit,
            href=f"api/v1/events/telemetry?unit={quote(part.unit, safe='')}&start={part.start_s}",
        )
        for part in sorted(parts, key=lambda part: natural(part.unit))
    ]
    return panel(
        "Readings of the event as CSV", h("p", [(link, " ") for link in links], class_="links")
    )


async def outages(request: web.Request) -> web.StreamResponse:
    """Serve the list of outages of racks, and of discharges and tests of single units."""
    context = request.app[CONTEXT]
    racks = await context.history.events(kind="outage", limit=_LISTED)
    singles = await context.history.events(kind="discharge", limit=_LISTED)
    frame = Frame(
        *("Outages", "outages", context.agent.version, time.time()),
        styles=_STYLES,
        notices=notices(context),
    )
    body = (
        h("h1", "Outages"),
        panel("Racks", _listed(racks, "Outages of racks"), class_="wide"),
        panel("Single units", _listed(singles, "Discharges of units"), class_="wide"),
    )
    return await send(request, [page(frame, body).encode()], _HTML)


def _listed(found: Sequence[Event], label: str) -> Html:
    if not found:
        return h("p", "None is recorded yet.", class_="note")
    rows = [_row(event) for event in found]
    heads = ("Of", "Began", "Lasted", "Energy", "Highest power", "Lowest cell")
    return table(heads, rows, class_="cards", label=label)


def _row(event: Event) -> Html:
    detail = event.detail
    rack = event.unit.startswith(OF_RACK)
    name = event.unit.removeprefix(OF_RACK)
    key = "rack" if rack else "unit"
    link = f"outage?{key}={quote(name, safe='')}&start={event.start_s:.3f}"
    length_s = None if event.end_s is None else event.end_s - event.start_s
    energy_wh, peak_w = number(detail, "energy_wh"), number(detail, "peak_power_w")
    cell, cell_v = detail.get("lowest_cell"), number(detail, "lowest_cell_v")
    return h(
        "tr",
        h("th", h("a", f"{key} {name}", href=link), scope="row"),
        h("td", clock(event.start_s), data_name="Began"),
        h("td", "under way" if length_s is None else span(length_s), data_name="Lasted"),
        h("td", None if energy_wh is None else f"{energy_wh:.0f} Wh", data_name="Energy"),
        h("td", _kilowatts(peak_w), data_name="Highest power"),
        h(
            "td",
            None if cell is None or cell_v is None else f"cell {cell}: {cell_v:.3f} V",
            data_name="Lowest cell",
        ),
    )
