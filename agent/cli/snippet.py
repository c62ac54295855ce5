"""A configuration for units that a scan has found. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence

from agent.poll.scan import FoundUnit
from agent.targets import Community, Framer, ModbusHost, Secret, SerialLine, SnmpHost, UserSecurity

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
        ways = sign_ins(known)
        lines += [_unit(unit, names, ways) for unit in known]
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


def sign_ins(found: Iterable[FoundUnit]) -> dict[Community | UserSecurity, str]:
    """Name every way to sign in to the identified units of ``found``, in their order."""
    ways = dict.fromkeys(
        unit.target.security
        for unit in found
        if isinstance(unit.target, SnmpHost) and unit.profile is not None
    )
    names = {way: f"{_CREDENTIALS}-{number}" for number, way in enumerate(ways, start=1)}
    return names if len(names) > 1 else dict.fromkeys(ways, _CREDENTIALS)


def secrets(way: Community | UserSecurity, name: str) -> dict[str, Secret]:
    """Give the secrets of the sign-in ``name``, by the file that the configuration names."""
    end = name.removeprefix(_CREDENTIALS)
    if isinstance(way, Community):
        return {f"community{end}.txt": way.community}
    keys = {f"auth{end}.key": way.auth_key, f"priv{end}.key": way.privacy_key}
    return {file: key for file, key in keys.items() if key is not None}


def _credentials(found: Iterable[FoundUnit]) -> list[str]:
    lines = []
    for way, name in sign_ins(found).items():
        files = list(secrets(way, name))
        if isinstance(way, Community):
            parts = [f"snmp_version: {way.version}", f"community_file: {files[0]}"]
            lines.append(f"  # {files[0]} beside this file holds the community; chmod o= it.")
        else:
            parts = _user(way, name)
            lines.append(f"  # {' and '.join(files)} beside this file hold the passwords.")
        lines.append(f"  {name}: {{{', '.join(parts)}}}")
    return ["credentials:", *lines] if lines else []


def _user(security: UserSecurity, name: str) -> list[str]:
    end = name.removeprefix(_CREDENTIALS)
    parts = ["snmp_version: 3", f"user: {_quoted(security.user)}"]
    if security.auth is not None:
        parts += [f"auth: {security.auth}", f"auth_file: auth{end}.key"]
    if security.privacy is not None:
        parts += [f"privacy: {security.privacy}", f"privacy_file: priv{end}.key"]
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


def _unit(unit: FoundUnit, names: set[str], ways: Mapping[Community | UserSecurity, str]) -> str:
    target = unit.target
    if isinstance(target, SerialLine):
        way = f"bus: {_bus(unit)}, unit_id: {unit.unit_id}"
        name = f"{_bus(unit)}-{unit.unit_id}"
    elif isinstance(target, ModbusHost):
        framer = "" if target.framer is Framer.TCP else f", framer: {target.framer}"
        way = f"modbus_tcp: {_quoted(_address(target.host, target.port))}{framer}"
        way += f", unit_id: {unit.unit_id}"
        name = f"{target.host}-{unit.unit_id}"
    else:
        way = f"snmp: {_quoted(_address(target.host, target.port))}"
        way += f", credentials: {ways[target.security]}"
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
