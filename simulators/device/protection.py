"""What a module's battery management makes of its measurements: warnings, and latches.

A warning ends with its cause. A latch (SBS calls it a permanent failure) stays until the
module is replaced, and forbids charge and discharge.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from simulators.battery.chemistry import Array
from simulators.device.plant import Plant

_WARN_C = 60.0
_CALM_C = 57.0
_LATCH_C = 75.0
_DEEP_V = 1.5
_OVER_V = 0.15
_APART_V = 0.25
_CHARGE_FAILS_S = 300.0
_FAN_FAILS_S = 30.0


class Latch(StrEnum):
    """Permanent failures; the names are those of the alarms they raise."""

    OVER_VOLTAGE = "permanent_cell_over_voltage"
    UNDER_VOLTAGE = "permanent_cell_under_voltage"
    OVER_TEMPERATURE = "permanent_cell_over_temperature"
    BALANCING = "permanent_cell_balancing_failure"
    CHARGER = "permanent_charge_fet_failure"


@dataclass(slots=True)
class Protection:
    """Warnings and latches of one module.

    Thresholds are those usual for lithium packs: a warning at 60 degC (3 K hysteresis), a
    latch at 75 degC, at 0.15 V above the highest cell voltage, below 1.5 V at rest, at
    0.25 V between elements at rest, and when five minutes of charging moved nothing.
    """

    latched: set[Latch] = field(default_factory=set)
    hot: bool = False
    fan_failed: bool = False
    _no_charge_s: float = 0.0
    _no_fan_s: float = 0.0

    @property
    def failed(self) -> bool:
        """Say whether the module has given itself up."""
        return bool(self.latched)

    def watch(
        self,
        dt_s: float,
        *,
        volts: Array,
        celsius: Array,
        plant: Plant,
        max_v: float,
        resting: bool,
        wants_charge: bool,
    ) -> None:
        """Judge what the sensors show after ``dt_s`` more; ``resting`` for an hour or longer."""
        warmest = float(celsius.max())
        self.hot = warmest > (_CALM_C if self.hot else _WARN_C)
        if warmest > _LATCH_C:
            self.latched.add(Latch.OVER_TEMPERATURE)
        lowest, highest = float(volts.min()), float(volts.max())
        if highest > max_v + _OVER_V:
            self.latched.add(Latch.OVER_VOLTAGE)
        if resting and lowest < _DEEP_V:
            self.latched.add(Latch.UNDER_VOLTAGE)
        if resting and highest - lowest > _APART_V:
            self.latched.add(Latch.BALANCING)
        self._no_charge_s = self._no_charge_s + dt_s if wants_charge and not plant.charger else 0.0
        if self._no_charge_s > _CHARGE_FAILS_S:
            self.latched.add(Latch.CHARGER)
        self._no_fan_s = 0.0 if plant.fan else self._no_fan_s + dt_s
        self.fan_failed = self._no_fan_s > _FAN_FAILS_S
