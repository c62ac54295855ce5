"""Telemetry of one module as an observer would have recorded it, and the truth beside it."""

import copy
import csv
import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from simulators.battery.build import PackDesign, Spread, make_pack
from simulators.battery.chemistry import CHEMISTRIES, Array
from simulators.device.faults import OF_THE_MODULE, BatteryFault, BatteryFaultKind
from simulators.device.module import Module
from simulators.device.sensors import CURRENT_STEP_A, TEMPERATURE_STEP_C, VOLTAGE_STEP_V

_YEAR_S = 365.25 * 86400
_PULSE_S = 10.0
_STEEP_ABOVE = 0.97
_RIDE_SHARES = (0.6, 1.0, 1.4)
_RIDE_STEP_S = 2.0
_RIDE_WARMER_K = 3.0
_LONGEST_RIDE_S = 900.0


@dataclass(slots=True)
class Recorder:
    """Rows of telemetry, kept as blocks of columns."""

    times: list[Array] = field(default_factory=list)
    numbers: list[Array] = field(default_factory=list)
    states: list[str] = field(default_factory=list)

    def block(
        self, module: Module, times_s: Array, volts: Array, celsius: Array, air: Array
    ) -> None:
        """Add rows of quiet standby from true voltages, temperatures and air."""
        count = len(times_s)
        current = np.full(count, -module.design.quiet_a) + module.design.quiet_a
        self._add(module, times_s, module.sensors.amperes(current), volts, celsius, air)
        self.states += ["standby"] * count

    def row(self, module: Module) -> None:
        """Add one row of what the module's sensors say now."""
        current = np.array([module.pack.current_a + module.design.quiet_a])
        self._add(
            module,
            np.array([module.now_s]),
            module.sensors.amperes(current),
            module.pack.volts[None, :],
            module.pack.cells.celsius[None, :],
            np.array([module.air_c]),
        )
        self.states.append(str(module.state))

    def _add(
        self,
        module: Module,
        times_s: Array,
        amperes: Array,
        volts: Array,
        celsius: Array,
        air: Array,
    ) -> None:
        counters = module.counters
        bleeding = np.flatnonzero(module.pack.bleed_a > 0)
        own = [
            float(sum(1 << int(n) for n in bleeding)),
            round(counters.charge_left * 100),
            round(counters.reported_health * 100),
        ]
        self.times.append(times_s)
        self.numbers.append(
            np.column_stack(
                [
                    amperes,
                    module.sensors.volts(volts),
                    module.sensors.celsius(celsius),
                    module.sensors.air(air),
                    np.tile(own, (len(times_s), 1)),
                ]
            )
        )


def columns(module: Module) -> list[str]:
    """Give the names of the telemetry's columns, ``state`` excluded."""
    cells = [f"v{n:02d}" for n in range(1, module.design.pack.series + 1)]
    sensors = [f"t{n}_c" for n in range(1, len(module.sensors.places) + 1)]
    return ["time_s", "current_a", *cells, *sensors, "tamb_c", "bal_mask", "bms_soc", "bms_soh"]


def write_telemetry(folder: Path, module: Module, record: Recorder, form: str) -> int:
    """Write the rows as ``telemetry.csv.gz`` or ``telemetry.parquet``; give their number."""
    names = columns(module)
    times = np.concatenate(record.times)
    numbers = np.concatenate(record.numbers)
    if form == "parquet":
        _write_parquet(folder / "telemetry.parquet", names, times, numbers, record.states)
        return len(times)
    cells, rest = module.design.pack.series, len(module.sensors.places) + 1
    pattern = ",".join(["%.1f", "%.2f", *["%.3f"] * cells, *["%.1f"] * rest, *["%d"] * 3, "%s"])
    # Level 1 halves the time of the whole run for files a tenth larger.
    with gzip.open(folder / "telemetry.csv.gz", "wt", compresslevel=1, encoding="ascii") as file:
        file.write(",".join([*names, "state"]) + "\n")
        values = zip(times.tolist(), numbers.tolist(), record.states, strict=True)
        file.writelines(pattern % (t, *row, state) + "\n" for t, row, state in values)
    return len(times)


