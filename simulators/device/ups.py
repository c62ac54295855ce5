"""A UPS with a string of lead-acid blocks, as its network card shows it."""

from dataclasses import dataclass

import numpy as np

from simulators.device.hardware import UpsDesign
from simulators.maps.image import Values

_BLOCK_FULL_V = 12.85
_BLOCK_EMPTY_V = 11.6
_BLOCK_FLOAT_V = 13.6
_BLOCK_CUTOFF_V = 10.2
_BLOCK_OHM_AH = 0.10
_CHARGE_SHARE = 0.12
_LOW = 0.25
# Peukert: high currents find less capacity; the rating is over ten hours.
_PEUKERT = 1.15
_RATED_HOURS = 10.0
_LIFE_S = 5 * 365.25 * 86400


@dataclass(slots=True)
class Ups:
    """A UPS. Time moves only by ``step``; ``load_w`` is its output, current + charging."""

    name: str
    serial: str
    design: UpsDesign
    random: np.random.Generator
    now_s: float
    installed_s: float
    load_w: float
    mains: bool = True
    charge: float = 1.0
    celsius: float = 27.0
    current_a: float = 0.0
    block_v: float = _BLOCK_FLOAT_V
    on_battery_s: float = 0.0
    test_s: float = 0.0
    result: str = "passed"
    last_test_s: float = 0.0
    empty: bool = False
    health: float = 0.95

    def start_test(self, pulse_s: float) -> bool:
        """Let the battery carry the load for ``pulse_s``; False on battery already."""
        if not self.mains or self.test_s > 0:
            return False
        self.test_s, self.result, self.last_test_s = pulse_s, "running", self.now_s
        return True

    @property
    def discharging(self) -> bool:
        """Say whether the battery carries the load."""
        return not self.empty and (not self.mains or self.test_s > 0)

    @property
    def capacity_ah(self) -> float:
        """Present capacity at the ten-hour rate."""
        return self.design.capacity_ah * self.health

    def step(self, dt_s: float) -> None:
        """Let ``dt_s`` pass."""
        self.now_s += dt_s
        if self.discharging:
            self._discharge(dt_s)
        else:
            self._recharge(dt_s)
        self.on_battery_s = self.on_battery_s + dt_s if not self.mains else 0.0
        if self.test_s > 0:
            self.test_s -= dt_s
            if self.test_s <= 0:
                self.test_s, self.result = 0.0, "passed"

    def _discharge(self, dt_s: float) -> None:
        ohm = _BLOCK_OHM_AH / self.capacity_ah
        rest_v = _BLOCK_EMPTY_V + (_BLOCK_FULL_V - _BLOCK_EMPTY_V) * self.charge
        watts = self.load_w / self.design.efficiency / self.design.blocks
        amps = watts / max(self.block_v, _BLOCK_CUTOFF_V)
        self.block_v = rest_v - amps * ohm
        self.current_a = -amps
        rated = self.capacity_ah / _RATED_HOURS
        effective = amps * (amps / rated) ** (_PEUKERT - 1)
        self.charge = max(0.0, self.charge - effective * dt_s / 3600 / self.capacity_ah)
        if self.block_v <= _BLOCK_CUTOFF_V or self.charge <= 0:
            self.empty, self.current_a = True, 0.0

    def _recharge(self, dt_s: float) -> None:
        if not self.mains:
            return
        self.empty = False
        missing = 1 - self.charge
        amps = min(_CHARGE_SHARE, missing * 2) * self.capacity_ah
        self.charge = min(1.0, self.charge + amps * dt_s / 3600 / self.capacity_ah)
        self.current_a = amps
        target_v = _BLOCK_FLOAT_V - 0.8 * missing
        self.block_v += (target_v - self.block_v) * (1 - np.exp(-dt_s / 20.0))

    @property
    def runtime_s(self) -> float:
        """Time to empty at the present load, as such devices estimate it."""
        volts = _BLOCK_FULL_V * 0.94 * self.design.blocks
        amps = max(self.load_w / self.design.efficiency / volts, 0.1)
        rated = self.capacity_ah / _RATED_HOURS
        effective = amps * (amps / rated) ** (_PEUKERT - 1)
        return float(self.charge * self.capacity_ah / effective * 3600)


def ups_values(ups: Ups) -> Values:
    """Give every value that a UPS reports."""
    on_battery = ups.discharging and not ups.mains
    noise = float(ups.random.standard_normal())
    source = "battery" if ups.discharging else "normal" if ups.mains else "none"
    status = "depleted" if ups.empty else "low" if ups.charge < _LOW else "normal"
    share = ups.load_w / ups.design.rated_power_w
    return {
        ("manufacturer", None): ups.design.manufacturer,
        ("model", None): ups.design.model,
        ("serial_number", None): ups.serial,
        ("firmware_version", None): "7.0.1",
        ("manufacture_date", None): "03/14/23",
        ("battery_status", None): status,
        ("seconds_on_battery", None): ups.on_battery_s if on_battery else 0.0,
        ("runtime_remaining", None): ups.runtime_s,
        ("state_of_charge", None): ups.charge,
        ("battery_voltage", None): ups.block_v * ups.design.blocks + 0.05 * noise,
        ("battery_current", None): ups.current_a,
        ("temperature", "battery"): ups.celsius + 0.1 * noise,
        ("temperature", "internal"): ups.celsius + 4 + 0.1 * noise,
        ("output_source", None): source,
        ("load", None): share,
        ("load", "phase:1"): share,
        ("output_power", "phase:1"): ups.load_w,
        ("alarms_present", None): float(on_battery + (ups.charge < _LOW) + ups.empty),
        ("alarm", "battery_low"): ups.charge < _LOW,
        ("alarm", "battery_depleted"): ups.empty,
        ("self_test_result", None): ups.result,
        ("replace_battery", None): False,
        ("external_battery_packs", None): 0.0,
        ("bad_battery_packs", None): 0.0,
        ("battery_install_date", None): ups.installed_s,
        ("battery_replace_due_date", None): ups.installed_s + _LIFE_S,
        ("self_test_time", None): ups.last_test_s,
    }
