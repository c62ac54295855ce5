from collections import Counter
from pathlib import Path

import pytest

from agent.config.load import load
from agent.config.shards import counts, own_part, owner, owners, parse_shard
from agent.config.types import Config, Shard
from agent.targets import ModbusHost
from tests.unit.config.conftest import PROFILES, Examine

NETWORK = 120
FLEET = "\n".join(
    [
        "credentials: {c: {snmp_version: 2, community_file: community}}",
        "buses:",
        *(f"  gate-{n}: {{modbus_tcp: 10.0.0.{n}}}" for n in range(1, 21)),
        "units:",
        *(
            f"  - {{name: g{n}-{k}, bus: gate-{n}, unit_id: {k}, "
            f"location: {{rack: r{n // 2}, shelf: s{n}}}}}"
            for n in range(1, 21)
            for k in range(1, 5)
        ),
        *(
            f"  - {{name: ups-{n}, snmp: 10.1.0.{n}, credentials: c}}"
            for n in range(1, NETWORK + 1)
        ),
    ]
)


def config(folder: Path, text: str, shard: str | None = None) -> Config:
    path = folder / "agent.yaml"
    path.write_text(text)
    chosen = None if shard is None else parse_shard(shard)
    return load(path, profiles=PROFILES, environ={}, shard=chosen)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1", "is not a share; write 0/2"),
        ("1/2/3", "is not a share"),
        ("-1/2", "is not a share"),
        ("2/2", "is none of 2; the last one is 1"),
        ("0/0", "has 0 shares; there are 1 to 1000"),
        ("0/1001", "has 1001 shares"),
    ],
)
def test_a_wrong_share_is_refused_with_its_reason(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_shard(text)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_unit_is_in_one_share(folder: Path, count: int) -> None:
    parts = [own_part(config(folder, FLEET, f"{i}/{count}")) for i in range(count)]
    read = Counter(unit.name for part in parts for unit in part.units)
    assert len(read) == 200
    assert set(read.values()) == {1}
    assert [len(part.units) for part in parts] == counts(config(folder, FLEET, f"0/{count}"))


def test_shares_are_even(folder: Path) -> None:
    # 140 independent draws: the share of one of two has a standard deviation of 6 % of units.
    sizes = counts(config(folder, FLEET, "0/2"))
    assert min(sizes) > 70


def test_the_draw_never_changes() -> None:
    """Agents of different versions must agree, or units are read twice or not at all."""
    assert [owner(f"2 ups-{n}", 5) for n in range(12)] == [2, 1, 3, 1, 3, 0, 0, 0, 0, 1, 0, 2]


def test_a_bus_stays_whole_and_a_part_has_no_other(folder: Path) -> None:
    whole = config(folder, FLEET, "0/3")
    owned = owners(whole.units, whole.shelves, 3)
    for n in range(1, 21):
        assert len({owned[f"g{n}-{k}"] for k in range(1, 5)}) == 1
    part = own_part(whole)
    assert {bus.name for bus in part.buses} == {u.bus for u in part.units if u.bus is not None}
    assert 0 < len(part.buses) < 20


def test_units_behind_one_address_stay_together(folder: Path) -> None:
    units = "".join(
        f"  - {{name: m{n}, modbus_tcp: 10.0.0.9, unit_id: {n}}}\n" for n in range(1, 30)
    )
    whole = config(folder, f"units:\n{units}", "0/4")
    assert sorted(counts(whole)) == [0, 0, 0, 29]
    assert isinstance(whole.buses[0].target, ModbusHost)


def test_a_further_share_takes_its_own_and_moves_nothing_else(folder: Path) -> None:
    whole = config(folder, FLEET)
    for count in (1, 2, 5):
        before = owners(whole.units, whole.shelves, count)
        after = owners(whole.units, whole.shelves, count + 1)
        moved = {name for name in before if before[name] != after[name]}
        assert {after[name] for name in moved} == {count}
        assert len(moved) < 2 * 200 / (count + 1)


SHELVES = """
credentials: {c: {snmp_version: 2, community_file: community}}
buses: {left: {modbus_tcp: 10.0.0.1}, east: {modbus_tcp: 10.0.0.2}}
units:
  - {name: l1, bus: left, unit_id: 1, location: {rack: r1, shelf: a}}
  - {name: l2, bus: left, unit_id: 2, location: {rack: r1, shelf: b}}
  - {name: r1, bus: east, unit_id: 1, location: {rack: r1, shelf: a}}
  - {name: r2, bus: east, unit_id: 2}
%s
shelves: [{rack: r1, shelf: a, required: 2}]
groups:
  row: {racks: [r1, r2], required: 2}
"""
UPSES = "\n".join(
    f"  - {{name: u{n}, snmp: 10.1.0.{n}, credentials: c, location: {{rack: r2, shelf: x}}}}"
    for n in range(1, 41)
)


def test_a_watched_shelf_stays_whole_over_two_buses(folder: Path) -> None:
    for count in range(2, 9):
        parts = [own_part(config(folder, SHELVES % UPSES, f"{i}/{count}")) for i in range(count)]
        homes = [{u.name for u in part.units} & {"l1", "l2", "r1", "r2"} for part in parts]
        assert sorted(map(len, homes)) == [*[0] * (count - 1), 4]
        assert [len(part.shelves) for part in parts] == [len(home) // 4 for home in homes]


def test_a_unit_more_on_a_shelf_moves_nothing(folder: Path) -> None:
    before = config(folder, SHELVES % UPSES, "0/5")
    more = "  - {name: aaa, modbus_tcp: 10.0.0.3, unit_id: 1, location: {rack: r1, shelf: a}}\n"
    after = config(folder, SHELVES % (more + UPSES), "0/5")
    for count in range(2, 9):
        old, new = (owners(one.units, one.shelves, count) for one in (before, after))
        assert new.items() > old.items()
        assert new["aaa"] == old["l1"]


def test_a_group_over_several_shares_is_counted_by_nobody_and_said(
    folder: Path, look: Examine
) -> None:
    report = look(f"shard: 0/2\n{SHELVES % UPSES}")
    told = [(each.path, each.message) for each in report.warnings]
    assert told == [
        (
            "groups.row",
            "has units in the shares 0, 1 of 2; no agent sees them all and none counts it",
        )
    ]
    assert own_part(config(folder, SHELVES % UPSES, "0/2")).groups == ()
    assert len(own_part(config(folder, SHELVES % UPSES, "0/1")).groups) == 1


def test_a_share_without_units_is_said(look: Examine) -> None:
    units = "units: [{name: one, modbus_tcp: 10.0.0.1, unit_id: 1}]\n"
    mine = owner("1 10.0.0.1:502", 2)
    report = look(f"shard: {1 - mine}/2\n{units}")
    assert [each.message for each in report.warnings] == [
        f"the share {1 - mine}/2 has no units; nothing will be read"
    ]
    assert look(f"shard: {mine}/2\n{units}").warnings == ()


def test_the_option_overrules_the_file(folder: Path) -> None:
    assert config(folder, f"shard: 0/2\n{FLEET}").shard == Shard(0, 2)
    assert config(folder, f"shard: 0/2\n{FLEET}", "1/3").shard == Shard(1, 3)
    assert own_part(config(folder, FLEET)) == config(folder, FLEET)