def _write_parquet(
    path: Path, names: list[str], times: Array, numbers: Array, states: list[str]
) -> None:
    import pyarrow as pa  # noqa: PLC0415 - an optional extra
    import pyarrow.parquet as pq  # noqa: PLC0415

    content = {"time_s": times}
    content |= {name: numbers[:, n] for n, name in enumerate(names[1:])}
    pq.write_table(pa.table({**content, "state": states}), path)


def write_meta(folder: Path, module: Module) -> None:
    """Write ``meta.json``: what a data sheet and a commissioning sheet would say."""
    design, pack = module.design, module.design.pack
    chemistry = CHEMISTRIES[pack.chemistry]
    meta = {
        "name": module.name,
        "serial": module.serial,
        "chemistry": pack.chemistry,
        "n_series": pack.series,
        "n_parallel": pack.parallel,
        "rated_capacity_ah": pack.capacity_ah,
        "rated_power_w": design.rated_power_w,
        "required_seconds": design.required_s,
        "v_min_cell": design.cutoff_v,
        "v_float_cell": design.float_v,
        "v_max_cell": design.max_v,
        "r10s_25c_nominal_mohm": round(nominal_ohm(pack.chemistry, pack.capacity_ah) * 1e3, 3),
        "sensor": {
            "v_q": VOLTAGE_STEP_V,
            "i_q": CURRENT_STEP_A,
            "t_q": TEMPERATURE_STEP_C,
            "dt": 2,
        },
        "current_sign": "charge positive",
        "temps": "t1..t4 along the row of series elements, tamb=inlet",
        "ocv_soc": None,
        "ocv_v": None,
        "profile": design.profile,
        "full_v_cell": chemistry.cell_full_v,
    }
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="ascii")


@cache
def nominal_ohm(chemistry: str, capacity_ah: float) -> float:
    """Give the 10 s resistance at 25 degC that a data sheet states for a series element.

    Of a new one at 80 % of its charge.
    """
    design = PackDesign(chemistry, series=2, parallel=1, capacity_ah=capacity_ah)
    alike = Spread(capacity=0, resistance=0, leak=0, cell_ageing=0, unit_ageing=0)
    rest_v = CHEMISTRIES[chemistry].cell_full_v
    pack = make_pack(design, alike, np.random.default_rng(0), rest_v=rest_v)
    return float(pack.resistance_ohm(_PULSE_S)[0])


def shown_ohm(module: Module) -> Array:
    """Give each element's 10 s resistance at 25 degC at the charge where tests happen.

    That is its charge at float, as far as it is below 97 %: from the steep end of an LFP
    curve a pulse shows charge that moves, and hardly any resistance. At another charge the
    graphite would pass its steps at other ages, and the truth would rise and fall where no
    test could see it.
    """
    curves = module.pack.curves
    at_float = curves.soc(curves.held_at(module.design.float_v))
    return module.pack.resistance_ohm(_PULSE_S, soc=np.minimum(at_float, _STEEP_ABOVE))


@dataclass(slots=True)
class Truth:
    """What only the simulator knows, sampled now and then."""

    start_ohm: Array
    start_ah: Array
    cells: list[list[object]] = field(default_factory=list)
    events: list[list[object]] = field(default_factory=list)
    rides: list[list[object]] = field(default_factory=list)

    def ride(self, module: Module) -> None:
        """Note how long the module would carry 0.6, 1 and 1.4 times its rated power now."""
        for share in _RIDE_SHARES:
            power_w = share * module.design.rated_power_w
            seconds, cell = ride_through(module, power_w)
            self.rides.append([round(module.now_s, 1), round(power_w, 1), round(seconds, 1), cell])

    def sample(self, module: Module) -> None:
        """Note the state of every cell."""
        pack, rated = module.pack, module.design.pack.capacity_ah
        ohm, capacity = shown_ohm(module), pack.capacity_ah()
        soc = pack.soc()
        for n in range(len(ohm)):
            self.cells.append(
                [
                    round(module.now_s, 1),
                    n + 1,
                    round(capacity[n], 5),
                    round(capacity[n] / rated, 6),
                    round(capacity[n] / self.start_ah[n], 6),
                    round(ohm[n] * 1e3, 6),
                    round(ohm[n] / self.start_ohm[n], 6),
                    round(pack.cells.leak_a[n] * 1e3, 6),
                    round(soc[n], 6),
                    round(pack.cells.celsius[n], 3),
                ]
            )


