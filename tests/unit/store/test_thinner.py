import pytest

from agent.model import Reading, Sample, Value
from agent.store.thinner import MOST_SERIES, Thinner


@pytest.fixture
def thinner() -> Thinner:
    return Thinner(gap_s=60, repeat_s=900, points_per_s=1)


def sample(at_s: float, *values: Value, unit: str = "a") -> Sample:
    readings = [Reading("cell_voltage", str(n), v, at_s, "x") for n, v in enumerate(values, 1)]
    return Sample(unit, at_s, at_s, tuple(readings))


def kept(thinner: Thinner, taken: Sample, *, closely: bool = False) -> list[tuple[str, Value]]:
    return [(point.part, point.value) for point in thinner.points(taken, closely=closely)]


def test_one_sample_in_each_gap(thinner: Thinner) -> None:
    assert [bool(kept(thinner, sample(t, float(t)))) for t in (0, 30, 59, 60, 61, 120)] == [
        *(True, False, False),
        *(True, False, True),
    ]


def test_every_sample_of_an_event(thinner: Thinner) -> None:
    assert all(kept(thinner, sample(t, float(t)), closely=True) for t in range(5))


def test_a_value_that_stays_is_repeated_now_and_then(thinner: Thinner) -> None:
    assert kept(thinner, sample(0, 3.9, 0.0)) == [("1", 3.9), ("2", 0.0)]
    assert kept(thinner, sample(60, 3.9, 4.0)) == [("2", 4.0)]
    assert kept(thinner, sample(899, 3.9, 4.0)) == []
    assert kept(thinner, sample(960, 3.9, 4.0)) == [("1", 3.9), ("2", 4.0)]


def test_a_clock_set_back_does_not_stop_the_record(thinner: Thinner) -> None:
    assert kept(thinner, sample(1000, 3.9))
    assert kept(thinner, sample(10, 3.9))


def test_a_large_fleet_is_sampled_less_often(thinner: Thinner) -> None:
    values = tuple(float(n) for n in range(10))
    for number in range(30):  # 300 points a round at 1 point/s: a gap of 300 s
        kept(thinner, sample(0, *values, unit=f"u{number}"))
    changed = tuple(v + 1 for v in values)
    assert kept(thinner, sample(299, *changed, unit="u0")) == []
    assert len(kept(thinner, sample(300, *changed, unit="u0"))) == 10


def test_units_that_are_gone_make_room_for_the_others(thinner: Thinner) -> None:
    values = tuple(float(n) for n in range(10))
    for number in range(30):  # a gap of 300 s, as above
        kept(thinner, sample(0, *values, unit=f"u{number}"))
    hours_s = 5 * 3600
    kept(thinner, sample(hours_s, *values, unit="u0"))
    changed = tuple(v + 1 for v in values)
    assert len(kept(thinner, sample(hours_s + 60, *changed, unit="u0"))) == 10
    assert set(thinner._last) == {"u0"}


def test_texts_are_not_kept(thinner: Thinner) -> None:
    reading = Reading("model", None, "X", 0, "x")
    assert thinner.points(Sample("a", 0, 0, (reading,)), closely=True) == []


def test_a_device_that_renumbers_its_rows_costs_a_bounded_memory(thinner: Thinner) -> None:
    assert kept(thinner, sample(0, 3.9, unit="quiet"))
    for at_s in range(MOST_SERIES + 50):
        row = Reading("cell_voltage", f"row {at_s}", 3.9, at_s, "x")
        thinner.points(Sample("a", at_s, at_s, (row,)), closely=True)
    assert {unit: len(last) for unit, last in thinner._last.items()} == {
        "quiet": 1,
        "a": MOST_SERIES,
    }
    assert kept(thinner, sample(60, 3.9, unit="quiet")) == []
