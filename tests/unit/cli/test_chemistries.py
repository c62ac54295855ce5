"""``bbu-agent chemistries``: the library, and a type made of a discharge, used at once."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli.chemistries import MEANINGS, chemistries
from agent.config.cells import read_cells
from agent.health.library import UNITS, entries
from agent.replay.meta import read_meta


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(chemistries, [*map(str, words)])
    return result.exit_code, result.output


def recording(folder: Path) -> Path:
    path = folder / "commissioning.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time_s", "current_a", "v01", "v02", "t1_c"])
        writer.writerow([0, 0, 4.19, 4.19, 25])
        for n in range(390):
            volts = round(4.17 - 1.5 * (n / 400) ** 1.5, 4)
            writer.writerow([10 + n * 10, 15.0, volts, volts, 25])
    about = {"n_parallel": 6, "chemistry": "NCA", "v_min_cell": 2.7, "rated_capacity_ah": 16}
    about |= {"current_sign": "discharge positive"}
    (folder / "meta.json").write_text(json.dumps(about))
    return path


def test_the_list_names_every_type() -> None:
    code, text = run()
    assert code == 0
    assert [line.split()[0] for line in text.splitlines()[1:]] == sorted(entries())


def test_one_type_is_shown_with_a_source_for_each_figure() -> None:
    code, text = run("lfp-power", "--format", "json")
    shown = json.loads(text)
    assert code == 0
    assert "Naumann" in shown["ageing_law"]["source"]
    figures = {row["figure"]: row for row in shown["figures"]}
    assert figures["cutoff_v"]["value"] == 2.4
    assert all(row["source"] and row["unit"] and row["meaning"] for row in figures.values())
    assert "simses" in run("lfp-power")[1]


def test_every_figure_has_a_meaning() -> None:
    assert set(MEANINGS) == set(UNITS)


@pytest.mark.parametrize(
    ("name", "near"),
    [("nope", ""), ("nca-powr", '; did you mean "nca-power"?'), ("fitt", '; did you mean "fit"?')],
)
def test_a_name_that_nobody_knows_is_told_with_those_that_are_known(name: str, near: str) -> None:
    code, text = run(name)
    assert code == 2
    assert text == (
        f'bbu-agent chemistries: no type of cell is named "{name}"; '
        f"known are {', '.join(entries())}{near}\n"
    )


def test_a_discharge_becomes_a_type_that_replay_takes(tmp_path: Path) -> None:
    telemetry = recording(tmp_path)
    code, text = run("fit", telemetry, "--meta", tmp_path / "meta.json", "--name", "ours")
    assert code == 0
    (tmp_path / "cells.yaml").write_text(text)
    known = read_cells(tmp_path / "cells.yaml")
    assert known["ours"].like == "nca-power"
    assert known["ours"].capacity_ah == pytest.approx(15 * 3900 / 3600 / 6, rel=0.02)
    (tmp_path / "own.json").write_text('{"cell": "ours", "n_parallel": 6}')
    battery = read_meta(tmp_path / "own.json", known).battery
    assert battery.cell == "nca-power"
    assert battery.rated_capacity_ah == pytest.approx(15 * 3900 / 3600, rel=0.02)
    assert battery.ocv is not None
    code, text = run("ours", "--config.file", tmp_path / "cells.yaml")
    assert code == 0
    assert "the configuration" in text


def test_a_meta_may_name_a_type_and_a_slip_in_it_is_told(tmp_path: Path) -> None:
    telemetry, meta = recording(tmp_path), tmp_path / "meta.json"
    about = json.loads(meta.read_text())
    del about["chemistry"]
    meta.write_text(json.dumps(about | {"cell": "nca-power", "rated_capcity_ah": 16}))
    words = ["fit", str(telemetry), "--meta", str(meta), "--name", "ours"]
    result = CliRunner().invoke(chemistries, words)
    assert result.exit_code == 0
    assert "like: nca-power" in result.stdout
    assert result.stderr.startswith(
        f'bbu-agent chemistries fit: {meta}: "rated_capcity_ah" is no key of META'
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--name", "lfp-power"), "is the name of a type of the library"),
        (("--name", "a b"), "cannot be a name"),
        (("--name", "ours"), "what does it age like? Give --like"),
    ],
)
def test_a_fit_that_cannot_be_says_why_and_exits_2(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    code, text = run("fit", recording(tmp_path), *words)
    assert code == 2
    assert said in text


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        ('{"cell": "ours"}', "no cell is named .ours"),
        (
            '{"cell": "lfp-power", "chemistry": "NCA"}',
            "chemistry is NCA; the cell lfp-power is LFP",
        ),
    ],
)
def test_a_meta_with_a_wrong_cell_is_told(tmp_path: Path, meta: str, said: str) -> None:
    path = tmp_path / "meta.json"
    path.write_text(meta)
    with pytest.raises(Exception, match=said):
        read_meta(path, read_cells(None))
