"""The command bbu-sim as a user runs it."""

import json
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import pytest

from agent.config.load import load
from agent.profiles.load import load_all

SIM = Path(sys.executable).with_name("bbu-sim")
PATIENCE_S = 60.0


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run bbu-sim until it says that it is ready; kill it if the test forgets to stop it."""
    process = subprocess.Popen([str(SIM), "run", *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        lines = iter(process.stdout.readline, "")
        assert any(row.startswith("ready:") for row in lines)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SIM), *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_demo_is_served_and_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    folder = tmp_path / "run"
    with running("demo-rack", "--run-dir", str(folder)) as process:
        endpoints = json.loads((folder / "endpoints.json").read_text())
        assert list(endpoints) == ["shelf-a", "shelf-b", "row-3", "ups-1", "ups-2"]
        spoken = {profile.name: str(profile.protocol) for profile in load_all()}
        config = load(folder / "agent.yaml", profiles=spoken, environ={})
        assert len(config.units) == 17
        secrets = [path for path in folder.iterdir() if path.name.startswith("ups-")]
        assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
        assert len(secrets) == 3
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with running("weak-cell", "--run-dir", str(tmp_path)) as process:
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.skipif(which("mbpoll") is None, reason="mbpoll is not installed")
def test_a_live_self_test_shows_in_the_registers(tmp_path: Path) -> None:
    scenario = tmp_path / "quick.yaml"
    scenario.write_text(
        "name: quick\nabout: A self-test at once.\nbuses: {gw: {modbus_tcp: 0}}\n"
        "units:\n  - {name: m-1, model: classic, bus: gw, unit_id: 64, rack: r, shelf: s}\n"
        "events:\n  - {at: 1 s, kind: self-test, units: [m-1], length: 30 s}\n"
    )
    with running(str(scenario), "--run-dir", str(tmp_path)) as process:
        endpoints = json.loads((tmp_path / "endpoints.json").read_text())
        port = endpoints["gw"]["modbus_tcp"].split(":")[1]
        deadline = time.monotonic() + 25
        current = 0
        while current > -3000 and time.monotonic() < deadline:
            time.sleep(0.3)
            command = f"mbpoll -m tcp -p {port} -a 64 -t 4:hex -r 129 -c 1 -0 -1 127.0.0.1"
            text = subprocess.run(command.split(), capture_output=True, text=True, check=True)
            found = re.search(r"\[129\]:\s+0x([0-9A-F]{4})", text.stdout)
            assert found is not None
            current = int(found[1], 16) - 0x10000 * (int(found[1], 16) >> 15)
        process.terminate()
        process.wait(PATIENCE_S)
    # 1.5 kW of a classic module at about 44 V, through a 96 % converter.
    assert -3900 < current < -3400


def test_the_past_is_written_and_taken_up(tmp_path: Path) -> None:
    past = tmp_path / "past"
    done = run("history", "weak-cell", "--years", "0.1", "--out", str(past), "--end", "1767225600")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("3 modules, 0.1 years each")
    assert sorted(path.name for path in past.iterdir()) == [
        *("final.json", "r1-c-1", "r1-c-2", "r1-c-3"),
    ]
    with running("weak-cell", "--state", str(past), "--run-dir", str(tmp_path / "run")) as process:
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "nowhere"), "nowhere: No such file or directory; a scenario is a file or one of"),
        (("run", "demo-rack", "--state", "/"), "final.json: No such file or directory"),
        (("history", "demo-rack", "--out", "/x", "--years", "-1"), "--years must be above 0"),
        (("history", "demo-rack"), "Missing option '--out'"),
    ],
)
def test_wrong_use_ends_with_two_and_says_why(arguments: tuple[str, ...], told: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_list_names_every_scenario() -> None:
    done = run("list")
    assert done.returncode == 0
    assert [row.split()[0] for row in done.stdout.splitlines()] == [
        *("aged-to-end", "ageing-fleet", "demo-rack", "firmware-mix", "grid-flicker"),
        *("healthy-rack", "hot-aisle", "long-outage", "micro-short", "second-module-lost"),
        *("silent-bus", "weak-cell"),
    ]


@pytest.mark.parametrize("command", [(), ("run",), ("history",), ("list",)])
def test_help_is_there(command: tuple[str, ...]) -> None:
    done = run(*command, "--help")
    assert done.returncode == 0
    assert "Usage: bbu-sim" in done.stdout


def test_faults_and_events_are_injected_while_it_runs(tmp_path: Path) -> None:
    def inject(*words: str) -> tuple[int, str]:
        done = run("inject", *words, "--run-dir", str(tmp_path))
        return done.returncode, done.stdout + done.stderr

    with running("weak-cell", "--run-dir", str(tmp_path)) as process:
        assert stat.S_IMODE((tmp_path / "control.sock").stat().st_mode) == 0o600
        done = [
            inject("r1-c-1", "silent", "--for", "30 s"),
            inject("gateway", "one-at-a-time"),
            inject("r1-c-2", "pulled"),
            inject("r1", "outage", "--for", "5 s", "--load", "0.5"),
            inject("r1-c-1", "heal"),
            inject("nobody", "silent"),
            inject("r1-c-1", "second-master"),
            inject("r1-c-1", "weld", "--cell", "2"),
            inject("r1-c-1", "silent", "--for", "5"),
        ]
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    told = 'is not a duration; write a number and a unit, such as "20 ms" or "20 s"'
    assert done == [
        (0, "r1-c-1: silent from now on\n"),
        (0, "gateway: one-at-a-time from now on\n"),
        (0, "r1-c-2: pulled from now on\n"),
        (0, "r1: outage\n"),
        (0, "r1-c-1: 1 faults ended\n"),
        (2, "bbu-sim: no unit is named nobody\n"),
        (2, "bbu-sim: no bus is named r1-c-1\n"),
        (2, "bbu-sim: weld needs size\n"),
        (2, f"bbu-sim: until {told}\n"),
    ]
    assert inject("r1-c-1", "silent")[0] == 2
    assert list(tmp_path.iterdir()) == []