CELL_COLUMNS = (
    *("time_s", "cell", "q_ah", "soh_q", "soh_q_rel"),
    *("r10s_25c_mohm", "soh_r", "leak_ma", "soc", "temp_c"),
)
RIDE_COLUMNS = ("time_s", "power_w", "ride_s", "limiting_cell")
EVENT_COLUMNS = ("t_s", "kind", "dur_s", "ah", "wh", "completed")


def ride_through(module: Module, power_w: float) -> tuple[float, int]:
    """Give the seconds to cut-off at ``power_w`` from the present state, and the first cell.

    At most a quarter of an hour; a copy of the pack is discharged.
    """
    pack, design = copy.deepcopy(module.pack), module.design
    seconds = 0.0
    volts = float(pack.volts.min())
    while seconds < _LONGEST_RIDE_S:
        current = pack.current_for_power_a(power_w / design.efficiency, _RIDE_STEP_S)
        if current is None:
            break
        pack.step(_RIDE_STEP_S, current, module.air_c + _RIDE_WARMER_K)
        before, volts = volts, float(pack.volts.min())
        if volts <= design.cutoff_v:
            seconds += _RIDE_STEP_S * (before - design.cutoff_v) / (before - volts)
            break
        seconds += _RIDE_STEP_S
    return min(seconds, _LONGEST_RIDE_S), int(pack.volts.argmin()) + 1


def begin_truth(module: Module) -> Truth:
    """Start the truth of a module: its cells now are its cells at commissioning."""
    return Truth(shown_ohm(module), module.pack.capacity_ah().copy())


def write_truth(folder: Path, module: Module, truth: Truth, form: str) -> None:
    """Write ``truth_cells``, ``truth_events`` and ``truth_faults``."""
    if form == "parquet":
        import pyarrow as pa  # noqa: PLC0415 - an optional extra
        import pyarrow.parquet as pq  # noqa: PLC0415

        named = zip(CELL_COLUMNS, zip(*truth.cells, strict=True), strict=True)
        table = pa.table({name: list(values) for name, values in named})
        pq.write_table(table, folder / "truth_cells.parquet")
    else:
        _write_csv(folder / "truth_cells.csv", CELL_COLUMNS, truth.cells)
    _write_csv(folder / "truth_events.csv", EVENT_COLUMNS, truth.events)
    if truth.rides:
        _write_csv(folder / "truth_ride.csv", RIDE_COLUMNS, truth.rides)
    faults = [_fault_entry(fault) for fault in module.faults]
    text = json.dumps(faults, indent=1)
    (folder / "truth_faults.json").write_text(text + "\n", encoding="ascii")


def _write_csv(path: Path, names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)


def _fault_entry(fault: BatteryFault) -> dict[str, object]:
    kind, years = fault.kind, fault.grow_s / _YEAR_S
    cell = None if kind in OF_THE_MODULE else fault.cell
    entry: dict[str, object] = {"cell": cell, "onset_time_s": fault.onset_s}
    mohm = fault.size * fault.new_resistance_ohm * 1e3
    told: dict[BatteryFaultKind, dict[str, object]] = {
        BatteryFaultKind.OPEN_CELL: {"kind": "weak_open", "lost": fault.size},
        BatteryFaultKind.FAST_AGEING: {"kind": "weak_age", "mul": fault.size},
        BatteryFaultKind.WELD: {"kind": "weld", "mohm": mohm, "grow_y": years},
        BatteryFaultKind.MICRO_SHORT: {"kind": "short", "ma": fault.size * 1e3, "grow_y": years},
        BatteryFaultKind.HARD_SHORT: {
            "kind": "hard_short",
            "ma": fault.size * 1e3,
            "grow_y": years,
        },
        BatteryFaultKind.SENSOR_DRIFT: {"kind": "vdrift", "mv_py": fault.size * 1e3},
    }
    other: dict[str, object] = {"kind": kind.replace("-", "_"), "end_time_s": fault.end_s}
    return entry | told.get(kind, other)
