"""The landing page: one table of all units, made on the server, without any script."""

import math
from collections import Counter
from html import escape
from importlib import resources
from urllib.parse import quote

from aiohttp import web

from agent.export.context import CONTEXT
from agent.export.exposition import clean
from agent.export.verdicts import judge
from agent.model import Interval, Reason, Verdict
from agent.store.live import UnitView

_STYLE = resources.files("agent.export").joinpath("pages", "style.css").read_text("utf-8")
# What needs a person comes first.
_ORDER = (Verdict.REPLACE, Verdict.DEGRADED, Verdict.UNKNOWN, Verdict.WATCH, Verdict.OK)
_LINKS = (
    ("metrics", "metrics"),
    ("sd", "service discovery"),
    ("api/v1/units", "units (JSON)"),
    ("api/v1/events", "events (JSON)"),
    ("-/ready", "ready"),
)
_COLUMNS = ("Unit", "Where", "Verdict", "Why", "State of health", "Ride-through", "Last answer")


async def style(_request: web.Request) -> web.Response:
    """Serve the style sheet."""
    return web.Response(text=_STYLE, content_type="text/css")


async def landing(request: web.Request) -> web.Response:
    """Serve the table of all units, the worst first."""
    context = request.app[CONTEXT]
    views = context.store.views(mono_s=context.mono())
    return web.Response(
        text=render(views, context.agent.version, context.history.problem),
        content_type="text/html",
    )


def render(views: tuple[UnitView, ...], version: str, trouble: str | None) -> str:
    """Give the page. Every text that comes from outside is escaped."""
    verdicts = {view.info.name: judge(view) for view in views}
    counts = Counter(verdict for verdict, _ in verdicts.values())
    rows = sorted(views, key=lambda view: _ORDER.index(verdicts[view.info.name][0]))
    counted = ", ".join(f"{counts[verdict]} {verdict}" for verdict in _ORDER if counts[verdict])
    links = " ".join(f'<a href="{path}">{text}</a>' for path, text in _LINKS)
    heads = "".join(f"<th>{name}</th>" for name in _COLUMNS)
    body = "\n".join(_row(view, *verdicts[view.info.name]) for view in rows)
    note = f"<p>History: {_safe(trouble)}</p>" if trouble else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>bbu-agent</title>
<link rel="stylesheet" href="style.css">
</head>
<body>
<h1>Battery backup units</h1>
<p>{len(views)} units: {counted or "none configured"}.</p>
{note}
<nav>{links}</nav>
<table>
<thead><tr>{heads}</tr></thead>
<tbody>
{body}
</tbody>
</table>
<p><small>bbu-agent {_safe(version)}</small></p>
</body>
</html>
"""


def _row(view: UnitView, verdict: Verdict, reasons: tuple[Reason, ...]) -> str:
    info, health = view.info, view.health
    place = " / ".join(
        p for p in (info.location.rack, info.location.shelf, info.location.slot) if p
    )
    why = "".join(f"<li>{_safe(reason.text)}</li>" for reason in reasons)
    cells = (
        f'<a href="api/v1/units/{quote(info.name, safe="")}">{_safe(info.name)}</a>',
        _safe(place),
        f'<span class="verdict {verdict}">{verdict}</span>',
        f"<ul>{why}</ul>" if why else "",
        _interval(health.state_of_health if health else None, 100, "%"),
        _interval(health.ride_through_s if health and view.up else None, 1, " s"),
        _answer(view),
    )
    named = zip(_COLUMNS, cells, strict=True)
    tags = [f'<td data-name="{name}">{cell}</td>' for name, cell in named]
    return f"<tr>{''.join(tags)}</tr>"


def _interval(interval: Interval | None, factor: float, unit: str) -> str:
    if interval is None:
        return ""
    if not all(map(math.isfinite, interval)):
        return ""
    estimate, lower, upper = (f"{value * factor:.0f}" for value in interval)
    return f"{estimate}{unit} ({lower} to {upper})"


def _answer(view: UnitView) -> str:
    if not view.readings:
        return _safe(view.status.state)
    age_s = min(view.age_s(reading) for reading in view.readings)
    return f"{age_s:.0f} s ago"


def _safe(text: str) -> str:
    return escape(clean(text))
