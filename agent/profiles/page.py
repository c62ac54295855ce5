"""The page of supported devices, made from the profiles, so that it cannot lie."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from agent.profiles.schema import Field, Profile, Protocol, SunSpec, Words
from agent.quantities import QUANTITIES, Kind

_SHOWN = 4
_HEAD = """\
# Devices

Made from the profiles in `agent/profiles/data` by `deploy/scripts/profile-reference.py`; a test
checks that it is current. `bbu-agent profiles` lists the same families. Of a device of another
family the agent says `Unidentified`; [adding a device](adding-a-device.md) says how to add one.
"""


def devices_page(profiles: Sequence[Profile]) -> str:
    """Give the text of ``docs/devices.md``."""
    parts = [_HEAD, _overview(profiles)]
    parts += ["\n".join(_family(profile)) + "\n" for profile in profiles]
    return "\n".join(parts)


def _overview(profiles: Sequence[Profile]) -> str:
    rows = ["| family | protocol | cells | not confirmed |", "|---|---|---|---|"]
    for profile in profiles:
        title = f"[{profile.title}](#{_anchor(profile)})"
        doubts = len(profile.unconfirmed) + len(_doubtful(profile.fields))
        rows.append(
            f"| {title} | {_protocol(profile)} | {_cells(profile)} | {doubts or 'nothing'} |"
        )
    return "\n".join(rows) + "\n"


def _anchor(profile: Profile) -> str:
    return re.sub(r"[^a-z0-9_ -]", "", profile.title.lower()).replace(" ", "-")


def _protocol(profile: Profile) -> str:
    return "SNMP" if profile.protocol is Protocol.SNMP else "Modbus"


def _cells(profile: Profile) -> str:
    fields = list(profile.fields)
    for model in () if profile.sunspec is None else profile.sunspec.models:
        fields += [*model.fields, *(() if model.group is None else model.group.fields)]
    cells = [field for field in fields if field.quantity == "cell_voltage"]
    if not cells:
        return "none, only the whole"
    tables = profile.sunspec is not None or any("{" in (field.index or "") for field in cells)
    return "each" if tables else f"each of {len({field.index for field in cells})}"


def _family(profile: Profile) -> Iterator[str]:
    yield f"## {profile.title}\n"
    yield f"Profile `{profile.name}`, {_protocol(profile)}. {_recognised(profile)}"
    yield from _facts(profile)
    if profile.fields:
        yield "\n| quantity | of | unit | from | read |"
        yield "|---|---|---|---|---|"
    for quantity, group in _by_quantity(profile.fields):
        yield _row(quantity, group)
    if profile.sunspec is not None:
        yield from _models(profile.sunspec)
    yield "\nSources:\n"
    yield from (f"- {source}" for source in profile.sources)
    doubts = [*profile.unconfirmed, *_doubtful(profile.fields)]
    if doubts:
        yield "\nNot confirmed:\n"
        yield from (f"- {doubt}" for doubt in doubts)


def _models(spec: SunSpec) -> Iterator[str]:
    yield "\nRead where the device says that the model lies:\n\n| model | of | quantities |"
    yield "|---|---|---|"
    for model in spec.models:
        group = () if model.group is None else model.group.fields
        told = ", ".join(f"`{key}`" for key, _ in _by_quantity((*model.fields, *group)))
        yield f"| {model.number} | {model.part or 'the device'} | {told} |"


def _recognised(profile: Profile) -> str:
    rule = profile.identify
    ways = []
    if rule.sys_object_ids:
        prefixes = ", ".join("`" + ".".join(map(str, oid)) + "`" for oid in rule.sys_object_ids)
        ways.append(f"sysObjectID under {prefixes}")
    if rule.sys_descr is not None:
        ways.append(f"sysDescr like `{_cell(rule.sys_descr.pattern)}`")
    for probe in rule.probes:
        matches = "" if probe.matches is None else f" like `{_cell(probe.matches.pattern)}`"
        ways.append(f"{probe.where}{matches}")
    return f"Recognised by {'; '.join(ways)}." if ways else "Must be named: nothing tells it apart."


def _facts(profile: Profile) -> Iterator[str]:
    link, battery = profile.link, profile.battery
    if link.baudrate is not None:
        parity = "" if link.parity is None else f", parity {link.parity}"
        yield f"Line: {link.baudrate} baud{parity}; unit ids {_numbers(link.unit_ids) or 'any'}."
    told = [
        f"{battery.series} cells in series" if battery.series is not None else "",
        f"rated {battery.rated_power_w:g} W for {battery.required_seconds:g} s"
        if battery.rated_power_w is not None
        else "",
        f"{battery.rated_capacity_ah:g} Ah" if battery.rated_capacity_ah is not None else "",
    ]
    if any(told):
        yield f"Battery: {', '.join(filter(None, told))}."
    if profile.also:
        others = ", ".join(f"`{name}`" for name in profile.also)
        yield f"Such devices answer to {others} too; what is missing here is read there."


def _by_quantity(fields: Iterable[Field]) -> Iterator[tuple[str, list[Field]]]:
    order = {key: n for n, key in enumerate(QUANTITIES)}
    known = sorted(fields, key=lambda field: order[field.quantity])
    for quantity, group in groupby(known, key=lambda field: field.quantity):
        yield quantity, list(group)


def _row(quantity: str, group: Sequence[Field]) -> str:
    indexes = list(dict.fromkeys(field.index for field in group if field.index is not None))
    unit = QUANTITIES[quantity].unit
    if QUANTITIES[quantity].kind in (Kind.FLAG, Kind.STATE):
        unit = str(QUANTITIES[quantity].kind)
    mark = " (see below)" if _doubtful(group) else ""
    cadence = "/".join(dict.fromkeys(field.cadence.value for field in group))
    return f"| `{quantity}`{mark} | {_indexes(indexes)} | {unit} | {_places(group)} | {cadence} |"


def _indexes(indexes: Sequence[str]) -> str:
    numbers = [int(index) for index in indexes if index.isdecimal()]
    if numbers and len(numbers) == len(indexes):
        return _numbers(numbers)
    return _some([f"`{index}`" for index in indexes])


def _places(group: Sequence[Field]) -> str:
    tables: dict[str, list[int]] = {}
    oids: list[str] = []
    for field in group:
        if isinstance(field.where, Words):
            table = tables.setdefault(str(field.where.register.table), [])
            table += [register.address for register in field.where.registers]
        else:
            oids.append(str(field.where))
    words = [f"{table} {_some(_runs(addresses))}" for table, addresses in tables.items()]
    return ", ".join([*words, _some([*dict.fromkeys(oids)])] if oids else words)


def _numbers(numbers: Iterable[int]) -> str:
    return ", ".join(_runs(numbers))


def _runs(numbers: Iterable[int]) -> list[str]:
    """Show numbers as runs: 64-69, 80."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return [f"{low}" if low == high else f"{low}-{high}" for low, high in runs]


def _some(parts: Sequence[str]) -> str:
    more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    return ", ".join(parts[:_SHOWN]) + more


def _doubtful(fields: Iterable[Field]) -> list[str]:
    """Say once of each quantity what its fields leave open."""
    notes = {(field.quantity, field.unconfirmed) for field in fields if field.unconfirmed}
    return [f"`{quantity}`: {note}" for quantity, note in sorted(notes)]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
