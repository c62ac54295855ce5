"""One YAML file to one frozen Config, or every error in it at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.config import document, keys
from agent.config.batteries import BatteryTable
from agent.config.buses import build_buses
from agent.config.cells import CellTable
from agent.config.credentials import securities
from agent.config.groups import build_groups
from agent.config.kinds import Place
from agent.config.problems import TOP, InvalidConfig, Problem, Problems
from agent.config.secrets import Sources
from agent.config.sections import Entry
from agent.config.shards import owners, split
from agent.config.shelves import build_shelves
from agent.config.types import Config, Poll, Shard, Unit
from agent.config.units import Surroundings, build_unit
from agent.config.words import Intervals
from agent.model import Group, Shelf

MAX_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class Report:
    """What reading a file gave: ``config`` is None where there are errors. Sorted by line."""

    config: Config | None
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def load(
    path: Path,
    *,
    profiles: Mapping[str, str],
    environ: Mapping[str, str],
    shard: Shard | None = None,
) -> Config:
    """Read ``path``; ``profiles`` are the names that a unit may have besides auto.

    Each name comes with the protocol, modbus or snmp, that its units speak. ``shard`` overrules
    what the file says of it.

    Raises:
        ConfigError: an ``InvalidConfig`` with one ``file:line: path: message`` a line,
            sorted by line.
    """
    report = examine(path, profiles=profiles, environ=environ, shard=shard)
    if report.config is None:
        raise InvalidConfig(path, report.errors, report.warnings)
    return report.config


def examine(
    path: Path,
    *,
    profiles: Mapping[str, str],
    environ: Mapping[str, str],
    shard: Shard | None = None,
) -> Report:
    """Read ``path`` as ``load`` does and give everything found, wrong or not."""
    problems = Problems()
    config = None
    text = text_of(path, problems)
    if text is not None:
        root = _root(text, problems)
        if root is not None:
            sources = Sources(path.parent, environ)
            config = _build(path, root, problems, profiles, sources, shard)
    if problems.errors:
        config = None
    return Report(config, tuple(sorted(problems.errors)), tuple(sorted(problems.warnings)))


def text_of(path: Path, problems: Problems) -> str | None:
    """Give the text of a file of bounded size, or None after noting why there is none."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        problems.error(1, "file", "does not exist")
    except IsADirectoryError:
        problems.error(1, "file", "is a folder; name the file in it")
    except PermissionError:
        problems.error(1, "file", "may not be read by this user")
    except OSError as error:
        problems.error(1, "file", f"cannot be read: {error.strerror}")
    except ValueError:
        problems.error(1, "file", "has a name that no file can have")
    else:
        return _decoded(data, problems)
    return None


def _decoded(data: bytes, problems: Problems) -> str | None:
    if len(data) > MAX_BYTES:
        problems.error(1, "file", f"is larger than {MAX_BYTES // 1_000_000} MB")
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.error(line, "file", "is not UTF-8 text")
        return None


def _root(text: str, problems: Problems) -> Entry | None:
    node = document.compose(text, problems)
    if node is None or (isinstance(node, document.Scalar) and node.is_null):
        if not problems.errors:
            problems.error(1, TOP, 'is empty; a configuration has at least "units"')
        return None
    if not isinstance(node, document.Table):
        problems.error(node.line, TOP, "must be a mapping of keys to values, such as units: []")
        return None
    return keys.ROOT.read(node, Place("", problems))


def _build(
    path: Path,
    root: Entry,
    problems: Problems,
    profiles: Mapping[str, str],
    sources: Sources,
    shard: Shard | None,
) -> Config:
    bus_entries, credential_entries = root.get(keys.BUSES) or {}, root.get(keys.CREDENTIALS) or {}
    buses = build_buses(bus_entries)
    around = Surroundings(
        profiles,
        dict(buses),
        securities(credential_entries, sources),
        BatteryTable(root.get(keys.BATTERIES) or {}, CellTable(root.get(keys.CELLS) or {})),
    )
    entries = root.get(keys.UNITS) or ()
    built = [build_unit(entry, around) for entry in entries if entry is not None]
    units = tuple(unit for unit in built if unit is not None)
    if root.get(keys.UNITS) == ():
        root.warn("has no units; nothing will be read", "units")
    shelves = build_shelves(root.get(keys.SHELVES) or (), entries)
    whole = len(units) == len(entries)
    groups = build_groups(root.get(keys.GROUPS) or {}, units, whole=whole)
    shard = shard or root.get(keys.SHARD)
    if not problems.errors:
        _warn_unused(bus_entries, credential_entries, around)
        if shard is not None:
            _warn_split(root, shard, units, shelves, groups)
    return Config(
        path=path,
        listen=tuple(item for item in root.get(keys.LISTEN) or () if item is not None),
        state_dir=path.parent / (root.get(keys.STATE_DIR) or ""),
        poll=_poll(root),
        buses=tuple(bus for bus in around.buses.values() if bus is not None),
        units=units,
        shelves=shelves,
        groups=groups,
        shard=shard,
        warnings=tuple(warning.located(path) for warning in sorted(problems.warnings)),
    )


def _warn_unused(
    buses: Mapping[str, Entry | None],
    credentials: Mapping[str, Entry | None],
    around: Surroundings,
) -> None:
    batteries, cells = around.batteries, around.batteries.cells
    used = around.used | {("batteries", name) for name in batteries.used}
    used |= {("cells", name) for name in cells.used}
    sections = {
        "buses": buses,
        "credentials": credentials,
        "batteries": batteries.entries,
        "cells": cells.entries,
    }
    for section, entries in sections.items():
        for name, entry in entries.items():
            if entry is not None and (section, name) not in used:
                entry.warn(f"no {'battery' if section == 'cells' else 'unit'} uses it")


def _warn_split(
    root: Entry,
    shard: Shard,
    units: Sequence[Unit],
    shelves: Sequence[Shelf],
    groups: Sequence[Group],
) -> None:
    owned = owners(units, shelves, shard.count)
    if units and shard.index not in owned.values():
        root.warn(f"the share {shard} has no units; nothing will be read", "shard")
    entries = root.get(keys.GROUPS) or {}
    for group in groups:
        homes, entry = split(group, units, owned), entries[group.name]
        if entry is not None and len(homes) > 1:
            entry.warn(
                f"has units in the shares {', '.join(map(str, homes))} of {shard.count}; no agent "
                "sees them all and none counts it"
            )


def _poll(root: Entry) -> Poll:
    entry = root.get(keys.POLL_SECTION)
    if entry is None:
        return Poll()
    interval, timeout = entry.get(keys.INTERVAL), entry.get(keys.TIMEOUT)
    discharge, stale = entry.get(keys.DISCHARGE_INTERVAL), entry.get(keys.STALE_AFTER)
    if interval is None or timeout is None or discharge is None or stale is None:
        return Poll()
    if interval < timeout:
        entry.error("is shorter than timeout; one silent unit would delay every read", "interval")
    if discharge > interval:
        entry.error(
            "is longer than interval; reads would slow down on battery", "discharge_interval"
        )
    elif discharge < timeout <= interval:
        entry.warn(
            "is shorter than timeout; a silent unit delays its neighbours", "discharge_interval"
        )
    stale_s = stale.count * interval if isinstance(stale, Intervals) else stale
    if stale_s < interval:
        entry.error("is shorter than interval; values would vanish between reads", "stale_after")
    return Poll(interval, discharge, timeout, stale_s)
