"""What an SNMP engine must do for a client, and the words for what goes wrong."""

import asyncio
import ipaddress
import socket
from typing import Protocol

from agent.errors import NoAnswer, Unreachable
from agent.model import Oid
from agent.targets import SnmpHost, UserSecurity
from agent.transport.advice import advise
from agent.transport.snmp_batch import Answer, Page, Step


class Engine(Protocol):
    """Single requests to one agent, one at a time.

    Raises ``NoAnswer`` after ``timeout_s`` of silence, and ``Unreachable``, ``BadAnswer``
    or ``AuthFailed`` as soon as that is known. An error-status is in the answer.
    """

    async def get(self, batch: tuple[Oid, ...], timeout_s: float) -> Answer:
        """Send one GET."""
        ...

    async def page(self, step: Step, timeout_s: float) -> Page:
        """Send one GETBULK (GETNEXT in version 1)."""
        ...

    async def close(self) -> None:
        """Let go of the socket."""
        ...


async def resolve(host: SnmpHost) -> tuple[str, socket.AddressFamily]:
    """Give the numeric address of ``host``."""
    try:
        literal = ipaddress.ip_address(host.host)
    except ValueError:
        pass
    else:
        family = socket.AF_INET if literal.version == 4 else socket.AF_INET6  # noqa: PLR2004
        return host.host, family
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host.host, host.port, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise Unreachable(advise(host, error)) from error
    family, _, _, _, address = found[0]
    return str(address[0]), family


def silence(host: SnmpHost, timeout_s: float) -> NoAnswer:
    """Make the error for silence, which for SNMP has more causes than a dead device."""
    secret = "privacy password" if isinstance(host.security, UserSecurity) else "community"
    return NoAnswer(
        f"{host}: silent for {timeout_s:.3g} s; the device is off, the way is blocked, "
        f"or the {secret} is wrong (an agent does not answer that)"
    )


def auth_failed_text(host: SnmpHost, why: str) -> str:
    """Say that the sign-in was rejected and what to check."""
    return f"{host}: the agent rejected the sign-in ({why}); check user, protocols and passwords"
