"""A small Debian with a real systemd, booted by systemd-nspawn without any network."""

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "machines"
PARTS = ("systemd", "systemd-sysv", "dbus", "python3")
SPARED = ("/usr/share/locale/*", "/usr/share/man/??/*", "/usr/share/i18n/*")
SPARE = Path("/var/tmp")  # noqa: S108 - of the machine, which is the test's own
"""Where a test puts things in the machine; it outlives a boot."""
PATIENCE_S = 60.0
_POWER_OFF_S = 30.0
_GET = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=20).read().decode())"


def why_not() -> str | None:
    """Say why no machine can run here, or None where one can."""
    if os.geteuid() != 0:
        return "systemd-nspawn needs root"
    probe = ("unshare", "--mount", "--pid", "--fork", "--net", "--uts", "--ipc", "true")
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        return "this place permits no namespaces"
    return None


def until(accept: Callable[[], Any], what: str, *, within_s: float = PATIENCE_S) -> Any:
    """Ask again and again until the answer is truthy; give it."""
    end = time.monotonic() + within_s
    while True:
        found = accept()
        if found:
            return found
        assert time.monotonic() < end, f"not within {within_s:g} s: {what}"
        time.sleep(0.1)


def release() -> str:
    """Give the code name of the release here; the package is built for that one."""
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split("=", 1) for line in lines if "=" in line)
    return fields["VERSION_CODENAME"].strip('"')


def base() -> Path:
    """Give the archive of a bare machine, made once in a checkout."""
    recipe = hashlib.sha256(" ".join(PARTS + SPARED).encode()).hexdigest()[:8]
    archive = CACHE / f"{release()}-{recipe}.tar"
    if archive.exists():
        return archive
    CACHE.mkdir(parents=True, exist_ok=True)
    new = archive.with_suffix(f".{os.getpid()}.tar")
    spared = [f"--dpkgopt=path-exclude={pattern}" for pattern in SPARED]
    parts = f"--include={','.join(PARTS)}"
    fast = "--dpkgopt=force-unsafe-io"
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", parts, fast, *spared, release(), new],
        check=True,
    )
    new.rename(archive)
    return archive


class Machine:
    """One machine in the folder ``tree``; it is off at first."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self._log = tree.with_suffix(".console")
        self._leader: int | None = None
        self._nspawn: subprocess.Popen[bytes] | None = None
        tree.mkdir()
        subprocess.run(["tar", "-xf", base(), "-C", tree], check=True)

    def boot(self) -> None:
        """Switch it on and wait until everything that starts has started or failed."""
        with self._log.open("ab") as console:
            self._nspawn = subprocess.Popen(
                [
                    *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit"),
                    *("--private-network", "--console=pipe", f"--machine=bbu-{os.getpid()}"),
                    *("--boot", "-D", self.tree),
                ],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")

        def answers() -> bool:
            assert self._nspawn is not None
            assert self._nspawn.poll() is None, self._log.read_text(errors="replace")
            self._leader = next((int(pid) for pid in children.read_text().split()), None)
            return self._leader is not None and self._try("test", "-S", "/run/systemd/private")

        until(answers, "systemd runs")
        self.run("systemctl", "is-system-running", "--wait", status=None)

    def power_off(self) -> None:
        """Switch it off as its button would."""
        if self._nspawn is None:
            return
        self._nspawn.terminate()
        try:
            self._nspawn.wait(_POWER_OFF_S)
        except subprocess.TimeoutExpired:
            if self._leader is not None:
                os.kill(self._leader, signal.SIGKILL)
            self._nspawn.wait(_POWER_OFF_S)
        self._nspawn = self._leader = None

    def _inside(self, words: tuple[str | Path, ...]) -> subprocess.CompletedProcess[str]:
        enter = ("nsenter", "-t", str(self._leader), "-m", "-u", "-i", "-n", "-p", "-C", "--")
        clean = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8")
        return subprocess.run(
            [*enter, *clean, "DEBIAN_FRONTEND=noninteractive", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=2 * PATIENCE_S,
            check=False,
        )

    def _try(self, *words: str | Path) -> bool:
        return self._inside(words).returncode == 0

    def run(self, *words: str | Path, status: int | None = 0) -> str:
        """Run a command in it and give all that it printed; ``status`` None allows any."""
        ended = self._inside(words)
        assert status in {None, ended.returncode}, f"{words}: {ended.returncode}\n{ended.stdout}"
        return ended.stdout.strip()

    def get(self, address: str) -> str | None:
        """Get what it serves at ``address`` of its own loopback; None where nothing answers."""
        ended = self._inside(("python3", "-c", _GET, f"http://127.0.0.1:9877{address}"))
        return ended.stdout if ended.returncode == 0 else None

    def property(self, name: str) -> str:
        """Give a property of our service."""
        return self.run("systemctl", "show", "--value", "-p", name, "bbu-agent.service")

    def outside(self, path: Path) -> Path:
        """Give where a path of the machine is for us."""
        return self.tree / path.relative_to("/")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file in it."""
        place = self.outside(Path(path))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        place.chmod(mode)

    def files(self) -> dict[str, str]:
        """Give every file and folder in it, those of /etc with a digest of their content.

        Left out is what lives in memory, and the records that dpkg, apt and systemd keep of
        what they did.
        """
        records = (
            *("dev", "proc", "run", "sys", "tmp", "var/log", "var/tmp"),
            *("var/cache/apt", "var/cache/debconf", "var/lib/apt", "var/lib/dpkg"),
            "var/lib/systemd/timers",
        )
        found: dict[str, str] = {}
        for folder, folders, names in os.walk(self.tree):
            here = os.path.relpath(folder, self.tree)
            folders[:] = [n for n in folders if os.path.normpath(f"{here}/{n}") not in records]
            for name in (*folders, *names):
                path = Path(folder, name)
                shown = os.path.normpath(f"{here}/{name}")
                known = shown.startswith("etc/") and path.is_file() and not path.is_symlink()
                found[shown] = hashlib.sha256(path.read_bytes()).hexdigest() if known else ""
        return found

    def remove(self) -> None:
        """Switch it off and forget it."""
        self.power_off()
        shutil.rmtree(self.tree)
        self._log.unlink(missing_ok=True)
