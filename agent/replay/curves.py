"""Curves over the state of charge, as META writes them: two lists of one length."""

import json
import math
from collections.abc import Mapping
from itertools import pairwise

from agent.config.measures import RATIO, Measure

Points = tuple[tuple[float, float], ...]

# A measured curve may dip by noise; by more it is no curve of a cell.
_DIP = 0.03
_PERCENT_FROM = 1.5
_LONGEST_SHOWN = 60


def seen(value: object) -> str:
    """Quote what stands in META, cut to a readable length."""
    text = json.dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


def curve(
    fields: Mapping[str, object], charge: str, name: str, measure: Measure, *, rising: bool
) -> Points | None:
    """Give the points by rising state of charge. Raises ValueError with what is wrong.

    A ``rising`` curve is made so where it dips by noise, for its inverse.
    """
    socs, values = fields.get(charge), fields.get(name)
    if socs is None and values is None:
        return None
    if not isinstance(socs, list) or not isinstance(values, list) or len(socs) != len(values):
        raise ValueError(f"{charge} and {name} must be two lists of one length, or both absent")
    if len(socs) < 2:  # noqa: PLR2004 - a curve has two ends
        raise ValueError(f"{charge} and {name} must hold at least two points")
    _check_shares(charge, socs)
    checked = [_within(name, place, value, measure) for place, value in enumerate(values)]
    points = sorted(zip(map(float, socs), checked, strict=True))
    for (at, value), (next_at, next_value) in pairwise(points):
        if at == next_at:
            raise ValueError(f"{charge} has {at:g} twice; remove one, with its value in {name}")
        if rising and next_value < value - _DIP:
            raise ValueError(
                f"{name} falls from {value:g} to {next_value:g} {measure.base} between {at:g} and "
                f"{next_at:g} of charge; it has to rise, {charge} being 0 where empty, 1 where full"
            )
    return _rising(points) if rising else tuple(points)


def _check_shares(name: str, socs: list[object]) -> None:
    numbers = [soc for soc in socs if isinstance(soc, int | float) and math.isfinite(soc)]
    if len(numbers) == len(socs) and max(numbers) > _PERCENT_FROM:
        raise ValueError(
            f"{name} is a share from 0 to 1, and reaches {max(numbers):g}; divide percent by 100"
        )
    for place, soc in enumerate(socs):
        _within(name, place, soc, RATIO)


def _within(name: str, place: int, value: object, measure: Measure) -> float:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    if not known or not measure.lowest <= value <= measure.highest:  # type: ignore[operator]
        limits = f"{measure.lowest:g} to {measure.highest:g} {measure.base}".rstrip()
        raise ValueError(
            f"{name}[{place}] is {seen(value)}; a {measure.noun} here is a number from {limits}"
        )
    return float(value)  # type: ignore[arg-type]


def _rising(points: list[tuple[float, float]]) -> Points:
    smooth: list[tuple[float, float]] = []
    for soc, value in points:
        lowest = smooth[-1][1] + 1e-6 if smooth else value
        smooth.append((soc, max(value, lowest)))
    return tuple(smooth)
