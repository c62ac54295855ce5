"""The curves of an outage out of what was recorded."""

from agent.export.site.outage_curves import course
from agent.store.records import Point


def test_a_cell_that_stays_the_lowest_is_still_the_lowest() -> None:
    # Cell 2 is recorded once, as its voltage stays; the others go on.
    points = [Point("u", "cell_voltage", "1", 0.0, 3.4), Point("u", "cell_voltage", "2", 0.0, 3.1)]
    points += [Point("u", "cell_voltage", "1", float(at), 3.4 - at / 100) for at in range(1, 5)]
    assert course("u", points, -100.0).lowest_v.values == [3.1] * 5
