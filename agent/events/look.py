"""What one sample says of a discharge, picked out once for all who judge it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from agent.model import Sample, Value

MIN_DISCHARGE_A = 1.0
"""Smallest discharge current that counts, in amperes: above offsets of 10 mA sensors and
the module's own consumption, below any load that a rack draws from it."""

BATTERY_SENSORS = ("pack", "battery", "cell")
"""How the places of sensors begin that lie on the battery, not at its inlet or charger."""
_INPUT_ALARMS = ("ac_loss", "input_bad", "input_failed", "input_lost", "utility_failed")


@dataclass(frozen=True, slots=True)
class Look:
    """One instant of a unit. ``current_a`` is positive when charging; absent is None.

    ``volts`` are the pack's own, or the sum of its cells where all of them have a value.
    ``celsius`` is the hottest battery sensor. ``input_lost``: the device says that its mains
    are gone. ``test_s`` is when it last tested itself, unix seconds, and ``test_failed`` how that
    went. ``counters`` are the device's own counts, by quantity.
    """

    unit: str
    wall_s: float
    mono_s: float
    current_a: float | None = None
    volts: float | None = None
    cells_v: Mapping[str, float] = field(default_factory=dict)
    celsius: float | None = None
    charge: float | None = None
    on_battery: bool | None = None
    discharging: bool | None = None
    charging: bool | None = None
    testing: bool = False
    test_s: float | None = None
    test_failed: bool | None = None
    calibrating: bool = False
    input_lost: bool = False
    counters: Mapping[str, float] = field(default_factory=dict)

    @property
    def power_w(self) -> float | None:
        """Power at the battery, positive when charging."""
        if self.current_a is None or self.volts is None:
            return None
        return self.current_a * self.volts

    @classmethod
    def of(cls, sample: Sample) -> Self:
        """Pick out of ``sample`` what matters here."""
        facts: dict[str, Value] = {}
        cells: dict[str, float] = {}
        warmest: list[float] = []
        alarms: set[str] = set()
        heard: set[str] = set()
        for row in sample.readings:
            if row.index is None:
                facts[row.quantity] = row.value
            elif row.quantity == "cell_voltage":
                cells[row.index] = float(row.value)
            elif row.quantity in ("temperature", "cell_temperature"):
                if row.quantity != "temperature" or row.index.startswith(BATTERY_SENSORS):
                    warmest.append(float(row.value))
            elif row.quantity == "alarm":
                heard.add(row.index)
                if row.value is True:
                    alarms.add(row.index)
        lost = any(fault.quantity == "cell_voltage" for fault in sample.faults)
        own_v = _number(facts, "battery_voltage")
        if own_v is None and cells and not lost:
            own_v = sum(cells.values())
        alone_c = _number(facts, "temperature")
        return cls(
            sample.unit,
            sample.wall_s,
            sample.mono_s,
            current_a=_number(facts, "battery_current"),
            volts=own_v,
            cells_v=cells,
            celsius=max(warmest) if warmest else alone_c,
            charge=_number(facts, "state_of_charge"),
            on_battery=_flag(facts, "on_battery"),
            discharging=_flag(facts, "discharging"),
            charging=_flag(facts, "charging"),
            testing=facts.get("self_test_running") is True,
            test_s=_number(facts, "self_test_time"),
            test_failed=_test_failed(facts, alarms, heard),
            calibrating=any("calibration" in name for name in alarms),
            input_lost=facts.get("output_source") == "battery"
            or any(name.startswith(_INPUT_ALARMS) for name in alarms),
            counters={
                key: value for key in _COUNTERS if (value := _number(facts, key)) is not None
            },
        )


_TEST_FAILED = "self_test_failed_"
_INTERRUPTED = "self_test_failed_backup"


def _test_failed(facts: Mapping[str, Value], alarms: set[str], heard: set[str]) -> bool | None:
    """Say whether the last test failed; one that an outage cut short did not."""
    result = facts.get("self_test_result")
    if isinstance(result, str) and result in ("passed", "failed", "warning"):
        return result == "failed"
    if any(name.startswith(_TEST_FAILED) for name in heard):
        return any(name.startswith(_TEST_FAILED) for name in alarms - {_INTERRUPTED})
    return None


_COUNTERS = ("discharge_events", "discharge_throughput")


def _number(facts: Mapping[str, Value], key: str) -> float | None:
    value = facts.get(key)
    return value if isinstance(value, float) else None


def _flag(facts: Mapping[str, Value], key: str) -> bool | None:
    value = facts.get(key)
    return value if isinstance(value, bool) else None
