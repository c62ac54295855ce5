"""The first configuration, with comments that say what may follow. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.cli.snippet import configuration
from agent.poll.scan import FoundUnit

_NO_UNITS = """\
# What is connected goes here. bbu-agent scan --help finds it; bbu-agent profiles lists families.
units: []
#buses:
#  shelf-a: {serial: /dev/ttyUSB0, baudrate: 115200, parity: even}
#units:
#  - {name: r12-a-1, bus: shelf-a, unit_id: 48, profile: orv3-hpr-bbu}
#  - {name: ups-7, snmp: 10.1.3.20, credentials: cards}
"""
_LATER = """
# Where a unit stands: add location: {rack: r12, shelf: a, slot: 1} to it.
# What a shelf needs, so that the agent can say whether it rides through:
#shelves:
#  - {rack: r12, shelf: a, required: 1, rated_power: 5500 W, required_seconds: 90}
"""


@dataclass(frozen=True, slots=True)
class Basics:
    """What every configuration says: where pages are served and state is kept, and its schema."""

    listen: str
    state_dir: str
    schema: str


def document(basics: Basics, found: Sequence[FoundUnit], silent: Sequence[str] = ()) -> str:
    """Write agent.yaml for ``found``; what was ``silent`` when it was scanned is a comment."""
    lines = [
        f"# yaml-language-server: $schema={basics.schema}",
        "# The configuration of bbu-agent. Every key: docs/configure.md. After a change:",
        "#   bbu-agent check THIS-FILE, then SIGHUP or a restart of the agent.",
        "",
        "# Page, metrics and API. :9877 is every interface, for a Prometheus on another machine.",
        f"listen: {_quoted(basics.listen)}",
        "# What is learnt of each cell, and the history. Keep it: a verdict grows with it.",
        f"state_dir: {_quoted(basics.state_dir)}",
        "",
        "# How often units are read, in standby and while they carry the rack.",
        "#poll: {interval: 10s, discharge_interval: 1s}",
        "",
    ]
    lines += [f"# Nothing answered here when it was scanned: {_line(place)}" for place in silent]
    text = configuration(found)
    known = any(unit.profile is not None for unit in found)
    if not known:
        text += _NO_UNITS
    return "\n".join(lines) + "\n" + text + _LATER


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _line(text: str) -> str:
    return "".join(mark if mark.isprintable() else " " for mark in text)
