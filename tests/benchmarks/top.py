"""What ``bbu-agent top`` costs on a slow line, in bytes a minute, on its pseudo-terminal.

usage: python -m tests.benchmarks.top URL [SECONDS] [UNIT]

The agent at URL is a running one, for instance that of ``make demo``. The first screen is
counted apart: everything that comes in the first ten seconds.
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

from tests.end_to_end.bench import BIN

FIRST_S = 10.0


def count(words: list[str], seconds: float) -> tuple[int, int]:
    """Run ``words`` on a terminal of 120 by 32; give the bytes of the start and of the rest."""
    pid, handle = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        os.execv(words[0], words)  # noqa: S606 - no shell is needed in between
    fcntl.ioctl(handle, termios.TIOCSWINSZ, struct.pack("HHHH", 32, 120, 0, 0))
    begun, first, rest = time.monotonic(), 0, 0
    while (gone := time.monotonic() - begun) < FIRST_S + seconds:
        if select.select([handle], [], [], 0.5)[0]:
            got = len(os.read(handle, 65536))
            first, rest = (first + got, rest) if gone < FIRST_S else (first, rest + got)
    os.write(handle, b"q")
    while select.select([handle], [], [], 5.0)[0]:
        try:
            os.read(handle, 65536)
        except OSError:
            break
    os.waitpid(pid, 0)
    return first, rest


def main() -> None:
    """Count, and print one line."""
    url, *more = sys.argv[1:]
    seconds = float(more[0]) if more else 60.0
    first, rest = count([str(BIN / "bbu-agent"), "top", "--agent", url, *more[1:]], seconds)
    sys.stdout.write(f"start {first} bytes, then {rest * 60 / seconds:.0f} bytes a minute\n")


if __name__ == "__main__":
    main()
