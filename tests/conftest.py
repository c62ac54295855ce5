"""Real peers for any test: Debian's snmpd, snmpsim with recordings, a libmodbus server.

Each is started on a loopback port of its own and ends with the fixture. A peer that is not
installed is a failure, because ``deploy/scripts/peers.sh`` installs it; only the optional
recordings beside the checkout may be absent.

The order of the files and what Hypothesis tries are the same in every run.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings

# A search that differs from run to run, or a deadline, would make the outcome one of chance and
# of what else the machine does. To search anew: pytest --hypothesis-profile=default
settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.load_profile("same")

ROOT = Path(__file__).parents[1]
RECORDINGS = ROOT.parent / "shared" / "devices" / "snmp" / "recordings"
START_S = 20.0
LONGEST = (
    "package/test_package.py",
    "end_to_end/test_demo.py",
    "end_to_end/test_pages.py",
    "pages/test_pages.py",
    "end_to_end/test_restart.py",
    "end_to_end/test_outage.py",
    "peers/test_simulators_run.py",
    "peers/test_modbus_hostile.py",
    "deploy/test_dashboards_live.py",
    "end_to_end/test_central.py",
    "contract/test_snmp_engines.py",
    "peers/test_snmp_recordings.py",
    "peers/test_snmp_hostile.py",
    "end_to_end/test_replay.py",
    "peers/test_simulators_faults.py",
    "contract/test_scan.py",
    "end_to_end/test_causality.py",
    "end_to_end/test_start.py",
    "end_to_end/test_malformed.py",
    "rules/test_rules.py",
    "end_to_end/test_shards.py",
    "end_to_end/test_reload.py",
    "end_to_end/test_tls.py",
    "end_to_end/test_top.py",
    "package/test_wheels.py",
)
"""What takes longest, longest first: begun last, one of them would leave all workers but one idle.

It needs ``--no-loadscope-reorder``, without which pytest-xdist begins with the most tests.
"""

SNMPD_USERS = """\
createUser v3sha256aes256 SHA-256 "authpass12" AES-256 "privpass12"
createUser v3shaaes SHA "authpass12" AES "privpass12"
createUser v3shaaes256 SHA "authpass12" AES-256 "privpass12"
createUser v3shaaes256c SHA "authpass12" AES-256-C "privpass12"
createUser v3sha224aes192 SHA-224 "authpass12" AES-192 "privpass12"
createUser v3sha384aes192c SHA-384 "authpass12" AES-192-C "privpass12"
createUser v3md5des MD5 "authpass12" DES "privpass12"
createUser v3sha512 SHA-512 "authpass12"
createUser v3noauth
"""
SNMPD_CONF = """\
rocommunity public 127.0.0.1
rouser v3sha256aes256 priv
rouser v3shaaes priv
rouser v3shaaes256 priv
rouser v3shaaes256c priv
rouser v3sha224aes192 priv
rouser v3sha384aes192c priv
rouser v3md5des priv
rouser v3sha512 auth
rouser v3noauth noauth
sysObjectID 1.3.6.1.2.1.33
override -rw 1.3.6.1.2.1.33.1.2.4.0 integer 97
override -rw 1.3.6.1.2.1.33.1.2.6.0 integer -5
override -rw 1.3.6.1.2.1.33.1.1.2.0 octet_str "Symmetra LX"
override -rw 1.3.6.1.2.1.33.1.9.1.0 counter 4000000000
override -rw 1.3.6.1.2.1.33.1.9.2.0 uinteger 4294967295
override -rw 1.3.6.1.2.1.33.1.9.3.0 timeticks 540600
override -rw 1.3.6.1.2.1.33.1.9.4.0 object_id 1.3.6.1.4.1.318.1.3.27
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    places = {ROOT / "tests" / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def free_udp_port() -> int:
    """Give a loopback UDP port that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stop(process: subprocess.Popen[str]) -> None:
    """End a peer and its children, which it leads as a process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)


def wait_for_text(path: Path, text: str, process: subprocess.Popen[str]) -> None:
    """Wait until a peer has written ``text`` into its log."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if path.exists() and text in path.read_text(encoding="utf-8", errors="replace"):
            return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    log = path.read_text(encoding="utf-8", errors="replace") if path.exists() else "no log"
    pytest.fail(f"peer did not start:\n{log[-2000:]}")


def wait_for_udp(port: int) -> None:
    """Wait until a peer holds ``port``: snmpsim says that it listens before it does."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return
        time.sleep(0.02)
    pytest.fail(f"no peer took port {port}")


