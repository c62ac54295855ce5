"""A type of cell from a commissioning discharge: open-circuit curve, resistance, capacity.

The open-circuit voltage is what a cell shows under load plus current times resistance. The
resistance is that of the discharge's own load steps at 10 s, at the measured temperature, by
the library's shape over charge; what diffusion adds is taken from the rests in and after the
discharge where there are any, else from the library's ``relaxation`` up to ten minutes.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from agent.errors import ConfigError
from agent.health.celltype import CellType
from agent.health.chemistry import interpolate, inverse
from agent.health.intake import is_time
from agent.health.observation import Observation
from agent.health.thermal import thermal_factor

Vector = npt.NDArray[np.float64]

LEAST_SHARE = 0.6
"""The least part of a charge that a discharge must take to say anything of the curve."""
_SOCS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, *(n / 10 for n in range(3, 10)), 0.94, 0.97, 1.0)
_FULL_BELOW_V = 0.1
_EMPTY_ABOVE_V = 0.05
_STEP_S = 10.0
_LONGEST_STEP_S = 15.0
_SETTLED_S = 300.0
_LONGEST_DIFFUSION_S = 600.0
_LONGEST_GAP_S = 1200.0
_KNEE = 0.1
_STILL = 0.01
_LOADED = 0.04
_SLOW_C = 0.12
_ASSUMED_C = 25.0


@dataclass(frozen=True, slots=True)
class Rows:
    """A recording of one battery: seconds, amperes positive when charging, volts, degC."""

    time_s: Vector
    current_a: Vector
    volts: Vector
    celsius: Vector


@dataclass(frozen=True, slots=True)
class Fitted:
    """What the discharge showed, of one series cell; ``limits`` says what it does not show.

    ``begun_s`` is unix time; ``rate_c`` is the load over the capacity found.
    """

    begun_s: float
    ocv: tuple[tuple[float, float], ...]
    capacity_ah: float
    resistance_ohm: float | None
    rate_c: float
    celsius: float
    rests: int
    limits: tuple[str, ...]


@dataclass(slots=True)
class _Discharge:
    """One discharge within a recording: its rows, and the charge drawn at each, in Ah."""

    rows: Rows
    drawn_ah: Vector
    before_v: float
    after_v: float | None
    anchors: list[tuple[int, float]] = field(default_factory=list)


def rows_of(observations: Iterable[Observation]) -> Rows:
    """Gather a recording; the voltage is the median of the cells that have one."""
    kept: list[tuple[float, float, float, float]] = []
    for one in observations:
        volts = [v for v in one.cells_v if v is not None and math.isfinite(v) and v > 0.0]
        if one.current_a is None or not math.isfinite(one.current_a) or not volts:
            continue
        if not is_time(one.time_s):
            continue
        heat = [t for t in one.temperatures_c if t is not None and math.isfinite(t)]
        celsius = float(np.mean(heat)) if heat else math.nan
        if not kept or one.time_s > kept[-1][0]:
            kept.append((one.time_s, one.current_a, float(np.median(volts)), celsius))
    table = np.array(kept, dtype=float).reshape(-1, 4)
    heat_c = np.where(np.isfinite(table[:, 3]), table[:, 3], _ASSUMED_C)
    return Rows(table[:, 0], table[:, 1], table[:, 2], heat_c)


def fit(rows: Rows, like: CellType, *, rated_ah: float | None, cutoff_v: float | None) -> Fitted:
    """Fit the deepest discharge of a recording; volts are limited by ``cutoff_v``.

    Raises ConfigError where the recording does not show enough.
    """
    if len(rows.time_s) < len(_SOCS):
        raise ConfigError(
            f"the recording has {len(rows.time_s)} rows with a time, a current and a voltage; "
            f"a curve needs {len(_SOCS)}: record a whole discharge"
        )
    size_ah = _guessed_ah(rows) if rated_ah is None else rated_ah
    found = _deepest(rows, size_ah)
    empty_v = like.cutoff_v if cutoff_v is None else cutoff_v
    ohm = _onset_ohm(found, size_ah)
    open_v = _open_circuit(found, like, ohm, size_ah)
    top = 1.0 if found.before_v >= like.max_v - _FULL_BELOW_V else inverse(like.ocv, found.before_v)
    emptied = float(np.min(found.rows.volts)) <= empty_v + _EMPTY_ABOVE_V
    bottom = 0.0 if emptied else inverse(like.ocv, float(open_v[-1]))
    if top - bottom < LEAST_SHARE:
        drawn_ah = float(found.drawn_ah[-1])
        raise ConfigError(
            f"the deepest discharge draws {drawn_ah:.3g} Ah, {drawn_ah / size_ah:.0%} of the "
            f"capacity; a curve needs {LEAST_SHARE:.0%}: record one from full to cut-off"
        )
    drawn = found.drawn_ah
    capacity_ah = float(drawn[-1]) / (top - bottom)
    loaded = -found.rows.current_a[-found.rows.current_a > _LOADED * size_ah]
    rate_c = float(np.median(loaded)) / capacity_ah
    celsius = float(np.mean(found.rows.celsius))
    curve = _curve(top - drawn / capacity_ah, open_v, like, found.before_v)
    if rate_c > _SLOW_C and emptied:
        curve = _knee(curve, like, empty_v)
    limits = _limits(found, top, bottom, rate_c, celsius, known_ohm=ohm is not None)
    begun_s = float(found.rows.time_s[0])
    return Fitted(begun_s, curve, capacity_ah, ohm, rate_c, celsius, len(found.anchors), limits)


def _guessed_ah(rows: Rows) -> float:
    """Give the charge of everything drawn: the size of the battery where nobody says."""
    step_s = np.clip(np.diff(rows.time_s), 0.0, _SETTLED_S)
    return float(np.sum(np.maximum(-rows.current_a[1:], 0.0) * step_s)) / 3600.0 or 1.0


def _deepest(rows: Rows, size_ah: float) -> _Discharge:
    """Find the stretch without charging between its rests that draws the most charge."""
    best: tuple[float, int, int] | None = None
    begin: int | None = None
    drawn = 0.0
    for n in range(1, len(rows.time_s)):
        amperes, gap_s = float(rows.current_a[n]), float(rows.time_s[n] - rows.time_s[n - 1])
        lost = gap_s > _LONGEST_GAP_S and amperes < -_STILL * size_ah
        if amperes > _STILL * size_ah or lost:
            begin, drawn = None, 0.0
            continue
        if begin is None:
            begin = n - 1 if rows.current_a[n - 1] <= _STILL * size_ah else n
        drawn -= min(amperes, 0.0) * gap_s / 3600.0
        if best is None or drawn > best[0] + 1e-9:
            best = (drawn, begin, n)
    if best is None or best[0] <= 0.0:
        raise ConfigError(
            "the recording shows no discharge: record one, or set current_sign in META "
            "where discharging counts as positive"
        )
    return _cut(rows, best[1], best[2], size_ah)


def _cut(rows: Rows, begin: int, end: int, size_ah: float) -> _Discharge:
    """Take the discharge from its last row at rest to its last row under load."""
    still = -rows.current_a <= _STILL * size_ah
    loaded = np.flatnonzero(~still[begin : end + 1]) + begin
    first = max(int(loaded[0]) - 1, begin)
    part = slice(first, int(loaded[-1]) + 1)
    cut = Rows(rows.time_s[part], rows.current_a[part], rows.volts[part], rows.celsius[part])
    step_s = np.diff(cut.time_s, prepend=cut.time_s[0])
    drawn = np.cumsum(np.maximum(-cut.current_a, 0.0) * step_s) / 3600.0
    found = _Discharge(cut, drawn, float(rows.volts[first]), None)
    _rests(found, rows, int(loaded[-1]), still)
    return found


def _rests(found: _Discharge, rows: Rows, last: int, still: npt.NDArray[np.bool_]) -> None:
    """Note where the cells came to rest: the row under load before it, and the voltage there."""
    times, flows = found.rows.time_s, -found.rows.current_a
    quiet = flows <= _STILL * max(float(np.max(flows)), 1e-9)
    begin: int | None = None
    for n in range(1, len(times)):
        if quiet[n] and begin is None:
            begin = n
        elif not quiet[n] and begin is not None:
            if times[n - 1] - times[begin - 1] >= _SETTLED_S and begin > 1:
                found.anchors.append((begin - 1, float(found.rows.volts[n - 1])))
            begin = None
    n = last
    while n + 1 < len(rows.time_s) and still[n + 1] and rows.current_a[n + 1] <= 0.05 * flows.max():
        n += 1
    if rows.time_s[n] - rows.time_s[last] >= _SETTLED_S:
        found.after_v = float(rows.volts[n])
        found.anchors.append((len(times) - 1, found.after_v))


def _onset_ohm(found: _Discharge, size_ah: float) -> float | None:
    """Give the 10 s resistance at 25 degC of the first load step; None if sampled too rarely."""
    rows = found.rows
    if -rows.current_a[0] > _LOADED * size_ah:
        return None
    after_s = rows.time_s - rows.time_s[1]
    n = int(np.searchsorted(after_s, _STEP_S))
    if n >= len(after_s) or after_s[n] > _LONGEST_STEP_S or -rows.current_a[n] < _LOADED * size_ah:
        return None
    ohm = (found.before_v - float(rows.volts[n])) / -float(rows.current_a[n])
    return ohm / thermal_factor(float(rows.celsius[n])) if ohm > 0.0 else None


def _open_circuit(found: _Discharge, like: CellType, ohm: float | None, size_ah: float) -> Vector:
    """Give the open-circuit voltage at every row of the discharge."""
    rows = found.rows
    flows = np.maximum(-rows.current_a, 0.0)
    base = like.specific_resistance_ohm_ah / size_ah if ohm is None else ohm
    left = 1.0 - found.drawn_ah / max(float(found.drawn_ah[-1]), 1e-9)
    shape = np.array([interpolate(like.resistance_by_soc, float(s)) for s in left])
    heat = np.array([thermal_factor(float(t)) for t in rows.celsius])
    under_s = np.clip(rows.time_s - rows.time_s[0], _STEP_S, _LONGEST_DIFFUSION_S)
    drop = flows * base * shape * heat * (1.0 + like.relaxation * np.log(under_s / _STEP_S))
    return np.asarray(rows.volts + drop * _correction(found, rows.volts, drop))


def _correction(found: _Discharge, volts: Vector, drop: Vector) -> Vector:
    """Scale the drop to what the rests show, in between by the charge drawn."""
    factors = [(found.drawn_ah[n], (rest_v - volts[n]) / drop[n]) for n, rest_v in found.anchors]
    sound = [(at, float(np.clip(by, 0.5, 3.0))) for at, by in factors if math.isfinite(by)]
    if not sound:
        return np.ones_like(drop)
    return np.interp(found.drawn_ah, [at for at, _ in sound], [by for _, by in sound])


def _curve(
    soc: Vector, open_v: Vector, like: CellType, before_v: float
) -> tuple[tuple[float, float], ...]:
    """Read the curve at the library's points; beyond what was drawn it runs as the library's."""
    measured_soc = np.concatenate([soc[:0:-1], [soc[0]]])
    measured_v = np.concatenate([open_v[:0:-1], [before_v]])
    low, high = float(measured_soc[0]), float(measured_soc[-1])
    points: list[tuple[float, float]] = []
    for at in _SOCS:
        if at < low:
            volts = float(measured_v[0]) + interpolate(like.ocv, at) - interpolate(like.ocv, low)
        elif at > high:
            volts = float(measured_v[-1]) + interpolate(like.ocv, at) - interpolate(like.ocv, high)
        else:
            volts = float(np.interp(at, measured_soc, measured_v))
        lowest = points[-1][1] + 0.001 if points else volts
        points.append((at, round(max(volts, lowest), 3)))
    return tuple(points)


def _knee(
    curve: tuple[tuple[float, float], ...], like: CellType, empty_v: float
) -> tuple[tuple[float, float], ...]:
    """Bend the last tenth to the cut-off as the library's: a load reaches it before the cell."""
    from_v, like_v, zero_v = (
        interpolate(curve, _KNEE),
        interpolate(like.ocv, _KNEE),
        like.ocv[0][1],
    )
    scale = max(from_v - empty_v, 0.01) / (like_v - zero_v)
    return tuple(
        (at, v if at >= _KNEE else round(empty_v + scale * (interpolate(like.ocv, at) - zero_v), 3))
        for at, v in curve
    )


def _limits(
    found: _Discharge, top: float, bottom: float, rate_c: float, celsius: float, *, known_ohm: bool
) -> tuple[str, ...]:
    """Say what this discharge does not show."""
    fast = (
        f"drawn at {rate_c:.2g} C: the capacity is that of this rate, the curve rests on the "
        f"resistance taken out of it, and below {_KNEE:.0%} it has the library's shape"
    )
    texts: Sequence[tuple[bool, str]] = (
        (rate_c > _SLOW_C, fast),
        (
            rate_c > _SLOW_C and not found.anchors,
            "no rest of 5 minutes in or after it: what diffusion takes is a guess",
        ),
        (top < 1.0, f"began at {top:.0%} by the library's curve: above that it is the library's"),
        (bottom > 0.0, f"ended at {bottom:.0%}: below that the curve is the library's"),
        (not known_ohm, "no load step sampled within 15 s: no resistance, and a guessed drop"),
        (not 15.0 <= celsius <= 40.0, f"at {celsius:.0f} degC, far from where cells stand by"),  # noqa: PLR2004 - rooms
    )
    return tuple(text for holds, text in texts if holds)
