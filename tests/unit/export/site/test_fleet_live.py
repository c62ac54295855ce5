"""The live part of the Fleet page while units come and go."""

import asyncio

import pytest
from aiohttp import web

from agent.export.context import CONTEXT, Context
from agent.export.fragments import Fragments
from agent.export.site import fleet_live
from agent.export.site.fleet_live import FleetNews
from agent.export.site.fleet_map import Notes, ShelfNotes
from agent.export.site.fleet_parts import NOTES, ROWS
from agent.export.site.fleet_row import row
from agent.model import UnitInfo
from agent.store.history import HistoryStore
from agent.store.live import LiveStore
from tests.still_agent import StillAgent

A, B = UnitInfo("a", "auto"), UnitInfo("b", "auto")


async def test_a_unit_that_goes_while_two_look_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    app = web.Application()
    store, history = LiveStore([A, B], [], stale_after_s=30), HistoryStore(None)
    app[CONTEXT] = Context(store, StillAgent(), history)
    app[ROWS], app[NOTES] = Fragments(row), ShelfNotes()
    news, begun, gone = FleetNews(app), asyncio.Event(), asyncio.Event()

    async def slowly(_app: web.Application, rows: object) -> Notes:
        if len(rows) == 2:  # type: ignore[arg-type]
            begun.set()
            await gone.wait()
        return {}

    monkeypatch.setattr(fleet_live, "shelf_notes", slowly)
    first = asyncio.create_task(news.update())
    await begun.wait()
    store.reconfigure([A], [], stale_after_s=30)
    await news.update()
    gone.set()
    await first
    news.since(0)
    await news.update()
    assert "restart" in news.since(0)
    await history.close()
