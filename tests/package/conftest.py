"""The package, built once, and a machine with a simulated rack to install it on."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.package.machine import ROOT, SPARE, Machine, why_not


@pytest.fixture(scope="session")
def memory() -> Iterator[Path]:
    """Give a folder in memory where there is one: dpkg syncs each of thousands of files."""
    in_memory = Path("/dev", "shm")
    place = in_memory if in_memory.is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="bbu-package-", dir=place))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def package(memory: Path) -> Path:
    """Give the package of this checkout."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    made = subprocess.run(
        [ROOT / "deploy/debian/build.sh", memory / "dist"],
        env={
            **os.environ,
            "PYTHON": sys.executable,
            "TMPDIR": str(memory),
            "DPKG_DEB_COMPRESSOR_TYPE": "none",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    (path,) = (memory / "dist").glob("*.deb")
    return path


@pytest.fixture(scope="session")
def newer(memory: Path, package: Path) -> Path:
    """Give the package of a later version: the same files, each name of the version raised."""
    root = memory / "newer"
    subprocess.run(["dpkg-deb", "-R", package, root], check=True)
    (metadata,) = root.glob("usr/lib/bbu-agent/lib/python*/site-packages/bbu_agent-*/METADATA")
    for path in (metadata, root / "DEBIAN/control"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        raised = ["Version: 9.9.9\n" if x.startswith("Version: ") else x for x in lines]
        path.write_text("".join(raised), encoding="utf-8")
    later = memory / "newer.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Znone", "-b", root, later],
        check=True,
        capture_output=True,
    )
    shutil.rmtree(root)
    return later


@pytest.fixture(scope="module")
def machine(memory: Path, package: Path) -> Iterator[Machine]:
    """Give a machine that runs, with the package at hand and not installed."""
    machine = Machine(memory / "machine")
    shutil.copy(package, machine.outside(SPARE / "bbu-agent.deb"))
    try:
        machine.boot()
        yield machine
    finally:
        machine.remove()
