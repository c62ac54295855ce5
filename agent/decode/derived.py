"""Values that follow from others, used only where the device did not send them."""

from collections.abc import Callable, Iterator, Sequence

from agent.model import Reading, Value

Formula = Callable[[Value], Value | None]


def _on_battery(output_source: Value) -> bool | None:
    return None if output_source in ("other", "none") else output_source == "battery"


def _testing(result: Value) -> bool:
    return result == "running"


_RULES: tuple[tuple[str, str, Formula], ...] = (
    ("on_battery", "output_source", _on_battery),
    ("self_test_running", "self_test_result", _testing),
)
"""(quantity, what it follows from, how)."""


def derive(readings: Sequence[Reading]) -> Iterator[Reading]:
    """Give what follows from ``readings`` and is not among them."""
    known = {reading.quantity: reading for reading in readings if reading.index is None}
    for quantity, origin, formula in _RULES:
        source = known.get(origin)
        if source is None or quantity in known:
            continue
        value = formula(source.value)
        if value is not None:
            yield Reading(quantity, None, value, source.read_at, f"derived from {source.source}")
