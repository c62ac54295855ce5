"""``bbu-agent read``: one unit, once, without a daemon or a configuration."""

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import Any, NoReturn

import click

from agent.cli.connect import (
    Connection,
    connection,
    device_options,
    explained,
    unit_id_option,
)
from agent.cli.output import format_option, sheet, table, told
from agent.config.problems import did_you_mean
from agent.decode.sample import decode
from agent.errors import AgentError, ProfileError, Refused, TransportError, Unidentified
from agent.export.json import fault_json, reading_json
from agent.model import FaultReason, Sample
from agent.poll.chain import settled
from agent.poll.identify import identify_modbus, identify_snmp
from agent.poll.modbus_reader import ModbusReader
from agent.poll.reader import Reader
from agent.poll.snmp_reader import SnmpReader
from agent.profiles.load import load, load_all, names
from agent.profiles.schema import Profile, Protocol
from agent.quantities import IDENTITY
from agent.targets import ModbusHost, SerialLine, SnmpHost
from agent.transport.modbus import open_modbus
from agent.transport.snmp import open_snmp

EXIT_NO_ANSWER, EXIT_NOTHING_FITS = 3, 4
PATIENCE = 3
"""Different questions that a silent Modbus unit is asked before it counts as absent."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The options of one call, those of the connection apart."""

    unit_id: int | None
    profile: str
    timeout: float
    engine: str


async def _read(link: Connection, wanted: _Wanted) -> tuple[Profile, Sample]:
    if link.snmp is not None:
        return await _read_snmp(wanted, link.snmp_target())
    return await _read_modbus(wanted, link.modbus_target())


async def _read_snmp(wanted: _Wanted, host: SnmpHost) -> tuple[Profile, Sample]:
    client = open_snmp(host, engine=wanted.engine)
    try:
        if wanted.profile == "auto":
            profile = await identify_snmp(client, load_all(), timeout_s=wanted.timeout)
        else:
            profile = load(wanted.profile)
        return profile, await _sample(profile, SnmpReader(client, wanted.timeout))
    finally:
        await client.close()


async def _read_modbus(wanted: _Wanted, target: SerialLine | ModbusHost) -> tuple[Profile, Sample]:
    link = open_modbus(target)
    unit_id = wanted.unit_id or 0
    try:
        if wanted.profile == "auto":
            profile = await identify_modbus(
                link, unit_id, load_all(), timeout_s=wanted.timeout, patience=PATIENCE
            )
        else:
            profile = await settled(link, unit_id, load(wanted.profile), timeout_s=wanted.timeout)
        reader = ModbusReader(link, unit_id, profile.limits, wanted.timeout)
        return profile, await _sample(profile, reader)
    finally:
        await link.close()


async def _sample(profile: Profile, reader: Reader) -> Sample:
    result = await reader.read(profile.fields)
    sample = decode("", result.fields, result.raw)
    if result.error is not None and not sample.readings:
        raise result.error
    if result.error is not None:
        click.echo(f"bbu-agent: the reading is part: {result.error}", err=True)
    return sample


def _document(profile: Profile, sample: Sample) -> dict[str, object]:
    identity = {
        row.quantity: row.value
        for row in sample.readings
        if row.quantity in IDENTITY and row.index is None
    }
    return {
        "profile": profile.name,
        "identity": identity,
        "readings": [reading_json(row) for row in sample.readings],
        "faults": [fault_json(fault) for fault in sample.faults],
    }


def _print_table(profile: Profile, sample: Sample) -> None:
    click.echo(f"profile {profile.name}: {profile.title}\n")
    rows = []
    for row in sample.readings:
        shown = reading_json(row)
        rows.append(
            [row.quantity, row.index or "", told(shown["value"]), str(shown["unit"]), row.source]
        )
    table(["quantity", "index", "value", "unit", "source"], rows)
    faults = [fault for fault in sample.faults if fault.reason is not FaultReason.REFUSED]
    if faults:
        click.echo()
        table(
            ["no value for", "index", "reason", "raw", "source"],
            [[f.quantity, f.index or "", f.reason, f.raw, f.source] for f in faults],
        )


def _show(profile: Profile, sample: Sample, form: str) -> None:
    if form == "json":
        click.echo(json.dumps(_document(profile, sample), indent=1, ensure_ascii=False))
    elif form == "csv":
        columns = ["quantity", "index", "value", "unit", "source"]
        shown = [reading_json(row) for row in sample.readings]
        sheet(columns, [[row[column] for column in columns] for row in shown])
    else:
        _print_table(profile, sample)


@click.command()
@device_options
@unit_id_option
@click.option("--profile", default="auto", show_default=True, help="Device family, or auto.")
@click.option("--timeout", type=click.FloatRange(0.01, 60), default=1.0, show_default=True)
@click.option(
    "--snmp-engine",
    "engine",
    type=click.Choice(["auto", "pysnmp", "gufo"]),
    default="auto",
    help="The SNMP library to use.",
)
@format_option()
def read(*, form: str, **options: Any) -> None:  # noqa: ANN401 - click's options
    """Read one unit once and print what it says.

    \b
    Examples:
      bbu-agent read --serial /dev/ttyUSB0 --baudrate 115200 --parity E --unit-id 48
      bbu-agent read --modbus 10.1.3.5 --unit-id 64 --format json
      bbu-agent read --snmp 10.1.3.20 --community public
      bbu-agent read --snmp 10.1.3.21 --v3-user monitor --v3-auth sha256 \\
        --v3-auth-file auth.key --v3-priv aes256 --v3-priv-file priv.key
    \b
    Exit codes: 0 something was read, 2 wrong usage, 3 no answer, 4 it answered and
    nothing fits.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    link = connection(options)
    wanted = _Wanted(**options)
    link.one(wanted.unit_id)
    if wanted.profile not in ("auto", *names()):
        raise click.UsageError(
            f'no profile is named "{wanted.profile}"{did_you_mean(wanted.profile, names())}; '
            "bbu-agent profiles lists them"
        )
    spoken = Protocol.SNMP if link.snmp is not None else Protocol.MODBUS
    if wanted.profile != "auto" and load(wanted.profile).protocol is not spoken:
        raise click.UsageError(
            f"{wanted.profile} is not for units over {spoken}; "
            "leave --profile out to find what fits"
        )
    try:
        profile, sample = asyncio.run(_read(link, wanted))
    except Unidentified as error:
        _fail(error, EXIT_NOTHING_FITS, link)
    except Refused as error:
        _fail(error, EXIT_NOTHING_FITS, link)
    except TransportError as error:
        _fail(error, EXIT_NO_ANSWER, link)
    except ProfileError as error:
        _fail(error, 2, link)
    _show(profile, sample, form)
    if not sample.readings:
        click.echo(
            f"bbu-agent: it answers, and nothing of {profile.name} fits; leave --profile out to "
            "find what does, or bbu-agent record saves what it says for a new profile",
            err=True,
        )
        sys.exit(EXIT_NOTHING_FITS)


def _fail(error: AgentError, code: int, link: Connection) -> NoReturn:
    click.echo(f"bbu-agent: {explained(error, link)}", err=True)
    sys.exit(code)
