"""The one key that lets a command write to a unit."""

from collections.abc import Callable

from agent.config.load import Report
from agent.targets import Community

CREDENTIALS = """\
credentials:
  read: {snmp_version: 2c, community_file: community}
  write: {snmp_version: 2c, community_file: auth.key}
"""
UNIT = "name: a, snmp: 192.0.2.1, credentials: read, profile: rfc1628-ups"


def test_a_unit_that_may_be_told_to_test_itself(look: Callable[..., Report]) -> None:
    found = look(CREDENTIALS + f"units: [{{{UNIT}, self_test_credentials: write}}]").config
    assert found is not None
    (unit,) = found.units
    assert unit.snmp is not None
    assert unit.tester is not None
    assert str(unit.tester) == str(unit.snmp)
    assert isinstance(unit.tester.security, Community)
    assert unit.tester.security.community.reveal() == "authenticate"
    assert look(CREDENTIALS + f"units: [{{{UNIT}}}]").config.units[0].tester is None  # type: ignore[union-attr]


def test_credentials_that_there_are_not(errors: Callable[..., list[str]]) -> None:
    found = errors(CREDENTIALS + f"units: [{{{UNIT}, self_test_credentials: wriet}}]")
    assert found == [
        '4: units[0].self_test_credentials: no credentials are named "wriet"; did you mean "write"?'
    ]


def test_a_modbus_unit_has_none(errors: Callable[..., list[str]]) -> None:
    unit = "name: a, modbus_tcp: h, unit_id: 1, self_test_credentials: read"
    assert errors(CREDENTIALS + f"units: [{{{unit}}}]") == [
        "4: units[0].self_test_credentials: belongs to snmp; this unit has modbus_tcp"
    ]
