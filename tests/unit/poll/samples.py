"""Samples of one unit: facts of it as a whole, and its cells by number."""

from agent.model import Reading, Sample, Value

WALL_S = 1.7e9


def sample(at_s: float, *volts: float | None, **facts: Value) -> Sample:
    """Give a sample taken ``at_s`` seconds after ``WALL_S``; a cell without a value is absent."""
    rows = [Reading(key, None, value, at_s, "x") for key, value in facts.items()]
    rows += [
        Reading("cell_voltage", str(n), value, at_s, "x")
        for n, value in enumerate(volts, start=1)
        if value is not None
    ]
    return Sample("u", WALL_S + at_s, at_s, tuple(rows))
