"""Curves over the state of charge, as a mapping: ``{0 %: 2.7 V, 50 %: 3.69 V, 100 %: 4.2 V}``."""

from dataclasses import dataclass
from itertools import pairwise

from agent.config.document import Node, Table
from agent.config.kinds import JsonSchema, Place, Word
from agent.config.problems import shown

Points = tuple[tuple[float, float], ...]

_MOST_POINTS = 500


@dataclass(frozen=True, slots=True)
class CurveOf:
    """Values by state of charge. ``rising`` demands that each is above the one before.

    The curve must reach from ``lowest`` (a ratio) or below to full charge.
    """

    charge: Word[float]
    value: Word[float]
    label: str
    rising: bool
    lowest: float = 0.0

    def read(self, node: Node, place: Place) -> Points | None:
        """Give the points by rising state of charge, or None after noting what is wrong."""
        if not isinstance(node, Table):
            place.error(node, f"must be {self.label}")
            return None
        if len(node.entries) > _MOST_POINTS:
            place.error(node, f"has more than {_MOST_POINTS} points")
            return None
        points: list[tuple[float, float]] = []
        for name, item in node.entries.items():
            value = self.value.read(item, place.at(name))
            try:
                charge = self.charge.parse(name)
            except ValueError as error:
                place.problems.error(
                    node.lines[name], place.at(name).path, f"{shown(name)} {error}"
                )
                continue
            if value is not None:
                points.append((charge, value))
        sound = len(points) == len(node.entries)
        return self._checked(sorted(points), node, place) if sound else None

    def _checked(
        self, points: list[tuple[float, float]], node: Node, place: Place
    ) -> Points | None:
        if len(points) < 2 or points[0][0] > self.lowest or points[-1][0] < 1.0:  # noqa: PLR2004 - two ends
            place.error(node, f"must reach from {self.lowest:.0%} of charge to 100 %")
            return None
        for (charge, value), (next_charge, next_value) in pairwise(points):
            if next_charge == charge:
                place.error(node, f"has two values for {charge:.4g}")
                return None
            if self.rising and next_value <= value:
                place.error(node, f"does not rise from {charge:.4g} to {next_charge:.4g} of charge")
                return None
        return tuple(points)

    def schema(self) -> JsonSchema:
        """Give the JSON schema of the mapping."""
        return {"type": "object", "minProperties": 2, "additionalProperties": self.value.schema()}
