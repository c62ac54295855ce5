"""Reads META: what is known of the recorded unit's battery."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from agent.config import measures
from agent.config.cells import CellFacts
from agent.config.measures import Measure
from agent.config.problems import did_you_mean, shown
from agent.errors import ConfigError
from agent.health.intake import is_time
from agent.model import Battery, Chemistry
from agent.replay.curves import curve, seen
from agent.replay.plausible import doubts, refuse_impossible
from agent.replay.telemetry import MOST_CELLS

_MEASURES = {
    "rated_capacity_ah": measures.CAPACITY,
    "rated_power_w": measures.POWER,
    "required_seconds": measures.DURATION,
    "v_min_cell": measures.VOLTAGE,
    "v_float_cell": measures.VOLTAGE,
    "v_max_cell": measures.VOLTAGE,
    "r10s_25c_nominal_mohm": measures.RESISTANCE,
    "balance_current_ma": measures.CURRENT,
    "v_q": Measure("step of voltages", "V", {}, "0.001 V", 1e-6, 0.5),
    "i_q": Measure("step of the current", "A", {}, "0.01 A", 1e-6, 100.0),
    "t_q": Measure("step of temperatures", "K", {}, "0.1 K", 1e-6, 10.0),
}
"""Numbers, with the bounds that a configuration has for them."""
_STEPS = ("v_q", "i_q", "t_q")
_CURVES = ("ocv_soc", "ocv_v", "r_soc", "r_ratio")
_WORDS = ("name", "chemistry", "cell", "n_series", "n_parallel", "commissioned", "current_sign")
_FOR_PEOPLE = ("temps",)
_KEYS = frozenset({*_MEASURES, *_CURVES, *_WORDS, *_FOR_PEOPLE, "sensor"})
_SENSOR_KEYS = frozenset({*_STEPS, "dt"})
_MOST_UNUSED = 10

Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Meta:
    """The recorded unit. ``charge_sign`` is +1 where the file's current charges when positive.

    ``notes`` say what of META is strange, or not used.
    """

    name: str
    battery: Battery
    charge_sign: float
    notes: tuple[str, ...] = ()


def read_meta(path: Path | None, cells: Mapping[str, CellFacts] | None = None) -> Meta:
    """Read META, or assume nothing without it; its ``cell`` is one of ``cells``.

    Raises ConfigError with what is wrong.
    """
    if path is None:
        return Meta("unit", Battery(), 1.0)
    fields = _object(path)
    try:
        steps = _steps(fields)
        battery = _with_cell(_battery(fields, steps), fields, cells or {})
        refuse_impossible(battery)
        notes = (*_unused(fields, steps), *doubts(battery))
        named = _name(fields, path)
        return Meta(named, battery, _sign(fields), tuple(f"{path}: {note}" for note in notes))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _object(path: Path) -> Fields:
    try:
        # Some editors put a mark in front that JSON does not have.
        fields = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_once)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: is no JSON: {error}; mend it there") from error
    if not isinstance(fields, dict):
        raise ConfigError(f"{path}: must hold one JSON object, {{...}}, of facts of the unit")
    return fields


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shown(key)} stands there twice")
        found[key] = value
    return found


def _steps(fields: Fields) -> Fields:
    """Give the sensors' steps, which stand under ``sensor`` or beside everything else."""
    sensor = fields.get("sensor")
    if sensor is None:
        return fields
    if not isinstance(sensor, dict):
        raise TypeError(f'sensor must be an object such as {{"v_q": 0.001}}, not {seen(sensor)}')
    return {**fields, **sensor}


def _unused(fields: Fields, steps: Fields) -> list[str]:
    """Name the keys that nothing is made of: a slip in one would go unseen."""
    known = _KEYS | set(_STEPS)
    notes = [
        f"{shown(key)} is no key of META, and not used{did_you_mean(key, known)}"
        for key in fields
        if key not in known
    ]
    if steps is not fields:
        sensor = fields["sensor"]
        notes += [
            f"sensor: {shown(key)} is no key of it, and not used{did_you_mean(key, _SENSOR_KEYS)}"
            for key in (sensor if isinstance(sensor, dict) else {})
            if key not in _SENSOR_KEYS
        ]
    more = len(notes) - _MOST_UNUSED
    return notes if more <= 0 else [*notes[:_MOST_UNUSED], f"and {more} more such keys"]


def _name(fields: Fields, path: Path) -> str:
    name = fields.get("name")
    if name is None:
        return path.stem
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ValueError(f"name must be a text of printable characters or null, not {seen(name)}")
    return name


