"""Buses: serial lines and Modbus gateways, each owned once."""

import os
from collections.abc import Mapping

from agent.config import keys
from agent.config.sections import Entry, Key
from agent.config.types import Bus
from agent.targets import Framer, ModbusHost, Parity, SerialLine

_SERIAL_KEYS: tuple[Key[object], ...] = (keys.BAUDRATE, keys.PARITY, keys.STOP_BITS)
_TCP_KEYS: tuple[Key[object], ...] = (keys.FRAMER, keys.MAX_IN_FLIGHT)
_USUAL_BAUDRATES = frozenset(
    {300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600}
)


def build_buses(entries: Mapping[str, Entry | None]) -> dict[str, Bus | None]:
    """Build every entry of ``buses``; None for one with an error."""
    buses = {name: None if entry is None else _bus(name, entry) for name, entry in entries.items()}
    _no_line_twice(buses, entries)
    return buses


def _bus(name: str, entry: Entry) -> Bus | None:
    given = entry.given(keys.SERIAL, keys.MODBUS_TCP)
    if len(given) > 1:
        entry.error("has serial and modbus_tcp; a bus is one of them")
        return None
    if not given:
        if not entry.misspelt:
            entry.error("needs serial or modbus_tcp")
        return None
    if given == ("serial",):
        _refuse(entry, _TCP_KEYS, "belongs to modbus_tcp; this is a serial line")
        line = _serial(entry)
        return None if line is None else Bus(name, line)
    _refuse(entry, _SERIAL_KEYS, "belongs to a serial line; this is modbus_tcp")
    host = _gateway(entry)
    if host is None:
        return None
    if host.framer is Framer.RTU:
        _refuse(entry, (keys.MAX_IN_FLIGHT,), "needs framer: tcp; serial frames go one at a time")
    return Bus(name, host, max_in_flight=entry.get(keys.MAX_IN_FLIGHT) or 1)


def _refuse(entry: Entry, wrong: tuple[Key[object], ...], message: str) -> None:
    for key in entry.given(*wrong):
        entry.error(message, key)


def _serial(entry: Entry) -> SerialLine | None:
    path, baudrate = entry.get(keys.SERIAL), entry.get(keys.BAUDRATE)
    if baudrate is not None and baudrate not in _USUAL_BAUDRATES:
        entry.warn(f"{baudrate} is an unusual baud rate", "baudrate")
    if path is None or baudrate is None:
        return None
    parity, stop_bits = entry.get(keys.PARITY), entry.get(keys.STOP_BITS)
    return SerialLine(path, baudrate, parity or Parity.EVEN, stop_bits or 1)


def _gateway(entry: Entry) -> ModbusHost | None:
    address = entry.get(keys.MODBUS_TCP)
    framer = entry.get(keys.FRAMER) or Framer.TCP
    return None if address is None else ModbusHost(*address, framer)


def _no_line_twice(buses: Mapping[str, Bus | None], entries: Mapping[str, Entry | None]) -> None:
    """Note lines and gateways that two buses would fight over."""
    owners: dict[str, str] = {}
    for name, bus in buses.items():
        entry = entries[name]
        if bus is None or entry is None:
            continue
        if isinstance(bus.target, SerialLine):
            # Through links: /dev/serial/by-id/... and /dev/ttyUSB0 are one line.
            line = os.path.realpath(bus.target.path)
            key, what = "serial", f"{bus.target.path} is the line"
        else:
            line = str(bus.target).lower()
            key, what = "modbus_tcp", f"{bus.target} is the gateway"
        first = owners.setdefault(line, name)
        if first != name:
            entry.error(f"{what} of the bus {first} already; put its units on that bus", key)
