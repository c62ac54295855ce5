"""What the health engine takes of a sample: currents, voltages, phases; absent stays absent."""

from collections.abc import Mapping

from agent.events.look import BATTERY_SENSORS
from agent.health.engine import Observation
from agent.model import Sample, Value


def observation(sample: Sample, cells: tuple[str, ...]) -> Observation:
    """Turn a sample into what the engine takes; ``cells`` fixes the order of the cells."""
    volts: dict[str | None, float] = {}
    facts: dict[str, Value] = {}
    temperatures: list[float] = []
    ambient: list[float] = []
    balanced: dict[str | None, Value] = {}
    for row in sample.readings:
        quantity, index = row.quantity, row.index
        if index is None:
            facts[quantity] = row.value
        if quantity == "cell_voltage":
            volts[index] = float(row.value)
        elif quantity == "temperature" and (index or "").startswith(BATTERY_SENSORS):
            temperatures.append(float(row.value))
        elif quantity == "ambient_temperature":
            ambient.append(float(row.value))
        elif quantity == "cell_balancing":
            balanced[index] = row.value
    current_a = facts.get("battery_current")
    return Observation(
        time_s=sample.wall_s,
        current_a=None if current_a is None else float(current_a),
        cells_v=tuple(volts.get(name) for name in cells),
        temperatures_c=tuple(temperatures),
        ambient_c=ambient[0] if ambient else None,
        phase=_phase(facts),
        balancing=_mask(balanced, cells),
        bleeding=facts.get("balancing") is True,
        reported_soc=_ratio(facts, "state_of_charge"),
        reported_soh=_ratio(facts, "reported_state_of_health"),
    )


def _mask(told: Mapping[str | None, Value], cells: tuple[str, ...]) -> int | None:
    """Give the cells being balanced as a bit mask in the order of ``cells``, None if not told."""
    if not told:
        return None
    return sum(1 << place for place, name in enumerate(cells) if told.get(name) is True)


def _phase(facts: Mapping[str, Value]) -> str | None:
    for flag, phase in (
        ("self_test_running", "selftest"),
        ("discharging", "discharge"),
        ("charging", "charge"),
    ):
        if facts.get(flag) is True:
            return phase
    return "standby" if "charging" in facts else None


def _ratio(facts: Mapping[str, Value], key: str) -> float | None:
    value = facts.get(key)
    return None if value is None else float(value)
