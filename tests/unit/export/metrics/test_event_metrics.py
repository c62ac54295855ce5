from dataclasses import replace

from agent.export.metrics.events import add_events
from agent.export.metrics.exposition import Page
from agent.export.metrics.places import add_places
from agent.model import (
    Event,
    Interval,
    Location,
    Outlook,
    Shelf,
    UnitInfo,
    UnitState,
    UnitStatus,
)
from agent.store.ledger import Ledger
from agent.store.live import UnitView

WALL_S = 1.7e9
DETAIL = {"duration_s": 12.0, "energy_wh": 10.0, "lowest_cell_v": 3.5, "sag_1s_v": 1.25}


def view(ledger: Ledger) -> UnitView:
    info = UnitInfo("u", "p", Location("r1", "a", "1"))
    return UnitView(info, UnitStatus(UnitState.UP), 0.0, up=True, ledger=ledger)


def lines(page: Page) -> set[str]:
    text = b"".join(page.chunks(openmetrics=False)).decode()
    return {line for line in text.splitlines() if not line.startswith("#")}


def test_an_event_is_a_count_a_sum_and_the_last_ones_gauges() -> None:
    ledger = Ledger(findings=frozenset({"not_recharging"}))
    ledger.put(Event("u", "discharge", WALL_S, WALL_S + 12, DETAIL))
    page = Page()
    add_events(page, view(ledger), wall_s=WALL_S + 20)
    assert {
        'bbu_events_total{unit="u",kind="discharge"} 1',
        'bbu_events_total{unit="u",kind="self_test"} 0',
        'bbu_discharge_energy_joules_total{unit="u",kind="discharge"} 36000',
        'bbu_discharge_running{unit="u",kind="discharge"} 0',
        'bbu_last_event_energy_joules{unit="u",kind="discharge"} 36000',
        'bbu_last_event_lowest_cell_voltage_volts{unit="u",kind="discharge"} 3.5',
        'bbu_last_event_sag_1s_volts{unit="u",kind="discharge"} 1.25',
        'bbu_finding{unit="u",finding="not_recharging"} 1',
    } <= lines(page)


def test_the_time_left_runs_down_between_samples_and_only_under_load() -> None:
    seconds = Interval(100.0, 90.0, 110.0)
    ledger = Ledger(outlook=Outlook(WALL_S, 3000.0, seconds, 90.0, 30.0, "5"))
    page = Page()
    add_events(page, view(ledger), wall_s=WALL_S + 2)
    shown = lines(page)
    assert 'bbu_time_left_seconds{unit="u"} 98' in shown
    assert 'bbu_time_left_lower_seconds{unit="u"} 88' in shown
    assert not any(line.startswith("bbu_ride_through_at_load_seconds") for line in shown)
    ledger.outlook = replace(ledger.outlook, elapsed_s=None) if ledger.outlook else None
    page = Page()
    add_events(page, view(ledger), wall_s=WALL_S + 2)
    shown = lines(page)
    assert 'bbu_ride_through_at_load_seconds{unit="u"} 100' in shown
    assert not any(line.startswith("bbu_time_left_seconds") for line in shown)


def test_a_rack_lasts_as_long_as_its_weakest_shelf() -> None:
    views = []
    for shelf, left_s in (("a", 100.0), ("b", 50.0)):
        seconds = Interval(left_s, left_s, left_s)
        ledger = Ledger(
            last={"discharge": Event(shelf, "discharge", WALL_S - 30, None)},
            outlook=Outlook(WALL_S, 3000.0, seconds, 90.0, 30.0, "5"),
        )
        info = UnitInfo(shelf, "p", Location("r1", shelf, "1"))
        status = UnitStatus(UnitState.UP)
        views.append(UnitView(info, status, 0.0, up=True, ledger=ledger))
    rack = Ledger()
    rack.put(Event("rack:r1", "outage", WALL_S - 30, None, {"energy_wh": 2.0}))
    page = Page()
    shelves = [Shelf("r1", "a", 1), Shelf("r1", "b", 1)]
    add_places(page, shelves, views, {"rack:r1": rack}, wall_s=WALL_S)
    assert {
        'bbu_shelf_time_left_seconds{rack="r1",shelf="a"} 100',
        'bbu_rack_time_left_seconds{rack="r1"} 50',
        'bbu_rack_on_battery{rack="r1"} 1',
        'bbu_rack_outages_total{rack="r1"} 1',
        'bbu_rack_outage_energy_joules_total{rack="r1"} 7200',
    } <= lines(page)
