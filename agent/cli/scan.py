"""``bbu-agent scan``: which units are there, and the configuration for them."""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from agent.cli.connect import (
    FASTEST_BAUD,
    PARITIES,
    Connection,
    connection,
    host_and_port,
    snmp_options,
    together,
)
from agent.cli.output import counted, duration, format_option, progress, sheet, table
from agent.cli.snippet import configuration
from agent.errors import AgentError, Unreachable
from agent.poll.scan import FoundUnit, HostScan, ModbusScan, scan_line
from agent.poll.scan_plan import ANSWER_S, Setting, gateway_questions, hosts, numbers, settings
from agent.profiles.load import load_all
from agent.targets import Framer, ModbusHost, SerialLine
from agent.transport.listen import heard

EXIT_NO_ANSWER = 3
LISTEN_S = 0.5


def _say(text: str) -> None:
    click.echo(text, err=True)


def _progress(done: int, total: int) -> None:
    progress("asked", done, total)


async def _line(
    path: str, plan: Sequence[Setting], answer_s: float, timeout_s: float, *, deaf: bool
) -> tuple[FoundUnit, ...]:
    longest_s = sum(setting.longest_s for setting in plan)
    longest_s += sum((answer_s - ANSWER_S) * len(setting.questions) for setting in plan)
    for setting in plan:
        asked = len({unit_id for unit_id, _ in setting.questions})
        _say(f"{path} at {setting.baudrate} baud, parity {setting.parity}: {asked} unit ids")
    _say(f"at most {duration(longest_s)}, and a moment for each unit that is found")
    if not deaf:
        for setting in plan[:1]:
            count = await heard(SerialLine(path, setting.baudrate, setting.parity), LISTEN_S)
            if count:
                raise Unreachable(
                    f"{path}: {count} bytes came in {LISTEN_S} s although nothing was asked: "
                    "another master is at work. Stop it first; --speak-anyway does not wait for it"
                )
    return await scan_line(
        path, plan, load_all(), timeout_s=timeout_s, answer_s=answer_s, watch=_progress
    )


async def _gateway(
    target: ModbusHost, addresses: Sequence[int] | None, timeout_s: float
) -> tuple[FoundUnit, ...]:
    questions = gateway_questions(load_all(), addresses)
    _say(f"{target}: {len(questions)} unit ids, at most {duration(len(questions) * timeout_s)}")
    scan = ModbusScan(target, load_all(), timeout_s, _progress)
    return await scan.run(questions, lambda _where: timeout_s)


async def _network(scan: HostScan, addresses: Sequence[str]) -> tuple[FoundUnit, ...]:
    found: list[FoundUnit] = []
    done = 0
    async for host, units in scan.run(addresses):
        done += 1
        _progress(done, len(addresses))
        if units and sys.stderr.isatty():
            _say(f"\r{host} answers")
        found += units
    return tuple(sorted(found, key=lambda unit: addresses.index(unit.target.host)))  # type: ignore[union-attr]


def _document(unit: FoundUnit) -> dict[str, object]:
    target = unit.target
    where: dict[str, object] = {"target": str(target)}
    if isinstance(target, SerialLine):
        where |= {"baudrate": target.baudrate, "parity": str(target.parity)}
    return {
        **where,
        "protocol": "modbus" if unit.unit_id is not None else "snmp",
        "unit_id": unit.unit_id,
        "profile": unit.profile,
        "identity": dict(unit.identity),
        "note": unit.note or None,
    }


def _print(found: Sequence[FoundUnit], form: str) -> None:
    if form == "json":
        click.echo(json.dumps([_document(unit) for unit in found], indent=1, ensure_ascii=False))
        return
    if form != "yaml":
        rows = []
        for unit in found:
            shown = [str(unit.identity.get(key, "")) for key in ("manufacturer", "model")]
            number = "" if unit.unit_id is None else str(unit.unit_id)
            serial = str(unit.identity.get("serial_number", ""))
            rows.append([str(unit.target), number, unit.profile or "unknown", *shown, serial])
        columns = ["where", "unit id", "profile", "manufacturer", "model", "serial number"]
        if form == "csv":
            sheet(columns, rows)
            return
        table(columns, rows)
        click.echo()
    click.echo(configuration(found), nl=False)


