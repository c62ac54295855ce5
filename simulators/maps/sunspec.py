"""Lay out the chain of models of a SunSpec device. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.profiles.schema import Profile
from agent.profiles.sunspec import END, HEAD_WORDS, MARKER, Model, resolve


@dataclass(frozen=True, slots=True)
class Layout:
    """A SunSpec device: its profile with every field in its place, and the words between.

    ``words`` holds the marker, the heads of the models, the numbers and counts that a master
    needs to find its way, and 0 wherever a model says nothing.
    """

    profile: Profile
    words: dict[tuple[str, int], int]


def lay_out(profile: Profile, models: Sequence[tuple[int, int]]) -> Layout:
    """Lay out ``models``, each a number and how many parts (strings, modules, cells) it has."""
    spec = profile.sunspec
    if spec is None:
        raise ValueError(f"{profile.name} is no SunSpec profile")
    known = {model.number: model for model in spec.models}
    at = spec.markers[0]
    held = dict(zip(range(at, at + len(MARKER)), MARKER, strict=True))
    at += len(MARKER)
    chain = []
    for number, parts in models:
        mapped = known[number]
        told = {register: 1 for _, register in mapped.names}
        length = mapped.words
        if mapped.group is not None:
            told[mapped.group.count_at] = parts
            length += parts * mapped.group.words
        held |= dict.fromkeys(range(at, at + HEAD_WORDS + length), 0)
        held |= {at: number, at + 1: length} | {at + place: word for place, word in told.items()}
        chain.append(Model(number, at, length, told))
        at += HEAD_WORDS + length
    held |= {at: END, at + 1: 0}
    words = {("holding", place): word for place, word in held.items()}
    return Layout(resolve(profile, chain), words)
