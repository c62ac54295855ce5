"""The live part of the Fleet page: which pieces of it have changed."""

import time
from collections.abc import Mapping

from aiohttp import web

from agent.export.context import CONTEXT
from agent.export.feed import Changes
from agent.export.json import Json
from agent.export.site.fleet_map import Notes, judged, note, note_id
from agent.export.site.fleet_parts import ROWS, shelf_notes, silent, summary, under_way
from agent.export.site.fleet_row import Row, row_id, slot_id


class FleetNews:
    """What changes on the Fleet page; a piece of it is an element known by its id."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._changes = Changes()
        self._rows: dict[str, Row] = {}
        self._notes: Notes = {}

    async def update(self) -> int:
        """Look at every unit; give the version now."""
        context = self._app[CONTEXT]
        rows = await self._app[ROWS].all(context.store, context.mono)
        notes = await shelf_notes(self._app, rows)
        looks: dict[tuple[str, ...], object] = {
            ("units",): tuple(rows),
            ("summary",): [(one.verdict, one.up, one.tried) for one in rows.values()],
            ("silent",): [(one.name, one.error) for one in rows.values() if one.is_silent],
            ("under-way",): under_way(context),
        }
        looks |= {("note", *map(str, place)): judged(found) for place, found in notes.items()}
        looks |= {("unit", name): (one.head, one.tail, one.slot) for name, one in rows.items()}
        looks |= {("seen", name): one.last_ok for name, one in rows.items()}
        # Both at once: while one looks another may have looked too, and units may have gone.
        self._rows, self._notes = rows, notes
        return self._changes.update(looks)

    def since(self, version: int, only: str | None = None) -> Mapping[str, Json]:
        """Give the changed elements by id, and when units last answered (unix seconds).

        ``restart`` says that there are other units now.
        """
        _ = only
        now_s = time.time()
        parts: dict[str, Json] = {}
        seen: dict[str, Json] = {}
        news: dict[str, Json] = {}
        for kind, *names in self._changes.after(version):
            match kind:
                case "unit":
                    one = self._rows[names[0]]
                    parts[row_id(one.name)] = one.html(now_s)
                    parts[slot_id(one.name)] = one.slot
                case "seen":
                    seen[row_id(names[0])] = self._rows[names[0]].last_ok
                case "summary":
                    parts["summary"] = summary(self._rows, now_s)
                case "silent":
                    parts["silent"] = silent(self._rows, now_s)
                case "under-way":
                    parts["under-way"] = under_way(self._app[CONTEXT])
                case "note":
                    rack, shelf = names
                    parts[note_id(rack, shelf)] = note(rack, shelf, self._notes.get((rack, shelf)))
                case _:
                    news["restart"] = True
        return news | {"parts": parts, "seen": seen}
