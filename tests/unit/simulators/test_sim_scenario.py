"""Scenario files: what is wrong is told all at once, each with its line."""

import pytest

from simulators import scenario_file
from simulators.fleet import build_fleet
from simulators.scenario_file import ScenarioError

GOOD = """\
name: small
about: One module on one line.
buses:
  line: {serial: 19200}
units:
  - {name: m-1, model: classic, bus: line, unit_id: 64, rack: r1, shelf: a}
"""


@pytest.mark.parametrize("name", scenario_file.names())
def test_every_scenario_of_the_library_is_sound(name: str) -> None:
    scenario = scenario_file.load(name)
    fleet = build_fleet(scenario, start_s=1.77e9, born_s=1.74e9)
    assert scenario.name == name
    assert len(fleet.modules) == sum(part.count for part in scenario.units)


def test_the_demo_is_the_rack_of_the_readme() -> None:
    fleet = build_fleet(scenario_file.load("demo-rack"), start_s=1.77e9, born_s=1.74e9)
    models = [module.design.name for module in fleet.modules.values()]
    assert (models.count("hpr"), models.count("classic"), len(fleet.upses)) == (12, 3, 2)
    assert {part.version for part in fleet.scenario.ups} == {2, 3}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("bus: line", "bus: lane"), "s.yaml:6: units.0.bus: no bus is named lane"),
        (("serial: 19200", "serial: 7"), "s.yaml:4: buses.line.serial: Input should be greater"),
        (("{serial: 19200}", "{}"), "s.yaml:4: buses.line: needs one of serial"),
        (
            ("model: classic", "model: bbq"),
            "s.yaml:6: units.0.model: Input should be 'hpr', 'classic' or",
        ),
        (("unit_id: 64", "count: 2, unit_id: 64"), "s.yaml:6: units.0: name needs {n}"),
        (("about: One", "abuot: One"), "s.yaml:2: abuot: Extra inputs are not permitted"),
        (("units:", "units: ["), "s.yaml:6: is not YAML"),
    ],
)
def test_a_mistake_is_told_with_its_line(change: tuple[str, str], told: str) -> None:
    with pytest.raises(ScenarioError) as error:
        scenario_file.parse(GOOD.replace(*change), "s.yaml")
    assert told in str(error.value)


def test_all_mistakes_are_told_at_once() -> None:
    text = GOOD + (
        "  - {name: m-1, model: hpr, bus: line, unit_id: 64, rack: r1, shelf: a}\n"
        "faults:\n"
        "  - {unit: m-9, kind: silent}\n"
        "  - {unit: m-1, kind: weld, cell: 13, at: -30 d, size: 0.4}\n"
        "events:\n"
        "  - {at: 5 s, kind: self-test, units: [m-7], length: 30 s}\n"
    )
    with pytest.raises(ScenarioError) as error:
        scenario_file.parse(text, "s.yaml")
    assert str(error.value).splitlines() == [
        "s.yaml:7: units.1.name: m-1 is there already",
        "s.yaml:9: faults.0.unit: no unit is named m-9",
        "s.yaml:10: faults.1.cell: m-1 has no cell 13",
        "s.yaml:12: events.0.units: no unit is named m-7",
    ]


CARD = "ups:\n  - {name: u-1, version: 2, rack: r1}\n"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("{kind: silent}", "faults.0: needs either unit or bus"),
        ("{unit: m-1, bus: line, kind: silent}", "faults.0: needs either unit or bus"),
        ("{unit: m-1, kind: weld, cell: 2}", "faults.0: weld needs size"),
        ("{unit: m-1, kind: stuck-sensor}", "faults.0: stuck-sensor needs cell"),
        ("{unit: m-1, kind: weld, cell: 2, size: 1, until: 5 s}", "faults.0: weld never ends"),
        ("{unit: m-1, kind: silent, cell: 2}", "faults.0: silent is a fault of the wire"),
        ("{unit: m-1, kind: too-big}", "faults.0.kind: m-1 cannot have too-big"),
        ("{unit: m-1, kind: second-master}", "faults.0.kind: m-1 cannot have second-master"),
        ("{unit: u-1, kind: bad-crc}", "faults.0.kind: u-1 cannot have bad-crc"),
        ("{unit: u-1, kind: engine-reboot}", "faults.0.kind: u-1 cannot have engine-reboot"),
        ("{bus: line, kind: silent}", "faults.0.kind: line cannot have silent"),
        ("{bus: lane, kind: second-master}", "faults.0.bus: no bus is named lane"),
    ],
)
def test_a_fault_must_fit_whom_it_befalls(fault: str, told: str) -> None:
    with pytest.raises(ScenarioError) as error:
        scenario_file.parse(GOOD + CARD + f"faults: [{fault}]\n", "s.yaml")
    assert told in str(error.value)


def test_firmware_and_age_are_those_of_the_unit() -> None:
    text = GOOD.replace("shelf: a", 'shelf: a, firmware: v9, lacks: "7, 20-22", age: [1 d, 9 d]')
    fleet = build_fleet(scenario_file.parse(text, "s.yaml"), start_s=1e9, born_s=1e9)
    assert fleet.sites["m-1"].lacks == {7, 20, 21, 22}
    assert fleet.modules["m-1"].firmware == "v9"
    assert 1 < (1e9 - fleet.modules["m-1"].counters.installed_s) / 86400 < 9


@pytest.mark.parametrize("text", ["45", "45 parsecs", "soon", 45, None])
def test_a_duration_needs_a_unit(text: object) -> None:
    with pytest.raises(ScenarioError, match=r"is not a duration; write a number and a unit"):
        scenario_file.parse(GOOD + f"past: {{tests_every: {text}}}\n", "s.yaml")


def test_a_scenario_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(ScenarioError, match=r"nowhere\.yaml: No such file.*demo-rack"):
        scenario_file.load("nowhere.yaml")
