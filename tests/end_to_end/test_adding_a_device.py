"""docs/adding-a-device.md, done: from an unknown device to a green contract test, no Python."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "adding-a-device.md"
BIN = Path(sys.executable).parent
RANGES = ["holding:0-15", "input:0-63"]
DEVICE = """\
holding:
  0: "ACME\\0\\0\\0\\0"
  4: "RB4-00412377"
input:
  0: [1327, 60536, 65535, 87, 64, 0x0002]
  20: [4, 3318, 3320, 0, 3319]
"""


def profile_of_the_page() -> str:
    blocks = re.findall(r"```yaml\n(name: acme-rb4\n.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 1
    return str(blocks[0])


@pytest.fixture
def device(tmp_path: Path) -> Iterator[list[str]]:
    """Serve the device that nobody knows yet; give the options that reach it."""
    path = tmp_path / "device.modbus.yaml"
    path.write_text(DEVICE, "utf-8")
    process = subprocess.Popen(
        [str(BIN / "bbu-sim"), "run", "--recording", str(path), "--unit-id", "1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process.stdout.readline().split()[2:]
    process.terminate()
    process.wait(10)
    process.stdout.close()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a copy of the checkout to add files to."""
    folder = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("agent", "simulators", "tests/contract", "tests/recordings"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def run(*command: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )


def contract(checkout: Path, **env: str) -> subprocess.CompletedProcess[str]:
    tests = ["test_profiles.py", "test_recordings_on_the_wire.py"]
    paths = [f"tests/contract/{name}" for name in tests]
    return run(
        sys.executable,
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "acme-rb4", *paths),
        cwd=checkout,
        **env,
    )


def test_from_record_to_a_green_contract_test(device: list[str], checkout: Path) -> None:
    agent = str(BIN / "bbu-agent")
    unknown = run(agent, "read", *device, cwd=checkout)
    assert unknown.returncode == 4
    assert "bbu-agent record" in unknown.stderr

    folder = checkout / "tests" / "recordings" / "acme-rb4"
    folder.mkdir()
    recording = folder / "rack.modbus.yaml"
    ranges = [part for text in RANGES for part in ("--range", text)]
    made = run(agent, "record", *device, *ranges, "--scrub", "--out", str(recording), cwd=checkout)
    assert made.returncode == 0, made.stderr
    assert "00412377" not in recording.read_text("utf-8")

    profile = checkout / "agent" / "profiles" / "data" / "modbus" / "acme-rb4.yaml"
    profile.write_text(profile_of_the_page(), "utf-8")
    first = contract(checkout, ACCEPT="1")
    assert "rack.expected.json is written" in first.stdout
    green = contract(checkout)
    assert green.returncode == 0, green.stdout
    assert re.search(r"\d\d passed", green.stdout)

    expected = (folder / "rack.expected.json").read_text("utf-8")
    for shown in (
        '"value": 13.27, "unit": "V"',
        '"battery_current", "index": null, "value": -5.0',
        '"cell_voltage", "index": "3", "value": 0.0',
        '"temperature", "index": "pack", "value": 24.0',
        '"discharging", "index": null, "value": true',
    ):
        assert shown in expected
    assert '"index": "5"' not in expected
