"""Write the past of a fleet: telemetry, truth and the state from which live goes on."""

import json
import multiprocessing
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from simulators.device.faults import WireFaultKind
from simulators.device.module import Module, State
from simulators.device.protection import Latch
from simulators.device.selftest import TestRefusal
from simulators.fleet import Fleet, build_fleet
from simulators.past import Life, quick_past
from simulators.scenario import Scenario, unit_names
from simulators.telemetry import write_meta, write_telemetry, write_truth

_YEAR_S = 365.25 * 86400
_CELL_FIELDS = (
    *("positive_ah", "negative_ah", "lithium_ah", "held_ah", "uneven", "celsius"),
    *("resistance_share", "ageing_share", "leak_a", "short_siemens", "contact_ohm"),
    *("alive", "swing"),
    *("calendar_loss", "cycle_loss"),
)
BBU_AGENT = Path(sys.executable).with_name("bbu-agent")
"""The agent that came with this simulator."""
_LOOK_S = 0.5
STATE_FILE = "final.json"
"""The name of the file that holds the fleet's state at the end of its past."""


class StateError(Exception):
    """A state folder does not fit the scenario."""


class LearnError(Exception):
    """bbu-agent could not learn a module's past."""


@dataclass(frozen=True, slots=True)
class Job:
    """One module's past to write. ``end_s`` is unix time; silent modules write nothing.

    ``agent_state`` is the state directory of an agent that is to learn it.
    """

    scenario: Scenario
    name: str
    years: float
    end_s: float
    folder: Path
    form: str
    ride: bool = False
    agent_state: Path | None = None


def jobs(
    scenario: Scenario,
    *,
    years: float,
    end_s: float,
    out: Path,
    form: str,
    ride: bool = False,
    only: Collection[str] = (),
    agent_state: Path | None = None,
) -> list[Job]:
    """Give the jobs that make up a fleet's past; ``ride`` adds true ride-through times.

    ``only`` are patterns of names, such as ``r1-*``; without any, every module is meant.
    """
    names = [name for part in scenario.units for name in unit_names(part)]
    if only:
        names = [name for name in names if any(fnmatchcase(name, like) for like in only)]
    return [
        Job(scenario, name, years, end_s, out / name, form, ride, agent_state) for name in names
    ]


def work(job: Job, progress: Callable[[float], None] = lambda _now_s: None) -> dict[str, object]:
    """Live and write one module's past; give its state at the end."""
    born_s = job.end_s - job.years * _YEAR_S
    fleet = build_fleet(job.scenario, start_s=job.end_s, born_s=born_s, only={job.name})
    module = fleet.modules[job.name]
    life = Life(fleet, job.name, ride=job.ride)
    life.live(job.end_s, progress)
    if not _silent(fleet, job.name):
        job.folder.mkdir(parents=True, exist_ok=True)
        write_telemetry(job.folder, module, life.record, job.form)
        write_meta(job.folder, module)
        write_truth(job.folder, module, life.truth, job.form)
        if job.agent_state is not None:
            _learn(job, job.agent_state)
    return module_state(module)


def _learn(job: Job, agent_state: Path) -> None:
    """Let bbu-agent learn a past from what an observer would have recorded of it."""
    telemetry = next(job.folder.glob("telemetry.*"))
    told = ("--meta", job.folder / "meta.json", "--out", job.folder / "estimates")
    into = ("--state-dir", agent_state, "--unit", job.name)
    command: list[str | Path] = [BBU_AGENT, "replay", telemetry, *told, *into]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - ours
    if done.returncode != 0:
        raise LearnError(f"{job.name}: {done.stderr.strip()}")


def _silent(fleet: Fleet, name: str) -> bool:
    return any(
        fault.kind is WireFaultKind.SILENT and fault.start_s <= 0
        for fault in fleet.wire_faults[name]
    )


