"""Options that say which device to speak to and how, the same in every command."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import click

from agent.cli.access import read_secret
from agent.errors import AgentError, BadAnswer, NoAnswer
from agent.targets import (
    AuthProtocol,
    Community,
    Framer,
    ModbusHost,
    Parity,
    PrivacyProtocol,
    Secret,
    SerialLine,
    SnmpHost,
    UserSecurity,
)

F = TypeVar("F", bound=Callable[..., Any])
PARITIES = {"N": Parity.NONE, "E": Parity.EVEN, "O": Parity.ODD}
FASTEST_BAUD = 12_000_000
_VERSIONS = {"1": 1, "2c": 2, "3": 3}
_PORTS = 65536
_LAST_ON_A_LINE = 247


@dataclass(frozen=True, slots=True)
class Connection:
    """What the options of one call say."""

    snmp: str | None = None
    snmp_version: str | None = None
    community: str | None = None
    v3_user: str | None = None
    v3_auth: str | None = None
    v3_auth_file: Path | None = None
    v3_priv: str | None = None
    v3_priv_file: Path | None = None
    context: str = ""
    modbus: str | None = None
    framer: str = "tcp"
    serial: str | None = None
    baudrate: int = 19200
    parity: str = "E"

    @property
    def ways(self) -> int:
        """How many devices are named."""
        return sum(place is not None for place in (self.snmp, self.modbus, self.serial))

    def one(self, unit_id: int | None) -> None:
        """See that one device is named, and ``unit_id`` where it needs one; UsageError if not."""
        if self.ways != 1:
            raise click.UsageError("name one device: --snmp, --modbus or --serial")
        if self.snmp is None and unit_id is None:
            raise click.UsageError(
                "--modbus and --serial need --unit-id; bbu-agent scan finds them"
            )
        if self.serial is not None and unit_id is not None and unit_id > _LAST_ON_A_LINE:
            raise click.UsageError(f"a unit on a line has a --unit-id of {_LAST_ON_A_LINE} at most")

    def modbus_target(self) -> SerialLine | ModbusHost:
        """Give the line or gateway that the options name."""
        if self.modbus is not None:
            host, port = host_and_port(self.modbus, 502)
            return ModbusHost(host, port, Framer(self.framer))
        return SerialLine(self.serial or "", self.baudrate, PARITIES[self.parity])

    def snmp_target(self, target: str | None = None) -> SnmpHost:
        """Give the agent at ``target``, or the one that the options name."""
        host, port = host_and_port(target or self.snmp or "", 161)
        return SnmpHost(host, self._security(), port)

    def _security(self) -> Community | UserSecurity:
        if self.v3_user is None:
            if self.snmp_version == "3":
                raise click.UsageError("SNMP version 3 needs --v3-user")
            if self.community is None:
                raise click.UsageError("--snmp needs --community, or --v3-user for version 3")
            return Community(Secret(self.community), _VERSIONS[self.snmp_version or "2c"])
        if (self.v3_auth is None) != (self.v3_auth_file is None):
            raise click.UsageError("--v3-auth and --v3-auth-file go together")
        if (self.v3_priv is None) != (self.v3_priv_file is None):
            raise click.UsageError("--v3-priv and --v3-priv-file go together")
        return UserSecurity(
            user=self.v3_user,
            auth=None if self.v3_auth is None else AuthProtocol(self.v3_auth.lower()),
            auth_key=_secret(self.v3_auth_file),
            privacy=None if self.v3_priv is None else PrivacyProtocol(self.v3_priv.lower()),
            privacy_key=_secret(self.v3_priv_file),
            context=self.context,
        )


def explained(error: AgentError, link: Connection) -> str:
    """Give ``error`` with its cause, and what to look at next where it does not say so itself."""
    steps = {
        NoAnswer: f"See that {_wiring(link)}; a longer --timeout helps a slow device",
        BadAnswer: f"Noise, another master or another protocol: see that {_wiring(link)}",
    }
    step = next((text for sort, text in steps.items() if isinstance(error, sort)), None)
    return f"{error.cause}: {error}" + ("" if step is None else f". {step}")


def _wiring(link: Connection) -> str:
    if link.snmp is not None:
        return (
            "address, community or user and version are right and that the card lets this host "
            "ask: a card that does not know a community says nothing"
        )
    if link.modbus is not None:
        framer = "" if link.framer == Framer.TCP else f" --framer {link.framer}"
        return (
            f"unit id and framer are right; bbu-agent scan --modbus {link.modbus}{framer} "
            "finds the unit ids that answer"
        )
    return (
        "unit id, baud rate, parity and the two wires are right; bbu-agent scan --serial "
        f"{link.serial} finds what answers"
    )


def connection(options: dict[str, Any]) -> Connection:
    """Take the connection's options out of ``options``."""
    names = [part.name for part in fields(Connection) if part.name in options]
    return Connection(**{name: options.pop(name) for name in names})


def host_and_port(text: str, default_port: int) -> tuple[str, int]:
    """Split HOST[:PORT]; an IPv6 address with a port stands in brackets."""
    bare = text.startswith("[") and text.endswith("]")
    host, colon, port = (text, "", "") if bare or text.count(":") != 1 else text.partition(":")
    if text.startswith("[") and "]:" in text:
        host, _, port = text.rpartition(":")
        colon = ":"
    if colon and not (port.isdecimal() and 0 < int(port) < _PORTS):
        raise click.UsageError(f"{text}: {port!r} is no port")
    return host.strip("[]"), int(port) if colon else default_port


def _secret(path: Path | None) -> Secret | None:
    return None if path is None else read_secret(path)


def together(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Make one decorator of several options, in their order."""

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


snmp_options = together(
    click.option("--community", help="SNMP v1/v2c community."),
    click.option(
        "--snmp-version",
        type=click.Choice([*_VERSIONS]),
        help="Default: 2c, or 3 with --v3-user.",
    ),
    click.option("--v3-user", help="SNMP v3 user."),
    click.option(
        "--v3-auth",
        type=click.Choice([*AuthProtocol], case_sensitive=False),
        help="v3 authentication.",
    ),
    click.option("--v3-auth-file", type=click.Path(path_type=Path), help="File with its password."),
    click.option(
        "--v3-priv", type=click.Choice([*PrivacyProtocol], case_sensitive=False), help="v3 privacy."
    ),
    click.option("--v3-priv-file", type=click.Path(path_type=Path), help="File with its password."),
    click.option("--context", default="", help="v3 context name."),
)
"""How to sign in to an SNMP agent."""

unit_id_option = click.option(
    "--unit-id",
    type=click.IntRange(0, 255),
    help="Modbus unit id: 1 to 247; of a device that itself speaks Modbus TCP also 0 or 255.",
)

device_options = together(
    click.option("--snmp", metavar="HOST[:PORT]", help="An SNMP agent."),
    snmp_options,
    click.option("--modbus", metavar="HOST[:PORT]", help="A Modbus TCP device or gateway."),
    click.option("--framer", type=click.Choice(["tcp", "rtu"]), default="tcp", show_default=True),
    click.option("--serial", metavar="PATH", help="A Modbus RTU line."),
    click.option(
        "--baudrate", type=click.IntRange(300, FASTEST_BAUD), default=19200, show_default=True
    ),
    click.option("--parity", type=click.Choice([*PARITIES]), default="E", show_default=True),
)
"""Which device, and how to reach it."""
