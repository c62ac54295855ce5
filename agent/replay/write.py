"""Writes observations and what is known of a battery in the formats that ``replay`` reads."""

import csv
import json
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import StringIO

from agent.health.observation import Observation
from agent.model import Battery

Row = list[object]


def telemetry_csv(observations: Sequence[Observation], cells: int) -> str:
    """Give TELEMETRY with every value exactly as it was; current is positive when charging."""
    sensors = max((len(one.temperatures_c) for one in observations), default=0)
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            *("time_s", "current_a"),
            *(f"v{n:02d}" for n in range(1, cells + 1)),
            *(f"t{n}_c" for n in range(1, sensors + 1)),
            *("tamb_c", "state", "bal_mask", "bleeding", "bms_soc", "bms_soh"),
        ]
    )
    writer.writerows(_row(one, sensors) for one in observations)
    return text.getvalue()


def _row(one: Observation, sensors: int) -> Row:
    return [
        repr(one.time_s),
        _exact(one.current_a),
        *map(_exact, one.cells_v),
        *map(_exact, one.temperatures_c),
        *[""] * (sensors - len(one.temperatures_c)),
        _exact(one.ambient_c),
        one.phase or "",
        "" if one.balancing is None else one.balancing,
        int(one.bleeding),
        _exact(_times(one.reported_soc, 100.0)),
        _exact(_times(one.reported_soh, 100.0)),
    ]


def _exact(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else repr(value)


def _times(value: float | None, by: float) -> float | None:
    """Multiply so that dividing gives exactly ``value`` back."""
    if value is None or not math.isfinite(value):
        return value
    product = value * by
    for candidate in (
        product,
        math.nextafter(product, -math.inf),
        math.nextafter(product, math.inf),
    ):
        if candidate / by == value:
            return candidate
    return product


def meta_json(name: str, battery: Battery) -> str:
    """Give META of ``battery``: reading it gives the same facts back."""
    curves = {"ocv": ("ocv_soc", "ocv_v"), "resistance_by_soc": ("r_soc", "r_ratio")}
    content: dict[str, object] = {
        "name": name,
        "chemistry": battery.chemistry.value,
        "cell": battery.cell,
        "n_series": battery.series,
        "n_parallel": battery.parallel,
        "rated_capacity_ah": battery.rated_capacity_ah,
        "rated_power_w": battery.rated_power_w,
        "required_seconds": battery.required_seconds,
        "v_min_cell": battery.cell_cutoff_v,
        "v_float_cell": battery.cell_float_v,
        "v_max_cell": battery.cell_max_v,
        "r10s_25c_nominal_mohm": _times(battery.resistance_ohm, 1000.0),
        "balance_current_ma": _times(battery.balance_current_a, 1000.0),
        "v_q": battery.voltage_step_v,
        "i_q": battery.current_step_a,
        "t_q": battery.temperature_step_c,
        "commissioned": _date(battery.commissioned_s),
        "current_sign": "charge positive",
    }
    for field, (charge, value) in curves.items():
        points: Iterable[tuple[float, float]] | None = getattr(battery, field)
        if points is not None:
            pairs = list(points)
            content |= {charge: [at for at, _ in pairs], value: [held for _, held in pairs]}
    known = {key: value for key, value in content.items() if value is not None}
    return json.dumps(known, indent=1) + "\n"


def _date(unix_s: float | None) -> str | None:
    return None if unix_s is None else datetime.fromtimestamp(unix_s, tz=UTC).isoformat()