tuning = together(
    click.option(
        "--addresses", help="Unit ids to ask, such as 1-16,64-69 (default: the families')."
    ),
    click.option(
        "--baudrates", help="Baud rates to try, such as 19200,115200 (default: the same)."
    ),
    click.option(
        "--parity",
        "line_parity",
        type=click.Choice([*PARITIES]),
        help="Default: as the families set it.",
    ),
    click.option(
        "--answer",
        type=click.FloatRange(0.005, 10),
        default=ANSWER_S,
        show_default=True,
        help="Seconds that a unit on a line may think.",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(0.01, 60),
        default=1.0,
        show_default=True,
        help="Seconds for a gateway, a host, and to identify a unit that was found.",
    ),
    click.option("--modbus-port", type=click.IntRange(1, 65535), default=502, show_default=True),
    click.option("--snmp-port", type=click.IntRange(1, 65535), default=161, show_default=True),
    click.option("--no-modbus", is_flag=True, help="Ask --hosts for SNMP only."),
    click.option("--yes-really", is_flag=True, help="Ask more than 1024 hosts."),
    click.option("--speak-anyway", is_flag=True, help="Scan a line on which others are heard."),
)
"""How a scan goes about it: what is asked, where and for how long."""


@click.command()
@click.option("--serial", metavar="PATH", help="Scan a Modbus RTU line.")
@click.option("--modbus", metavar="HOST[:PORT]", help="Scan the unit ids behind one gateway.")
@click.option("--framer", type=click.Choice(["tcp", "rtu"]), default="tcp", show_default=True)
@click.option(
    "--hosts",
    "networks",
    multiple=True,
    metavar="HOST|10.1.3.0/28|10.1.3.5-10.1.3.20",
    help="Scan hosts: SNMP with --community or --v3-user, and Modbus TCP. May be repeated.",
)
@tuning
@snmp_options
@format_option("table", "yaml", "json", "csv")
def scan(*, form: str, **options: Any) -> None:  # noqa: ANN401 - click's options
    """Find units and print a configuration for them. Only reads; never writes to a device.

    \b
    Examples:
      bbu-agent scan --serial /dev/ttyUSB0
      bbu-agent scan --serial /dev/ttyUSB0 --addresses 1-128 --baudrates 19200 --parity E
      bbu-agent scan --modbus 10.1.3.5
      bbu-agent scan --hosts 10.1.3.0/28 --community public --format yaml > agent.yaml
    \b
    Exit codes: 0 something was found, 2 wrong use, 3 nothing answered.
    """  # noqa: D301 - click's mark for text that keeps its lines
    places = [options["serial"], options["modbus"], options["networks"] or None]
    if sum(place is not None for place in places) != 1:
        raise click.UsageError("name what to scan: --serial, --modbus or --hosts")
    try:
        found = asyncio.run(find(connection(options), options))
    except AgentError as error:
        _fail(error)
    _print(found, form)
    if not found:
        _say(
            "nothing answered. See that cable, address and baud rate are right, that the card "
            "lets this host ask, and widen --addresses, --baudrates or --timeout"
        )
        sys.exit(EXIT_NO_ANSWER)


async def find(link: Connection, options: dict[str, Any]) -> tuple[FoundUnit, ...]:
    """Scan what ``link`` and ``options`` name, those of ``tuning`` and ``networks``."""
    timeout_s = options["timeout"]
    try:
        text, rates = options["addresses"], options["baudrates"]
        addresses = None if text is None else numbers(text, 0, 255)
        baudrates = None if rates is None else numbers(rates, 300, FASTEST_BAUD)
        asked = hosts(options["networks"], unlimited=options["yes_really"])
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if link.serial is not None:
        parity = None if options["line_parity"] is None else PARITIES[options["line_parity"]]
        plan = settings(load_all(), addresses=addresses, baudrates=baudrates, parity=parity)
        if not plan:
            raise click.UsageError("no family is known at that baud rate; give --addresses too")
        deaf = options["speak_anyway"]
        return await _line(link.serial, plan, options["answer"], timeout_s, deaf=deaf)
    if link.modbus is not None:
        host, port = host_and_port(link.modbus, 502)
        return await _gateway(ModbusHost(host, port, Framer(link.framer)), addresses, timeout_s)
    signed_in = link.community is not None or link.v3_user is not None
    if not signed_in and options["no_modbus"]:
        raise click.UsageError("SNMP needs --community or --v3-user")
    ids = (1, 255) if addresses is None else addresses
    job = HostScan(
        load_all(),
        timeout_s,
        link.snmp_target("any").security if signed_in else None,
        options["snmp_port"],
        None if options["no_modbus"] else options["modbus_port"],
        ids,
    )
    _say(f"asking {counted(len(asked), 'host')}")
    return await _network(job, asked)


def _fail(error: AgentError) -> NoReturn:
    click.echo(f"bbu-agent: {error.cause}: {error}", err=True)
    sys.exit(EXIT_NO_ANSWER)
