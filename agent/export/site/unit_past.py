"""The lower part of a unit's page: its history to zoom into, its events, its downloads."""

from collections.abc import Sequence
from urllib.parse import quote

from agent.events.tally import number
from agent.export.site.layout import panel, table
from agent.export.site.markup import Child, Html, h, join
from agent.export.site.unit_ageing import told
from agent.export.site.words import clock, span
from agent.model import Event
from agent.store.live import UnitView

_SHOWN_EVENTS = 12


def history(view: UnitView) -> Html:
    """Give the panel that ``history.js`` draws into, and the same as files."""
    kept = sorted({row.quantity for row in view.readings if isinstance(row.value, float)})
    links = [
        h("a", key.replace("_", " "), href=f"../{_api(view.info.name)}/history.csv?quantity={key}")
        for key in kept
    ]
    return panel(
        "History",
        h("div", id="history", data_unit=view.info.name, data_quantities=" ".join(kept)),
        h(
            "details",
            h("summary", "The last day as CSV, quantity by quantity"),
            h("p", [join((link, " ")) for link in links], class_="links"),
        ),
        class_="wide",
    )


def happened(name: str, events: Sequence[Event], *, linked: bool = True) -> Html:
    """List what has happened to the unit, the newest first."""
    rows = [_event(name, event, linked=linked) for event in events[:_SHOWN_EVENTS]]
    more = len(events) - _SHOWN_EVENTS
    if not rows:
        return panel("Events", h("p", "Nothing has happened to it yet.", class_="note"))
    return panel(
        "Events",
        table(
            ("When", "What", "Length", "Energy", "Lowest cell"),
            rows,
            class_="cards",
            label="Events",
        ),
        more > 0
        and linked
        and h("p", h("a", f"and {more} more as JSON", href=f"../api/v1/events?unit={quote(name)}")),
        class_="wide",
    )


def _event(name: str, event: Event, *, linked: bool) -> Html:
    detail = event.detail
    what: Child = told(event).partition(": ")[2]
    if linked and event.kind in ("discharge", "self_test"):
        what = h("a", what, href=f"../outage?unit={quote(name, safe='')}&start={event.start_s:.3f}")
    cell = detail.get("lowest_cell")
    lowest = "" if cell is None else f"cell {cell}: {_unit(number(detail, 'lowest_cell_v'), 'V')}"
    return h(
        "tr",
        h("th", clock(event.start_s), scope="row"),
        h("td", what, data_name="What"),
        h("td", span(_length_s(event)), data_name="Length"),
        h("td", _unit(number(detail, "energy_wh"), "Wh"), data_name="Energy"),
        h("td", lowest, data_name="Lowest cell"),
    )


def _length_s(event: Event) -> float | None:
    length_s = number(event.detail, "duration_s")
    if length_s is None and event.end_s is not None:
        return event.end_s - event.start_s
    return length_s


def _unit(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.4g} {unit}"


def downloads(name: str) -> Html:
    """Give the links to everything that can be taken along."""
    here = f"../{_api(name)}"
    files = (
        (f"{quote(name, safe='')}/report.html", "Report as one HTML file"),
        (here, "Everything known as JSON"),
        (f"{here}/readings.csv", "Readings as CSV"),
        (f"../probe?unit={quote(name, safe='')}", "Prometheus metrics of this unit"),
    )
    links = [join((h("a", text, href=to), " ")) for to, text in files]
    return panel("Downloads", h("p", links, class_="links"))


def _api(name: str) -> str:
    return f"api/v1/units/{quote(name, safe='')}"
