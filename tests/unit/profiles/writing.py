"""Texts of profiles, and what the loader says is wrong with one."""

from textwrap import indent

import pytest

from agent.errors import ProfileError
from agent.profiles.load import parse

_HEAD = """\
name: x
title: A family
protocol: {protocol}
sources: [a data sheet]
"""
VOLTS = "{quantity: battery_voltage, unit: V, at: 5}"


def modbus(*fields: str, more: str = "") -> str:
    return _HEAD.format(protocol="modbus") + more + "fields:\n" + _listed(fields)


def snmp(*fields: str, more: str = "") -> str:
    return _HEAD.format(protocol="snmp") + more + "fields:\n" + _listed(fields)


def _listed(fields: tuple[str, ...]) -> str:
    return "".join(f"  -\n{indent(field, '    ')}\n" for field in fields)


def problems(text: str) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        parse(text, "x.yaml")
    return str(caught.value).splitlines()
