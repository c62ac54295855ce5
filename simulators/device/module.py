"""A battery backup module: cells, charger, battery management and self-test."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np

from simulators.battery.chemistry import Array
from simulators.battery.pack import Pack
from simulators.device.faults import BatteryFault, Spare
from simulators.device.hardware import ModuleDesign
from simulators.device.plant import Plant
from simulators.device.protection import Protection
from simulators.device.selftest import SelfTest, TestRefusal
from simulators.device.sensors import Sensors

_BALANCE_A = 0.040
_BALANCE_V = 0.004
_BALANCE_FOR_S = 86400.0
_TAPER_A = 0.3
_SMALL_DISCHARGE_J = 200e3
_TEST_MIN_W = 500.0
_WARM_STANDBY_W = 0.12
_WARM_CHARGE_W = 0.5
_ELECTRONICS_C = 3.0
_FINE_S = 60.0  # how long after a load the voltages still move fast
_QUIET_S = 3600.0
_STORED_S = 30 * 86400.0
_SECONDS_PER_YEAR = 365.25 * 86400


class State(StrEnum):
    """What a module is doing; the names are those of the telemetry's ``state`` column."""

    STANDBY = "standby"
    CHARGE = "charge"
    DISCHARGE = "discharge"
    SELF_TEST = "selftest"
    REST = "rest"


@dataclass(slots=True)
class Counters:
    """What the battery management has counted and believes.

    ``charge_left`` and ``reported_health`` are shares of the rated capacity.
    """

    installed_s: float = 0.0
    self_tests: int = 0
    last_test_s: float = 0.0
    discharges: int = 0
    discharged_ah: float = 0.0
    charge_left: float = 1.0
    reported_health: float = 1.0
    last_refusal: TestRefusal | None = None


@dataclass(slots=True)
class Measured:
    """The latest sensor values: V per element, A, degC."""

    volts: Array
    current_a: float
    celsius: Array
    air_c: float


