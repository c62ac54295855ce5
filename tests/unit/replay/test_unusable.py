"""A recording of which nothing, or little, can be used is told so and makes no report."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli.main import cli

HEAD = "time_s,current_a,v01,v02\n"
START_S = 1.7e9


def row(hour: int, time_s: float = 0.0, amperes: object = 0.0, volts: object = 4.07) -> str:
    return f"{time_s or START_S + hour * 3600.0},{amperes},{volts},{volts}\n"


def replayed(folder: Path, text: str, *more: str, name: str = "telemetry.csv") -> Result:
    recording, about = folder / name, folder / "meta.json"
    recording.write_text(HEAD + text)
    about.write_text(json.dumps({"name": "a-1", "chemistry": "NCA", "rated_capacity_ah": 15.0}))
    words = ["replay", str(recording), "--meta", str(about), "--out", str(folder / "out")]
    return CliRunner().invoke(cli, [*words, *more])


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (None, "holds no row below the names of its columns"),
        (
            lambda hour: row(hour, (START_S + hour * 3600.0) * 1e3),
            "(40 rows); time_s is unix seconds, or ISO 8601; these look like milliseconds",
        ),
        (lambda hour: row(hour, (START_S + hour) * 1e6), "these look like microseconds"),
        (lambda hour: row(hour, (START_S + hour) * 1e9), "these look like nanoseconds"),
        (lambda hour: f"{hour}. May,0,4,4\n", "time_s is unix seconds, or ISO 8601"),
        (
            lambda hour: row(hour).strip() + ",4,4\n",
            "40 rows have more or fewer fields than the header",
        ),
        (
            lambda hour: row(hour, volts=4070),
            "(40 rows); v01 to vNN are volts of single cells; these look like millivolts",
        ),
        (lambda hour: row(hour, volts=44.8), "v01 to vNN are volts of single cells"),
        (lambda hour: row(hour, volts=""), "v01 to vNN are volts of single cells"),
        (lambda hour: row(hour, volts=0.0), "v01 to vNN are volts of single cells"),
    ],
)
def test_a_recording_of_which_nothing_can_be_used_is_refused(
    tmp_path: Path, made: Callable[[int], str] | None, said: str
) -> None:
    done = replayed(tmp_path, "".join(map(made, range(40))) if made else "")
    assert done.exit_code == 2
    assert done.output.startswith(f"bbu-agent replay: {tmp_path / 'telemetry.csv'}: ")
    assert done.output.endswith(f"{said}\n")
    assert not (tmp_path / "out").exists()


def test_times_of_iso_8601_are_used(tmp_path: Path) -> None:
    done = replayed(tmp_path, "".join(f"2024-05-{n:02d} 12:00,0,4,4\n" for n in range(1, 20)))
    assert (done.exit_code, done.stderr) == (0, "")
    assert "recorded 2024-05-01 to 2024-05-19" in (tmp_path / "out/report.html").read_text()


GOOD = "".join(map(row, range(90)))


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (row(99, time_s=1e15) * 10, "10 of 100 rows are not used: 10 without a possible time"),
        ("1,2\n" * 10, "10 of 100 rows are not used: 10 with more or fewer fields than the header"),
        (row(99, amperes="") * 10, "10 of 100 rows are not used: 10 without a possible current"),
        (row(99, amperes=4e4) * 10, "10 of 100 rows are not used: 10 without a possible current"),
        (row(99, volts=4070) * 10, "10 without the possible voltage of any cell"),
        (
            "1\n" * 6 + ",,,\n" * 2 + row(99, amperes="") * 2,
            "fields than the header, 2 without a possible time, 2 without a possible current",
        ),
    ],
)
def test_much_that_is_not_used_is_told_with_why(tmp_path: Path, bad: str, said: str) -> None:
    done = replayed(tmp_path, GOOD + bad)
    assert done.exit_code == 0
    assert done.stderr.startswith(f"bbu-agent replay: {tmp_path / 'telemetry.csv'}: ")
    assert done.stderr.endswith(f"{said}\n")
    assert done.stdout.startswith("a-1: ")


def test_a_little_that_is_not_used_stands_in_the_report_only(tmp_path: Path) -> None:
    done = replayed(tmp_path, GOOD + row(99, time_s=1e15) * 4)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "or cut</th><td class='text'>4</td>" in (tmp_path / "out/report.html").read_text()


def test_a_folder_in_the_way_of_the_state_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "state/import/a-1.json").mkdir(parents=True)
    done = replayed(tmp_path, GOOD, "--state-dir", str(tmp_path / "state"), "--unit", "a-1")
    assert done.exit_code == 2
    assert "import/a-1.json: cannot be written: Is a directory; name another" in done.stderr


def test_a_name_of_a_file_that_is_no_text_does_not_stop_the_report(tmp_path: Path) -> None:
    done = replayed(tmp_path, GOOD, name="\udcff.csv")
    assert (done.exit_code, done.exception) == (0, None)
    assert "?.csv, SHA-256" in (tmp_path / "out/report.html").read_text()
