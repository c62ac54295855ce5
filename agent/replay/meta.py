"""Reads META: what is known of the recorded unit's battery."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from agent.config.cells import CellFacts
from agent.errors import ConfigError
from agent.model import Battery, Chemistry


@dataclass(frozen=True, slots=True)
class Meta:
    """The recorded unit. ``charge_sign`` is +1 where the file's current charges when positive."""

    name: str
    battery: Battery
    charge_sign: float


def read_meta(path: Path | None, cells: Mapping[str, CellFacts] | None = None) -> Meta:
    """Read META, or assume nothing without it; its ``cell`` is one of ``cells``.

    Raises ConfigError with what is wrong.
    """
    if path is None:
        return Meta("unit", Battery(), 1.0)
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: is no JSON: {error}; mend it there") from error
    if not isinstance(fields, dict):
        raise ConfigError(f"{path}: must hold one JSON object, {{...}}, of facts of the unit")
    try:
        battery = _with_cell(_battery(fields), fields, cells or {})
        return Meta(str(fields.get("name", path.stem)), battery, _sign(fields))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _sign(fields: dict[str, object]) -> float:
    text = str(fields.get("current_sign", "charge positive")).strip().lower()
    signs = {"charge positive": 1.0, "discharge positive": -1.0}
    if text not in signs:
        raise ValueError(f"current_sign must be one of {', '.join(signs)}, not {text!r}")
    return signs[text]


def _battery(fields: dict[str, object]) -> Battery:
    sensor = fields.get("sensor")
    steps = sensor if isinstance(sensor, dict) else fields
    milliohm = _number(fields, "r10s_25c_nominal_mohm")
    required = _number(fields, "required_seconds")
    bleed_ma = _number(fields, "balance_current_ma")
    return Battery(
        chemistry=_chemistry(fields),
        series=_count(fields, "n_series"),
        parallel=_count(fields, "n_parallel"),
        rated_capacity_ah=_number(fields, "rated_capacity_ah"),
        rated_power_w=_number(fields, "rated_power_w"),
        required_seconds=240.0 if required is None else required,
        cell_cutoff_v=_number(fields, "v_min_cell"),
        cell_float_v=_number(fields, "v_float_cell"),
        cell_max_v=_number(fields, "v_max_cell"),
        resistance_ohm=None if milliohm is None else milliohm / 1000.0,
        ocv=_curve(fields, "ocv_soc", "ocv_v"),
        resistance_by_soc=_curve(fields, "r_soc", "r_ratio", rising=False),
        voltage_step_v=_number(steps, "v_q"),
        current_step_a=_number(steps, "i_q"),
        temperature_step_c=_number(steps, "t_q"),
        commissioned_s=_date(fields, "commissioned"),
        balance_current_a=None if bleed_ma is None else bleed_ma / 1000.0,
    )


def _with_cell(
    battery: Battery, fields: dict[str, object], cells: Mapping[str, CellFacts]
) -> Battery:
    """Fill what META leaves open from the type of cell that it names."""
    name = fields.get("cell")
    if name is None:
        return battery
    if not isinstance(name, str) or name not in cells:
        raise ValueError(f"no cell is named {name!r}; give the file of its description as --cells")
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


def _chemistry(fields: dict[str, object]) -> Chemistry:
    text = str(fields.get("chemistry", "unknown")).strip()
    known = {c.value.lower(): c for c in Chemistry}
    if text.lower() not in known:
        raise ValueError(f"chemistry must be one of {', '.join(Chemistry)}, not {text!r}")
    return known[text.lower()]


def _number(fields: dict[str, object], key: str) -> float | None:
    value = fields.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ValueError(f"{key} must be a positive number or null, not {value!r}")
    return float(value)


def _date(fields: dict[str, object], key: str) -> float | None:
    """Give an ISO 8601 date as unix seconds."""
    value = fields.get(key)
    if value is None:
        return None
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError(f"{key} must be a date such as 2024-05-01, not {value!r}") from error
    return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()


def _count(fields: dict[str, object], key: str) -> int | None:
    value = _number(fields, key)
    return None if value is None else int(value)


def _curve(
    fields: dict[str, object], charge: str, value: str, *, rising: bool = True
) -> tuple[tuple[float, float], ...] | None:
    socs, values = fields.get(charge), fields.get(value)
    if socs is None or values is None:
        return None
    if not isinstance(socs, list) or not isinstance(values, list) or len(socs) != len(values):
        raise ValueError(f"{charge} and {value} must be two lists of one length, or both absent")
    points = sorted((float(s), float(v)) for s, v in zip(socs, values, strict=True))
    if len(points) < 2:  # noqa: PLR2004 - a curve has two ends
        raise ValueError(f"{charge} and {value} must hold at least two points")
    if not rising:
        return tuple(points)
    # A measured curve may dip by noise; the inverse needs it rising.
    smooth: list[tuple[float, float]] = []
    for soc, volt in points:
        lowest = smooth[-1][1] + 1e-6 if smooth else volt
        smooth.append((soc, max(volt, lowest)))
    return tuple(smooth)
