"""Two agents with one configuration share a fleet: each unit is read by exactly one of them."""

import asyncio
from collections import Counter

from tests.end_to_end.bench import MakeRack, command

GATES, ON_EACH, CARDS = 16, 10, 40
SCENARIO = "\n".join(
    [
        "name: shared",
        "about: Two hundred units behind gateways and on SNMP.",
        "buses:",
        *(f"  gate-{n}: {{modbus_tcp: 0}}" for n in range(GATES)),
        "units:",
        *(
            f"  - {{name: 'g{n}-{{n}}', count: {ON_EACH}, model: classic, bus: gate-{n}, "
            f"unit_id: 64, rack: r{n // 2}, shelf: s{n}}}"
            for n in range(GATES)
        ),
        "ups:",
        *(f"  - {{name: ups-{n}, model: ups, version: 2, rack: r{n % 8}}}" for n in range(CARDS)),
    ]
)
POLL = {"interval": "3s", "discharge_interval": "3s", "timeout": "2s", "stale_after": "20s"}
WHOLE = GATES * ON_EACH + CARDS


async def test_two_shares_read_every_unit_of_a_fleet_exactly_once(make_rack: MakeRack) -> None:
    rack = await make_rack(SCENARIO)
    document = rack.document() | {"poll": POLL}
    asked: list[set[str]] = []
    first = await rack.agent(document | {"shard": "0/2", "state_dir": "state-0"})
    said = await command("bbu-agent", "check", rack.folder / "test.yaml")
    assert "this is the share 0/2, units by share 0: " in said.out
    second = await rack.agent(document | {"state_dir": "state-1"}, BBU_AGENT_SHARD="1/2")
    agents = [first, second]
    pages = [
        await agent.when(lambda page: len(page.up()) == len(page.units("bbu_up")) > 0, "all are up")
        for agent in agents
    ]
    read = Counter(unit for page in pages for unit in page.units("bbu_up"))
    assert len(read) == WHOLE
    assert set(read.values()) == {1}
    for share, page, agent in zip(("0/2", "1/2"), pages, agents, strict=True):
        assert page.one("bbu_agent_shard_info", shard=share) == 1
        assert page.one("bbu_agent_shards", shard=share) == 2
        listed = await agent.get("/sd")
        asked.append({target["labels"]["__param_unit"] for target in listed})
        assert asked[-1] == page.units("bbu_up") == page.units("bbu_unit_info")
        elsewhere = next(iter({*read} - asked[-1]))
        assert (await agent.status(f"/probe?unit={elsewhere}"))[0] == 404

    # On the wire, too: the stations of the other agent's lines see nobody else.
    before = {unit: rack.requests(unit) for unit in asked[1] if unit.startswith("g")}
    assert await agents[1].stop() == 0
    await asyncio.sleep(1)
    ended = {unit: rack.requests(unit) for unit in before}
    await asyncio.sleep(4)
    assert ended == {unit: rack.requests(unit) for unit in before}
    assert all(ended[unit] >= before[unit] > 0 for unit in before)
