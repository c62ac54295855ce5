"""SunSpec: from the models that a device lists to fields at fixed registers. Pure.

A device begins with the marker "SunS", then come models, each with its number, its length
and its data, up to the number 0xFFFF (SunSpec Information Model Specification 1.1). What a
model holds is a profile's business; where it lies, and how often its parts repeat, is known
only once the device has been asked.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from agent.model import Register, Table
from agent.profiles import checks, expand
from agent.profiles.document import FieldDocument, GroupDocument, ModelDocument, SunSpecDocument
from agent.profiles.schema import (
    Field,
    Group,
    ModelMap,
    Object,
    Profile,
    SunSpec,
    Words,
)

MARKER = (0x5375, 0x6E53)
"""The text "SunS"."""
END = 0xFFFF
HEAD_WORDS = 2
MOST_MODELS = 128
"""More than any device lists; ends the walk along a chain of nonsense."""
MOST_PARTS = 500
MOST_FIELDS = 4096
"""Of all models together: as many readings as the store keeps of a unit. Cells of four registers
would fill the address space with some 50,000, and each poll with their decoding."""
_UNIMPLEMENTED = 0xFFFF
_LEVELS = ("unit", "string", "module")


@dataclass(frozen=True, slots=True)
class Model:
    """A model as a device lists it: its number, its first register, its length without head.

    ``told`` holds the registers that had to be known beforehand, counted from the first.
    """

    number: int
    address: int
    words: int
    told: Mapping[int, int] = field(default_factory=dict)


def needed(spec: SunSpec, number: int) -> tuple[int, ...]:
    """Name the registers of a model that must be read before its fields are known."""
    for known in spec.models:
        if known.number == number:
            group = () if known.group is None else (known.group.count_at,)
            return tuple(sorted({*(at for _, at in known.names), *group}))
    return ()


def knows_battery(spec: SunSpec, chain: Sequence[Model]) -> bool:
    """Say whether the device lists a model that describes a battery."""
    batteries = {known.number for known in spec.models if known.part is not None}
    return any(model.number in batteries for model in chain)


def resolve(profile: Profile, chain: Sequence[Model]) -> Profile:
    """Give ``profile`` with the fields of every model in ``chain`` that it knows.

    Beyond ``MOST_FIELDS`` no more are made.
    """
    if profile.sunspec is None:
        return profile
    known = {model.number: model for model in profile.sunspec.models}
    found = [(known[model.number], model) for model in chain if model.number in known]
    places = _places(found)
    fields: list[Field] = list(profile.fields)
    for (mapped, model), place in zip(found, places, strict=True):
        alone = sum(other is mapped for other, _ in found) == 1
        fields += islice(_fixed(mapped, model, place), max(0, MOST_FIELDS - len(fields)))
        if mapped.group is not None:
            # Cells of the only module are the cells, whatever the module's own number.
            whole = place if mapped.group.part is not None or not alone else ""
            repeated = _repeated(mapped.group, mapped, model, whole)
            fields += islice(repeated, max(0, MOST_FIELDS - len(fields)))
    return replace(profile, fields=tuple(_ranked(fields)))


def _places(found: Sequence[tuple[ModelMap, Model]]) -> list[str]:
    """Name what each model describes: the whole unit, or a string or module of it."""
    levels = [_LEVELS.index(mapped.part) for mapped, _ in found if mapped.part is not None]
    top = min(levels, default=0)
    strings = _numbers(found, "string")
    modules = _numbers(found, "module")
    several = len({strings[n] for n, (mapped, _) in enumerate(found) if mapped.part}) > 1
    names = []
    for n, (mapped, _) in enumerate(found):
        level = None if mapped.part is None else _LEVELS.index(mapped.part)
        if level in (None, 0) or (level == top and levels.count(top) == 1):
            names.append("")
        elif level == 1:
            names.append(f"string:{strings[n]}")
        else:
            module = f"module:{modules[n]}"
            names.append(f"string:{strings[n]}/{module}" if several else module)
    if all(count == 1 for name, count in Counter(names).items() if name):
        return names
    # Numbers that the device gives twice say nothing; count the models instead.
    return [
        name and f"{mapped.part}:{1 + sum(other is mapped for other, _ in found[:n])}"
        for n, (name, (mapped, _)) in enumerate(zip(names, found, strict=True))
    ]


def _numbers(found: Sequence[tuple[ModelMap, Model]], part: str) -> list[int]:
    numbers = []
    for n, (mapped, model) in enumerate(found):
        told = model.told.get(dict(mapped.names).get(part, -1), 0)
        position = 1 + sum(other is mapped for other, _ in found[:n])
        own = mapped.part == part
        numbers.append(told if 0 < told < _UNIMPLEMENTED else position if own else 1)
    return numbers


def _fixed(mapped: ModelMap, model: Model, place: str) -> Iterator[Field]:
    for row in mapped.fields:
        moved = _moved(row, model.address, model.address)
        if _inside(moved, model):
            yield replace(moved, index=_index(place, row.index))


def _repeated(group: Group, mapped: ModelMap, model: Model, place: str) -> Iterator[Field]:
    start = HEAD_WORDS + mapped.words
    room = max(0, model.words + HEAD_WORDS - start) // group.words
    told = model.told.get(group.count_at, _UNIMPLEMENTED)
    count = min(room if told == _UNIMPLEMENTED else told, room, MOST_PARTS)
    for n in range(1, count + 1):
        part = _index(place, None if group.part is None else f"{group.part}:{n}") or ""
        at = model.address + start + (n - 1) * group.words
        for row in group.fields:
            moved = _moved(row, at, model.address)
            if _inside(moved, model):
                named = None if row.index is None else row.index.replace("{n}", str(n))
                yield replace(moved, index=_index(part, named))


def _index(place: str, name: str | None) -> str | None:
    return "/".join(part for part in (place, name or "") if part) or None


def _moved(row: Field, at: int, model_at: int) -> Field:
    """Give a field at ``at``; what steers it counts from the model's first register."""
    when = tuple(
        replace(condition, where=_shifted(condition.where, model_at)) for condition in row.when
    )
    scale = row.scale_from
    if scale is not None:
        scale = replace(scale, where=_shifted(scale.where, model_at))
    return replace(row, where=_shifted(row.where, at), when=when, scale_from=scale)


