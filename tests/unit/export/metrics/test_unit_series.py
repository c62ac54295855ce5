"""What is kept of a unit's series says what writing them anew would say."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.export.metrics.exposition import Page
from agent.export.metrics.series import UnitSeries
from agent.export.metrics.units import add_unit
from agent.model import Health, Reading
from agent.store.live import UnitView

CHANGES = st.lists(
    st.tuples(
        st.sets(st.integers(0, 14)),
        st.sampled_from(["same", "moved", "none", "weaker"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


def anew(*views: UnitView) -> str:
    page = Page()
    for view in views:
        add_unit(page, view)
    return page.render()


def kept(series: UnitSeries, *views: UnitView) -> str:
    page = Page()
    for view in views:
        series.add(page, view)
    return page.render()


def moved(reading: Reading) -> Reading:
    value = reading.value
    if isinstance(value, bool):
        return replace(reading, value=not value)
    return replace(reading, value=f"{value}x" if isinstance(value, str) else value + 0.25)


def estimate(health: Health, how: str) -> Health | None:
    if how == "none":
        return None
    if how == "weaker":
        return replace(health, cells=health.cells[1:], limiting_cell=None)
    return replace(health, updated_at=health.updated_at + 30.0) if how == "moved" else health


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(changes=CHANGES)
def test_scrape_after_scrape(
    module: UnitView, silent: UnitView, health: Health, changes: list[tuple[set[int], str, bool]]
) -> None:
    series = UnitSeries()
    for touched, how, up in changes:
        readings = tuple(
            moved(row) if place in touched else row for place, row in enumerate(module.readings)
        )
        held = tuple(row for place, row in enumerate(readings) if place != len(touched))
        module = replace(module, readings=held if up else (), up=up, health=estimate(health, how))
        assert kept(series, module, silent) == anew(module, silent)


def test_a_limited_page_leaves_the_next_whole(module: UnitView) -> None:
    series = UnitSeries()
    page = Page(["bbu_up"])
    series.add(page, module)
    assert [line for line in page.render().splitlines() if line[0] != "#"] == [
        'bbu_up{unit="r1-a-1"} 1'
    ]
    assert kept(series, module) == anew(module)


def test_what_stays_is_not_written_again(module: UnitView) -> None:
    series = UnitSeries()
    pages = [Page(), Page()]
    for page in pages:
        series.add(page, module)
    one, other = (page.pieces() for page in pages)
    same = {family.name for family, text in one if any(text is held for _, held in other)}
    assert {"bbu_cell_voltage_volts", "bbu_cell_state_of_health_ratio"} <= same


def test_a_unit_that_is_gone_is_forgotten(module: UnitView, silent: UnitView) -> None:
    series = UnitSeries()
    kept(series, module, silent)
    series.keep([silent.info.name])
    assert list(series._units) == [silent.info.name]  # what is kept is shown nowhere
