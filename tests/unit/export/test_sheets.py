import importlib
import io

import pytest

from agent.errors import AgentError
from agent.export.sheets import (
    MOST_POINTS,
    Sheet,
    TooLarge,
    as_csv,
    as_parquet,
    of_events,
    of_points,
)
from agent.model import Event
from agent.store.records import Point

POINTS = [
    Point("u", "battery_current", "", 2.0, -50.0),
    Point("u", "cell_voltage", "10", 1.0, 3.9),
    Point("u", "cell_voltage", "2", 1.0, 3.8),
    Point("u", "output_source", "", 1.0, "normal"),
]


def test_readings_become_a_row_for_each_time() -> None:
    found = of_points(POINTS)
    assert found.columns == [
        "time_s",
        "battery_current",
        "cell_voltage[2]",
        "cell_voltage[10]",
        "output_source",
    ]
    assert found.rows == [[1.0, None, 3.8, 3.9, "normal"], [2.0, -50.0, 3.8, 3.9, "normal"]]


def test_a_table_that_is_too_large_says_which_part_is_not() -> None:
    points = [
        Point("u", "cell_voltage", f"{n}", float(s), 3.9) for s in range(10) for n in range(4)
    ]
    assert len(of_points(points, most_cells=50).rows) == 10
    with pytest.raises(TooLarge) as found:
        of_points(points, most_cells=49)
    part = [point for point in points if point.time_s <= found.value.until_s]
    assert len(of_points(part, most_cells=49).rows) == 9


def test_more_readings_than_a_table_takes_are_not_laid_out() -> None:
    points = [Point("u", "alarm", "", 1.0 if n < 10 else 2.0, 0.0) for n in range(MOST_POINTS + 1)]
    with pytest.raises(TooLarge) as found:
        of_points(points)
    assert 1.0 <= found.value.until_s < 2.0


def test_csv_leaves_open_what_is_not_known() -> None:
    lines = as_csv(of_points(POINTS)).decode().splitlines()
    assert lines[1:] == ["1.000,,3.8,3.9,normal", "2.000,-50.0,3.8,3.9,normal"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_a_text_of_a_device_is_no_formula(text: str) -> None:
    assert as_csv(Sheet(["model"], [[text]])).decode().splitlines()[1].strip('"')[0] == "'"


def test_events_become_a_row_each() -> None:
    events = [
        Event("u", "discharge", 1.0, 3.0, {"energy_wh": 1.5, "lowest_cell": "4"}),
        Event("u", "flicker", 5.0, None, {"count": 2.0}),
    ]
    found = of_events(events)
    assert found.columns == [
        "unit",
        "kind",
        "start_s",
        "end_s",
        "count",
        "energy_wh",
        "lowest_cell",
    ]
    assert found.rows[1] == ["u", "flicker", 5.0, None, 2.0, None, None]


def test_parquet_holds_the_same() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    mixed = Sheet(["time_s", "x", "y"], [[1.0, None, 5.0], [2.0, 3.5, "high"]])
    found = parquet.read_table(io.BytesIO(as_parquet(mixed))).to_pydict()
    assert found == {"time_s": [1.0, 2.0], "x": [None, 3.5], "y": ["5.0", "high"]}
    empty = parquet.read_table(io.BytesIO(as_parquet(Sheet(["time_s"], []))))
    assert empty.column_names == ["time_s"]


def test_without_its_library_parquet_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(AgentError, match=r"bbu-agent\[parquet\]"):
        as_parquet(Sheet(["time_s"], []))
