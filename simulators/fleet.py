"""A scenario made real: modules and UPSs with their faults, in their climate."""

import math
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import numpy as np

from simulators.battery.build import Spread, make_pack
from simulators.battery.chemistry import Array
from simulators.battery.pack import Pack
from simulators.device.faults import (
    ENDING,
    BatteryFault,
    BatteryFaultKind,
    WireFault,
    WireFaultKind,
)
from simulators.device.hardware import MODULES, UPSES
from simulators.device.module import Module
from simulators.device.sensors import Sensors, make_sensors
from simulators.device.ups import Ups
from simulators.scenario import Climate, FaultPart, Scenario, UnitPart, unit_names

_YEAR_S = 365.25 * 86400
_DAY_S = 86400.0
_WARMEST_DAY = 200.0
_WARMEST_HOUR = 15.0
_UPS_AGE_S = 3 * _YEAR_S
_PULSE_S = 10.0


@dataclass(frozen=True, slots=True)
class Site:
    """Where a unit sits and how it is reached."""

    rack: str
    shelf: str
    slot: str
    bus: str
    unit_id: int
    warmer_k: float
    firmware: str = "1.4.2"
    lacks: frozenset[int] = frozenset()


@dataclass(slots=True)
class Fleet:
    """The units of a scenario. ``start_s`` is the unix time at which live begins.

    ``wire_faults`` by the name of a module, a UPS or a bus; ``warmer_k`` is what events add
    to the air of a rack.
    """

    scenario: Scenario
    start_s: float
    modules: dict[str, Module]
    upses: dict[str, Ups]
    sites: dict[str, Site]
    wire_faults: dict[str, list[WireFault]] = field(default_factory=dict)
    warmer_k: dict[str, float] = field(default_factory=dict)

    def air_c(self, name: str, now_s: float) -> float:
        """Give the inlet air of a module."""
        site = self.sites[name]
        warmer_k = site.warmer_k + self.warmer_k.get(site.rack, 0.0)
        return air_c(self.scenario.climate, now_s) + warmer_k

    def add_fault(self, part: FaultPart, since_s: float, now_s: float) -> None:
        """Let a fault begin live: ``since_s`` after the start, at ``now_s`` unix time."""
        begin_s = part.at or 0.0
        if isinstance(part.kind, WireFaultKind):
            end_s = None if part.until is None else since_s + part.until
            fault = WireFault(part.kind, since_s + begin_s, end_s, part.value, part.share)
            self.wire_faults[str(part.unit or part.bus)].append(fault)
            return
        module = self.modules[str(part.unit)]
        ohm = module.pack.resistance_ohm(_PULSE_S)
        live = part.model_copy(update={"at": begin_s})
        module.faults.append(_battery_fault(self.scenario, module, live, ohm, now_s, now_s))

    def heal(self, name: str, now_s: float) -> int:
        """End every fault of a unit or bus that can end; give how many did."""
        wire = self.wire_faults[name]
        count = len(wire)
        wire.clear()
        if name in self.modules:
            for fault in self.modules[name].faults:
                if fault.kind in ENDING and not fault.ended:
                    fault.end_s = now_s
                    count += 1
        return count


def air_c(climate: Climate, now_s: float) -> float:
    """Give the inlet air temperature of the site at a unix time."""
    season = math.cos(2 * math.pi * (now_s / _YEAR_S - _WARMEST_DAY / 365.25))
    day = math.cos(2 * math.pi * (now_s / _DAY_S - _WARMEST_HOUR / 24))
    return climate.mean + climate.season * season + climate.day * day


def generator(scenario: Scenario, *parts: str) -> np.random.Generator:
    """Make the random generator of one thing: the same scenario and names, the same numbers."""
    keys = [zlib.crc32(part.encode()) for part in parts]
    return np.random.default_rng([scenario.seed, *keys])


def build_fleet(
    scenario: Scenario, *, start_s: float, born_s: float, only: Collection[str] | None = None
) -> Fleet:
    """Make every unit as it is at ``born_s``; battery faults count from ``start_s``.

    With ``only``, no module but those: each is what it would be among the others.
    """
    modules: dict[str, Module] = {}
    sites: dict[str, Site] = {}
    for part in scenario.units:
        for n, name in enumerate(unit_names(part)):
            if only is not None and name not in only:
                continue
            sites[name] = _site(part, n, scenario)
            faults = [fault for fault in scenario.faults if fault.unit == name]
            modules[name] = _module(scenario, part, name, faults, start_s, born_s)
    upses = {part.name: _ups(scenario, part.name, start_s) for part in scenario.ups}
    wired = [*modules, *upses, *scenario.buses]
    wire = {name: list(_wire_faults(scenario, name)) for name in wired}
    return Fleet(scenario, start_s, modules, upses, sites, wire)


