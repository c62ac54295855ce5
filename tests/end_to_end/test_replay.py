"""``bbu-agent replay`` as a user runs it: files in, files out."""

import csv
import gzip
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli.replay import replay
from agent.health.engine import HealthEngine
from agent.replay.meta import read_meta
from agent.replay.telemetry import read_telemetry

SHARED = Path(__file__).parents[2] / ".." / "shared" / "soh" / "dev" / "bbusim"
DAY_S = 86400.0
START_S = 1.7e9
CELLS = 4
META = {
    "name": "made-up",
    "chemistry": "NCA",
    "n_series": CELLS,
    "n_parallel": 6,
    "rated_capacity_ah": 15.0,
    "rated_power_w": 1000.0,
    "required_seconds": 240,
    "v_min_cell": 2.7,
    "v_float_cell": 4.07,
    "v_max_cell": 4.2,
    "r10s_25c_nominal_mohm": 2.4,
    "current_sign": "discharge positive",
    "ocv_soc": None,
    "ocv_v": None,
}


def rows(days: float = 300.0) -> Iterator[list[object]]:
    day, due = 0.0, 20.0
    while day < days:
        now_s = START_S + day * DAY_S
        growth = math.exp(0.004 * math.sqrt(day))
        if day >= due:
            due += 45.0
            for second in (*range(-6, 0, 2), *range(1, 61, 2)):
                load_a = 40.0 if 0 < second < 31 else 0.0
                part = 0.8 + 0.2 * math.log(1.0 + max(second, 0)) / math.log(11.0)
                volt = round(4.02 - load_a * 0.0024 * growth * part, 3)
                state = "selftest" if load_a > 0.0 else "rest"
                yield [now_s + second, load_a, *[volt] * CELLS, 26.0, state]
        else:
            yield [now_s, 0.0, *[4.02] * CELLS, 26.0, "standby"]
        day += 0.25


