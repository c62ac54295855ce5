"""Everything that watches the stream of one unit, kept and restored together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from agent.health import record
from agent.health.deep import DeepWatch
from agent.health.gain import GainWatch
from agent.health.guards import Guards
from agent.health.jumps import JumpWatch
from agent.health.observation import Observation
from agent.health.pulses import StepFinder
from agent.health.refusals import Refusals
from agent.health.standby import StandbyWatch
from agent.health.testimony import Testimony
from agent.health.windows import WindowFinder

JSON = object


@dataclass(frozen=True, slots=True)
class Watches:
    """The watchers of one module."""

    steps: StepFinder
    windows: WindowFinder
    deep: DeepWatch
    jumps: JumpWatch
    standby: StandbyWatch
    gain: GainWatch
    guards: Guards
    testimony: Testimony
    refusals: Refusals

    @classmethod
    def start(
        cls,
        cells: int,
        capacity_ah: float,
        *,
        voltage_sd_v: float,
        current_step_a: float,
        celsius_step_c: float,
        bleed_a: float | None = None,
    ) -> Self:
        """Begin with nothing seen of ``cells`` cells in series."""
        return cls(
            StepFinder(capacity_ah, voltage_sd_v),
            WindowFinder(capacity_ah),
            DeepWatch(cells, capacity_ah),
            JumpWatch(cells),
            StandbyWatch(cells, capacity_ah, bleed_a),
            GainWatch(capacity_ah, current_step_a),
            Guards.start(cells, voltage_step_v=2.0 * voltage_sd_v, celsius_step_c=celsius_step_c),
            Testimony(cells),
            Refusals(),
        )

    def idle(
        self, observation: Observation, passed_s: float, cells_v: list[float], *, rest: bool
    ) -> bool:
        """Let the standby be watched; True when a day of it is complete."""
        return self.standby.watch(
            observation.time_s,
            passed_s,
            cells_v,
            observation.balancing,
            rest=rest,
            bleeding=observation.bleeding,
        )

    def pack(self) -> dict[str, JSON]:
        """What they hold, as JSON values."""
        return {
            "steps": self.steps.pack(),
            "windows": record.dump(self.windows),
            "deep": record.dump(self.deep),
            "jumps": record.dump(self.jumps),
            "standby": record.dump(self.standby),
            "gain": record.dump(self.gain),
            "testimony": record.dump(self.testimony),
            "refusals": self.refusals.pack(),
            **self.guards.pack(),
        }

    def unpack(self, saved: Mapping[str, JSON]) -> None:
        """Restore from ``pack``. Raises StoreError when it does not fit."""
        cells = self.jumps.cells
        self.steps.unpack(saved.get("steps"), cells)
        self.windows.unpack(saved.get("windows"), cells)
        self.deep.unpack(saved.get("deep"))
        self.jumps.unpack(saved.get("jumps"))
        self.standby.unpack(saved.get("standby"))
        self.gain.unpack(saved.get("gain"))
        self.guards.unpack(saved)
        if "testimony" in saved:
            self.testimony.unpack(saved["testimony"])
        if "refusals" in saved:
            self.refusals.unpack(saved["refusals"])
