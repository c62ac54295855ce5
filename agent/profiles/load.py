"""Profile files to checked, expanded profiles.

The files live under ``data/``; a profile's name is its file's name. A wrong profile gives
all its errors at once, each with the file and the field.
"""

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import yaml
from pydantic import ValidationError
from yaml.constructor import ConstructorError

from agent.errors import ProfileError
from agent.model import Battery
from agent.profiles import checks, expand, sunspec
from agent.profiles.document import IdentifyDocument, LimitsDocument, LinkDocument, ProfileDocument
from agent.profiles.schema import (
    Field,
    Identify,
    Limits,
    Link,
    Profile,
    Protocol,
    SelfTestStart,
    SunSpec,
)

_LAST_UNIT_ID = 247
_LAST_REGISTER = 0xFFFF
RANKS_APART = 100
"""Between the ranks of a profile and those of the next that it reads also. A rank of its own
above this lets a more precise object of the other tree win."""


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Hashable, object]:
    """Build a mapping whose keys are given once; YAML itself lets the last one win."""
    seen: set[tuple[str, str]] = set()
    for key, _ in node.value:
        written = (key.tag, str(key.value))
        if written in seen:
            raise ConstructorError(None, None, f"key {key.value} is given twice", key.start_mark)
        seen.add(written)
    return loader.construct_mapping(node, deep=True)


