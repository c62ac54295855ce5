"""What five years of a hundred modules of ``ageing-fleet`` cost, lived to the end.

Usage: ``python -m tests.benchmarks.history [YEARS]``. CPU seconds are those of both processes;
on two cores that do nothing else the run takes half as long as that.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

SIM = Path(sys.executable).with_name("bbu-sim")
RACKS = ("r1-*", "r2-*")  # fifty modules each


def history(years: str) -> str:
    """Live and write the past; give the line of the report."""
    with tempfile.TemporaryDirectory() as home:
        out = Path(home) / "past"
        only = [word for rack in RACKS for word in ("--only", rack)]
        command = [str(SIM), "history", "ageing-fleet", "--years", years, "--out", str(out), *only]
        began = time.monotonic()
        subprocess.run([*command, "--jobs", "2"], check=True, stdout=subprocess.DEVNULL)
        spent = time.monotonic() - began
        sizes = [path.stat().st_size for path in out.glob("*/telemetry.csv.gz")]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = used.ru_utime + used.ru_stime
    return (
        f"{len(sizes)} modules of {years} years: {cpu_s:.0f} s of CPU, {spent:.0f} s by the clock; "
        f"telemetry of {sum(sizes) / 1e6:.0f} MB, {used.ru_maxrss / 1024:.0f} MB a process"
    )


def main(arguments: Sequence[str]) -> None:
    """Measure."""
    sys.stdout.write(history(arguments[0] if arguments else "5") + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
