"""What a recording may look like, and what is said of one that cannot be read."""

import gzip
import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ConfigError
from agent.health.observation import Observation
from agent.replay.sources import CUT
from agent.replay.telemetry import read_telemetry

START_S = 1.7e9
HEAD = "time_s,current_a,v01,v02,v03,t1_c,state"
ROWS = [(START_S + hour * 3600.0, -0.5 * hour, 4.07, 4.06, 4.05, 25.0) for hour in range(40)]
GOOD = "\n".join([HEAD, *(",".join(map(str, row)) + ",standby" for row in ROWS)]) + "\n"


def seen(path: Path, series: int | None = None) -> list[Observation]:
    return list(read_telemetry(path, 1.0, series).observations)


def written(folder: Path, content: str | bytes, name: str = "telemetry.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


EXPECTED = [
    Observation(time_s, amperes, (v1, v2, v3), (celsius,), phase="standby")
    for time_s, amperes, v1, v2, v3, celsius in ROWS
]


def iso(time_s: float, form: str) -> str:
    return datetime.fromtimestamp(time_s, tz=UTC).strftime(form)


def with_times(form: str) -> str:
    told = GOOD
    for row in ROWS:
        told = told.replace(str(row[0]), iso(row[0], form))
    return told


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(GOOD, id="plain"),
        pytest.param("\ufeff" + GOOD, id="with the mark of a spreadsheet in front"),
        pytest.param(GOOD.replace(",", ", "), id="with spaces behind the commas"),
        pytest.param(GOOD.replace(",", " ,"), id="with spaces before them"),
        pytest.param(GOOD.replace("\n", "\r\n"), id="with the line ends of Windows"),
        pytest.param(GOOD.replace("standby", '"Standby"'), id="with quotes and capitals"),
        pytest.param(with_times("%Y-%m-%dT%H:%M:%SZ"), id="with ISO 8601 times"),
        pytest.param(with_times("%Y-%m-%d %H:%M:%S+00:00"), id="with an offset"),
        pytest.param(with_times("%Y-%m-%d %H:%M:%S"), id="without a zone, which is UTC"),
    ],
)
def test_csv_reads_the_same_however_it_was_written(tmp_path: Path, text: str) -> None:
    assert seen(written(tmp_path, text)) == EXPECTED