@dataclass
class Snmpd:
    """A net-snmp agent with the users and values above, on ``port`` of 127.0.0.1."""

    folder: Path
    port: int
    extra: str = ""
    base: str = SNMPD_CONF
    process: subprocess.Popen[str] | None = None
    starts: int = 0

    def start(self) -> None:
        """Start it; a second start counts one more engine boot."""
        binary = shutil.which("snmpd", path="/usr/sbin:/usr/bin") or "/usr/sbin/snmpd"
        state = self.folder / "state"
        if not state.exists():
            state.mkdir(parents=True)
            (state / "snmpd.conf").write_text(SNMPD_USERS, encoding="utf-8")
        conf = self.folder / "snmpd.conf"
        conf.write_text(f"{self.base}{self.extra}\n", encoding="utf-8")
        self.starts += 1
        log = self.folder / f"log{self.starts}"
        self.process = subprocess.Popen(
            [
                *(binary, "-f", f"-Lf{log}", "-I-smux"),
                *("-C", "-c", f"{conf},{state}/snmpd.conf", f"udp:127.0.0.1:{self.port}"),
            ],
            env={"MIBS": "", "MIBDIRS": "/nonexistent", "SNMP_PERSISTENT_DIR": str(state)},
            start_new_session=True,
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for_text(log, "NET-SNMP version", self.process)

    def stop(self) -> None:
        """Stop it; its users and boots stay on disk."""
        if self.process is not None:
            stop(self.process)
        self.process = None

    def forget(self) -> None:
        """Make the next start that of a new device: another engine id, boots from 1."""
        shutil.rmtree(self.folder / "state")


@pytest.fixture
def start_snmpd(tmp_path: Path) -> Iterator[Callable[..., Snmpd]]:
    """Give a function that starts an ``Snmpd`` of the test's own, with ``extra`` lines.

    ``base`` replaces the users' rights and values that every agent here has.
    """
    started: list[Snmpd] = []

    def start(extra: str = "", base: str = SNMPD_CONF) -> Snmpd:
        peer = Snmpd(tmp_path / f"snmpd{len(started)}", free_udp_port(), extra, base)
        peer.folder.mkdir()
        started.append(peer)
        peer.start()
        return peer

    yield start
    for peer in started:
        peer.stop()


@pytest.fixture(scope="session")
def snmpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    """Give one running ``Snmpd`` for tests that only read."""
    peer = Snmpd(tmp_path_factory.mktemp("snmpd"), free_udp_port())
    peer.start()
    yield peer
    peer.stop()


@dataclass
class SnmpSim:
    """snmpsim with every recording; the community or v3 context is the recording's name.

    v3 user ``simv3``: SHA-256 "authpass12", AES-256 "privpass12".
    """

    port: int
    recordings: list[Path] = field(default_factory=list)


@pytest.fixture(scope="session")
def snmpsim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnmpSim]:
    """Give a running ``SnmpSim``, or skip where the recordings are absent."""
    recordings = sorted(RECORDINGS.glob("*.snmprec"))
    if not recordings:
        pytest.skip("no SNMP recordings beside the checkout (../shared/devices/snmp)")
    folder = tmp_path_factory.mktemp("snmpsim")
    data = folder / "data"
    data.mkdir()
    for recording in recordings:
        shutil.copy(recording, data)
    port, log = free_udp_port(), folder / "log"
    command = [str(Path(sys.executable).parent / "snmpsim-command-responder")]
    if os.geteuid() == 0:  # it refuses to run as root unless told so
        command += ["--process-user=root", "--process-group=root"]
    command += [f"--cache-dir={folder / 'cache'}", "--v3-engine-id=auto", "--v3-user=simv3"]
    command += ["--v3-auth-key=authpass12", "--v3-auth-proto=SHA256"]
    command += ["--v3-priv-key=privpass12", "--v3-priv-proto=AES256"]
    command += [f"--data-dir={data}", f"--agent-udpv4-endpoint=127.0.0.1:{port}"]
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, text=True, start_new_session=True
        )
    wait_for_text(log, "Listening at UDP/IPv4 endpoint", process)
    wait_for_udp(port)
    yield SnmpSim(port, recordings)
    stop(process)


@pytest.fixture(scope="session")
def libmodbus_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], str]]:
    """Give a function that starts a libmodbus server and returns where it is.

    ``tcp`` and ``rtutcp`` give a port of 127.0.0.1, ``pty`` the path of a serial line. The
    contents are described in ``tests/peers/libmodbus_server.c``; the unit id is 17.
    """
    binary = tmp_path_factory.mktemp("libmodbus") / "server"
    source = ROOT / "tests" / "peers" / "libmodbus_server.c"
    flags = ["-I/usr/include/modbus", "-lmodbus"]
    subprocess.run(["gcc", "-O2", "-Wall", "-o", str(binary), str(source), *flags], check=True)
    processes: list[subprocess.Popen[str]] = []

    def start(mode: str) -> str:
        process = subprocess.Popen(
            [str(binary), mode], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        processes.append(process)
        assert process.stdout is not None
        return process.stdout.readline().strip()

    yield start
    for process in processes:
        stop(process)
        if process.stdout is not None:
            process.stdout.close()
