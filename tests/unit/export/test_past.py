"""What a chart and a spreadsheet get of the past."""

from agent.export.past import table, thinned
from agent.store.records import HistoryPoint


def test_few_points_are_all_kept() -> None:
    points = [HistoryPoint(float(n), float(n)) for n in range(10)]
    assert thinned(points, 10) == points


def test_many_points_keep_their_extremes_and_their_order() -> None:
    points = [HistoryPoint(float(n), 1.0) for n in range(10_000)]
    points[1234] = HistoryPoint(1234.0, -50.0)
    points[7777] = HistoryPoint(7777.0, 99.0)
    kept = thinned(points, 100)
    assert len(kept) <= 100
    assert {-50.0, 99.0} <= {point.value for point in kept}
    assert [point.time_s for point in kept] == sorted(point.time_s for point in kept)


def test_texts_are_not_thinned_by_their_size() -> None:
    points = [HistoryPoint(float(n), "normal") for n in range(20)]
    assert thinned(points, 5) == points[-5:]


def test_formulas_are_disarmed_and_numbers_stay_numbers() -> None:
    assert table(("a", "b"), [("=1+1", -1.5), ("@x", None)]) == "a,b\n'=1+1,-1.5\n'@x,\n"
