"""Types of cells in the configuration: read whole, or refused with the place of the mistake."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from agent.config.cells import read_cells
from agent.config.load import Report
from agent.errors import ConfigError
from agent.model import Chemistry

Errors = Callable[..., list[str]]
CELL = "{like: nca-power, capacity: 3 Ah, resistance: 12 mOhm, cell_cutoff: 2.5 V}"
UNIT = "units: [{name: a, modbus_tcp: h, unit_id: 1, battery: {cell: vtc, parallel: 6}}]"


def battery(report: Report) -> Mapping[str, object]:
    assert report.config is not None, report.errors
    return report.config.units[0].battery


def test_a_cell_becomes_facts_of_the_battery(look: Callable[..., Report]) -> None:
    assert battery(look(f"cells: {{vtc: {CELL}}}\n{UNIT}")) == {
        "chemistry": Chemistry.NCA,
        "cell": "nca-power",
        "cell_cutoff_v": 2.5,
        "rated_capacity_ah": 18.0,
        "resistance_ohm": 0.002,
        "parallel": 6,
    }


def test_what_the_battery_says_itself_goes_before_its_cells(look: Callable[..., Report]) -> None:
    unit = UNIT.replace("parallel: 6", "parallel: 6, rated_capacity: 17 Ah, cell_cutoff: 2.8 V")
    facts = battery(look(f"cells: {{vtc: {CELL}}}\n{unit}"))
    assert (facts["rated_capacity_ah"], facts["cell_cutoff_v"]) == (17.0, 2.8)


def test_curves_are_read_by_rising_charge(look: Callable[..., Report]) -> None:
    cell = "{like: nmc-power, ocv: {100 %: 4.2, 0 %: 2.9 V, 0.5: 3.7}}"
    facts = battery(look(f"cells: {{vtc: {cell}}}\n{UNIT}"))
    assert facts["ocv"] == ((0.0, 2.9), (0.5, 3.7), (1.0, 4.2))


def test_a_battery_may_name_a_type_of_the_library(look: Callable[..., Report]) -> None:
    facts = battery(look(UNIT.replace("cell: vtc", "cell: nmc-energy")))
    assert facts == {"chemistry": Chemistry.NMC, "cell": "nmc-energy", "parallel": 6}


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("{capacity: 3 Ah}", '1: cells.vtc: needs "like", one of '),
        ("{like: nca}", '1: cells.vtc.like: "nca" is none of '),
        ("{like: nca-power, cell_cutoff: 4 V, cell_max: 3 V}", "must be above cell_cutoff"),
        ("{like: nca-power, ocv: {0: 3 V, 1: 3 V}}", "cells.vtc.ocv: does not rise from 0 to 1"),
        ("{like: nca-power, ocv: {0.1: 3 V, 1: 4 V}}", "must reach from 0% of charge to 100 %"),
        ("{like: nca-power, ocv: {0: 3, 50: 4}}", '"50" is out of range; a share here is 0 to 1'),
        ("{like: nca-power, ocv: {0: 3, full: 4}}", "is not a share; write a number and one of %"),
        ("{like: nca-power, ocv: {0: 3, 0 %: 3.1, 1: 4}}", "has two values for 0"),
        ("{like: nca-power, ocv: [3, 4]}", "must be a mapping of charge to volts"),
        (
            "{like: nca-power, resistance_by_charge: {0.5: 1, 1: 1}}",
            "must reach from 20% of charge to 100 %",
        ),
        ("{like: nca-power, gain: 2}", "is not a key of a type of cell"),
    ],
)
def test_a_wrong_cell_is_told_with_its_place(errors: Errors, cell: str, said: str) -> None:
    found = errors(f"cells: {{vtc: {cell}}}\n{UNIT}")
    assert any(said in line for line in found), found


def test_a_cell_that_nobody_described_is_told_with_a_guess(errors: Errors) -> None:
    assert errors(f"cells: {{vtx: {CELL}}}\n{UNIT}") == [
        '2: units[0].battery.cell: no cell is named "vtc"; did you mean "vtx"?'
    ]


def test_a_cell_may_not_take_the_name_of_the_librarys(errors: Errors) -> None:
    (found,) = errors(f"cells: {{lfp-power: {CELL}}}\nunits: []")
    assert "is the name of a type of the library" in found


def test_a_cell_of_another_chemistry_is_an_error(errors: Errors) -> None:
    unit = UNIT.replace("{cell: vtc", "{chemistry: LFP, cell: vtc")
    assert errors(f"cells: {{vtc: {CELL}}}\n{unit}") == [
        "2: units[0].battery.chemistry: is LFP; the cell vtc is NCA"
    ]


def test_figures_of_a_cell_without_their_number_are_warned_of(warnings: Errors) -> None:
    unit = UNIT.replace(", parallel: 6", "")
    (found,) = warnings(f"cells: {{vtc: {CELL}}}\n{unit}")
    assert 'needs "parallel"' in found


def test_a_cell_without_a_battery_is_warned_of(warnings: Errors) -> None:
    found = warnings(f"cells: {{vtc: {CELL}}}\nunits: []")
    assert "1: cells.vtc: no battery uses it" in found


def test_cells_are_read_from_a_file_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "cells.yaml"
    path.write_text(f"cells: {{vtc: {CELL}}}\nanything: else\n")
    known = read_cells(path)
    assert known["vtc"].capacity_ah == 3.0
    assert "lfp-power" in known


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("units: []", 'has no "cells"'),
        ("cells: {vtc: {like: x}}", '"x" is none of'),
        ("{", "cells.yaml:1"),
        ("cells: 7", "must be a mapping"),
    ],
)
def test_a_wrong_file_of_cells_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "cells.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_cells(path)
