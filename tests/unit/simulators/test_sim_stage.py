"""Events of a live fleet: who carries an outage, when, and how much."""

from collections.abc import Iterable
from itertools import pairwise

import pytest

from simulators import scenario_file
from simulators.fleet import Fleet, build_fleet
from simulators.scenario import EventPart
from simulators.stage import Stage, load_at

SHELF = """\
name: shelf
about: Four modules on one line.
buses: {line: {serial: 19200}}
units:
  - {name: "m-{n}", count: 4, model: classic, bus: line, unit_id: 64, rack: r1, shelf: a}
ups:
  - {name: u-1, version: 2, rack: r1}
"""


def fleet_with(events: str = "") -> Fleet:
    return build_fleet(scenario_file.parse(SHELF + events, "s"), start_s=1e9, born_s=1e9)


def nothing(_names: Iterable[str]) -> None:
    """Time stands still."""


def loads(fleet: Fleet) -> list[float]:
    return [round(module.load_w, 1) for module in fleet.modules.values()]


def test_an_outage_begins_and_ends_when_it_should() -> None:
    fleet = fleet_with("events: [{at: 5 s, kind: outage, rack: r1, length: 10 s, load: 0.5}]\n")
    stage = Stage(fleet, nothing)
    seen = []
    for since_s in (4.9, 5.0, 14.9, 15.0):
        stage.act(since_s)
        seen.append((loads(fleet)[0], fleet.upses["u-1"].mains))
    assert seen == [(0.0, True), (1500.0, False), (1500.0, False), (0.0, True)]


def test_an_event_repeats() -> None:
    fleet = fleet_with(
        "events: [{at: 5 s, kind: outage, rack: r1, length: 600 ms, repeat: 3, every: 2 s}]\n"
    )
    stage = Stage(fleet, nothing)
    times = []
    while stage.next_s() < float("inf"):
        times.append(stage.next_s())
        stage.act(stage.next_s())
    assert times == pytest.approx([5.0, 5.6, 7.0, 7.6, 9.0, 9.6])


def test_who_cannot_carry_leaves_his_share_to_the_others() -> None:
    fleet = fleet_with("events: [{at: 0 s, kind: outage, rack: r1, length: 60 s, load: 0.6}]\n")
    stage = Stage(fleet, nothing)
    stage.act(0.0)
    whole = loads(fleet)
    fleet.modules["m-2"].plant.present = False
    stage.act(1.0)
    assert whole == [1800.0] * 4
    assert [watts for n, watts in enumerate(loads(fleet)) if n != 1] == [2400.0] * 3
    for name in ("m-1", "m-3"):
        fleet.modules[name].cut_off = True
    stage.act(2.0)
    # One module cannot carry four shares: the bus sags beyond what a module gives.
    assert loads(fleet)[3] == 4500.0


def test_units_live_up_to_the_moment_before_the_load_comes() -> None:
    brought: list[str] = []
    fleet = fleet_with("events: [{at: 1 s, kind: outage, rack: r1, length: 5 s}]\n")
    stage = Stage(fleet, lambda names: brought.extend(f"{n} {loads(fleet)[0]}" for n in names))
    stage.act(1.0)
    stage.act(6.0)
    assert brought == [
        *(f"m-{n} 0.0" for n in (1, 2, 3, 4)),
        *(f"m-{n} 1800.0" for n in (1, 2, 3, 4)),
    ]


def test_a_training_draws_in_steps() -> None:
    times = {"at": "0 s", "length": "9 s", "period": "3 s"}
    content = {"kind": "outage", "rack": "r", "load": 0.9, "low": 0.3, **times}
    event = EventPart.model_validate(content)
    drawn = [load_at(event, n / 2) for n in range(12)]
    assert drawn == [0.9, 0.9, 0.9, 0.9, 0.3, 0.3] * 2


def test_heat_rises_and_stays() -> None:
    fleet = fleet_with("events: [{at: 10 s, kind: heat, rack: r1, length: 100 s, rise: 12 K}]\n")
    stage = Stage(fleet, nothing)
    warmer = []
    for since_s in (0.0, 10.0, 60.0, 110.0, 500.0):
        stage.act(since_s)
        warmer.append(fleet.air_c("m-1", 1e9))
    rises = [round(later - earlier, 6) for earlier, later in pairwise(warmer)]
    assert rises == [0.0, 6.0, 6.0, 0.0]


def test_a_self_test_reaches_modules_and_cards() -> None:
    fleet = fleet_with("events: [{at: 1 s, kind: self-test, units: [m-1, u-1], length: 9 s}]\n")
    Stage(fleet, nothing).act(1.0)
    assert fleet.modules["m-1"].test is not None
    assert fleet.upses["u-1"].result == "running"