def work_all(
    todo: list[Job], processes: int, progress: Callable[[int], None] = lambda _months: None
) -> Iterator[tuple[str, dict[str, object]]]:
    """Do every job on ``processes`` cores; give each name and state as it is done.

    ``progress`` hears every now and then how many months of modules have been lived.
    """
    months = multiprocessing.Value("q", 0)
    if processes <= 1:
        _share(months)
        for job in todo:
            yield job.name, _counted(job)
            progress(months.value)
        return
    with ProcessPoolExecutor(processes, initializer=_share, initargs=(months,)) as pool:
        names = {pool.submit(_counted, job): job.name for job in todo}
        running = set(names)
        try:
            while running:
                done, running = wait(running, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
                progress(months.value)
                yield from ((names[future], future.result()) for future in done)
        finally:
            if running:  # one failed, or nobody wants the rest
                pool.shutdown(wait=False, cancel_futures=True)


class _Shared:
    """What a process of the pool knows: the counter that all add their months to."""

    months: Any = None


def _share(months: Any) -> None:  # noqa: ANN401 - what multiprocessing makes has no public type
    _Shared.months = months


def _counted(job: Job) -> dict[str, object]:
    def lived(_now_s: float) -> None:
        with _Shared.months.get_lock():
            _Shared.months.value += 1

    return work(job, lived)


def module_state(module: Module) -> dict[str, object]:
    """Give everything that time has changed about a module, for JSON."""
    cells = module.pack.cells
    counters = asdict(module.counters)
    return {
        "now_s": module.now_s,
        "state": str(module.state),
        "cells": {name: getattr(cells, name).tolist() for name in _CELL_FIELDS},
        "serial": module.serial,
        "drift_v": module.sensors.drift_v.tolist(),
        "stuck_v": [None if np.isnan(v) else v for v in module.sensors.stuck_v.tolist()],
        "latched": sorted(module.protection.latched),
        "counters": counters,
        "relaxed_s": module.relaxed_s,
        "charged_s": module.charged_s,
        "discharged_j": module.discharged_j,
        "cut_off": module.cut_off,
        "faults": [
            {"done": f.done, "ended": f.ended, "base_leak_a": f.base_leak_a} for f in module.faults
        ],
    }


def write_state(out: Path, scenario: Scenario, end_s: float, states: Mapping[str, object]) -> None:
    """Write the state of the fleet at ``end_s``."""
    content = {
        "scenario": scenario.name,
        "seed": scenario.seed,
        "end_s": end_s,
        "modules": dict(sorted(states.items())),
    }
    (out / STATE_FILE).write_text(json.dumps(content) + "\n", encoding="ascii")


def resume(scenario: Scenario, folder: Path) -> Fleet:
    """Make the fleet as ``write_state`` left it; modules that have no past are aged in one go.

    Raises:
        StateError: there is no state, or it is that of another fleet.
    """
    path = folder / STATE_FILE
    try:
        content = json.loads(path.read_text(encoding="ascii"))
        if (content["scenario"], content["seed"]) != (scenario.name, scenario.seed):
            raise StateError(f"{path}: is the past of {content['scenario']}, not {scenario.name}")
        fleet = build_fleet(scenario, start_s=content["end_s"], born_s=content["end_s"])
        lived = set(content["modules"])
        if not lived or not lived <= set(fleet.modules):
            raise StateError(f"{path}: holds other modules than the scenario; write it again")
        quick_past(
            fleet, scenario.past.years, [name for name in fleet.modules if name not in lived]
        )
        for name, state in content["modules"].items():
            _restore(fleet.modules[name], state)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}; bbu-sim history writes it") from None
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"{path}: cannot be read ({error}); write it again") from None
    return fleet


def _restore(module: Module, state: dict[str, object]) -> None:
    faults = state["faults"]
    if isinstance(faults, list):
        for fault, kept in zip(module.faults, faults, strict=True):
            fault.done, fault.base_leak_a = kept["done"], kept["base_leak_a"]
            fault.ended = kept["ended"]
            if fault.ended and fault.spare is not None:
                module.renew(fault.spare)
    cells = _mapping(state["cells"])
    for name in _CELL_FIELDS:
        setattr(module.pack.cells, name, np.array(cells[name], dtype=float))
    counters = _mapping(state["counters"])
    refusal = counters.pop("last_refusal", None)
    for name, value in counters.items():
        setattr(module.counters, name, value)
    module.counters.last_refusal = None if refusal is None else TestRefusal(str(refusal))
    module.sensors.drift_v = np.array(state["drift_v"], dtype=float)
    module.sensors.stuck_v = np.array(state["stuck_v"], dtype=float)  # None becomes NaN
    latched = state["latched"]
    if isinstance(latched, list):
        module.protection.latched = {Latch(name) for name in latched}
    for name in ("now_s", "relaxed_s", "charged_s", "discharged_j", "cut_off"):
        setattr(module, name, state[name])
    module.state = State(str(state["state"]))
    module.pack.refresh()
    module.pack.settle()


def _mapping(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError("not a mapping")
    return dict(value)
