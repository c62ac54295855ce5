"""Large units do not hold up the others: their work is done beside the event loop."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from agent.model import UnitInfo
from agent.poll import chain, unit
from agent.poll.beside import LARGE, beside
from agent.poll.chain import settled
from agent.poll.modbus_reader import ModbusReader
from agent.poll.schedule import Pace, Turn
from agent.poll.selection import Selection, select
from agent.poll.unit import PolledUnit, fixed
from agent.profiles.sunspec import resolve
from tests.unit.poll.test_polled_unit import Notes
from tests.unit.poll.test_sunspec import PROFILE, device, module


@pytest.mark.parametrize(("size", "apart"), [(LARGE, False), (LARGE + 1, True)])
async def test_only_what_is_large_goes_to_the_thread(size: int, *, apart: bool) -> None:
    here = threading.current_thread()
    assert (await beside(threading.current_thread, size) is not here) is apart


async def test_an_error_of_the_work_is_the_caller_s() -> None:
    with pytest.raises(ZeroDivisionError):
        await beside(lambda: 1 // 0, LARGE + 1)


def noted(made: list[bool], work: Callable[..., Any]) -> Callable[..., Any]:
    here = threading.current_thread()

    def note(*what: Any) -> Any:
        made.append(threading.current_thread() is not here)
        return work(*what)

    return note


@pytest.mark.parametrize(("cells", "apart"), [(4, False), (300, True)])
async def test_a_sunspec_device_of_hundreds_of_cells_is_placed_planned_and_decoded_beside(
    monkeypatch: pytest.MonkeyPatch, cells: int, *, apart: bool
) -> None:
    made: list[bool] = []
    monkeypatch.setattr(chain, "resolve", noted(made, resolve))
    monkeypatch.setattr(unit, "select", noted(made, select))
    monkeypatch.setattr(ModbusReader, "_plan", noted(made, ModbusReader._plan))
    monkeypatch.setattr(Selection, "decode", noted(made, Selection.decode))
    peer = device(0, module([3300] * cells))
    profile = await settled(peer, 1, PROFILE, timeout_s=1.0)
    reader = ModbusReader(peer, 1, profile.limits, 1.0)
    found = fixed(profile, reader)
    polled = PolledUnit(UnitInfo("u", "sunspec"), Turn(Pace()), found, Notes())
    assert await polled.poll() is None
    assert made == [apart] * 4
