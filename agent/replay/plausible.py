"""Weighs what META says of a battery against itself and against cells of its type."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from agent.config.measures import not_rising
from agent.health.chemistry import cell_type
from agent.model import Battery

_LOWEST = "v_min_cell"
_VOLTS = {_LOWEST: "cell_cutoff_v", "v_float_cell": "cell_float_v", "v_max_cell": "cell_max_v"}
# Energy cells have five times the resistance of power cells; a slip in the unit is a thousand.
_STRANGE, _WRONG = 10.0, 100.0


def refuse_impossible(battery: Battery) -> None:
    """Raise ValueError where facts cannot be true together."""
    stated = {key: getattr(battery, field) for key, field in _VOLTS.items()}
    for lower, higher in _clashes(stated):
        raise ValueError(
            f"{higher} must be above {lower}: {stated[higher]:g} V is not above {stated[lower]:g} V"
        )
    cutoff_v, kind = battery.cell_cutoff_v, cell_type(battery)
    full_v = kind.ocv[-1][1]
    if cutoff_v is not None and cutoff_v >= full_v:
        raise ValueError(
            f"v_min_cell {cutoff_v:g} V is no voltage of an empty cell: these ({kind.name}) have "
            f"{full_v:g} V when full"
        )
    share, usual_ohm = _resistance(battery)
    if not 1.0 / _WRONG < share < _WRONG:
        raise ValueError(f"r10s_25c_nominal_mohm: {_strange(battery, usual_ohm)}; mind the unit")


def doubts(battery: Battery) -> Iterator[str]:
    """Say what is possible and probably not meant."""
    share, usual_ohm = _resistance(battery)
    if not 1.0 / _STRANGE < share < _STRANGE:
        yield f"r10s_25c_nominal_mohm: {_strange(battery, usual_ohm)}"
    kind = cell_type(battery)
    held = {key: getattr(kind, field.removeprefix("cell_")) for key, field in _VOLTS.items()}
    for lower, higher in _clashes(held):
        yield (
            f"{higher} {held[higher]:g} V is not above {lower} {held[lower]:g} V; what META leaves "
            f"open is of {kind.name}"
        )
    if battery.ocv is not None and (battery.ocv[0][0] > 0.0 or battery.ocv[-1][0] < 1.0):
        yield (
            f"ocv_soc reaches from {battery.ocv[0][0]:g} to {battery.ocv[-1][0]:g}, not from 0 to "
            "1; the curve is held for level beyond its ends"
        )


def _clashes(volts: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """Name the pairs, lower and higher, that cannot be so."""
    for lower, higher in not_rising(volts):
        # Some modules stand by at the highest voltage that they allow.
        if lower == _LOWEST or volts[lower] > volts[higher]:
            yield lower, higher


def _resistance(battery: Battery) -> tuple[float, float]:
    """Give the stated resistance over that of cells of the type, and the latter; 1 if unknown."""
    stated_ohm, capacity_ah = battery.resistance_ohm, battery.rated_capacity_ah
    if stated_ohm is None or capacity_ah is None:
        return 1.0, 0.0
    usual_ohm = cell_type(replace(battery, resistance_ohm=None)).specific_resistance_ohm_ah
    usual_ohm /= capacity_ah
    return stated_ohm / usual_ohm, usual_ohm


def _strange(battery: Battery, usual_ohm: float) -> str:
    stated = 1000.0 * (battery.resistance_ohm or 0.0)
    return (
        f"{stated:g} mohm; cells of {battery.rated_capacity_ah:g} Ah have about "
        f"{1000.0 * usual_ohm:.2g} mohm"
    )
