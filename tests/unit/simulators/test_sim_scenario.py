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
        (("model: classic", "model: bbq"), "s.yaml:6: units.0.model: Input should be 'hpr' or"),
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
        "s.yaml:9: faults.0.unit: no module is named m-9",
        "s.yaml:10: faults.1.cell: m-1 has no cell 13",
        "s.yaml:12: events.0.units: no unit is named m-7",
    ]


@pytest.mark.parametrize("text", ["45", "45 parsecs", "soon", 45, None])
def test_a_duration_needs_a_unit(text: object) -> None:
    with pytest.raises(ScenarioError, match=r"is not a duration; write a number and a unit"):
        scenario_file.parse(GOOD + f"past: {{tests_every: {text}}}\n", "s.yaml")


def test_a_scenario_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(ScenarioError, match=r"nowhere\.yaml: No such file.*demo-rack"):
        scenario_file.load("nowhere.yaml")
