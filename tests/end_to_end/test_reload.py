"""A new configuration takes effect without disturbing what stays as it was."""

import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.end_to_end.bench import UNITS, Agent, Page, Rack, until

Reload = Callable[[Agent], Awaitable[None]]
DONE = "configuration reloaded"
PATIENT = {"interval": "2s", "discharge_interval": "2s", "timeout": "2s", "stale_after": "10s"}
"""For where no answer may be lost, not even on a busy machine."""


async def by_signal(agent: Agent) -> None:
    done = len(agent.lines(DONE))
    agent.process.send_signal(signal.SIGHUP)

    async def logged() -> bool:
        return len(agent.lines(DONE)) > done

    await until(logged, "the reload is done")


async def by_request(agent: Agent) -> None:
    assert await agent.status("/-/reload", "POST") == (200, "reloaded\n")


def polls(page: Page) -> dict[str, float]:
    found = page.of("bbu_polls_total").items()
    return {dict(labels)["unit"]: count for labels, count in found}


def named(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(unit for unit in document["units"] if unit["name"] == name)
    return found


@pytest.mark.parametrize("reload", [by_signal, by_request])
async def test_units_come_go_and_change_names(rack: Rack, reload: Reload) -> None:
    document = rack.document() | {"poll": PATIENT}
    late = named(document, "b-3")
    document["units"].remove(late)
    agent = await rack.agent(document)
    first = {*UNITS} - {"b-3"}
    before = await agent.when(lambda page: page.up() == first, "the first units are up")

    document["units"].append(late)
    document["units"].remove(named(document, "c-1"))
    named(document, "ups-1")["name"] = "ups-one"
    named(document, "a-1")["location"]["slot"] = "top"
    rack.write(document)
    await reload(agent)
    units = {*UNITS, "ups-one"} - {"c-1", "ups-1"}
    after = await agent.when(
        lambda page: page.up() == units and polls(page)["ups-2"] > polls(before)["ups-2"],
        "the new units are up, and the line that stayed goes on counting",
    )
    assert after.units("bbu_up") == units
    assert after.units("bbu_cell_voltage_volts") == units - {"ups-one", "ups-2"}
    assert not any(after.of("bbu_poll_errors_total").values())
    assert after.of("bbu_unit_info", unit="a-1", slot="top")
    assert after.one("bbu_agent_config_last_reload_successful") == 1
    assert agent.lines("level=warning") == []


async def test_an_unchanged_line_is_not_disturbed(rack: Rack) -> None:
    document = rack.document()
    agent = await rack.agent(document)
    before = await agent.when(lambda page: page.up() == {*UNITS}, "all are up")
    connections = {id(each) for each in rack.service._servers[0].connections}
    document["units"].remove(named(document, "c-1"))
    rack.write(document)
    await by_request(agent)
    after = await agent.scrape()
    kept = {*UNITS} - {"c-1", "c-2", "c-3"}
    assert after.up() >= kept
    assert {unit: polls(after)[unit] >= polls(before)[unit] for unit in kept} == dict.fromkeys(
        kept, True
    )
    assert {id(each) for each in rack.service._servers[0].connections} == connections


@pytest.mark.parametrize("reload", ["signal", "request"])
async def test_a_wrong_file_changes_nothing(rack: Rack, reload: str) -> None:
    document = rack.document()
    agent = await rack.agent(document)
    before = await agent.when(lambda page: page.up() == {*UNITS}, "all are up")
    path = rack.write(document | {"units": [{"name": "x"}, {"name": "y", "snmp": "h:0"}]})
    if reload == "signal":
        agent.process.send_signal(signal.SIGHUP)
        page = await agent.when(
            lambda page: page.one("bbu_agent_config_last_reload_successful") == 0, "it is refused"
        )
    else:
        status, text = await agent.status("/-/reload", "POST")
        assert (status, len(text.splitlines())) == (400, 3)
        assert all(line.startswith(f"{path}:") for line in text.splitlines())
        page = await agent.scrape()
    assert page.one("bbu_agent_config_last_reload_successful") == 0
    assert page.up() == {*UNITS}
    assert len(agent.lines("not reloaded, the old one goes on")) == 1
    later = await agent.when(
        lambda page: all(count > polls(before)[unit] + 2 for unit, count in polls(page).items()),
        "every unit is polled on",
    )
    assert later.up() == {*UNITS}

    rack.write(document)
    await by_request(agent)
    assert (await agent.scrape()).one("bbu_agent_config_last_reload_successful") == 1


async def test_many_reloads_at_once(rack: Rack) -> None:
    document = rack.document()
    agent = await rack.agent(document)
    await agent.when(lambda page: page.up() == {*UNITS}, "all are up")
    for n in range(6):
        if n % 2:
            document["poll"]["interval"] = f"{800 + n}ms"
        rack.write(document)
        agent.process.send_signal(signal.SIGHUP)
        assert (await agent.status("/-/reload", "POST"))[0] == 200
    await agent.when(lambda page: page.up() == {*UNITS}, "all are up again")
    assert agent.lines("level=error") == []
