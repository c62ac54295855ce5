"""Serve a fleet in real time: lines, gateways, SNMP agents, and the clock that drives them."""

import asyncio
import contextlib
import heapq
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from agent.profiles.load import load as profile
from simulators.agent_config import agent_document, agent_text, make_access
from simulators.control import Control, ControlError
from simulators.device.faults import BatteryFaultKind
from simulators.device.module import Module
from simulators.device.readings import module_columns
from simulators.device.ups import Ups, ups_values
from simulators.fleet import Fleet
from simulators.maps.image import Columns, RegisterImage, Values
from simulators.maps.objects import About, ObjectTree
from simulators.scenario import EventPart, FaultPart
from simulators.scenario_file import misfits
from simulators.stage import Stage
from simulators.wire.agent_faults import AgentWire, FaultyTree
from simulators.wire.faults import WireFaultKind
from simulators.wire.line import Line, Station
from simulators.wire.modbus import ModbusServer
from simulators.wire.serial import SerialLine
from simulators.wire.snmp import SnmpAgent
from simulators.wire.snmp_light import LightAgent

_TICK_S = 0.2
_QUIET_STEP_S = 10.0
_FRESH_S = 1.0
_LONGEST_STEP_S = 1.0
_CATCH_UP_S = 60.0
_BREATH_S = 0.002
_GAUGES = frozenset({"alarms_present"})


