from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from agent.export.metrics.catalogue import everything
from agent.export.metrics.exposition import Page
from agent.export.metrics.units import add_unit
from agent.model import PeerScore, Reading, UnitState, UnitStatus, Value
from agent.store.live import UnitView

GOLDEN = Path(__file__).parent / "golden" / "units.prom"


def rendered(*views: UnitView) -> str:
    page = Page()
    for view in views:
        add_unit(page, view)
    return page.render()


def lines(view: UnitView, start: str) -> list[str]:
    return [line for line in rendered(view).splitlines() if line.startswith(start)]


def test_the_whole_page_of_two_units(module: UnitView, silent: UnitView) -> None:
    assert rendered(module, silent) == GOLDEN.read_text("utf-8")


def test_every_name_is_in_the_catalogue(module: UnitView, silent: UnitView) -> None:
    names = {s.name for f in parse_text(rendered(module, silent)) for s in f.samples}
    parts = {"bbu_module_battery_voltage_volts", "bbu_module_info", "bbu_phase_load_ratio"}
    assert names - {family.name for family in everything()} == parts


def test_a_silent_unit_keeps_only_how_it_answers_and_what_we_estimate(module: UnitView) -> None:
    gone = replace(module, up=False, readings=(), status=UnitStatus(UnitState.DOWN, polls=13))
    names = {s.name for f in parse_text(rendered(gone)) for s in f.samples}
    assert "bbu_battery_voltage_volts" not in names
    assert "bbu_ride_through_seconds" not in names
    assert {"bbu_up", "bbu_cell_state_of_health_ratio", "bbu_unit_info"} <= names
    assert lines(gone, "bbu_up") == ['bbu_up{unit="r1-a-1"} 0']


@pytest.mark.parametrize(
    ("quantity", "value", "line"),
    [
        ("battery_current", -0.0, 'bbu_battery_current_amperes{unit="r1-a-1"} 0'),
        ("charging", True, 'bbu_charging{unit="r1-a-1"} 1'),
        ("charging", 0.0, 'bbu_charging{unit="r1-a-1"} 0'),
        ("battery_voltage", 1e20, 'bbu_battery_voltage_volts{unit="r1-a-1"} 1e+20'),
    ],
)
def test_values_as_numbers(module: UnitView, quantity: str, value: Value, line: str) -> None:
    view = replace(module, readings=(Reading(quantity, None, value, 1, "x"),))
    assert line in rendered(view).splitlines()


@pytest.mark.parametrize(
    ("quantity", "value"),
    [("battery_voltage", "n/a"), ("battery_voltage", float("nan")), ("battery_status", "odd")],
)
def test_what_is_no_value_has_no_series(module: UnitView, quantity: str, value: Value) -> None:
    view = replace(module, readings=(Reading(quantity, None, value, 1, "x"),))
    assert lines(view, f"bbu_{quantity}") == []


def test_errors_count_from_0_so_that_a_rate_sees_the_first(module: UnitView) -> None:
    assert lines(module, "bbu_poll_errors_total") == [
        'bbu_poll_errors_total{unit="r1-a-1",cause="AuthFailed"} 0',
        'bbu_poll_errors_total{unit="r1-a-1",cause="BadAnswer"} 0',
        'bbu_poll_errors_total{unit="r1-a-1",cause="NoAnswer"} 2',
        'bbu_poll_errors_total{unit="r1-a-1",cause="Refused"} 0',
        'bbu_poll_errors_total{unit="r1-a-1",cause="Unreachable"} 0',
    ]


def test_peer_scores_name_whom_they_are_against(module: UnitView) -> None:
    assert module.health is not None
    score = PeerScore("temperature", "shelf r1/a", 11, 40.0, 25.0, 5.5, believed=True)
    view = replace(module, health=replace(module.health, peers=(score,)))
    labels = 'unit="r1-a-1",measure="temperature",population="shelf r1/a"'
    assert lines(view, "bbu_peer") == [
        f"bbu_peer_others{{{labels}}} 11",
        f"bbu_peer_score{{{labels}}} 5.5",
    ]


def test_the_profile_found_replaces_the_one_asked_for(silent: UnitView) -> None:
    found = replace(silent, status=replace(silent.status, profile="rfc1628-ups"))
    assert 'profile="rfc1628-ups"' in lines(found, "bbu_unit_info")[0]