def names() -> list[str]:
    return ["time_s", "current_a", *(f"v{n:02d}" for n in range(1, CELLS + 1)), "t1_c", "state"]


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replayed")
    with (folder / "telemetry.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names())
        writer.writerows(rows())
    (folder / "meta.json").write_text(json.dumps(META))
    result = run(folder)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"made-up: ok, no reason for concern; {folder / 'out/report.html'}\n"
    return folder


@pytest.fixture
def recorded(replayed: Path, tmp_path: Path) -> Path:
    """Give a recording of the test's own, and in ``out`` what its replay wrote."""
    return shutil.copytree(replayed, tmp_path, dirs_exist_ok=True)


def run(folder: Path, out: str = "out", telemetry: str = "telemetry.csv", *more: str) -> Result:
    arguments = [str(folder / telemetry), "--meta", str(folder / "meta.json")]
    return CliRunner().invoke(replay, [*arguments, "--out", str(folder / out), *more])


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_replay_writes_the_specified_columns(recorded: Path) -> None:
    heads = {
        name: (recorded / "out" / name).read_text().splitlines()[0]
        for name in ("soh.csv", "alarms.csv", "ride.csv", "forecast.csv")
    }
    assert heads == {
        "soh.csv": "time_s,cell,soh_q,soh_q_lo,soh_q_hi,soh_r,soh_r_lo,soh_r_hi",
        "alarms.csv": "time_s,cell,kind,text",
        "ride.csv": "time_s,power_w,p_ok_240s,t_med_s,t_lo_s,t_hi_s",
        "forecast.csv": "time_s,cell,target_time_s,soh_q,lo,hi",
    }


def test_ride_rows_are_at_three_powers(recorded: Path) -> None:
    powers = {float(row["power_w"]) for row in table(recorded / "out" / "ride.csv")}
    assert powers == {600.0, 1000.0, 1400.0}


def test_every_interval_holds_its_estimate(recorded: Path) -> None:
    for row in table(recorded / "out" / "soh.csv"):
        for name in ("soh_q", "soh_r"):
            low, middle, high = (float(row[name + end]) for end in ("_lo", "", "_hi"))
            assert low <= middle <= high


def test_half_the_file_gives_exactly_the_rows_of_that_half(recorded: Path) -> None:
    lines = (recorded / "telemetry.csv").read_text().splitlines(keepends=True)
    half = len(lines) // 2
    (recorded / "half.csv").write_text("".join(lines[:half]))
    run(recorded, "half", "half.csv")
    last_s = float(lines[half - 1].split(",")[0])
    for name in ("soh.csv", "ride.csv", "forecast.csv", "alarms.csv"):
        whole = [row for row in table(recorded / "out" / name) if float(row["time_s"]) <= last_s]
        assert table(recorded / "half" / name) == whole


def test_csv_in_gzip_reads_the_same(recorded: Path) -> None:
    text = (recorded / "telemetry.csv").read_bytes()
    (recorded / "telemetry.csv.gz").write_bytes(gzip.compress(text))
    run(recorded, "zipped", "telemetry.csv.gz")
    assert table(recorded / "zipped" / "soh.csv") == table(recorded / "out" / "soh.csv")


def test_parquet_reads_the_same(recorded: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = zip(*rows(), strict=True)
    content = dict(zip(names(), map(list, columns), strict=True))
    parquet.write_table(arrow.table(content), recorded / "telemetry.parquet")
    run(recorded, "arrow", "telemetry.parquet")
    assert table(recorded / "arrow" / "soh.csv") == table(recorded / "out" / "soh.csv")


def test_the_other_current_sign_gives_the_same(recorded: Path) -> None:
    lines = (recorded / "telemetry.csv").read_text().splitlines()
    turned = [lines[0]]
    for line in lines[1:]:
        time_s, current_a, rest = line.split(",", 2)
        turned.append(f"{time_s},{-float(current_a)},{rest}")
    (recorded / "telemetry.csv").write_text("\n".join(turned) + "\n")
    (recorded / "meta.json").write_text(json.dumps(META | {"current_sign": "charge positive"}))
    run(recorded, "turned")
    assert table(recorded / "turned" / "soh.csv") == table(recorded / "out" / "soh.csv")


def test_the_report_is_one_page_without_references_elsewhere(recorded: Path) -> None:
    page = (recorded / "out" / "report.html").read_text()
    assert "made-up" in page
    assert "<svg" in page
    assert "http" not in page


def test_the_state_left_for_the_agent_continues_the_replay(recorded: Path) -> None:
    result = run(
        recorded, "out", "telemetry.csv", "--state-dir", str(recorded / "state"), "--unit", "a-1"
    )
    assert result.exit_code == 0
    saved = json.loads((recorded / "state" / "import" / "a-1.json").read_text())
    about = read_meta(recorded / "meta.json")
    straight = HealthEngine(about.battery, cells=("1", "2", "3", "4"))
    for observation in read_telemetry(recorded / "telemetry.csv", about.charge_sign).observations:
        straight.commission(observation.time_s)
        straight.observe(observation)
    restored = HealthEngine.restore(about.battery, cells=straight.cells, state=saved["state"])
    assert restored.health(saved["saved_at"]) == straight.health(saved["saved_at"])
    assert saved["unit"] == "a-1"
    assert {event["kind"] for event in saved["events"]} == {"self_test"}


def test_units_side_by_side_are_ranked_in_a_page_and_a_table(recorded: Path) -> None:
    other = recorded / "other"
    other.mkdir()
    (other / "telemetry.csv").write_bytes((recorded / "telemetry.csv").read_bytes())
    (other / "meta.json").write_text(json.dumps(META | {"name": "second"}))
    arguments = ["--compare", str(recorded), str(other / "telemetry.csv")]
    result = CliRunner().invoke(replay, [*arguments, "--out", str(recorded / "all")])
    assert result.exit_code == 0, result.output
    names = [row["name"] for row in table(recorded / "all" / "compare.csv")]
    assert sorted(names) == ["made-up", "second"]
    page = (recorded / "all" / "compare.html").read_text()
    assert all(f"{name}/report.html" in page for name in names)
    assert all((recorded / "all" / name / "report.html").is_file() for name in names)
    assert result.output.splitlines()[0].startswith(f"1. {names[0]}: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--compare", "--meta", "meta.json", "."], "takes meta.json from beside"),
        ([".", "."], "more than one recording needs --compare"),
        (["--compare", ".", "."], "'made-up' is there twice, also in meta.json"),
        (["--compare", ".", "other"], "other/meta.json: the name 'a/b' cannot be a folder's"),
        (["--compare", ".", "bare"], "bare/telemetry.csv: lacks the columns current_a, v01"),
        (["empty"], "holds none of telemetry.parquet"),
    ],
)
def test_a_wrong_comparison_is_told_before_anything_is_replayed(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    for folder in ("empty", "other", "bare"):
        (recorded / folder).mkdir()
    shutil.copy(recorded / "telemetry.csv", recorded / "other")
    (recorded / "other" / "meta.json").write_text(json.dumps(META | {"name": "a/b"}))
    (recorded / "bare" / "telemetry.csv").write_text("time_s\n")
    monkeypatch.chdir(recorded)
    monkeypatch.setattr("agent.cli.replay.replay_once", None)
    result = CliRunner().invoke(replay, [*words, "--out", "all"])
    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize(
    ("meta", "text"),
    [
        ("{", "is no JSON"),
        ("[]", "must hold one JSON object"),
        ('{"chemistry": "PbA"}', "chemistry must be one of"),
        ('{"rated_capacity_ah": -3}', "rated_capacity_ah must be a positive number"),
        ('{"current_sign": "up"}', "current_sign must be one of"),
        ('{"ocv_soc": [0, 1], "ocv_v": [3]}', "two lists of one length"),
    ],
)
def test_a_wrong_meta_is_one_sentence_and_exit_2(recorded: Path, meta: str, text: str) -> None:
    (recorded / "meta.json").write_text(meta)
    result = run(recorded)
    assert result.exit_code == 2
    assert text in result.output
    assert result.output.count("\n") == 1


def test_a_file_without_cells_is_one_sentence_and_exit_2(recorded: Path) -> None:
    (recorded / "telemetry.csv").write_text("time_s,current_a\n1,2\n")
    result = run(recorded)
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert "lacks the columns v01" in result.output


def test_a_column_that_is_missing_renames_no_cell(recorded: Path) -> None:
    lines = [line.split(",") for line in (recorded / "telemetry.csv").read_text().splitlines()]
    # The third cell's resistance doubles in the middle; the second one's voltages are not there.
    for cut, row in enumerate(lines[1:]):
        drop_v = 4.02 - float(row[4])
        if cut > len(lines) // 2 and drop_v > 0.05:
            row[4] = f"{4.02 - 2.0 * drop_v:.3f}"
    text = "\n".join(",".join(row[:3] + row[4:]) for row in lines)
    (recorded / "telemetry.csv").write_text(text + "\n")
    result = run(recorded, "gap")
    assert result.exit_code == 0, result.output
    assert "telemetry.csv: has no column v02: such a cell counts as never read" in result.stderr
    alarms = table(recorded / "gap" / "alarms.csv")
    assert {row["cell"] for row in alarms} == {"3"}
    assert all(row["text"].startswith(f"cell {row['cell']}: ") for row in alarms)
    for name in ("soh.csv", "forecast.csv"):
        assert {row["cell"] for row in table(recorded / "gap" / name)} == {"1", "2", "3", "4"}
    assert "<b>Cell 3</b>" in (recorded / "gap" / "report.html").read_text()


@pytest.mark.parametrize("series", [3, 99])
def test_another_number_of_cells_than_meta_has_is_refused(recorded: Path, series: int) -> None:
    (recorded / "meta.json").write_text(json.dumps(META | {"n_series": series}))
    for result in (
        run(recorded, "other"),
        CliRunner().invoke(replay, ["--compare", str(recorded), "--out", str(recorded / "other")]),
    ):
        assert result.exit_code == 2
        assert f"has v01..v04, META says n_series {series}; correct n_series" in result.output
    assert not (recorded / "other").exists()


@pytest.mark.parametrize("beside", [True, False])
def test_what_is_assumed_without_meta_is_told(recorded: Path, *, beside: bool) -> None:
    about = recorded / "meta.json"
    if not beside:
        about.unlink()
    words = [str(recorded / "telemetry.csv"), "--out", str(recorded / "bare")]
    result = CliRunner().invoke(replay, words)
    assert result.exit_code == 0
    told = f" ({about} is read with --meta only)" if beside else ""
    assert result.stderr == (
        f"bbu-agent replay: {words[0]}: no META{told}: assumed are current positive when charging, "
        "15 Ah, cells of the type unknown cell that were new at the first row, 240 s required; "
        "no rated power, so no ride-through\n"
    )


@pytest.mark.parametrize("words", [[], ["--compare"]])
def test_a_slip_in_meta_is_told_and_no_reason_to_stop(recorded: Path, words: list[str]) -> None:
    (recorded / "meta.json").write_text(json.dumps(META | {"rated_capcity_ah": 15.0}))
    result = CliRunner().invoke(replay, [*words, str(recorded), "--out", str(recorded / "slip")])
    assert result.exit_code == 0
    assert result.stderr == (
        f'bbu-agent replay: {recorded / "meta.json"}: "rated_capcity_ah" is no key of META, and '
        'not used; did you mean "rated_capacity_ah"?\n'
    )


def test_nulls_in_meta_are_what_is_not_known(recorded: Path) -> None:
    nulls = dict.fromkeys(("name", "chemistry", "current_sign", "commissioned", "cell"))
    (recorded / "meta.json").write_text(json.dumps(META | nulls))
    result = run(recorded, "nulls")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("meta: ")


def test_broken_rows_are_passed_over(recorded: Path) -> None:
    lines = (recorded / "telemetry.csv").read_text().splitlines()
    lines.insert(50, "nonsense")
    lines.insert(90, ",,,,,,,")
    (recorded / "telemetry.csv").write_text("\n".join(lines) + "\n")
    run(recorded, "broken")
    assert table(recorded / "broken" / "soh.csv") == table(recorded / "out" / "soh.csv")


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the development data is not beside the checkout")
def test_a_recorded_life_of_five_years_names_the_weak_cell(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    module = SHARED / "dev02_nca_weak"
    whole = parquet.read_table(module / "telemetry.parquet")
    half = whole.slice(0, whole.num_rows // 2)
    parquet.write_table(half, tmp_path / "half.parquet")
    meta = ["--meta", str(module / "meta.json")]
    for recorded, out in (
        (module / "telemetry.parquet", "all"),
        (tmp_path / "half.parquet", "half"),
    ):
        result = CliRunner().invoke(replay, [str(recorded), *meta, "--out", str(tmp_path / out)])
        assert result.exit_code == 0
    alarms = {(row["cell"], row["kind"]) for row in table(tmp_path / "all" / "alarms.csv")}
    assert {("4", "weak"), ("9", "weak")} <= alarms
    last_s = half["time_s"][-1].as_py()
    for name in ("soh.csv", "ride.csv", "forecast.csv", "alarms.csv"):
        rows = [r for r in table(tmp_path / "all" / name) if float(r["time_s"]) <= last_s]
        assert table(tmp_path / "half" / name) == rows
