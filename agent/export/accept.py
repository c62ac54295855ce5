"""What an Accept header wants."""

from collections.abc import Sequence


def weight(accept: str, name: str) -> float:
    """Give how much an Accept header of any sort wants ``name``: 0 for not at all."""
    found = 0.0
    for part in accept.split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        if kind == name:
            found = max(found, _weight(parameters))
    return found


def _weight(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
