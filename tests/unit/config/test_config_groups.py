"""Groups beyond shelves: who belongs to them, and what cannot be meant."""

from collections.abc import Callable

import pytest

from agent.config.load import Report
from agent.model import Group, Location, UnitInfo

UNITS = """\
units:
  - {name: a, modbus_tcp: h, unit_id: 1, location: {rack: r1, shelf: s}}
  - {name: b, modbus_tcp: h, unit_id: 2, location: {rack: r2, shelf: s}}
  - {name: c, modbus_tcp: h, unit_id: 3}
"""


def test_a_row_of_racks_and_a_feed_of_units(look: Callable[..., Report]) -> None:
    found = look(
        UNITS + "groups: {row: {racks: [r1, r2], required: 2}, feed-a: {units: [c], required: 1}}"
    ).config
    assert found is not None
    row, feed = found.groups
    assert row == Group("row", 2, racks=frozenset({"r1", "r2"}))
    assert feed == Group("feed-a", 1, units=frozenset({"c"}))
    held = [UnitInfo(unit.name, "p", unit.location) for unit in found.units]
    assert [[g.name for g in (row, feed) if g.holds(info)] for info in held] == [
        ["row"],
        ["row"],
        ["feed-a"],
    ]
    assert not row.holds(UnitInfo("d", "p", Location()))


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("{required: 1}", "groups.g: names no racks and no units"),
        (
            "{units: [x], required: 1}",
            'groups.g.units: names the unit "x", which is not configured',
        ),
        (
            "{racks: [r9], required: 1}",
            'groups.g.racks: names the rack "r9", in which no unit sits',
        ),
        (
            "{racks: [r1], units: [a], required: 2}",
            "groups.g.required: is 2, more than its 1 units",
        ),
        ("{racks: [r1]}", 'groups.g: needs "required"'),
    ],
)
def test_what_cannot_be_meant(errors: Callable[..., list[str]], group: str, message: str) -> None:
    found = errors(UNITS + f"groups: {{g: {group}}}")
    told = [line.partition(": ")[2] for line in found]
    assert any(line.startswith(message) for line in told), found
