"""The real programs on real lines, ptys and processes."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simulators import scenario_file
from simulators.fleet import build_fleet
from simulators.service import Service
from tests.end_to_end.bench import SCENARIO, MakeRack, Rack


@pytest.fixture
async def make_rack(tmp_path: Path) -> AsyncIterator[MakeRack]:
    """Give a function that serves a scenario."""
    racks: list[Rack] = []

    async def make(text: str = SCENARIO) -> Rack:
        now_s = time.time()
        scenario = scenario_file.parse(text, "test.yaml")
        fleet = build_fleet(scenario, start_s=now_s, born_s=now_s)
        folder = tmp_path / f"rack{len(racks)}"
        folder.mkdir()
        service = Service(fleet, folder, "127.0.0.1:9877")
        try:
            await service.start()
        except BaseException:
            await service.stop()
            raise
        rack = Rack(service, folder, asyncio.create_task(service.run()))
        racks.append(rack)
        return rack

    yield make
    for rack in racks:
        await rack.close()


@pytest.fixture
async def rack(make_rack: MakeRack) -> Rack:
    """Give the small rack."""
    return await make_rack()
