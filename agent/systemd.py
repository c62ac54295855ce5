"""Talk to systemd: the protocol of sd_notify(3) is one datagram to one socket."""

import os
import socket

PATIENCE_S = 0.05
"""How long a message waits for room: a manager that hangs must not hold the event loop."""


def notify(message: str) -> None:
    """Send ``message`` ("READY=1", "WATCHDOG=1") where systemd asked for it; else do nothing."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    # A leading @ stands for the abstract namespace.
    path = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.settimeout(PATIENCE_S)
        try:
            channel.connect(path)
            channel.sendall(message.encode())
        except OSError:
            return


def watchdog_interval_s() -> float | None:
    """Give half the watchdog's time, how often to report, or None where there is none."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    watched = os.environ.get("WATCHDOG_PID")
    if not microseconds.isdecimal() or (watched and watched != str(os.getpid())):
        return None
    interval_s = int(microseconds) / 2e6
    return interval_s if interval_s > 0 else None
