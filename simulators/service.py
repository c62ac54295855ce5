"""Serve a fleet in real time: lines, gateways, SNMP agents, and the clock that drives them."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path

from agent.profiles.load import load as profile
from simulators.agent_config import agent_document, agent_text, make_access
from simulators.fleet import Fleet
from simulators.image import RegisterImage, Values
from simulators.line import Line, Station
from simulators.modbus import ModbusServer
from simulators.module import Measured, Module
from simulators.objects import About, ObjectTree
from simulators.readings import module_values
from simulators.scenario import EventPart
from simulators.serial import SerialLine
from simulators.snmp import SnmpAgent
from simulators.ups import Ups, ups_values

_TICK_S = 0.2
_LONGEST_STEP_S = 1.0
_CATCH_UP_S = 60.0
_GAUGES = frozenset({"alarms_present"})
_MODULE_TEST_SHARE = 0.5


class Service:
    """Every simulated device of ``fleet``, live.

    Files appear in ``folder``: links to serial lines, ``endpoints.json``, ``agent.yaml``
    and the SNMP secrets; ``stop`` removes them all. ``listen`` is where the agent will
    serve.
    """

    def __init__(self, fleet: Fleet, folder: Path, listen: str) -> None:
        self.fleet = fleet
        self.folder = folder
        self._listen = listen
        self.endpoints: dict[str, dict[str, object]] = {}
        self._lines = {
            name: Line(gateway=part.silent_units == "exception")
            for name, part in fleet.scenario.buses.items()
        }
        self._measured: dict[str, Measured] = {}
        self._images: dict[str, RegisterImage] = {}
        self._trees: dict[str, ObjectTree] = {}
        self._serials: list[SerialLine] = []
        self._servers: list[ModbusServer] = []
        self._agents: list[SnmpAgent] = []
        self._ends: list[tuple[float, Callable[[], None]]] = []
        self._started = 0.0

    async def start(self) -> None:
        """Open every line and port, then write the files."""
        self._started = time.monotonic()
        for name, module in self.fleet.modules.items():
            self._measured[name] = module.measure()
            image = RegisterImage(profile(module.design.profile), self._values_of(module))
            self._images[name] = image
            site = self.fleet.sites[name]
            faults = self.fleet.wire_faults.get(name, [])
            self._lines[site.bus].stations[site.unit_id] = Station(image, faults)
        buses = {name: await self._open_bus(name) for name in self.fleet.scenario.buses}
        ports = {part.name: await self._open_ups(part.name) for part in self.fleet.scenario.ups}
        document = agent_document(self.fleet, buses, ports, self.folder, self._listen)
        (self.folder / "agent.yaml").write_text(agent_text(document), encoding="utf-8")
        text = json.dumps(self.endpoints, indent=2)
        (self.folder / "endpoints.json").write_text(text + "\n", encoding="utf-8")

    def _values_of(self, module: Module) -> Callable[[], Values]:
        return lambda: module_values(module, self._measured[module.name])

    async def _open_bus(self, name: str) -> dict[str, object]:
        part, line = self.fleet.scenario.buses[name], self._lines[name]
        if part.serial is not None:
            path = self.folder / f"tty-{name}"
            serial = SerialLine(line, path, baudrate=part.serial)
            serial.start()
            self._serials.append(serial)
            # The wire has even parity; the pseudo-terminal that stands for it knows none.
            entry: dict[str, object] = {
                "serial": str(path),
                "baudrate": part.serial,
                "parity": "none",
            }
        else:
            rtu = part.rtu_over_tcp is not None
            server = ModbusServer(line, rtu=rtu, latency_s=part.latency)
            port = await server.start(port=part.rtu_over_tcp or part.modbus_tcp or 0)
            self._servers.append(server)
            entry = {"modbus_tcp": f"127.0.0.1:{port}"}
            entry |= {"framer": "rtu"} if rtu else {"pipelined": True}
        self.endpoints[name] = entry | {"units": sorted(line.stations)}
        return entry

    async def _open_ups(self, name: str) -> int:
        ups = self.fleet.upses[name]
        part = next(part for part in self.fleet.scenario.ups if part.name == name)
        about = About(
            f"{ups.design.manufacturer} {ups.design.model}",
            ups.design.sys_object_id,
            name,
            lambda: time.monotonic() - self._started,
        )
        tree = ObjectTree(
            profile(ups.design.profile),
            self._values_of_ups(ups),
            about,
            gauges=_GAUGES,
            root=ups.design.root,
        )
        self._trees[name] = tree
        tree.after(())  # a value that the map cannot hold must fail here, not in a request
        # Boots must grow from run to run; seconds since 2020 do, and fit 31 bits.
        boots = max(1, int(time.time() - 1_577_836_800)) & 0x7FFFFFFF
        access = make_access(part, self.folder)
        agent = SnmpAgent(tree, access, engine_octets=name.encode()[:26], boots=boots)
        port = await agent.start(port=part.port)
        self._agents.append(agent)
        self.endpoints[name] = {"snmp": f"127.0.0.1:{port}", "version": part.version}
        return port

    def _values_of_ups(self, ups: Ups) -> Callable[[], Values]:
        return lambda: ups_values(ups)

    async def run(self) -> None:
        """Let time pass, for ever, as fast as it does outside."""
        waiting = sorted(self.fleet.scenario.events, key=lambda event: event.at)
        last = time.monotonic()
        while True:
            await asyncio.sleep(_TICK_S)
            now = time.monotonic()
            since = now - self._started
            while waiting and waiting[0].at <= since:
                self._begin(waiting.pop(0), since)
            for ending in [ending for ending in self._ends if ending[0] <= since]:
                self._ends.remove(ending)
                ending[1]()
            self._advance(now - last)
            last = now

    def _advance(self, passed_s: float) -> None:
        for name, module in self.fleet.modules.items():
            left = passed_s
            while left > 0:
                step = min(left, _LONGEST_STEP_S if left < _CATCH_UP_S else _CATCH_UP_S)
                module.air_c = self.fleet.air_c(name, module.now_s)
                module.step(step)
                left -= step
            self._measured[name] = module.measure()
            self._images[name].refresh()
        for name, ups in self.fleet.upses.items():
            ups.step(passed_s)
            self._trees[name].refresh()

    def _begin(self, event: EventPart, since: float) -> None:
        if event.kind == "self-test":
            for name in event.units:
                if name in self.fleet.modules:
                    module = self.fleet.modules[name]
                    module.start_test(
                        _MODULE_TEST_SHARE * module.design.rated_power_w, event.length
                    )
                else:
                    self.fleet.upses[name].start_test(event.length)
            return
        self._mains(event, on=False)
        self._ends.append((since + event.length, lambda: self._mains(event, on=True)))

    def _mains(self, event: EventPart, *, on: bool) -> None:
        for name, module in self.fleet.modules.items():
            if self.fleet.sites[name].rack == event.rack:
                module.load_w = 0.0 if on else event.load * module.design.rated_power_w
        for part in self.fleet.scenario.ups:
            if part.rack == event.rack:
                self.fleet.upses[part.name].mains = on

    async def stop(self) -> None:
        """Close everything and remove every file that ``start`` made."""
        for serial in self._serials:
            serial.stop()
        for agent in self._agents:
            agent.stop()
        for server in self._servers:
            await server.stop()
        made = ["agent.yaml", "endpoints.json"]
        for part in self.fleet.scenario.ups:
            made += [f"{part.name}-{kind}" for kind in ("community", "auth.key", "privacy.key")]
        for name in made:
            with contextlib.suppress(FileNotFoundError):
                (self.folder / name).unlink()
