"""What a chart gets of a long time: as much as it can show, and true at the end of each step."""

from agent.model import Reading, Sample
from agent.store.history import HistoryStore
from agent.store.records import Point
from agent.store.steps import Steps

START_S = 1_700_000_000.0
KINDS = ("battery_voltage", "state_of_charge")


def put(store: HistoryStore, at_s: float, **values: float) -> None:
    rows = tuple(Reading(key, None, value, at_s, "x") for key, value in values.items())
    store.put_sample(Sample("a", START_S + at_s, at_s, rows), closely=True)


async def shown(store: HistoryStore, since_s: float, until_s: float, step_s: float) -> list[Point]:
    steps = Steps(START_S + since_s, START_S + until_s, START_S, step_s)
    return await store.stepped("a", KINDS, steps)


async def test_a_step_ends_at_the_start_and_shows_what_held_then() -> None:
    store = HistoryStore(None)
    for second in range(-30, 30):
        put(store, second + 0.25, battery_voltage=50.0 - second / 100, battery_current=1.0)
    put(store, -25.0, state_of_charge=0.9)
    found = await shown(store, -30, 30, 10.0)
    assert {point.quantity for point in found} == set(KINDS)
    volts = [p for p in found if p.quantity == "battery_voltage"]
    assert [p.time_s - START_S for p in volts] == [-20.75, -10.75, -0.75, 9.25, 19.25, 29.25]
    assert [p.value for p in volts] == [50.21, 50.11, 50.01, 49.91, 49.81, 49.71]
    assert found == sorted(found, key=lambda point: point.time_s)
    await store.close()


async def test_a_point_at_the_start_is_of_the_step_that_ends_there() -> None:
    store = HistoryStore(None)
    for at_s, volts in ((-1.0, 50.0), (0.0, 49.0), (0.5, 48.0)):
        put(store, at_s, battery_voltage=volts)
    found = await shown(store, -300, 300, 60.0)
    assert [(p.time_s - START_S, p.value) for p in found] == [(0.0, 49.0), (0.5, 48.0)]
    await store.close()


async def test_without_a_step_everything_is_shown() -> None:
    store = HistoryStore(None)
    for number in range(40):
        put(store, number / 10, battery_voltage=50.0 + number)
    assert len(await shown(store, 0, 10, 0.0)) == 40
    await store.close()
