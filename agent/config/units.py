"""Units: what each is read through, and what no two of them may share."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agent.config import keys
from agent.config.batteries import BatteryTable
from agent.config.credentials import Security
from agent.config.problems import shown
from agent.config.sections import Entry, Key
from agent.config.types import AUTO, Bus, Unit
from agent.model import Location
from agent.targets import Framer, ModbusHost, SnmpHost

_WAYS: tuple[Key[object], ...] = (keys.UNIT_BUS, keys.MODBUS_TCP, keys.SNMP)
# Where each further key belongs.
_COMPANIONS: tuple[tuple[Key[object], tuple[str, ...]], ...] = (
    (keys.UNIT_ID, ("bus", "modbus_tcp")),
    (keys.FRAMER, ("modbus_tcp",)),
    (keys.CREDENTIALS_NAME, ("snmp",)),
    (keys.SELF_TEST_CREDENTIALS, ("snmp",)),
)
_HIGHEST_ADDRESS = 247
_DIRECT_TCP_ADDRESS = 255


@dataclass(slots=True)
class Surroundings:
    """What units may refer to, and what they have used of it."""

    profiles: Mapping[str, str]
    buses: dict[str, Bus | None]
    securities: Mapping[str, Security | None]
    batteries: BatteryTable
    used: set[tuple[str, str]] = field(default_factory=set)
    _devices: dict[object, str] = field(default_factory=dict)
    _names: dict[str, int] = field(default_factory=dict)
    _places: dict[Location, str] = field(default_factory=dict)

    def claim_name(self, entry: Entry, name: str) -> None:
        """Note a name that is taken."""
        if name in self._names:
            first = self._names[name]
            entry.error(f"{shown(name)} is the name of the unit in line {first} already", "name")
        else:
            self._names[name] = entry.lines["name"]

    def claim_device(self, entry: Entry, key: str, device: object, what: str) -> None:
        """Note a device that another unit reads already."""
        name = entry.get(keys.UNIT_NAME) or "a unit without a name"
        if device in self._devices:
            entry.error(f"{what} is the address of {self._devices[device]} already", key)
        else:
            self._devices[device] = name

    def claim_place(self, entry: Entry, location: Location) -> None:
        """Warn of two units in one slot."""
        name = entry.get(keys.UNIT_NAME) or "a unit without a name"
        if location.slot is not None and self._places.setdefault(location, name) != name:
            entry.warn(f"is the place of {self._places[location]} as well", "location")


def build_unit(entry: Entry, around: Surroundings) -> Unit | None:
    """Build one entry of ``units``; None, or a part of it, where it has an error."""
    name, profile = entry.get(keys.UNIT_NAME), entry.get(keys.PROFILE)
    if name is not None:
        around.claim_name(entry, name)
    if profile is not None and profile != AUTO and profile not in around.profiles:
        guess = entry.guess(profile, around.profiles)
        hint = guess or "; bbu-agent profiles lists them"
        entry.error(f"no profile is named {shown(profile)}{hint}", "profile")
    place = entry.get(keys.UNIT_LOCATION)
    location = Location() if place is None else _location(place)
    around.claim_place(entry, location)
    battery = around.batteries.overrides(entry)
    bus, snmp = _way(entry, around)
    _check_protocol(entry, around)
    if name is None:
        return None
    tester = None if snmp is None else _tester(entry, snmp, around)
    number = entry.get(keys.UNIT_ID)
    return Unit(name, profile or AUTO, location, bus, number, snmp, battery or {}, tester)


def _tester(entry: Entry, host: SnmpHost, around: Surroundings) -> SnmpHost | None:
    """Give ``host`` with the credentials that may start a self-test, if there are any."""
    name = entry.get(keys.SELF_TEST_CREDENTIALS)
    if name is None:
        return None
    security = _security(entry, keys.SELF_TEST_CREDENTIALS.name, name, around)
    return None if security is None else replace(host, security=security)


def _check_protocol(entry: Entry, around: Surroundings) -> None:
    name, ways = entry.get(keys.PROFILE), entry.given(*_WAYS)
    if name is None or name not in around.profiles or len(ways) != 1:
        return
    spoken = "snmp" if ways[0] == keys.SNMP.name else "modbus"
    if around.profiles[name] != spoken:
        entry.error(
            f"{shown(name)} is for units over {around.profiles[name]}; this unit has {ways[0]}. "
            "Leave profile out to let the agent find it",
            "profile",
        )


def _location(entry: Entry) -> Location:
    return Location(entry.get(keys.RACK), entry.get(keys.SHELF_NAME), entry.get(keys.SLOT))


def _way(entry: Entry, around: Surroundings) -> tuple[str | None, SnmpHost | None]:
    """Find how the unit is reached: the name of its bus, or its SNMP agent."""
    ways = entry.given(*_WAYS)
    if len(ways) > 1:
        entry.error(f"has {' and '.join(ways)}; a unit is reached in one way")
        return None, None
    if not ways:
        if not entry.misspelt:
            entry.error("needs bus, modbus_tcp or snmp, to say how it is reached")
        return None, None
    for key, homes in _COMPANIONS:
        if entry.given(key) and ways[0] not in homes:
            entry.error(f"belongs to {' or '.join(homes)}; this unit has {ways[0]}", key.name)
    if ways[0] == "snmp":
        return None, _snmp(entry, around)
    bus = _shared_bus(entry, around) if ways[0] == "bus" else _own_bus(entry, around)
    _check_unit_id(entry, ways[0], bus, around)
    return None if bus is None else bus.name, None


def _snmp(entry: Entry, around: Surroundings) -> SnmpHost | None:
    address, name = entry.get(keys.SNMP), entry.get(keys.CREDENTIALS_NAME)
    if not entry.given(keys.CREDENTIALS_NAME) and not entry.misspelt:
        entry.error('needs "credentials", the name of the credentials to sign in with')
    if name is None:
        return None
    security = _security(entry, "credentials", name, around)
    if security is None or address is None:
        return None
    host = SnmpHost(address[0], security, address[1])
    around.claim_device(entry, "snmp", host, f"{host} with credentials {name}")
    return host


def _security(entry: Entry, key: str, name: str, around: Surroundings) -> Security | None:
    around.used.add(("credentials", name))
    if name not in around.securities:
        guess = entry.guess(name, around.securities)
        entry.error(f"no credentials are named {shown(name)}{guess}", key)
        return None
    return around.securities[name]


def _shared_bus(entry: Entry, around: Surroundings) -> Bus | None:
    name = entry.get(keys.UNIT_BUS)
    if name is None:
        return None
    around.used.add(("buses", name))
    if name not in around.buses:
        entry.error(f"no bus is named {shown(name)}{entry.guess(name, around.buses)}", "bus")
        return None
    return around.buses[name]


def _own_bus(entry: Entry, around: Surroundings) -> Bus | None:
    """Give the anonymous bus of an address; units behind one address share it."""
    address = entry.get(keys.MODBUS_TCP)
    if address is None:
        return None
    target = ModbusHost(*address, entry.get(keys.FRAMER) or Framer.TCP)
    for bus in around.buses.values():
        if bus is None or not isinstance(bus.target, ModbusHost) or str(bus.target) != str(target):
            continue
        if not bus.anonymous:
            entry.error(f"{target} is the bus {bus.name}; write bus: {bus.name}", "modbus_tcp")
        elif bus.target != target:
            entry.error(f"another unit at {target} has framer: {bus.target.framer}", "framer")
        return bus
    bus = Bus(str(target), target, anonymous=True)
    around.buses[bus.name] = bus
    return bus


def _check_unit_id(entry: Entry, way: str, bus: Bus | None, around: Surroundings) -> None:
    unit_id = entry.get(keys.UNIT_ID)
    if not entry.given(keys.UNIT_ID) and not entry.misspelt:
        entry.error(f'needs "unit_id", its Modbus address; it has {way}')
    if unit_id is None or bus is None:
        return
    # On TCP itself 0 and 255 both mean the device that answers there (Modbus Messaging on
    # TCP/IP Implementation Guide V1.0b, 4.4.2); on a line 0 is broadcast, 248-255 reserved.
    direct = isinstance(bus.target, ModbusHost) and bus.target.framer is Framer.TCP
    if unit_id > _HIGHEST_ADDRESS and not (direct and unit_id == _DIRECT_TCP_ADDRESS):
        entry.error(f"{unit_id} is out of range; Modbus addresses are 1 to 247", "unit_id")
    elif unit_id == 0 and not direct:
        entry.warn("0 is the broadcast address; few units answer to it", "unit_id")
    around.claim_device(entry, "unit_id", (bus.name, unit_id), f"unit_id {unit_id} on {bus.name}")
