"""The protocol of sd_notify(3), against a socket as systemd makes it."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.systemd import notify, watchdog_interval_s


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(path))
        made.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield made


def test_a_message_arrives_whole(manager: socket.socket) -> None:
    notify("READY=1")
    assert manager.recv(100) == b"READY=1"


def test_a_manager_that_hangs_holds_nobody(manager: socket.socket) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.settimeout(0)
        other.connect(manager.getsockname())
        with contextlib.suppress(BlockingIOError):
            while True:
                other.send(b"WATCHDOG=1")
    notify("READY=1")
    assert manager.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("told", "interval_s"), [("30000000", 15.0), ("0", None), ("", None), ("x", None)]
)
def test_the_watchdogs_interval(
    told: str, interval_s: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", told)
    assert watchdog_interval_s() == interval_s