class Service:
    """Every simulated device of ``fleet``, live.

    Files appear in ``folder``: links to serial lines, ``endpoints.json``, ``agent.yaml``,
    the SNMP secrets and the control socket; ``stop`` removes them all. ``listen`` is where
    the agent will serve.
    """

    def __init__(self, fleet: Fleet, folder: Path, listen: str) -> None:
        self.fleet = fleet
        self.folder = folder
        self._listen = listen
        self.endpoints: dict[str, dict[str, object]] = {}
        self._lines = {
            name: Line(
                gateway=part.silent_units == "exception",
                faults=fleet.wire_faults.get(name, []),
            )
            for name, part in fleet.scenario.buses.items()
        }
        self._images: dict[str, RegisterImage] = {}
        self._trees: dict[str, ObjectTree] = {}
        self._serials: list[SerialLine] = []
        self._servers: list[ModbusServer] = []
        self._agents: list[SnmpAgent | LightAgent] = []
        self._started = self._refreshed = time.monotonic()
        self._lived: dict[str, float] = {}
        self._due: list[tuple[float, str]] = []
        self._next: dict[str, float] = {}
        self._stage = Stage(fleet, self._bring_all)
        self._control = Control(folder, fault=self.inject, event=self.happen, heal=self.heal)

    def _since(self) -> float:
        return time.monotonic() - self._started

    async def start(self) -> None:
        """Open every line and port, then write the files."""
        self._started = time.monotonic()
        for name, module in self.fleet.modules.items():
            site = self.fleet.sites[name]
            map_ = profile(module.design.profile)
            image = RegisterImage(map_, self._values_of(module), lacks=site.lacks)
            self._images[name] = image
            faults = self.fleet.wire_faults.setdefault(name, [])
            plant = module.plant
            station = Station(image, faults, lambda plant=plant: plant.present)  # type: ignore[misc]
            self._lines[site.bus].stations[site.unit_id] = station
            self._lived[name] = self._started
            self._plan(name, self._started)
        buses = {name: await self._open_bus(name) for name in self.fleet.scenario.buses}
        ports = {part.name: await self._open_ups(part.name) for part in self.fleet.scenario.ups}
        await self._control.start()
        document = agent_document(self.fleet, buses, ports, self.folder, self._listen)
        (self.folder / "agent.yaml").write_text(agent_text(document), encoding="utf-8")
        text = json.dumps(self.endpoints, indent=2)
        (self.folder / "endpoints.json").write_text(text + "\n", encoding="utf-8")

    def _values_of(self, module: Module) -> Callable[[], Columns]:
        return lambda: module_columns(module, module.measure())

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
            server = ModbusServer(
                line, rtu=rtu, latency_s=part.latency, one_at_a_time=part.one_at_a_time
            )
            port = await server.start(port=part.rtu_over_tcp or part.modbus_tcp or 0)
            self._servers.append(server)
            entry = {"modbus_tcp": f"127.0.0.1:{port}"}
            entry |= {"framer": "rtu"} if rtu else {}
        self.endpoints[name] = entry | {"units": sorted(line.stations)}
        return entry

    async def _open_ups(self, name: str) -> int:
        ups = self.fleet.upses[name]
        part = next(part for part in self.fleet.scenario.ups if part.name == name)
        about = About(
            f"{ups.design.manufacturer} {ups.design.model}",
            ups.design.sys_object_id,
            name,
            self._since,
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
        faults = self.fleet.wire_faults.setdefault(name, [])
        wire = AgentWire(faults, self._since, asyncio.get_running_loop().call_later)
        served = FaultyTree(tree, faults, self._since)
        access = make_access(part, self.folder)
        agent: SnmpAgent | LightAgent
        if access.community is not None:
            agent = LightAgent(served, access.community, wire)
        else:
            # Boots must grow from run to run; seconds since 2020 do, and fit 31 bits.
            boots = max(1, int(time.time() - 1_577_836_800)) & 0x7FFFFFFF
            octets = name.encode()[:26]
            agent = SnmpAgent(served, access, engine_octets=octets, boots=boots, wire=wire)
        port = await agent.start(port=part.port)
        self._agents.append(agent)
        self.endpoints[name] = {"snmp": f"127.0.0.1:{port}", "version": part.version}
        return port

    def _values_of_ups(self, ups: Ups) -> Callable[[], Values]:
        return lambda: ups_values(ups)

    async def run(self) -> None:
        """Let time pass, for ever, as fast as it does outside."""
        last = time.monotonic()
        while True:
            await asyncio.sleep(max(0.0, min(_TICK_S, self._stage.next_s() - self._since())))
            await self._advance()
            self._stage.act(self._since())
            now = time.monotonic()
            for name, ups in self.fleet.upses.items():
                ups.step(now - last)
                if not self._stuck(name):
                    self._trees[name].refresh()
            for agent in self._agents:
                if isinstance(agent, SnmpAgent):
                    agent.follow_faults()
            if now - self._refreshed >= _FRESH_S:
                self._refreshed = now
                for image in self._images.values():
                    image.refresh()
            last = now

    def _stuck(self, name: str) -> bool:
        since_s = self._since()
        return any(
            fault.kind is WireFaultKind.STUCK and fault.active(since_s)
            for fault in self.fleet.wire_faults[name]
        )

    async def _advance(self) -> None:
        """Let the modules live that are due: the busy ones always, the quiet ones seldom."""
        breath = now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            when, name = heapq.heappop(self._due)
            if self._next[name] != when:
                continue
            self._bring(name)
            if time.monotonic() - breath > _BREATH_S:
                await asyncio.sleep(0)
                breath = time.monotonic()

    def _plan(self, name: str, when: float) -> None:
        self._next[name] = when
        heapq.heappush(self._due, (when, name))

    def _bring_all(self, names: Iterable[str]) -> None:
        for name in names:
            if name in self._lived:
                self._bring(name)
                self._plan(name, time.monotonic())

    def _bring(self, name: str) -> None:
        """Let one module live up to now."""
        module, now = self.fleet.modules[name], time.monotonic()
        left, self._lived[name] = now - self._lived[name], now
        longest = _QUIET_STEP_S * 2 if module.quiet else _LONGEST_STEP_S
        while left > 0:
            step = min(left, longest if left < _CATCH_UP_S else _CATCH_UP_S)
            module.air_c = self.fleet.air_c(name, module.now_s)
            module.step(step)
            left -= step
        quiet = module.quiet
        if not quiet:
            self._images[name].refresh()
        self._plan(name, now + (_QUIET_STEP_S if quiet else _TICK_S / 2))

    def inject(self, part: FaultPart) -> str:
        """Let a fault begin; times count from now.

        Raises:
            ControlError: the fleet has no such unit, or it cannot have such a fault.
        """
        for problem in misfits(self.fleet.scenario, part):
            raise ControlError(problem)
        target = str(part.unit or part.bus)
        self.fleet.add_fault(part, self._since(), time.time())
        if isinstance(part.kind, BatteryFaultKind):
            self._bring_all([target])
        return f"{target}: {part.kind} from now on"

    def happen(self, event: EventPart) -> str:
        """Let an event happen; times count from now.

        Raises:
            ControlError: the fleet has no such rack or unit.
        """
        known = {*self.fleet.modules, *self.fleet.upses}
        racks = {site.rack for site in self.fleet.sites.values()}
        for name in event.units:
            if name not in known:
                raise ControlError(f"no unit is named {name}")
        if event.rack is not None and event.rack not in racks:
            raise ControlError(f"no rack is named {event.rack}")
        self._stage.plan(event.model_copy(update={"at": event.at + self._since()}))
        return f"{event.rack or ', '.join(event.units)}: {event.kind}"

    def heal(self, target: str) -> str:
        """End every fault of a unit or bus that can end.

        Raises:
            ControlError: the fleet has no such unit or bus.
        """
        if target not in self.fleet.wire_faults:
            raise ControlError(f"no unit and no bus is named {target}")
        ended = self.fleet.heal(target, time.time())
        self._bring_all([target])
        return f"{target}: {ended} faults ended"

    async def stop(self) -> None:
        """Close everything and remove the files."""
        await self._control.stop()
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
