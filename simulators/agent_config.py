"""Write the configuration of an agent that monitors the simulated fleet."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import yaml

from simulators.battery.chemistry import CHEMISTRIES
from simulators.device.hardware import MODULES, UPSES, ModuleDesign
from simulators.fleet import Fleet
from simulators.scenario import UpsPart
from simulators.telemetry import nominal_ohm
from simulators.wire.snmp import Access

_PRIVATE = 0o600
_V3 = 3


def make_access(part: UpsPart, folder: Path) -> Access:
    """Draw the secrets of one UPS and keep them as files that only the owner can read."""
    if part.version != _V3:
        return Access(community=_secret(folder / f"{part.name}-community"))
    return Access(
        user="monitor",
        auth=part.auth,
        auth_key=_secret(folder / f"{part.name}-auth.key") if part.auth else None,
        privacy=part.privacy,
        privacy_key=_secret(folder / f"{part.name}-privacy.key") if part.privacy else None,
    )


def _secret(path: Path) -> str:
    text = secrets.token_hex(12)
    path.touch(mode=_PRIVATE)
    path.chmod(_PRIVATE)
    path.write_text(text + "\n", encoding="ascii")
    return text


def agent_document(
    fleet: Fleet,
    buses: dict[str, dict[str, object]],
    snmp_ports: dict[str, int],
    folder: Path,
    listen: str,
) -> dict[str, object]:
    """Give the agent's configuration as a tree.

    ``buses`` say how each line is reached, ``snmp_ports`` on which UDP port each UPS
    answers; secrets lie in ``folder``; the agent will serve on ``listen``.
    """
    used = {module.design.name for module in fleet.modules.values()}
    document: dict[str, object] = {
        "listen": listen,
        "state_dir": str(folder / "agent-state"),
        "poll": {"interval": "2s", "discharge_interval": "1s", "timeout": "500ms"},
        "credentials": dict(_credentials(fleet, folder)),
        "buses": buses,
        "batteries": {name: _battery(MODULES[name]) for name in sorted(used)},
        "units": [*_module_units(fleet), *_ups_units(fleet, snmp_ports)],
        "shelves": list(_shelves(fleet)),
    }
    return {key: value for key, value in document.items() if value}


def _credentials(fleet: Fleet, folder: Path) -> Iterator[tuple[str, object]]:
    for part in fleet.scenario.ups:
        if part.version != _V3:
            file = str(folder / f"{part.name}-community")
            yield part.name, {"snmp_version": part.version, "community_file": file}
            continue
        entry: dict[str, object] = {"snmp_version": _V3, "user": "monitor"}
        if part.auth:
            entry |= {"auth": part.auth, "auth_file": str(folder / f"{part.name}-auth.key")}
        if part.privacy:
            file = str(folder / f"{part.name}-privacy.key")
            entry |= {"privacy": part.privacy, "privacy_file": file}
        yield part.name, entry


def _battery(design: ModuleDesign) -> dict[str, object]:
    """Give what a data sheet says of a module; nothing that only the simulator knows."""
    pack, chemistry = design.pack, CHEMISTRIES[design.pack.chemistry]
    return {
        "chemistry": chemistry.name,
        "series": pack.series,
        "parallel": pack.parallel,
        "rated_capacity": f"{pack.capacity_ah:g} Ah",
        "rated_power": f"{design.rated_power_w / 1000:g} kW",
        "required_seconds": f"{design.required_s:g}s",
        "cell_cutoff": f"{design.cutoff_v:g} V",
        "cell_float": f"{design.float_v:g} V",
        "cell_max": f"{design.max_v:g} V",
        "resistance": f"{nominal_ohm(chemistry.name, pack.capacity_ah) * 1e3:.2f} mOhm",
    }


def _module_units(fleet: Fleet) -> Iterator[dict[str, object]]:
    for name, module in fleet.modules.items():
        site = fleet.sites[name]
        yield {
            "name": name,
            "bus": site.bus,
            "unit_id": site.unit_id,
            "profile": module.design.profile,
            "location": {"rack": site.rack, "shelf": site.shelf, "slot": site.slot},
            "battery": module.design.name,
        }


def _ups_units(fleet: Fleet, ports: dict[str, int]) -> Iterator[dict[str, object]]:
    for part in fleet.scenario.ups:
        yield {
            "name": part.name,
            "snmp": f"127.0.0.1:{ports[part.name]}",
            "credentials": part.name,
            "profile": UPSES[part.model].profile,
            "location": {"rack": part.rack},
        }


def _shelves(fleet: Fleet) -> Iterator[dict[str, object]]:
    for shelf in fleet.scenario.shelves:
        entry: dict[str, object] = {
            "rack": shelf.rack,
            "shelf": shelf.shelf,
            "required": shelf.required,
        }
        if shelf.rated_power is not None:
            entry["rated_power"] = f"{shelf.rated_power:g} W"
        if shelf.required_seconds is not None:
            entry["required_seconds"] = f"{shelf.required_seconds:g}s"
        yield entry


def agent_text(document: dict[str, object]) -> str:
    """Give the configuration as YAML."""
    head = "# Written by bbu-sim: every simulated unit, for bbu-agent run --config.file THIS.\n"
    return head + yaml.dump(document, Dumper=yaml.SafeDumper, sort_keys=False, width=100)
