"""The series of units as text, kept for as long as what they say stays the same.

Between two scrapes a battery at rest changes a few voltages: its alarms are what they were,
and our estimate moves twice a minute. ``unit_metrics`` says what the series are.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from aiohttp import web

from agent.export.metrics.exposition import Page, Piece
from agent.export.metrics.units import (
    add_estimates,
    add_parts,
    add_polling,
    add_quantity,
    add_verdict,
    grouped,
)
from agent.model import Health
from agent.store.live import UnitView

Pieces = tuple[Piece, ...]


@dataclass(slots=True)
class _Kept:
    """Of one unit: the readings by quantity with what they were made of, and the estimate."""

    readings: dict[str, tuple[object, Pieces]] = field(default_factory=dict)
    health: tuple[Health, bool] | None = None
    estimates: Pieces = ()


class UnitSeries:
    """Adds what ``add_unit`` adds, without writing it anew each time."""

    def __init__(self) -> None:
        """Start with nothing kept."""
        self._units: dict[str, _Kept] = {}

    def add(self, page: Page, view: UnitView) -> None:
        """Add every series of one unit to ``page``."""
        name, health = view.info.name, view.health
        kept = self._units.setdefault(name, _Kept())
        add_polling(page, view)
        rows = grouped(view.readings)
        for quantity, told in rows.items():
            held = kept.readings.get(quantity)
            if held is None or held[0] != told:
                made = Page()
                add_quantity(made, name, quantity, told)
                held = kept.readings[quantity] = told, made.pieces()
            page.paste(held[1])
        add_parts(page, name, rows)
        add_verdict(page, view)
        if health is None:
            return
        if kept.health is None or kept.health[0] is not health or kept.health[1] != view.up:
            kept.health = health, view.up
            made = Page()
            add_estimates(made, name, health, present=view.up)
            kept.estimates = made.pieces()
        page.paste(kept.estimates)

    def keep(self, names: Collection[str]) -> None:
        """Forget all units but these."""
        for gone in self._units.keys() - set(names):
            del self._units[gone]


UNIT_SERIES: web.AppKey[UnitSeries] = web.AppKey("unit series", UnitSeries)