def _shifted(where: Words | Object, by: int) -> Words | Object:
    if not isinstance(where, Words):
        return where
    table, address = where.register
    return replace(where, register=Register(table, address + by))


def _inside(row: Field, model: Model) -> bool:
    """Say whether all that a field needs lies within its model and the address space."""
    end = model.address + HEAD_WORDS + model.words
    return all(
        isinstance(place, Words) and place.registers[-1].address < min(end, 0x10000)
        for place in row.places
    )


def _ranked(fields: Sequence[Field]) -> Iterator[Field]:
    """Let the first of several sources of one value win."""
    seen: Counter[tuple[str, str | None]] = Counter()
    for row in fields:
        key = (row.quantity, row.index)
        yield replace(row, rank=row.rank + seen[key])
        seen[key] += 1


def build(document: SunSpecDocument, problems: list[str]) -> SunSpec:
    """Build the map of a profile's models; what is wrong is added to ``problems``."""
    models = []
    for entry in document.models:
        where = f"sunspec.models.{entry.model}"
        fields = tuple(_built(entry.fields, where, problems))
        group = None if entry.repeat is None else _group(entry.repeat, where, problems)
        _check_length(entry, where, problems)
        models.append(
            ModelMap(
                entry.model, entry.words, fields, entry.part, tuple(entry.names.items()), group
            )
        )
    numbers = Counter(model.number for model in models)
    problems += [f"sunspec.models.{n}: is given twice" for n, times in numbers.items() if times > 1]
    return SunSpec(document.markers, tuple(models))


def _group(entry: GroupDocument, where: str, problems: list[str]) -> Group:
    fields = tuple(_built(entry.fields, f"{where}.repeat", problems))
    return Group(entry.count_at, entry.words, fields, entry.part)


def _built(entries: Sequence[FieldDocument], where: str, problems: list[str]) -> Iterator[Field]:
    for number, entry in enumerate(entries):
        try:
            expanded = list(expand.fields(entry))
        except ValueError as error:
            problems.append(f"{where}.fields.{number}: {error}")
            continue
        for row in expanded:
            problems += [f"{where}: {checks.label(row)}: {t}" for t in checks.entry(entry, row)]
            if not isinstance(row.where, Words) or row.where.register.table is not Table.HOLDING:
                problems.append(f"{where}: {checks.label(row)}: must be a holding register")
            yield row


def _check_length(entry: ModelDocument, where: str, problems: list[str]) -> None:
    end = HEAD_WORDS + entry.words
    problems += [
        f"{where}: {row.quantity or 'bits'} at {row.at} lies beyond its {end} words"
        for row in entry.fields
        if row.at is not None and row.at >= end
    ]