def _site(part: UnitPart, n: int, scenario: Scenario) -> Site:
    number = str(n + 1)
    name = part.name.replace("{n}", number)
    spread_k = float(generator(scenario, name, "place").standard_normal()) * 0.4
    slot = part.slot.replace("{n}", number)
    return Site(
        part.rack,
        part.shelf,
        slot,
        part.bus,
        part.unit_id + n,
        part.warmer + spread_k,
        part.firmware,
        part.lacks,
    )


def _module(
    scenario: Scenario,
    part: UnitPart,
    name: str,
    faults: list[FaultPart],
    start_s: float,
    born_s: float,
) -> Module:
    design = MODULES[part.model]
    cells, electronics = generator(scenario, name, "cells"), generator(scenario, name, "sensors")
    pack = make_pack(design.pack, Spread(), cells, rest_v=design.float_v, celsius=28.0)
    new_ohm = pack.resistance_ohm(_PULSE_S)
    age_s = _age_s(scenario, part, name)
    # In parts of a year at most: beyond its knee ageing feeds on itself.
    parts = math.ceil(age_s / _YEAR_S)
    for _ in range(parts):
        pack.age_by(
            days=age_s / parts / _DAY_S,
            celsius=np.full(design.pack.series, scenario.climate.mean + 3.0),
            soc=np.full(design.pack.series, float(pack.soc().mean())),
        )
    if parts:
        pack.cells.held_ah = pack.curves.held_at(design.float_v)
    module = Module(
        name=name,
        serial=_serial(scenario, name),
        design=design,
        pack=pack,
        sensors=make_sensors(
            design.pack.series, electronics, temperature_each=design.temperature_each
        ),
        now_s=born_s,
    )
    module.counters.installed_s = born_s - age_s
    module.firmware = part.firmware
    module.faults = [
        _battery_fault(scenario, module, fault, new_ohm, start_s, born_s)
        for fault in faults
        if isinstance(fault.kind, BatteryFaultKind)
    ]
    return module


def _battery_fault(
    scenario: Scenario,
    module: Module,
    fault: FaultPart,
    new_ohm: Array,
    start_s: float,
    born_s: float,
) -> BatteryFault:
    kind = BatteryFaultKind(fault.kind)
    cell = fault.cell or 1
    return BatteryFault(
        kind=kind,
        cell=cell,
        onset_s=born_s if fault.at is None else start_s + fault.at,
        size=fault.size or 0.0,
        grow_s=fault.over,
        parallel=module.design.pack.parallel,
        new_resistance_ohm=float(new_ohm[cell - 1]),
        end_s=None if fault.until is None else start_s + fault.until,
        spare=_spare(scenario, module) if kind is BatteryFaultKind.REPLACED else None,
    )


def _age_s(scenario: Scenario, part: UnitPart, name: str) -> float:
    """Give a unit's age at the start of its past: the fleet's, or drawn from its range."""
    if part.age is None:
        return scenario.past.age
    youngest, oldest = part.age
    return youngest + (oldest - youngest) * float(generator(scenario, name, "age").random())


def _serial(scenario: Scenario, *names: str) -> str:
    text = "/".join([scenario.name, str(scenario.seed), *names])
    return f"SIM{zlib.crc32(text.encode()):010d}"


@dataclass(slots=True)
class _Spare:
    """A module off the shelf: new cells and sensors under a number of its own."""

    pack: Pack
    sensors: Sensors
    serial: str


def _spare(scenario: Scenario, module: Module) -> _Spare:
    design, name = module.design, module.name
    cells = generator(scenario, name, "spare", "cells")
    pack = make_pack(design.pack, Spread(), cells, rest_v=design.float_v, celsius=28.0)
    electronics = generator(scenario, name, "spare", "sensors")
    sensors = make_sensors(
        design.pack.series, electronics, temperature_each=design.temperature_each
    )
    return _Spare(pack, sensors, _serial(scenario, name, "spare"))


def _wire_faults(scenario: Scenario, name: str) -> Iterator[WireFault]:
    for fault in scenario.faults:
        if name in (fault.unit, fault.bus) and isinstance(fault.kind, WireFaultKind):
            yield WireFault(fault.kind, fault.at or 0.0, fault.until, fault.value, fault.share)


def _ups(scenario: Scenario, name: str, start_s: float) -> Ups:
    part = next(part for part in scenario.ups if part.name == name)
    design = UPSES[part.model]
    return Ups(
        name=name,
        serial=f"SIM{zlib.crc32(f'{scenario.name}/{name}'.encode()):010d}",
        design=design,
        random=generator(scenario, name, "ups"),
        now_s=start_s,
        installed_s=start_s - _UPS_AGE_S,
        load_w=part.load * design.rated_power_w,
        last_test_s=start_s - 12 * _DAY_S,
    )
