"""A node of the other architecture gets every dependency without a compiler."""

import os
import platform
import subprocess
import sys

from tests.package.machine import ROOT


def test_every_dependency_has_a_wheel_for_the_other_architecture() -> None:
    other = {"x86_64": "aarch64", "aarch64": "x86_64"}[platform.machine()]
    checked = subprocess.run(
        [ROOT / "deploy/scripts/wheels.sh", other],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
