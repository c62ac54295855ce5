"""What is said of an end of life that nobody sees coming. Pure."""

from agent.health.forecast import HORIZON_YEARS
from agent.model import Health


def not_within(years: float) -> str:
    """Say that no end was found in the ``years`` that were looked through."""
    return f"not within {years:.0f} years"


def end_of_life_unknown(health: Health) -> str | None:
    """Say why there is no end of life by capacity; None where there is one, or no cell is known."""
    if health.end_of_life_s is not None or not health.cells:
        return None
    return not_within(HORIZON_YEARS)