def _sign(fields: Fields) -> float:
    text = _text(fields, "current_sign", "charge positive")
    signs = {"charge positive": 1.0, "discharge positive": -1.0}
    if text not in signs:
        raise ValueError(f"current_sign must be one of {', '.join(signs)}, not {shown(text)}")
    return signs[text]


def _text(fields: Fields, key: str, otherwise: str) -> str:
    value = fields.get(key)
    return otherwise if value is None else str(value).strip().lower()


def _battery(fields: Fields, steps: Fields) -> Battery:
    required_s = _number(fields, "required_seconds")
    return Battery(
        chemistry=_chemistry(fields),
        series=_count(fields, "n_series"),
        parallel=_count(fields, "n_parallel"),
        rated_capacity_ah=_number(fields, "rated_capacity_ah"),
        rated_power_w=_number(fields, "rated_power_w"),
        required_seconds=240.0 if required_s is None else required_s,
        cell_cutoff_v=_number(fields, "v_min_cell"),
        cell_float_v=_number(fields, "v_float_cell"),
        cell_max_v=_number(fields, "v_max_cell"),
        resistance_ohm=_number(fields, "r10s_25c_nominal_mohm", 1e3),
        ocv=curve(fields, "ocv_soc", "ocv_v", measures.VOLTAGE, rising=True),
        resistance_by_soc=curve(fields, "r_soc", "r_ratio", measures.FACTOR, rising=False),
        voltage_step_v=_number(steps, "v_q"),
        current_step_a=_number(steps, "i_q"),
        temperature_step_c=_number(steps, "t_q"),
        commissioned_s=_date(fields, "commissioned"),
        balance_current_a=_number(fields, "balance_current_ma", 1e3),
    )


def _with_cell(battery: Battery, fields: Fields, cells: Mapping[str, CellFacts]) -> Battery:
    """Fill what META leaves open from the type of cell that it names."""
    name = fields.get("cell")
    if name is None:
        return battery
    if not isinstance(name, str) or name not in cells:
        near = did_you_mean(name, cells) if isinstance(name, str) else ""
        raise ValueError(
            f"no cell is named {seen(name)}; give the file of its description as --cells{near}"
        )
    facts = cells[name].battery(battery.parallel)
    if battery.chemistry not in (Chemistry.UNKNOWN, facts["chemistry"]):
        raise ValueError(
            f"chemistry is {battery.chemistry}; the cell {name} is {facts['chemistry']}: "
            "correct one, or leave chemistry out"
        )
    open_ones = {
        key: value
        for key, value in facts.items()
        if getattr(battery, key) in (None, Chemistry.UNKNOWN)
    }
    return replace(battery, **open_ones)  # type: ignore[arg-type]


def _chemistry(fields: Fields) -> Chemistry:
    text = _text(fields, "chemistry", "unknown")
    known = {c.value.lower(): c for c in Chemistry}
    if text not in known:
        raise ValueError(f"chemistry must be one of {', '.join(Chemistry)}, not {shown(text)}")
    return known[text]


def _number(fields: Fields, key: str, parts: float = 1.0) -> float | None:
    """Give a number within its bounds; ``parts`` of its unit are one of the bounds' unit."""
    value = fields.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ValueError(f"{key} must be a positive number or null, not {seen(value)}")
    measure = _MEASURES[key]
    low, high = measure.lowest * parts, measure.highest * parts
    if not low <= value <= high:
        unit = key.rpartition("_")[2] if parts != 1.0 else measure.base
        raise ValueError(
            f"{key}: {seen(value)} is out of range; a {measure.noun} here is {low:g} to {high:g} "
            f"{unit}"
        )
    return float(value) / parts


def _date(fields: Fields, key: str) -> float | None:
    """Give an ISO 8601 date as unix seconds."""
    value = fields.get(key)
    if value is None:
        return None
    try:
        when = datetime.fromisoformat(str(value).strip())
    except ValueError as error:
        raise ValueError(f"{key} must be a date such as 2024-05-01, not {seen(value)}") from error
    unix_s = (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()
    if not is_time(unix_s):
        raise ValueError(f"{key} must be a date from 1970 to 2099, not {seen(value)}")
    return unix_s


def _count(fields: Fields, key: str) -> int | None:
    value = fields.get(key)
    if value is None:
        return None
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    if not whole or not 1 <= value <= MOST_CELLS:  # type: ignore[operator]
        raise ValueError(
            f"{key} must be a whole number from 1 to {MOST_CELLS} or null, not {seen(value)}"
        )
    return int(value)  # type: ignore[call-overload,no-any-return]
