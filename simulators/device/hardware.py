"""Hardware models that a scenario can name: the data sheets of the simulated units."""

from dataclasses import dataclass

from simulators.battery.build import PackDesign


@dataclass(frozen=True, slots=True)
class ModuleDesign:
    """A battery backup module. Voltages are per series element; powers at the output.

    ``charge_a`` is used after small discharges and ``fast_charge_a`` after large ones,
    as the Open Rack module specification has it (1 A below 200 kJ, 2 A above).
    ``temperature_each``: every element has a temperature sensor, not four along the row.
    """

    name: str
    title: str
    profile: str
    pack: PackDesign
    rated_power_w: float
    required_s: float
    float_v: float
    recharge_below_v: float
    cutoff_v: float
    max_v: float
    charge_a: float
    fast_charge_a: float
    manufacturer: str
    model: str
    efficiency: float = 0.96
    quiet_a: float = 0.0008
    recharge_delay_s: float = 60.0
    test_share: float = 0.5
    temperature_each: bool = False

    @property
    def test_above_v(self) -> float:
        """Give the cell voltage below which a self-test is refused: 3.9 V of 4.07 V at float."""
        return self.float_v - 0.17

    @property
    def balance_above_v(self) -> float:
        """Give the cell voltage above which cells are bled: on the plateau of LFP none is."""
        return self.float_v - 0.10


HPR = ModuleDesign(
    name="hpr",
    title="ORV3 high-power-rack module, 12S6P NCA power cells, 5.5 kW for 90 s",
    profile="orv3-hpr-bbu",
    pack=PackDesign("NCA", series=12, parallel=6, capacity_ah=15.3),
    rated_power_w=5500.0,
    required_s=90.0,
    float_v=4.07,
    recharge_below_v=4.02,
    cutoff_v=2.7,
    max_v=4.2,
    charge_a=2.0,
    fast_charge_a=4.0,
    manufacturer="Panasonic",
    model="SIM-HPR-55",
)
CLASSIC = ModuleDesign(
    name="classic",
    title="ORV3 module, 11S6P NCA power cells, 3 kW for 240 s",
    profile="orv3-bbu",
    pack=PackDesign("NCA", series=11, parallel=6, capacity_ah=15.3),
    rated_power_w=3000.0,
    required_s=240.0,
    float_v=4.07,
    recharge_below_v=4.02,
    cutoff_v=2.7,
    max_v=4.2,
    charge_a=1.0,
    fast_charge_a=2.0,
    manufacturer="Delta",
    model="SIM-BBU-30",
)
CABINET = ModuleDesign(
    name="cabinet",
    title="Lithium cabinet of a UPS, 60S LFP 25 Ah, 10 kW for 600 s, a sensor on every cell",
    profile="soltaro-c",
    pack=PackDesign("LFP", series=60, parallel=1, capacity_ah=25.0),
    rated_power_w=10000.0,
    required_s=600.0,
    float_v=3.5,
    recharge_below_v=3.34,
    cutoff_v=2.5,
    max_v=3.65,
    charge_a=5.0,
    fast_charge_a=12.5,
    manufacturer="Example Power",
    model="SIM-CABINET-10",
    temperature_each=True,
)
MODULES = {design.name: design for design in (HPR, CLASSIC, CABINET)}
"""Every module design by name."""


@dataclass(frozen=True, slots=True)
class UpsDesign:
    """A UPS seen through its network card: only string values, no cells.

    ``root`` is the tree that its card answers, of those that its profile knows.
    """

    name: str
    title: str
    profile: str
    manufacturer: str
    model: str
    rated_power_w: float
    blocks: int
    capacity_ah: float
    sys_object_id: tuple[int, ...]
    root: tuple[int, ...]
    efficiency: float = 0.93


UPS = UpsDesign(
    name="ups",
    title="UPS with twenty 12 V lead blocks, 10 kW (RFC 1628)",
    profile="rfc1628-ups",
    manufacturer="Example Power",
    model="SIM-UPS-10",
    rated_power_w=10000.0,
    blocks=20,
    capacity_ah=18.0,
    sys_object_id=(1, 3, 6, 1, 2, 1, 33),
    root=(1, 3, 6, 1, 2, 1, 33),
)
APC_UPS = UpsDesign(
    name="apc-ups",
    title="UPS with sixteen 12 V lead blocks, 5 kW (PowerNet)",
    profile="apc-powernet",
    manufacturer="APC",
    model="SIM-SMART-UPS-5",
    rated_power_w=5000.0,
    blocks=16,
    capacity_ah=9.0,
    sys_object_id=(1, 3, 6, 1, 4, 1, 318, 1, 3, 27),
    root=(1, 3, 6, 1, 4, 1, 318),
)
UPSES = {design.name: design for design in (UPS, APC_UPS)}
"""Every UPS design by name."""
