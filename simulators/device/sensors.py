"""What a module's electronics make of the truth: offset, gain, noise and steps."""

from dataclasses import dataclass

import numpy as np

from simulators.battery.chemistry import Array

VOLTAGE_STEP_V = 0.001
CURRENT_STEP_A = 0.01
TEMPERATURE_STEP_C = 0.1


def _stepped(values: Array, step: float) -> Array:
    return np.round(values / step) * step


@dataclass(slots=True)
class Sensors:
    """The sensors of one module. Steps: 1 mV, 10 mA, 0.1 K.

    ``voltage_offset_v`` has one value per series element; ``drift_v`` is added to it by
    faults, and ``stuck_v`` is what a stuck sensor shows (NaN: it works). ``places`` are the
    elements that carry a temperature sensor.
    """

    random: np.random.Generator
    voltage_offset_v: Array
    voltage_gain: float
    current_offset_a: float
    current_gain: float
    temperature_offset_c: Array
    places: tuple[int, ...]
    drift_v: Array
    stuck_v: Array
    voltage_noise_v: float = 0.0007
    current_noise_a: float = 0.008
    temperature_noise_c: float = 0.12

    def volts(self, truth_v: Array) -> Array:
        """Measure element voltages; elements are the last axis."""
        noise = self.random.standard_normal(truth_v.shape) * self.voltage_noise_v
        return self._shown(_stepped(self._biased(truth_v) + noise, VOLTAGE_STEP_V))

    def quiet_volts(self, truth_v: Array) -> Array:
        """Give what the electronics go by: a long mean, without noise."""
        return self._shown(self._biased(truth_v))

    def _biased(self, truth_v: Array) -> Array:
        return truth_v * self.voltage_gain + self.voltage_offset_v + self.drift_v

    def _shown(self, volts: Array) -> Array:
        return np.where(np.isnan(self.stuck_v), volts, self.stuck_v)

    def stick(self, element: int, volts: float) -> None:
        """Let the voltage sensor of an element show ``volts`` from now on."""
        self.stuck_v[element] = round(volts, 3)

    def loosen(self, element: int) -> None:
        """Let the voltage sensor of an element work again."""
        self.stuck_v[element] = np.nan

    def amperes(self, truth_a: Array) -> Array:
        """Measure the pack current."""
        noise = self.random.standard_normal(truth_a.shape) * self.current_noise_a
        return _stepped(truth_a * self.current_gain + self.current_offset_a + noise, CURRENT_STEP_A)

    def celsius(self, elements_c: Array) -> Array:
        """Measure the pack's temperature sensors from the elements' temperatures."""
        truth = elements_c[..., list(self.places)]
        noise = self.random.standard_normal(truth.shape) * self.temperature_noise_c
        return _stepped(truth + self.temperature_offset_c + noise, TEMPERATURE_STEP_C)

    def air(self, truth_c: Array) -> Array:
        """Measure the inlet air temperature."""
        noise = self.random.standard_normal(truth_c.shape) * self.temperature_noise_c
        return _stepped(truth_c + noise, TEMPERATURE_STEP_C)


def make_sensors(
    elements: int, random: np.random.Generator, *, temperature_each: bool = False
) -> Sensors:
    """Make one module's sensors, a little different from the next module's.

    Four elements along the row carry a temperature sensor, or every one of them.
    """
    places: tuple[int, ...] = (0, elements // 3, 2 * elements // 3, elements - 1)
    if temperature_each:
        places = tuple(range(elements))
    return Sensors(
        random=random,
        voltage_offset_v=random.standard_normal(elements) * 0.0008,
        voltage_gain=1 + random.standard_normal() * 0.0004,
        current_offset_a=random.standard_normal() * 0.01,
        current_gain=1 + random.standard_normal() * 0.003,
        temperature_offset_c=random.standard_normal(len(places)) * 0.2,
        places=places,
        drift_v=np.zeros(elements),
        stuck_v=np.full(elements, np.nan),
    )
