"""The bundled scenarios: the page tells all of them, and a seed gives one fleet."""

from pathlib import Path

import pytest

from simulators import scenario_file
from simulators.device.faults import BatteryFaultKind, WireFaultKind
from simulators.fleet import Fleet, build_fleet
from simulators.library_page import with_library

PAGE = Path(__file__).parents[3] / "docs/simulators.md"
SMALL = [name for name in scenario_file.names() if name != "ageing-fleet"]


def fingerprint(fleet: Fleet) -> list[tuple[object, ...]]:
    return [
        (name, module.serial, module.pack.volts.tobytes(), module.pack.cells.leak_a.tobytes())
        for name, module in fleet.modules.items()
    ]


def test_the_page_has_the_library_as_it_is() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_library(page) == page, "run deploy/scripts/scenario-reference.py"


@pytest.mark.parametrize("kind", [*WireFaultKind, *BatteryFaultKind])
def test_the_page_names_every_fault(kind: str) -> None:
    assert f"`{kind}`" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SMALL)
def test_a_seed_gives_the_same_fleet_and_another_seed_another(name: str) -> None:
    scenario = scenario_file.load(name)
    once, again, other = (
        fingerprint(build_fleet(part, start_s=1.77e9, born_s=1.74e9))
        for part in (scenario, scenario, scenario.model_copy(update={"seed": scenario.seed + 1}))
    )
    assert once == again
    assert once != other
