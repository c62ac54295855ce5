"""The past of a fleet: repeatable, complete, and the live cells are its cells."""

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from simulators import history, scenario_file
from simulators.device.module import Module
from simulators.fleet import build_fleet
from simulators.history_command import history as history_command
from simulators.past import catch_up, quick_past
from simulators.telemetry import ride_through

MakeModule = Callable[..., Module]

END_S = 1767225600.0
YEARS = 0.25


def written(folder: Path, name: str = "r1-c-2") -> dict[str, object]:
    scenario = scenario_file.load("weak-cell")
    todo = history.jobs(scenario, years=YEARS, end_s=END_S, out=folder, form="csv")
    return history.work(next(job for job in todo if job.name == name))


def rows(folder: Path) -> list[dict[str, str]]:
    with gzip.open(folder / "telemetry.csv.gz", "rt") as file:
        return list(csv.DictReader(file))


def test_the_same_seed_lives_the_same_life(tmp_path: Path) -> None:
    states = [written(tmp_path / str(n)) for n in range(2)]
    assert states[0] == states[1]
    files = [(tmp_path / str(n) / "r1-c-2" / "telemetry.csv.gz") for n in range(2)]
    assert [gzip.decompress(file.read_bytes()) for file in files[:1]] == [
        gzip.decompress(file.read_bytes()) for file in files[1:]
    ]


def test_telemetry_is_what_an_observer_would_have(tmp_path: Path) -> None:
    written(tmp_path)
    seen = rows(tmp_path / "r1-c-2")
    times = [float(row["time_s"]) for row in seen]
    cells = [f"v{n:02d}" for n in range(1, 12)]
    assert list(seen[0]) == [
        *("time_s", "current_a", *cells, "t1_c", "t2_c", "t3_c", "t4_c", "tamb_c"),
        *("bal_mask", "bms_soc", "bms_soh", "state"),
    ]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(END_S, abs=0.1)
    assert max(np.diff(times)) <= 3600.1
    states = {row["state"] for row in seen}
    assert states == {"standby", "charge", "discharge", "selftest", "rest"}
    pulse = [float(row["current_a"]) for row in seen if row["state"] == "selftest"]
    assert max(pulse) < -30  # the meta file says: positive when charging
    meta = json.loads((tmp_path / "r1-c-2" / "meta.json").read_text())
    assert meta["current_sign"] == "charge positive"
    assert (meta["n_series"], meta["required_seconds"]) == (11, 240.0)


def test_tests_come_monthly_and_last_as_asked(tmp_path: Path) -> None:
    written(tmp_path)
    with (tmp_path / "r1-c-2" / "truth_events.csv").open() as file:
        events = [row for row in csv.DictReader(file) if row["kind"] == "selftest"]
    assert 2 <= len(events) <= 4
    assert {row["dur_s"] for row in events} == {"45.0"}
    assert {row["completed"] for row in events} == {"True"}


def test_the_live_cells_are_those_of_the_past(tmp_path: Path) -> None:
    scenario = scenario_file.load("weak-cell")
    todo = history.jobs(scenario, years=YEARS, end_s=END_S, out=tmp_path, form="csv")
    states: dict[str, object] = dict(history.work_all(todo, 1))
    history.write_state(tmp_path, scenario, END_S, states)
    fleet = history.resume(scenario, tmp_path)
    assert {name: history.module_state(m) for name, m in fleet.modules.items()} == states
    with (tmp_path / "r1-c-2" / "truth_cells.csv").open() as file:
        last = [float(row["q_ah"]) for row in csv.DictReader(file)][-11:]
    assert fleet.modules["r1-c-2"].pack.capacity_ah() == pytest.approx(last, abs=1e-4)
    catch_up(fleet, "r1-c-2", END_S + 5000.0)
    assert fleet.modules["r1-c-2"].now_s == pytest.approx(END_S + 5000.0)


def test_a_module_is_the_same_alone_and_among_others() -> None:
    scenario = scenario_file.load("weak-cell")
    alone = build_fleet(scenario, start_s=END_S, born_s=END_S, only={"r1-c-2"})
    among = build_fleet(scenario, start_s=END_S, born_s=END_S)
    assert set(alone.modules) == {"r1-c-2"}
    states = [history.module_state(fleet.modules["r1-c-2"]) for fleet in (alone, among)]
    assert states[0] == states[1]


