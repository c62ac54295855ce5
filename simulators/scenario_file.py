"""Read scenario files: all errors at once, each as ``file:line: path: message``."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from simulators.device.faults import BatteryFaultKind
from simulators.device.hardware import MODULES
from simulators.scenario import FaultPart, Scenario, UnitPart, unit_names
from simulators.wire.faults import (
    OF_A_BUS,
    OF_A_MODULE,
    OF_AN_AGENT,
    OF_ENGINES,
    OF_LIGHT_AGENTS,
)

_V3 = 3

Problem = tuple[tuple[str | int, ...], str]
"""Where in the file, and what is wrong."""


class ScenarioError(Exception):
    """The scenario is wrong. The text holds one ``file:line: path: message`` a line."""


_LIBRARY = files("simulators") / "scenarios"


def names() -> tuple[str, ...]:
    """Give the names of the scenarios that come with the simulator, sorted."""
    return tuple(
        sorted(
            entry.name.removesuffix(".yaml")
            for entry in _LIBRARY.iterdir()
            if entry.name.endswith(".yaml")
        )
    )


def load(name_or_path: str) -> Scenario:
    """Load a scenario of the library by name, or any by the path of its file.

    Raises:
        ScenarioError: there is none, or it is wrong.
    """
    if name_or_path in names():
        text = (_LIBRARY / f"{name_or_path}.yaml").read_text(encoding="utf-8")
        return parse(text, f"{name_or_path}.yaml")
    try:
        return parse(Path(name_or_path).read_text(encoding="utf-8"), name_or_path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise ScenarioError(
            f"{name_or_path}: {reason}; a scenario is a file or one of {', '.join(names())}"
        ) from None


def parse(text: str, source: str) -> Scenario:
    """Build a scenario from the text of its file; ``source`` names it in errors.

    Raises:
        ScenarioError: one line for each thing that is wrong.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        problem = getattr(error, "problem", None) or "cannot be read"
        raise ScenarioError(f"{source}:{line}: is not YAML: {problem}") from None
    try:
        scenario = Scenario.model_validate(content)
    except ValidationError as error:
        lines = [_told(source, node, item["loc"], item["msg"]) for item in error.errors()]
        raise ScenarioError("\n".join(lines)) from None
    problems = [_told(source, node, where, message) for where, message in _together(scenario)]
    if problems:
        raise ScenarioError("\n".join(problems))
    return scenario


def _together(scenario: Scenario) -> Iterator[Problem]:
    """Find what no single entry shows: names twice, addresses twice, units that are not there."""
    known: dict[str, UnitPart] = {}
    yield from _units(scenario, known)
    every = set(known)
    for place, ups in enumerate(scenario.ups):
        if ups.name in every:
            yield ("ups", place, "name"), f"{ups.name} is there already"
        every.add(ups.name)
    yield from _faults(scenario, known)
    for place, event in enumerate(scenario.events):
        for name in event.units:
            if name not in every:
                yield ("events", place, "units"), f"no unit is named {name}"


def _units(scenario: Scenario, known: dict[str, UnitPart]) -> Iterator[Problem]:
    """Find units that share a name or an address; fill ``known``."""
    taken: dict[tuple[str, int], str] = {}
    for place, part in enumerate(scenario.units):
        if part.bus not in scenario.buses:
            yield ("units", place, "bus"), f"no bus is named {part.bus}"
        for n, name in enumerate(unit_names(part)):
            if name in known:
                yield ("units", place, "name"), f"{name} is there already"
            known[name] = part
            other = taken.setdefault((part.bus, part.unit_id + n), name)
            if other != name:
                yield ("units", place, "unit_id"), f"{part.unit_id + n} belongs to {other}"


def _faults(scenario: Scenario, known: dict[str, UnitPart]) -> Iterator[Problem]:
    for place, fault in enumerate(scenario.faults):
        for key, message in _misfits(scenario, known, fault):
            yield ("faults", place, key), message


def misfits(scenario: Scenario, fault: FaultPart) -> Iterator[str]:
    """Give why a scenario's fleet cannot have a fault; nothing if it can."""
    known = {name: part for part in scenario.units for name in unit_names(part)}
    return (message for _, message in _misfits(scenario, known, fault))


def _misfits(
    scenario: Scenario, known: dict[str, UnitPart], fault: FaultPart
) -> Iterator[tuple[str, str]]:
    owner = known.get(fault.unit or "")
    card = next((part for part in scenario.ups if part.name == fault.unit), None)
    if fault.bus is not None:
        if fault.bus not in scenario.buses:
            yield "bus", f"no bus is named {fault.bus}"
        fits = fault.kind in OF_A_BUS
    elif card is not None:
        other = OF_LIGHT_AGENTS if card.version == _V3 else OF_ENGINES
        fits = fault.kind in OF_AN_AGENT - other
    else:
        fits = isinstance(fault.kind, BatteryFaultKind) or fault.kind in OF_A_MODULE
        if owner is None:
            yield "unit", f"no unit is named {fault.unit}"
    if not fits:
        yield "kind", f"{fault.unit or fault.bus} cannot have {fault.kind}"
    if owner is not None and (fault.cell or 1) > MODULES[owner.model].pack.series:
        yield "cell", f"{fault.unit} has no cell {fault.cell}"


def _told(source: str, node: Any, where: tuple[str | int, ...], message: str) -> str:  # noqa: ANN401 - YAML nodes
    path = ".".join(str(part) for part in where)
    message = message.removeprefix("Value error, ")
    return f"{source}:{_line(node, where)}: {path or 'scenario'}: {message}"


def _line(node: Any, where: tuple[str | int, ...]) -> int:  # noqa: ANN401 - YAML nodes
    """Give the line of the deepest part of ``where`` that the file has."""
    line = 1 if node is None else node.start_mark.line + 1
    for part in where:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if found is None:
                return line
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part >= len(node.value):
                return line
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            return line
    return line
