"""A recording with impossible numbers costs its rows and nothing else."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli.main import cli

HEAD = "time_s,current_a,v01,v02,v03,tamb_c,state,bal_mask\n"
START_S = 1.7e9


def row(time_s: str, mask: str = "") -> str:
    return f"{time_s},0.0,4.071,4.069,4.070,25.0,standby,{mask}\n"


def replayed(folder: Path, rows: list[str]) -> dict[str, str]:
    """Replay ``rows`` among good ones; give the tables that came of it."""
    good = [row(f"{START_S + hour * 3600.0}", "0") for hour in range(100)]
    folder.mkdir()
    recording = folder / "telemetry.csv"
    recording.write_text(HEAD + "".join([*rows, *good[:50], *rows, *good[50:], *rows]), "utf-8")
    out = folder / "out"
    done = CliRunner().invoke(cli, ["replay", str(recording), "--out", str(out), "--every", "1d"])
    assert done.exception is None, done.output
    assert (out / "report.html").stat().st_size > 0
    return {path.name: path.read_text("utf-8") for path in out.glob("*.csv")}


@pytest.mark.parametrize("time", ["nan", "", "inf", "1e15", "1e18", "1e300", "-5e12", "4.2e9"])
def test_a_row_of_an_impossible_time_changes_nothing(tmp_path: Path, time: str) -> None:
    assert replayed(tmp_path / "bad", [row(time)]) == replayed(tmp_path / "good", [])


@pytest.mark.parametrize("mask", ["inf", "-inf", "nan", "-1", "x"])
def test_a_mask_that_is_no_mask_is_absent(tmp_path: Path, mask: str) -> None:
    at = f"{START_S}"
    assert replayed(tmp_path / "bad", [row(at, mask)]) == replayed(tmp_path / "good", [row(at)])


def test_a_row_that_was_cut_changes_nothing_and_is_counted(tmp_path: Path) -> None:
    cut = f"{START_S + 7200.0},-40.0,3.9\n"
    assert replayed(tmp_path / "bad", [cut, "\n"]) == replayed(tmp_path / "good", [])
    text = (tmp_path / "bad" / "out" / "report.html").read_text("utf-8")
    assert "possible time, or cut</th><td class='text'>3</td>" in text
