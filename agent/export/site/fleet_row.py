"""One unit on the Fleet page: its row, its slot in the map, its place in the order."""

from typing import NamedTuple
from urllib.parse import quote

from agent.export.site.layout import verdict_badge
from agent.export.site.markup import NOTHING, Html, h
from agent.export.site.words import NONE, between, percent, place, since, time_between
from agent.export.verdicts import judge
from agent.model import Location, Reason, UnitState, Verdict
from agent.store.live import UnitView

# What needs a person comes first.
ORDER = (Verdict.REPLACE, Verdict.DEGRADED, Verdict.UNKNOWN, Verdict.WATCH, Verdict.OK)
COLUMNS = (
    *("Unit", "Place", "Verdict", "Why", "State of health"),
    *("Ride-through", "Charge", "Last answer"),
)
_SHOWN_REASONS = 3
_MOST_S = 1e6


class Row(NamedTuple):
    """A unit as the Fleet page shows it. ``rank`` grows with how well it is.

    ``head`` and ``tail`` are the row around the time of the last answer, which alone changes
    with every poll; ``last_ok`` is that time (unix seconds). ``error`` says why it is silent;
    ``words`` are what a search looks in, casefolded.
    """

    name: str
    location: Location
    verdict: Verdict
    rank: float
    up: bool
    tried: bool
    on_battery: bool
    head: Html
    tail: Html
    slot: Html
    last_ok: float | None
    silent_since: float | None
    error: str | None
    words: str

    @property
    def is_silent(self) -> bool:
        """Whether it was tried and does not answer."""
        return self.silent_since is not None

    def html(self, now_s: float) -> Html:
        """Give the row of the table at the unix time ``now_s``."""
        return Html(f"{self.head}{since(self.last_ok, now_s)}{self.tail}")


def row_id(name: str) -> str:
    """Give the id of the row of unit ``name``."""
    return f"u:{quote(name, safe='')}"


def slot_id(name: str) -> str:
    """Give the id of the slot of unit ``name``."""
    return f"s:{quote(name, safe='')}"


def row(view: UnitView) -> Row:
    """Make the row of one unit."""
    verdict, reasons = judge(view)
    info, status = view.info, view.status
    rank = _rank(view, verdict)
    known = {r.quantity: r.value for r in view.readings if r.index is None}
    on_battery = known.get("on_battery") is True or known.get("discharging") is True
    charge = known.get("state_of_charge")
    tried = status.state is not UnitState.NEW
    head = _head(view, verdict, rank, reasons, charge if isinstance(charge, float) else None)
    return Row(
        *(info.name, info.location, verdict, rank, view.up, tried, on_battery),
        head=head,
        tail=Html(f"{_missed(view)}</td></tr>"),
        slot=_slot(view, verdict, on_battery=on_battery),
        last_ok=status.last_ok,
        silent_since=None if view.up or not tried else status.since,
        error=status.last_error,
        words=" ".join(
            (
                *(info.name, place(info.location), verdict),
                *(reason.text for reason in reasons),
                *view.identity.values(),
            )
        ).casefold(),
    )


def _head(
    view: UnitView,
    verdict: Verdict,
    rank: float,
    reasons: tuple[Reason, ...],
    charge: float | None,
) -> Html:
    info, health = view.info, view.health
    cells: tuple[Html | str, ...] = (
        h("a", info.name, href=f"units/{quote(info.name, safe='')}"),
        place(info.location),
        verdict_badge(verdict),
        _why(reasons),
        between(None if health is None else health.state_of_health, 100, "%"),
        time_between(health.ride_through_s if health is not None and view.up else None),
        percent(charge),
    )
    named = list(zip(COLUMNS, cells, strict=False))
    first = h("th", named[0][1], scope="row", data_name=named[0][0])
    # An absent value keeps its place in the table and needs none on a phone.
    rest = [h("td", cell, data_name=None if cell == NONE else name) for name, cell in named[1:]]
    opening = (
        f'<tr id="{row_id(info.name)}" data-verdict="{verdict}" data-rank="{rank:.3f}"'
        f' data-answers="{"yes" if view.up else "no"}"'
        + _data("rack", info.location.rack)
        + _data("also", " ".join(view.identity.values()))
        + ">"
    )
    return Html(f'{opening}{first}{"".join(rest)}<td data-name="{COLUMNS[-1]}">')


def _missed(view: UnitView) -> Html:
    """Say at once that a poll failed; a second one makes the unit one that does not answer."""
    missed = view.status.failures
    if not view.up or not missed:
        return Html("")
    return h("span", f" {missed} poll{'s' if missed > 1 else ''} missed", class_="note")


def _data(name: str, value: str | None) -> str:
    bare = h("i", **{f"data_{name}": value or None})
    return bare.removeprefix("<i").removesuffix("></i>")


def _why(reasons: tuple[Reason, ...]) -> Html:
    if not reasons:
        return NOTHING
    more = len(reasons) - _SHOWN_REASONS
    items = [h("li", reason.text) for reason in reasons[:_SHOWN_REASONS]]
    return h("ul", items, more > 0 and h("li", f"and {more} more"))


def _slot(view: UnitView, verdict: Verdict, *, on_battery: bool) -> Html:
    info = view.info
    name = info.location.slot or info.name
    said = f"{info.name}: {verdict}"
    said += ", on battery" if on_battery else ""
    said += "" if view.up else ", does not answer"
    return h(
        "a",
        name,
        id=slot_id(info.name),
        class_=f"slot {verdict}{' away' if not view.up else ''}{' running' if on_battery else ''}",
        href=f"units/{quote(info.name, safe='')}",
        title=said,
        aria_label=said,
    )


def _rank(view: UnitView, verdict: Verdict) -> float:
    """Give the order: by verdict, silent ones before others, then by the least time they last."""
    ride = None if view.health is None else view.health.ride_through_s
    seconds = _MOST_S / 2 if ride is None else min(max(ride.lower, 0.0), _MOST_S / 2)
    return ORDER.index(verdict) * _MOST_S + seconds + (_MOST_S / 4 if view.up else 0.0)