def test_a_byte_that_is_no_text_costs_its_field_only(tmp_path: Path) -> None:
    latin = GOOD.replace("standby", "à").encode("latin-1")
    assert [one.cells_v for one in seen(written(tmp_path, latin))] == [
        one.cells_v for one in EXPECTED
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "line 1: is empty; the names of the columns belong there"),
        ("\n\n", "line 1: is empty"),
        (GOOD.replace(",", ";"), "its fields stand between semicolons: save it with commas"),
        (GOOD.replace(",", "\t"), "its fields stand between tabs"),
        (GOOD.replace("time_s", "Time_s"), 'lacks the columns time_s;.*did you mean "Time_s"'),
        (GOOD.replace("v02", "v01"), "has the column v01 twice; remove or rename one"),
        (GOOD.replace("v02", "time_s"), "has the column time_s twice"),
        (GOOD.replace("v02", "v1"), "has two columns of cell 1, v01 and v1; remove one"),
        (GOOD.replace("v02", "v00"), "has the column v00; cells count from v01 to v1000"),
        (GOOD.replace("v02", "v99999"), "has the column v99999; cells count from v01"),
        (GOOD.replace("v03", "v09"), "has v01..v09 and only 3 of these 9 columns"),
        (GOOD.encode("utf-16"), "is UTF-16; save it as CSV in UTF-8"),
        (GOOD.replace("state", "°").encode("latin-1"), "line 1: is no text; save it as CSV in"),
        (b"PK\x03\x04\x14\0\0\0", "is a spreadsheet or another archive"),
        (gzip.compress(GOOD.encode()), r"is compressed by gzip; name it \.csv\.gz"),
        (b"PAR1" + bytes(20), r"is a Parquet file; name it \.parquet"),
        (GOOD + '"' + GOOD * 100, "line 42: field larger than field limit.*is a quote not closed"),
    ],
)
def test_csv_that_cannot_be_read_is_told(tmp_path: Path, content: str | bytes, said: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(ConfigError, match=said) as told:
        seen(path)
    assert str(told.value).startswith(f"{path}: ")


ZIPPED = gzip.compress("\n".join([HEAD, *(f"{n},{n * n}" for n in range(40000))]).encode(), mtime=0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (ZIPPED[: len(ZIPPED) // 2], r"damaged or cut behind line \d+: Compressed file ended"),
        (ZIPPED[:-4], "damaged or cut behind line 40000"),
        (ZIPPED[:40000] + b"\xff" * 9 + ZIPPED[40009:], "damaged or cut behind line"),
        (ZIPPED[:-8] + bytes(8), "damaged or cut behind line 40000: CRC check failed"),
        (GOOD.encode(), "cannot be read: Not a gzipped file"),
        (b"", "line 1: is empty"),
    ],
)
def test_gzip_that_was_cut_or_damaged_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        seen(written(tmp_path, content, "telemetry.csv.gz"))


def test_rows_that_were_cut_are_counted(tmp_path: Path) -> None:
    recorded = read_telemetry(written(tmp_path, GOOD + "1,2\n\n1,2,3,4,5,6,7,8\n"), 1.0)
    assert sum(math.isnan(one.time_s) for one in recorded.observations) == 2
    assert recorded.faults[CUT] == 2


@pytest.mark.parametrize("series", [None, 3])
def test_a_cell_without_a_column_is_there_and_never_read(
    tmp_path: Path, series: int | None
) -> None:
    path = written(tmp_path, GOOD.replace("v02", "other"))
    recorded = read_telemetry(path, 1.0, series)
    assert recorded.cells == ("1", "2", "3")
    assert {one.cells_v for one in recorded.observations} == {(4.07, None, 4.05)}
    assert recorded.notes == (f"{path}: has no column v02: such a cell counts as never read",)


def test_columns_in_any_order_are_cells_by_their_number(tmp_path: Path) -> None:
    recorded = read_telemetry(written(tmp_path, GOOD.replace("v01,v02,v03", "v3,v2,v1")), 1.0)
    assert (recorded.cells, recorded.notes) == (("1", "2", "3"), ())
    assert {one.cells_v for one in recorded.observations} == {(4.05, 4.06, 4.07)}


@pytest.mark.parametrize("series", [2, 4, 11])
def test_another_number_of_cells_than_meta_has_is_refused(tmp_path: Path, series: int) -> None:
    with pytest.raises(ConfigError, match=rf"has v01\.\.v03, META says n_series {series}; correct"):
        seen(written(tmp_path, GOOD), series)


def parquet(folder: Path, **columns: object) -> Path:
    """Write the recording with some columns of other types."""
    arrow, files = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    names = HEAD.split(",")
    plain = dict(zip(names, map(list, zip(*ROWS, strict=True)), strict=False))
    content = plain | {"state": ["standby"] * len(ROWS)} | columns
    files.write_table(arrow.table(content), folder / "telemetry.parquet")
    return folder / "telemetry.parquet"


def moments(kind: Callable[[Any], Any]) -> object:
    arrow = pytest.importorskip("pyarrow")
    times = [datetime.fromtimestamp(row[0], tz=UTC) for row in ROWS]
    return arrow.array(times, arrow.timestamp("us", "UTC")).cast(kind(arrow))


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("time_s", lambda: moments(lambda arrow: arrow.timestamp("s", "UTC"))),
        ("time_s", lambda: moments(lambda arrow: arrow.timestamp("ms"))),
        ("time_s", lambda: moments(lambda arrow: arrow.timestamp("us", "Asia/Tokyo"))),
        ("time_s", lambda: moments(lambda arrow: arrow.timestamp("ns"))),
        ("time_s", lambda: [iso(row[0], "%Y-%m-%dT%H:%M:%SZ") for row in ROWS]),
        ("time_s", lambda: [str(row[0]) for row in ROWS]),
        ("time_s", lambda: [int(row[0]) for row in ROWS]),
        ("current_a", lambda: [str(row[1]) for row in ROWS]),
        ("current_a", lambda: [Decimal(str(row[1])) for row in ROWS]),
        ("v01", lambda: [b"4.07" for _ in ROWS]),
        ("state", lambda: [b" Standby" for _ in ROWS]),
        ("bal_mask", lambda: ["x" for _ in ROWS]),
        ("more", lambda: [{"what": [1]} for _ in ROWS]),
    ],
)
def test_parquet_reads_the_same_whatever_its_types(
    tmp_path: Path, name: str, made: Callable[[], object]
) -> None:
    assert seen(parquet(tmp_path, **{name: made()})) == EXPECTED


def test_a_mask_in_words_is_the_mask(tmp_path: Path) -> None:
    path = parquet(tmp_path, bal_mask=["5"] * len(ROWS), bleeding=[True] * len(ROWS))
    assert {(one.balancing, one.bleeding) for one in seen(path)} == {(5, True)}


def test_days_are_times_of_their_beginning(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    days = arrow.array(list(range(19000, 19000 + len(ROWS))), arrow.int32()).cast(arrow.date32())
    path = parquet(tmp_path, time_s=days)
    assert [one.time_s for one in seen(path)][:2] == [19000 * 86400.0, 19001 * 86400.0]


@pytest.mark.parametrize("value", [["a"], {"a": 1}])
def test_a_value_that_is_no_number_is_absent(tmp_path: Path, value: object) -> None:
    path = parquet(tmp_path, v01=[value] * len(ROWS), state=[value] * len(ROWS))
    assert all(math.isnan(one.cells_v[0] or 0.0) and one.phase is None for one in seen(path))


def test_damaged_parquet_is_told(tmp_path: Path) -> None:
    path = parquet(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + b"\xa5\x5a\xff\x01" * 10 + whole[80:])
    with pytest.raises(
        ConfigError, match=r"is damaged behind row 0: .*; copy it once more"
    ) as told:
        seen(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("content", [b"", GOOD.encode()])
def test_what_is_no_parquet_is_told(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(ConfigError, match=r"is no Parquet file: .*CSV is named \.csv"):
        seen(written(tmp_path, content, "telemetry.parquet"))
