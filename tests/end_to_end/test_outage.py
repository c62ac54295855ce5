"""An outage on a line with the timing of a real wire: seen soon, closely, and only once."""

import asyncio
import itertools
import statistics
import time
from typing import Any

from simulators.scenario import EventPart
from tests.end_to_end.bench import Agent, MakeRack, Page, Rack, until

SHELF = """
name: shelf
about: Six HPR modules on a line of 115200 baud.
buses:
  line: {serial: 115200}
units:
  - {name: "a-{n}", count: 6, model: hpr, bus: line, unit_id: 48, rack: r1, shelf: a}
shelves:
  - {rack: r1, shelf: a, required: 5, rated_power: 27.5 kW, required_seconds: 90 s}
"""
UNITS = {f"a-{n}" for n in range(1, 7)}
INTERVAL_S = 2.0
POLL = {
    "interval": "2s",
    "discharge_interval": "1s",
    "timeout": "500ms",
    "stale_after": "3 intervals",
}
# Scheduling of two busy cores, and the steps in which the simulator lives.
SLACK_S = 0.5
LENGTH_S = 14
"""Of the outage that is looked at for 10 s; the machine may lose some of the rest."""
LONG_S = 20
"""Of the outage in which an agent is killed and another one starts."""


async def shelf(make_rack: MakeRack) -> tuple[Rack, Agent, dict[str, Any]]:
    rack = await make_rack(SHELF)
    document = rack.document() | {"poll": POLL}
    agent = await rack.agent(document)
    await agent.when(lambda page: page.up() == UNITS, "all six are up")
    # One more turn, so that the units look one after the other.
    await asyncio.sleep(2 * INTERVAL_S)
    return rack, agent, document


def begin_outage(rack: Rack, length_s: float) -> float:
    rack.service.happen(
        EventPart(at="0 s", kind="outage", length=f"{length_s} s", rack="r1", load=0.5)  # type: ignore[arg-type]
    )
    return time.time()


def running(page: Page) -> set[str]:
    found = page.of("bbu_discharge_running", kind="discharge").items()
    return {dict(key)["unit"] for key, value in found if value == 1}


async def times_of(agent: Agent, seconds: float) -> dict[str, list[float]]:
    """Give when each unit was read with success, by its last success."""
    times: dict[str, list[float]] = {unit: [] for unit in UNITS}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        page = await agent.scrape()
        for key, value in page.of("bbu_last_success_timestamp_seconds").items():
            seen = times[dict(key)["unit"]]
            if not seen or seen[-1] != value:
                seen.append(value)
        await asyncio.sleep(0.05)
    return times


async def test_six_modules_are_read_every_second_from_the_first_turn_on(
    make_rack: MakeRack,
) -> None:
    rack, agent, _ = await shelf(make_rack)
    began_s = begin_outage(rack, LENGTH_S)
    times = await times_of(agent, 10)
    for unit, seen in times.items():
        fast = [at for at in seen if at > began_s]
        # One standby interval until the first, or two on a busy machine; then one a second.
        assert fast[0] - began_s < 2 * INTERVAL_S, unit
        gaps = [b - a for a, b in itertools.pairwise(fast[1:])]
        assert len(gaps) >= 6, unit
        # A machine that is busy with other things delays a turn, never all of them.
        assert statistics.median(gaps) < 1.05, (unit, gaps)
        assert max(gaps) < 1.0 + 4 * SLACK_S, (unit, gaps)
    page = await agent.scrape()
    assert running(page) == UNITS
    assert page.one("bbu_shelf_on_battery_units") == 6
    left = page.one("bbu_rack_time_left_seconds", rack="r1")
    assert left is not None
    assert left > 60
    page = await agent.when(lambda page: not running(page), "the outage is over")
    answer = await agent.get("/api/v1/events?kind=outage")
    (outage,) = answer["events"]
    assert outage["unit"] == "rack:r1"
    assert outage["detail"]["units"] == 6
    assert abs(outage["detail"]["duration_s"] - LENGTH_S) < 3 * SLACK_S
    assert page.one("bbu_rack_outages_total", rack="r1") == 1
    joules = page.of("bbu_discharge_energy_joules_total", kind="discharge").values()
    # Half of 5.5 kW at the output, at 96 % efficiency.
    assert all(abs(value / (0.5 * 5500 / 0.96 * LENGTH_S) - 1) < 0.1 for value in joules)


async def test_an_agent_killed_in_an_outage_goes_on_with_the_same_event(
    make_rack: MakeRack,
) -> None:
    rack, agent, document = await shelf(make_rack)
    begin_outage(rack, LONG_S)
    await agent.when(lambda page: running(page) == UNITS, "all six carry load")
    await asyncio.sleep(3)  # the archive commits every second
    await agent.kill()
    again = await rack.agent(document)
    await again.when(lambda page: running(page) == UNITS, "all six go on")

    async def over() -> bool:
        events = (await again.get("/api/v1/events?limit=100"))["events"]
        return len(events) > 0 and all(event["end_s"] is not None for event in events)

    await until(over, "the outage is over and on record")
    events = (await again.get("/api/v1/events?limit=100"))["events"]
    assert sorted(event["unit"] for event in events) == sorted([*UNITS, "rack:r1"])
    assert {event["kind"] for event in events} == {"discharge", "outage"}
    for event in events:
        assert abs(event["detail"]["duration_s"] - LONG_S) < 3 * SLACK_S, event
    energies = [e["detail"]["energy_wh"] for e in events if e["kind"] == "discharge"]
    assert all(abs(wh * 3600 / (0.5 * 5500 / 0.96 * LONG_S) - 1) < 0.1 for wh in energies), energies