@dataclass(slots=True)
class Module:
    """One module. Time moves only by ``step``; currents are positive when charging."""

    name: str
    serial: str
    design: ModuleDesign
    pack: Pack
    sensors: Sensors
    now_s: float
    faults: list[BatteryFault] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
    plant: Plant = field(default_factory=Plant)
    protection: Protection = field(default_factory=Protection)
    state: State = State.STANDBY
    test: SelfTest | None = None
    cut_off: bool = False
    relaxed_s: float = 1e6
    charged_s: float = 1e9
    discharged_j: float = 0.0
    load_w: float = 0.0
    air_c: float = 25.0
    firmware: str = "1.4.2"

    def start_test(self, power_w: float, pulse_s: float, relax_before_s: float = 0.0) -> bool:
        """Start a self-test; False with a refusal noted when the module declines."""
        refusal = None
        if self.load_w > 0 or self.state is State.DISCHARGE or self.test is not None:
            refusal = TestRefusal.BACKUP
        elif self.protection.failed:
            refusal = TestRefusal.MODULE_FAILURE
        elif float(self.pack.volts.min()) < self.design.test_above_v:
            refusal = TestRefusal.CELL_BELOW_3900_MV
        elif power_w < _TEST_MIN_W:
            refusal = TestRefusal.BELOW_500_W
        self.counters.last_refusal = refusal
        if refusal is not None:
            return False
        self.test = SelfTest(power_w, pulse_s, relax_before_s)
        self.counters.self_tests += 1
        self.counters.last_test_s = self.now_s
        return True

    def renew(self, spare: Spare) -> None:
        """Become the spare: new cells, new sensors, new counters under a new number."""
        self.pack, self.sensors, self.serial = spare.pack, spare.sensors, spare.serial
        self.counters = Counters(installed_s=self.now_s)
        self.protection = Protection()
        self.state, self.test, self.cut_off = State.STANDBY, None, False
        self.relaxed_s, self.charged_s, self.discharged_j = 1e6, 1e9, 0.0

    def top_up(self) -> None:
        """Charge to float now, as modules do ahead of a planned test."""
        if self.state is State.STANDBY and self.load_w <= 0:
            self.state = State.CHARGE

    def stride_s(self) -> float:
        """Give the longest step that loses nothing of what is going on."""
        if self.test is not None:
            fine = self.test.pulsing or self.relaxed_s < _FINE_S
            return min(2.0 if fine else 60.0, self.test.left_s)
        if self.load_w > 0 or self.state in (State.DISCHARGE, State.SELF_TEST):
            return 2.0
        if self.state is State.REST:
            return 2.0 if self.relaxed_s < _FINE_S else 60.0
        return 60.0 if self.state is State.CHARGE else 3600.0

    def step(self, dt_s: float) -> None:
        """Let ``dt_s`` pass under the present ``load_w`` and ``air_c``."""
        current_a = self._decide(dt_s)
        self.pack.bleed_a = self._bleed()
        quiet_a = self.design.quiet_a if self.plant.present else 0.0
        warm_w = _WARM_CHARGE_W if self.state is State.CHARGE else _WARM_STANDBY_W
        self.pack.step(dt_s, current_a - quiet_a, self.air_c + _ELECTRONICS_C, warm_w)
        self.now_s += dt_s
        for fault in self.faults:
            fault.apply(self, self.now_s)
        self._account(dt_s, current_a)
        self._protect(dt_s)

    def idle(self, dt_s: float, air_c: Array) -> tuple[Array, Array]:
        """Let as many steps of ``dt_s`` of a quiet standby pass as ``air_c`` has values.

        Gives true element voltages and temperatures at the end of each step (rows).
        """
        self.air_c = float(air_c[-1])
        self.pack.bleed_a = np.zeros_like(self.pack.bleed_a)
        volts, celsius = self.pack.idle(
            dt_s, air_c + _ELECTRONICS_C, _WARM_STANDBY_W, self.design.quiet_a
        )
        self.now_s += dt_s * len(air_c)
        for fault in self.faults:
            fault.apply(self, self.now_s)
        self._account(dt_s * len(air_c), 0.0)
        self._protect(dt_s * len(air_c))
        return volts, celsius

    def _decide(self, dt_s: float) -> float:
        """Choose state and current for the next step."""
        if self.plant.present and not self.protection.failed:
            return self._work(dt_s)
        self.state, self.test = State.STANDBY, None
        return 0.0

    def _work(self, dt_s: float) -> float:
        demand_w = self._demand_w()
        if demand_w > 0 and not self.cut_off:
            current = self.pack.current_for_power_a(demand_w / self.design.efficiency, dt_s)
            if current is not None and float(self.pack.volts.min()) > self.design.cutoff_v:
                if self.load_w > 0 and self.state is not State.DISCHARGE:
                    self.counters.discharges += 1
                    self.discharged_j = 0.0
                self.state = State.DISCHARGE if self.load_w > 0 else State.SELF_TEST
                return current
            self.cut_off = True
        if demand_w > 0:
            self.state = State.REST
            return 0.0
        if self.state in (State.DISCHARGE, State.SELF_TEST):
            self.state, self.relaxed_s = State.REST, 0.0
        if self.test is not None:
            return 0.0
        if self.state is State.REST and self.relaxed_s >= self.design.recharge_delay_s:
            self.state, self.cut_off = State.CHARGE, False
        resting_v = float(self.pack.volts.mean())
        if self.state is State.STANDBY and resting_v < self.design.recharge_below_v:
            self.state = State.CHARGE
        if self.state is not State.CHARGE or not self.plant.charger:
            return 0.0
        return self._charge_a(dt_s)

    def _demand_w(self) -> float:
        if self.load_w > 0:
            if self.test is not None:
                # A test whose pulse is over has its result; only its rest is cut short.
                if not self.test.pulsed:
                    self.counters.last_refusal = TestRefusal.BACKUP
                self.test = None
            return self.load_w
        return self.test.power_w if self.test is not None and self.test.pulsing else 0.0

    def _charge_a(self, dt_s: float) -> float:
        """Charge at constant current, then hold the float voltage until it tapers off."""
        design = self.design
        level, rise = self.pack.respond(dt_s, self.pack.current_a)
        limit = design.fast_charge_a
        if self.discharged_j < _SMALL_DISCHARGE_J:
            limit = design.charge_a
        series = len(level)
        by_pack = (design.float_v * series - float(level.sum())) / float(rise.sum())
        by_cell = float(((design.float_v + 0.02 - level) / rise).min())
        current = min(limit, by_pack, by_cell)
        if current < _TAPER_A:
            self.state, self.charged_s, self.discharged_j = State.STANDBY, 0.0, 0.0
            self.counters.charge_left = 1.0
            return 0.0
        return current

    def _bleed(self) -> Array:
        volts = self.pack.volts
        if self.state is not State.STANDBY or self.charged_s > _BALANCE_FOR_S:
            bled = np.zeros_like(volts)
        else:
            high = (volts > volts.min() + _BALANCE_V) & (volts > self.design.balance_above_v)
            bled = np.where(high, _BALANCE_A, 0.0)
        for element in self.plant.bleeding:
            bled[element] = _BALANCE_A
        return bled

    def _protect(self, dt_s: float) -> None:
        self.protection.watch(
            dt_s,
            volts=self.sensors.quiet_volts(self.pack.volts),
            celsius=self.pack.cells.celsius[list(self.sensors.places)],
            plant=self.plant,
            max_v=self.design.max_v,
            resting=self.relaxed_s > _QUIET_S,
            wants_charge=self.state is State.CHARGE,
        )

    def _account(self, dt_s: float, current_a: float) -> None:
        counters, rated_ah = self.counters, self.design.pack.capacity_ah
        counters.charge_left += current_a * dt_s / 3600 / rated_ah
        counters.charge_left = min(1.0, max(0.0, counters.charge_left))
        self.charged_s += dt_s
        self.relaxed_s = self.relaxed_s + dt_s if current_a == 0 else 0.0
        if current_a < 0:
            counters.discharged_ah -= current_a * dt_s / 3600
            self.discharged_j -= current_a * dt_s * float(self.pack.volts.sum())
        # As some makers do it: a countdown over eight years plus wear by use, whole per cents.
        age = (self.now_s - counters.installed_s) / (8 * _SECONDS_PER_YEAR)
        counters.reported_health = round(1 - 0.3 * age - 0.0002 * self.cycles, 2)
        if self.test is not None:
            self.test.elapsed_s += dt_s
            if self.test.left_s <= 0:
                self.test = None
                self.state = State.CHARGE if self.state is State.REST else self.state

    @property
    def cycles(self) -> float:
        """Equivalent full cycles so far."""
        return self.counters.discharged_ah / self.design.pack.capacity_ah

    @property
    def made_on(self) -> str:
        """Date of manufacture: a month before it was installed."""
        made = datetime.fromtimestamp(self.counters.installed_s - _STORED_S, UTC)
        return made.strftime("%Y-%m-%d")

    @property
    def balancing(self) -> bool:
        """Say whether any element is being bled."""
        return bool(np.any(self.pack.bleed_a > 0))

    @property
    def able(self) -> bool:
        """Say whether the module can carry a load."""
        return self.plant.present and not self.cut_off and not self.protection.failed

    @property
    def quiet(self) -> bool:
        """Say whether nothing but time will change this module for some hours."""
        return (
            self.state is State.STANDBY
            and self.test is None
            and self.load_w <= 0
            and not self.balancing
            and not self.pack.cells.short_siemens.any()
            and self.plant.present
            and self.relaxed_s > _QUIET_S
        )

    def measure(self) -> Measured:
        """Read every sensor once; each reading has noise of its own."""
        current = self.pack.current_a + self.design.quiet_a
        return Measured(
            volts=self.sensors.volts(self.pack.volts),
            current_a=float(self.sensors.amperes(np.asarray(current))),
            celsius=self.sensors.celsius(self.pack.cells.celsius),
            air_c=float(self.sensors.air(np.asarray(self.air_c))),
        )