def test_a_part_of_a_fleet_can_be_lived_and_the_rest_comes_along(tmp_path: Path) -> None:
    scenario = scenario_file.load("weak-cell")
    todo = history.jobs(
        scenario, years=0.1, end_s=END_S, out=tmp_path, form="csv", only=("*-1", "no-*")
    )
    assert [job.name for job in todo] == ["r1-c-1"]
    months: list[int] = []
    states = dict(history.work_all(todo, 1, months.append))
    assert months == [2]  # a sample at the start, and one after a month
    history.write_state(tmp_path, scenario, END_S, states)
    fleet = history.resume(scenario, tmp_path)
    assert set(fleet.modules) == {"r1-c-1", "r1-c-2", "r1-c-3"}
    worn = [module.pack.capacity_ah().mean() for module in fleet.modules.values()]
    assert worn[0] > worn[2] * 1.01  # a tenth of a year against the scenario's years
    assert all(module.now_s >= END_S for module in fleet.modules.values())


def test_the_weak_cell_is_weak_and_the_others_are_not() -> None:
    scenario = scenario_file.load("weak-cell")
    fleet = build_fleet(scenario, start_s=END_S, born_s=END_S)
    quick_past(fleet, 1.0)
    ratio = {
        name: module.pack.capacity_ah() / np.median(module.pack.capacity_ah())
        for name, module in fleet.modules.items()
    }
    assert ratio["r1-c-2"][6] < 0.82
    assert np.delete(ratio["r1-c-2"], 6) == pytest.approx(1.0, abs=0.04)
    assert ratio["r1-c-1"] == pytest.approx(1.0, abs=0.04)


def test_a_silent_module_leaves_no_telemetry(tmp_path: Path) -> None:
    scenario = scenario_file.load("demo-rack")
    todo = history.jobs(scenario, years=0.05, end_s=END_S, out=tmp_path, form="csv")
    state = history.work(next(job for job in todo if job.name == "r12-b-5"))
    assert state["now_s"] == pytest.approx(END_S)
    assert not (tmp_path / "r12-b-5").exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "bbu-sim history writes it"),
        ("{}", "cannot be read"),
        ('{"scenario": "other", "seed": 1}', "is the past of other, not weak-cell"),
        ('{"scenario": "weak-cell", "seed": 5, "end_s": 1, "modules": {}}', "other modules"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(
    tmp_path: Path, content: str | None, told: str
) -> None:
    if content is not None:
        (tmp_path / history.STATE_FILE).write_text(content)
    with pytest.raises(history.StateError, match=told):
        history.resume(scenario_file.load("weak-cell"), tmp_path)


def test_the_true_ride_through_is_that_of_the_weakest_cell(module_of: MakeModule) -> None:
    healthy, weak = module_of(), module_of()
    weak.pack.disconnect(6, 2 / 6)
    rides = [ride_through(module, 3000.0) for module in (healthy, weak)]
    assert rides[1][1] == 7
    assert rides[1][0] < 0.75 * rides[0][0]
    lived = module_of()
    lived.load_w = 3000.0
    start = lived.now_s
    while not lived.cut_off:
        lived.step(1.0)
    assert rides[0][0] == pytest.approx(lived.now_s - start, abs=4)
    # Looking ahead must leave the module as it was.
    assert healthy.pack.volts == pytest.approx(module_of().pack.volts)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("weak-cell", "--only", "r9-*"), "no module has such a name"),
        (("weak-cell", "--years", "0"), "--years must be above 0"),
        (("no-such-scenario",), "no-such-scenario"),
    ],
)
def test_a_past_that_cannot_be_lived_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    done = CliRunner().invoke(history_command, [*arguments, "--out", str(tmp_path / "past")])
    assert (done.exit_code, told in done.output) == (2, True)
    assert not (tmp_path / "past").exists()


def test_an_agent_learns_each_past_from_what_an_observer_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = tmp_path / "bbu-agent"
    agent.write_text('#!/bin/sh\necho "$@" > "$(dirname "$2")/asked"\n')
    agent.chmod(0o755)
    monkeypatch.setattr(history, "BBU_AGENT", agent)
    monkeypatch.setattr("simulators.history_command.BBU_AGENT", agent)
    past = tmp_path / "past"
    options = ("--years", "0.02", "--only", "*-1", "--jobs", "1", "--end", str(END_S))
    told = ("--out", str(past), "--agent-state", str(tmp_path / "state"))
    done = CliRunner().invoke(history_command, ["weak-cell", *options, *told])
    assert (done.exit_code, done.output[:9]) == (0, "1 modules")
    folder = past / "r1-c-1"
    assert (folder / "asked").read_text().split() == [
        *("replay", str(folder / "telemetry.csv.gz"), "--meta", str(folder / "meta.json")),
        *("--out", str(folder / "estimates")),
        *("--state-dir", str(tmp_path / "state"), "--unit", "r1-c-1"),
    ]
