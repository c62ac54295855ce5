"""Every bundled scenario but the largest is served, and its devices answer."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from simulators import scenario_file
from simulators.fleet import build_fleet
from simulators.service import Service

SMALL = [name for name in scenario_file.names() if name != "ageing-fleet"]
LIVED_S = 0.3


@pytest.mark.parametrize("name", SMALL)
async def test_a_scenario_of_the_library_is_served(name: str, tmp_path: Path) -> None:
    scenario = scenario_file.load(name)
    now_s = time.time()
    fleet = build_fleet(scenario, start_s=now_s, born_s=now_s)
    service = Service(fleet, tmp_path, "127.0.0.1:9877")
    await service.start()
    clock = asyncio.create_task(service.run())
    done, _ = await asyncio.wait([clock], timeout=LIVED_S)
    endpoints = json.loads((tmp_path / "endpoints.json").read_text(encoding="utf-8"))
    readings = [service._images[unit].read("holding", 0, 1) for unit in fleet.modules]
    clock.cancel()
    await service.stop()
    assert not done, clock.exception()
    assert [*endpoints] == [*scenario.buses, *(part.name for part in scenario.ups)]
    assert None not in readings
    assert list(tmp_path.iterdir()) == []
