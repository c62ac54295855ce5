"""The racks as a map: what sits where, how it is, and what each shelf can count on."""

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

from agent.export.order import NameOrder, slot_order
from agent.export.redundancy import Redundancy, redundancy
from agent.export.site.fleet_row import Row
from agent.export.site.markup import NOTHING, Html, h
from agent.export.site.words import time_between
from agent.model import Shelf
from agent.store.live import LiveStore

Place = tuple[str | None, str | None]
"""A rack and a shelf."""
Notes = Mapping[Place, Redundancy[Shelf]]
"""What configured shelves can count on."""


class ShelfNotes:
    """What each shelf can count on, worked out again only when one of its units changes."""

    def __init__(self) -> None:
        self._held: dict[Place, tuple[object, Redundancy[Shelf]]] = {}

    def get(
        self, store: LiveStore, shelf: Shelf, units: Iterable[str], mono_s: float, wall_s: float
    ) -> Redundancy[Shelf]:
        """Give what ``shelf``, in which ``units`` sit, can count on now.

        Raises ``KeyError`` when one of the units is gone.
        """
        names = list(units)
        stamps = (shelf, tuple([store.stamp(name, mono_s=mono_s) for name in names]))
        held = self._held.get((shelf.rack, shelf.shelf))
        if held is not None and held[0] == stamps:
            return held[1]
        views = [store.view(name, mono_s=mono_s) for name in names]
        found = redundancy(shelf, views, wall_s=wall_s)
        self._held[shelf.rack, shelf.shelf] = stamps, found
        return found


def by_place(rows: Iterable[Row]) -> dict[str | None, dict[str | None, list[Row]]]:
    """Sort units into racks and shelves, in the order in which people look for them."""
    places: dict[str | None, dict[str | None, list[Row]]] = {}
    for row in rows:
        place = row.location
        places.setdefault(place.rack, {}).setdefault(place.shelf, []).append(row)
    return {
        rack: {
            shelf: sorted(places[rack][shelf], key=_slot_order)
            for shelf in sorted(places[rack], key=slot_order)
        }
        for rack in sorted(places, key=slot_order)
    }


def _slot_order(row: Row) -> tuple[NameOrder, NameOrder]:
    return slot_order(row.location.slot), slot_order(row.name)


def racks(
    places: Mapping[str | None, Mapping[str | None, list[Row]]], notes: Notes
) -> Iterator[Html]:
    """Give the map rack by rack."""
    for rack, shelves in places.items():
        yield _rack(rack, shelves, notes)


def _rack(
    rack: str | None,
    shelves: Mapping[str | None, list[Row]],
    notes: Notes,
) -> Html:
    name = "No rack given" if rack is None else f"Rack {rack}"
    outage = rack is not None and h(
        "a", "last outage", href=f"outage?rack={quote(rack, safe='')}", class_="quiet"
    )
    return h(
        "section",
        h("div", h("h3", name), outage, class_="rack-head"),
        [_shelf(rack, shelf, rows, notes.get((rack, shelf))) for shelf, rows in shelves.items()],
        class_="rack",
        data_rack=rack or "",
    )


def _shelf(
    rack: str | None, shelf: str | None, rows: list[Row], found: Redundancy[Shelf] | None
) -> Html:
    name = "no shelf" if shelf is None else f"shelf {shelf}"
    return h(
        "div",
        h("span", name, class_="shelf-name"),
        h("span", [row.slot for row in rows], class_="slots"),
        note(rack, shelf, found),
        class_="shelf",
    )


def note(rack: str | None, shelf: str | None, found: Redundancy[Shelf] | None) -> Html:
    """Say what a shelf can count on."""
    if found is None:
        return NOTHING
    level, words = judged(found)
    return h("span", words, class_=f"shelf-note {level}", id=note_id(rack or "", shelf or ""))


def note_id(rack: str, shelf: str) -> str:
    """Give the id of what is said of a shelf."""
    return f"n:{quote(rack, safe='')}:{quote(shelf, safe='')}"


def judged(found: Redundancy[Shelf]) -> tuple[str, str]:
    """Give how bad a shelf's reserve is, as a verdict's name, and the reserve in words."""
    ready = f"{found.ready} of {found.units} ready, {found.of.required} needed"
    lasts = "" if found.lasts is None else f"; lasts {time_between(found.lasts)}"
    if lasts and found.lasts_with_one_less is not None and found.margin > 0:
        lasts += f", {time_between(found.lasts_with_one_less)} with one less"
    if found.on_battery:
        left = "" if found.left is None else f", {time_between(found.left)} left"
        return "watch", f"{found.on_battery} on battery{left}; {ready}"
    if found.margin < 0:
        return "replace", f"{ready}: {-found.margin} short{lasts}"
    if found.margin == 0:
        return "degraded", f"{ready}: no reserve{lasts}"
    return "ok", f"{ready}: {found.margin} may fail{lasts}"
