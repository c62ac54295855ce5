"""A configuration for units that a scan has found. Pure."""

import re
from collections.abc import Iterable, Sequence

from agent.poll.scan import FoundUnit
from agent.targets import Community, ModbusHost, SerialLine, SnmpHost, UserSecurity

_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_CREDENTIALS = "scanned"


def configuration(found: Sequence[FoundUnit]) -> str:
    """Write the ``credentials``, ``buses`` and ``units`` of agent.yaml for ``found``.

    A unit that no family fits becomes a comment. Secrets are named as files beside the
    configuration, never written.
    """
    known, others = _one_setting([unit for unit in found if unit.profile is not None])
    lines = [_comment(f"{_place(unit)}: {unit.note}") for unit in found if unit.note]
    lines += [
        _comment(f"{_place(unit)}: {unit.profile} at another baud rate; a line has one setting")
        for unit in others
    ]
    lines += _credentials(known)
    lines += _buses(known)
    if known:
        lines.append("units:")
        names: set[str] = set()
        lines += [_unit(unit, names) for unit in known]
    return "\n".join(lines) + "\n" if lines else ""


def _one_setting(found: Sequence[FoundUnit]) -> tuple[list[FoundUnit], list[FoundUnit]]:
    """Part the units that the first setting found on each line reaches from the others."""
    first: dict[str, SerialLine] = {}
    for unit in found:
        if isinstance(unit.target, SerialLine):
            first.setdefault(unit.target.path, unit.target)
    kept = [
        unit
        for unit in found
        if not isinstance(unit.target, SerialLine) or first[unit.target.path] == unit.target
    ]
    return kept, [unit for unit in found if unit not in kept]


def _place(unit: FoundUnit) -> str:
    return str(unit.target) + ("" if unit.unit_id is None else f" unit id {unit.unit_id}")


def _credentials(found: Iterable[FoundUnit]) -> list[str]:
    security = next(
        (unit.target.security for unit in found if isinstance(unit.target, SnmpHost)), None
    )
    if security is None:
        return []
    lines = ["credentials:"]
    if isinstance(security, Community):
        parts = [f"snmp_version: {security.version}", "community_file: community.txt"]
        lines.append("  # community.txt beside this file holds the community; chmod o= it.")
    else:
        parts = _user(security)
        lines.append("  # auth.key and priv.key beside this file hold the passwords.")
    return [*lines, f"  {_CREDENTIALS}: {{{', '.join(parts)}}}"]


def _user(security: UserSecurity) -> list[str]:
    parts = ["snmp_version: 3", f"user: {_quoted(security.user)}"]
    if security.auth is not None:
        parts += [f"auth: {security.auth}", "auth_file: auth.key"]
    if security.privacy is not None:
        parts += [f"privacy: {security.privacy}", "privacy_file: priv.key"]
    return parts


def _buses(found: Iterable[FoundUnit]) -> list[str]:
    lines = {
        _bus(unit): (
            f"  {_bus(unit)}: {{serial: {_quoted(unit.target.path)}, "
            f"baudrate: {unit.target.baudrate}, parity: {unit.target.parity}}}"
        )
        for unit in found
        if isinstance(unit.target, SerialLine)
    }
    return ["buses:", *lines.values()] if lines else []


def _bus(unit: FoundUnit) -> str:
    if isinstance(unit.target, SerialLine):
        return _name(f"{unit.target.path.rpartition('/')[2]}-{unit.target.baudrate}")
    return ""


def _unit(unit: FoundUnit, names: set[str]) -> str:
    target = unit.target
    if isinstance(target, SerialLine):
        way = f"bus: {_bus(unit)}, unit_id: {unit.unit_id}"
        name = f"{_bus(unit)}-{unit.unit_id}"
    elif isinstance(target, ModbusHost):
        way = f"modbus_tcp: {_quoted(_address(target.host, target.port))}, unit_id: {unit.unit_id}"
        name = f"{target.host}-{unit.unit_id}"
    else:
        way = f"snmp: {_quoted(_address(target.host, target.port))}, credentials: {_CREDENTIALS}"
        name = target.host
    name = _name(name)
    while name in names:
        name += "-b"
    names.add(name)
    shown = [str(unit.identity[key]) for key in ("manufacturer", "model") if key in unit.identity]
    comment = f"  {_comment(' '.join(shown))}" if shown else ""
    return f"  - {{name: {name}, {way}, profile: {unit.profile}}}{comment}"


def _comment(text: str) -> str:
    # Devices have a say in it: one line, whatever they send.
    return "# " + "".join(mark if mark.isprintable() else " " for mark in text)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _name(text: str) -> str:
    return _NAME.sub("-", text).strip("-")[:60] or "unit"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
