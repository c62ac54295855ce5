"""A unit that stops answering is seen to be gone, costs its neighbours little, and returns."""

import asyncio
import time
from collections import defaultdict
from itertools import pairwise
from statistics import median

from tests.end_to_end.bench import MODULES, UNITS, Agent, Page, Rack, until

INTERVAL_S, TIMEOUT_S, STALE_AFTER_S = 0.6, 0.5, 1.8
POLL = {"interval": "600ms", "discharge_interval": "600ms", "timeout": "500ms"}
# What an answer takes from the wire to the page.
SLACK_S = 0.4


async def watch(agent: Agent, seconds: float) -> dict[str, list[float]]:
    """Give the times of the successful polls of each unit."""
    times: defaultdict[str, list[float]] = defaultdict(list)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        page = await agent.scrape()
        for key, value in page.of("bbu_last_success_timestamp_seconds").items():
            seen = times[dict(key)["unit"]]
            if not seen or seen[-1] != value:
                seen.append(value)
        await asyncio.sleep(0.05)
    return times


def gone(page: Page, unit: str) -> bool:
    """Say whether nothing is left of a unit but that it is down."""
    return page.one("bbu_up", unit=unit) == 0 and not any(
        page.of(name, unit=unit)
        for name in (
            "bbu_cell_voltage_volts",
            "bbu_battery_voltage_volts",
            "bbu_temperature_celsius",
        )
    )


async def oldest_shown_s(agent: Agent, unit: str) -> float:
    """Wait until a unit is gone; give how old, in seconds, the last success shown with values was.

    From when a page was asked for, so nothing that holds up this test or the agent counts.
    """
    ages_s = [0.0]

    async def look() -> bool:
        asked_s = time.time()
        page = await agent.scrape()
        if page.of("bbu_cell_voltage_volts", unit=unit):
            seen_s = page.one("bbu_last_success_timestamp_seconds", unit=unit) or 0.0
            ages_s.append(asked_s - seen_s)
        return gone(page, unit)

    await until(look, f"the values of {unit} are gone")
    return max(ages_s)


async def test_a_silent_unit_vanishes_and_returns(rack: Rack) -> None:
    poll = POLL | {"stale_after": "3 intervals"}
    agent = await rack.agent(rack.document() | {"poll": poll})
    page = await agent.when(lambda page: len(page.up()) == len(UNITS), "all units are up")
    assert page.units("bbu_cell_voltage_volts") == set(MODULES)

    rack.fault("a-2", "silent")
    assert await oldest_shown_s(agent, "a-2") < STALE_AFTER_S + SLACK_S

    asked, polled = rack.requests("a-2"), rack.requests("a-1")
    times = await watch(agent, 6.0)
    for name in ("a-1", "a-3", "b-1", "c-1", "ups-1"):
        gaps = [later - sooner for sooner, later in pairwise(times[name])]
        assert len(gaps) > 4
        assert median(gaps) < INTERVAL_S + TIMEOUT_S, (name, gaps)
    # One time-out in a cycle, and fewer as it backs off.
    assert 0 < rack.requests("a-2") - asked < (rack.requests("a-1") - polled) / 2
    page = await agent.when(lambda page: page.up() == {*UNITS} - {"a-2"}, "the others are up")
    assert (page.one("bbu_poll_errors_total", unit="a-2", cause="NoAnswer") or 0) > 2
    told = await agent.unit("a-2")
    assert told["verdict"] == "unknown"
    assert told["reasons"][0]["code"] == "not_answering"
    assert f"silent for {TIMEOUT_S:g} s" in told["reasons"][0]["text"]

    rack.heal("a-2")
    page = await agent.when(lambda page: page.up() == {*UNITS}, "a-2 is back")
    assert "a-2" in page.units("bbu_cell_voltage_volts")
    assert len(agent.lines("unit a-2 ", "does not answer")) == 1
    assert len(agent.lines("unit a-2 ", "answers again")) == 1
    assert agent.lines("level=error") == []
    # A busy machine makes others late now and then; that they are read all the same is shown above.
    others = [line for line in agent.lines("level=warning") if "unit a-2 " not in line]
    assert [line for line in others if " does not answer: " not in line] == []
