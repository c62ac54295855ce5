"""Imports go down the layers only (docs/architecture.md)."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# The longest matching prefix decides. Layer 1 is pure: no sockets, no clock, no asyncio.
LAYERS = {
    "agent": 0,
    "agent.quantities": 0,
    "agent.model": 0,
    "agent.errors": 0,
    "agent.targets": 0,
    "agent.config": 1,
    "agent.profiles": 1,
    "agent.decode": 1,
    "agent.events": 1,
    "agent.health": 1,
    "agent.transport.plan": 1,
    "agent.transport.modbus_frames": 1,
    "agent.transport.modbus_stream": 1,
    "agent.transport.snmp_batch": 1,
    "agent.poll.schedule": 1,
    "agent.poll.vital": 1,
    "agent.systemd": 2,
    "agent.limits": 2,
    "agent.tasks": 2,
    "agent.transport": 2,
    "agent.store": 2,
    "agent.poll": 3,
    "agent.export": 4,
    "agent.top": 4,
    "agent.app": 5,
    "agent.replay": 5,
    "agent.cli": 5,
}
PURE_FORBIDDEN = {"asyncio", "socket", "time", "aiohttp", "threading", "sqlite3"}
LIBRARY_HOMES = {
    "pymodbus": {"agent.transport.modbus", "simulators"},
    "pysnmp": {"agent.transport.snmp_pysnmp", "agent.transport.snmp_shared", "simulators"},
    "gufo": {"agent.transport.snmp_gufo"},
    "sqlite3": {"agent.store"},
    "prometheus_client": {"agent.export"},
    "textual": {"agent.top"},
}
SIMULATORS_MAY_IMPORT = ("agent.quantities", "agent.profiles")
SIMULATOR_ROOMS = ("battery", "maps", "wire", "device")
"""Each may use those before it; what lies beside them uses all."""


def modules(package: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def layer(module: str) -> int:
    while module not in LAYERS:
        assert "." in module, f"{module}: name its layer in this test"
        module = module.rpartition(".")[0]
    return LAYERS[module]


def under(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


@pytest.mark.parametrize(("module", "path"), [*modules("agent")], ids=str)
def test_agent_imports_go_down(module: str, path: Path) -> None:
    here = layer(module)
    for name in imports(path):
        assert not under(name, "simulators"), f"{module} imports {name}"
        if under(name, "agent"):
            assert layer(name) <= here, f"{module} (layer {here}) imports {name}"
        if here <= 1:
            assert name.split(".")[0] not in PURE_FORBIDDEN, f"pure {module} imports {name}"
        for library, homes in LIBRARY_HOMES.items():
            if under(name, library):
                assert any(under(module, home) for home in homes), f"{module} imports {name}"


ASKING = ("completion", "events", "explain", "fleet", "status")
"""Commands that ask a running agent, often in a loop: they start without what only it needs."""
HEAVY = {"aiohttp", "numpy", "prometheus_client", "pymodbus", "pysnmp", "sqlite3"}


@pytest.mark.parametrize("command", ASKING)
def test_who_asks_a_running_agent_loads_no_agent(command: str) -> None:
    paths = dict(modules("agent"))
    seen, ahead = set[str](), [f"agent.cli.{command}"]
    while ahead:
        module = ahead.pop()
        if module in paths and module not in seen:
            seen.add(module)
            found = imports(paths[module])
            ahead += [*found, *(name.rpartition(".")[0] for name in found)]
            heavy = {name.split(".")[0] for name in found} & HEAVY
            assert not heavy, f"{command} loads {heavy}, by {module}"


def test_coverage_is_measured_of_everything_pure() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["coverage"]
    pure = {name for name, here in LAYERS.items() if here <= 1 and name != "agent"}
    assert set(settings["run"]["source_pkgs"]) == pure
    assert settings["report"]["fail_under"] > 0


@pytest.mark.parametrize(("module", "path"), [*modules("simulators")], ids=str)
def test_simulators_share_no_codec_with_the_agent(module: str, path: Path) -> None:
    for name in imports(path):
        if under(name, "agent"):
            assert any(under(name, allowed) for allowed in SIMULATORS_MAY_IMPORT), (
                f"{module} imports {name}: sharing the codec would make a round trip prove nothing"
            )


@pytest.mark.parametrize(("module", "path"), [*modules("simulators")], ids=str)
def test_rooms_of_the_simulators_use_those_below(module: str, path: Path) -> None:
    _, room, *_ = [*module.split("."), ""]
    if room in SIMULATOR_ROOMS:
        below = SIMULATOR_ROOMS[: SIMULATOR_ROOMS.index(room) + 1]
        for name in imports(path):
            if under(name, "simulators"):
                assert name.split(".")[1] in below, f"{module} imports {name}"