_Loader = type("_Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)  # type: ignore[attr-defined]


@cache
def _files() -> dict[str, Traversable]:
    root = files("agent.profiles") / "data"
    return {
        path.name.removesuffix(".yaml"): path
        for folder in sorted(root.iterdir(), key=lambda entry: entry.name)
        if folder.is_dir()
        for path in folder.iterdir()
        if path.name.endswith(".yaml")
    }


def names() -> tuple[str, ...]:
    """Give the names of the profiles that come with the agent, sorted."""
    return tuple(sorted(_files()))


def protocols() -> Mapping[str, str]:
    """Give the protocol that each profile is for, by the profile's name."""
    return {name: load(name).protocol.value for name in names()}


@cache
def load(name: str) -> Profile:
    """Load one of our own profiles by name.

    Raises:
        ProfileError: no profile has that name, or its file is wrong.
    """
    path = _files().get(name)
    if path is None:
        raise ProfileError(f"no profile is named {name}; bbu-agent profiles lists them")
    profile = parse(path.read_text(encoding="utf-8"), path.name)
    if profile.name != name:
        raise ProfileError(f"{path.name}: name: is {profile.name}, must equal the file's name")
    return profile


def load_all() -> tuple[Profile, ...]:
    """Load every profile that comes with the agent, by name."""
    return tuple(load(name) for name in names())


def parse(text: str, source: str) -> Profile:
    """Build a profile from the text of its file; ``source`` names it in errors.

    Raises:
        ProfileError: one line for each thing that is wrong.
    """
    tree = _tree(text, source)
    try:
        document = ProfileDocument.model_validate(tree)
    except ValidationError as error:
        lines = [
            f"{source}: {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
        ]
        raise ProfileError("\n".join(lines)) from error
    problems: list[str] = []
    if not document.fields and document.sunspec is None:
        problems.append("fields: must have at least one")
    fields = tuple(_fields(document, problems))
    problems += checks.together(fields, document.protocol, document.limits.max_words)
    profile = _profile(document, (*fields, *_also(document, problems)), problems)
    if problems:
        raise ProfileError("\n".join(f"{source}: {problem}" for problem in problems))
    return profile


def _tree(text: str, source: str) -> dict[str, object]:
    try:
        tree = yaml.load(text, Loader=_Loader)  # noqa: S506 - safe loaders both
    except (yaml.YAMLError, ValueError) as error:  # a date that is none is a ValueError
        raise ProfileError(f"{source}: {error}") from error
    if not isinstance(tree, dict):
        raise ProfileError(f"{source}: must be a mapping of keys to values")
    return tree


def _fields(document: ProfileDocument, problems: list[str]) -> Iterator[Field]:
    for number, entry in enumerate(document.fields):
        try:
            expanded = list(expand.fields(entry))
        except ValueError as error:
            problems.append(f"fields.{number} ({entry.quantity or 'bits'}): {error}")
            continue
        for field in expanded:
            problems += [f"{checks.label(field)}: {text}" for text in checks.entry(entry, field)]
            yield field


def _also(document: ProfileDocument, problems: list[str]) -> Iterator[Field]:
    """Give the own fields of the profiles that ``also`` names, each with its later ranks."""
    for number, name in enumerate(document.also, start=1):
        path = _files().get(name)
        if path is None or name == document.name:
            problems.append(f"also: no other profile is named {name}")
            continue
        other = ProfileDocument.model_validate(_tree(path.read_text(encoding="utf-8"), path.name))
        if other.protocol is not document.protocol:
            problems.append(f"also: {name} is of protocol {other.protocol}")
        for field in _fields(other, problems):
            yield replace(field, rank=field.rank + number * RANKS_APART)


def _profile(document: ProfileDocument, fields: tuple[Field, ...], problems: list[str]) -> Profile:
    battery = document.battery
    return Profile(
        name=document.name,
        title=document.title,
        protocol=document.protocol,
        fields=fields,
        identify=_identify(document.identify, document.protocol, problems),
        link=_link(document.link, problems),
        limits=_limits(document.limits, problems),
        battery=Battery(**battery.model_dump()),
        sources=document.sources,
        unconfirmed=document.unconfirmed,
        also=document.also,
        sunspec=_sunspec(document, problems),
        self_test=_self_test(document, problems),
    )


def _self_test(document: ProfileDocument, problems: list[str]) -> SelfTestStart | None:
    how = document.self_test
    if how is None:
        return None
    if document.protocol is not Protocol.SNMP:
        problems.append(f"self_test: is nothing of protocol {document.protocol}")
    value = how.value if isinstance(how.value, int) else expand.oid(how.value)
    lock = None if how.lock is None else expand.oid(how.lock)
    return SelfTestStart(expand.oid(how.oid), value, lock)


def _sunspec(document: ProfileDocument, problems: list[str]) -> SunSpec | None:
    if document.sunspec is None:
        return None
    if document.protocol is not Protocol.MODBUS:
        problems.append(f"sunspec: is nothing of protocol {document.protocol}")
    return sunspec.build(document.sunspec, problems)


def _identify(document: IdentifyDocument, protocol: Protocol, problems: list[str]) -> Identify:
    probes = []
    for number, entry in enumerate(document.probes):
        try:
            probe = expand.probe(entry)
        except (ValueError, re.error) as error:
            problems.append(f"identify.probes.{number}: {error}")
            continue
        if not checks.suits(probe.where, protocol):
            problems.append(f"identify.probes.{number}: is no place of protocol {protocol}")
        probes.append(probe)
    pattern = None
    if document.sys_descr is not None:
        try:
            pattern = re.compile(document.sys_descr, re.IGNORECASE)
        except re.error as error:
            problems.append(f"identify.sys_descr: {error}")
    return Identify(
        probes=tuple(probes),
        sys_object_ids=tuple(expand.oid(text) for text in document.sys_object_id),
        sys_descr=pattern,
        order=document.order,
        any_probe=document.any_probe,
    )


def _link(document: LinkDocument, problems: list[str]) -> Link:
    unit_ids = _numbers("link.unit_ids", document.unit_ids, _LAST_UNIT_ID, problems)
    return Link(
        document.baudrate, document.parity, tuple(unit_ids), listen_only=document.listen_only
    )


def _limits(document: LimitsDocument, problems: list[str]) -> Limits:
    known = _numbers("limits.documented", document.documented, _LAST_REGISTER, problems)
    return Limits(document.max_words, document.max_gap, frozenset(known))


def _numbers(
    path: str, items: Sequence[Hashable], highest: int, problems: list[str]
) -> Iterator[int]:
    """Give the numbers of a list such as ``[5, 48-53]``."""
    for item in items:
        low, dash, high = str(item).partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()):
            problems.append(f"{path}: {item!r} is neither a number nor a range 48-53")
            continue
        first, last = int(low), int(high or low)
        if not first <= last <= highest:
            problems.append(f"{path}: {item!r} does not rise within 0 to {highest}")
            continue
        yield from range(first, last + 1)
