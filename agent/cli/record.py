"""``bbu-agent record``: everything a device says, in one file."""

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import click

from agent import __version__
from agent.cli.connect import (
    Connection,
    connection,
    device_options,
    explained,
    unit_id_option,
)
from agent.cli.output import progress
from agent.errors import TransportError, Unidentified
from agent.model import Table
from agent.poll.identify import identify_snmp
from agent.poll.record import LAST, Recorder, everything, record_modbus
from agent.poll.recording import modbus_text, scrub_modbus, scrub_snmp, snmp_text
from agent.profiles.load import load_all
from agent.profiles.schema import Profile
from agent.transport.modbus import open_modbus
from agent.transport.plan import Span
from agent.transport.snmp import open_snmp

EXIT_NO_ANSWER = 3
_RANGE = re.compile(r"(coil|discrete|holding|input):(\d+)(?:-(\d+))?")
_ROOT = (1, 3, 6, 1)
_SCRUBBED = "scrubbed of serial numbers, names and addresses; read it all the same before you share"


def _span(text: str) -> Span:
    found = _RANGE.fullmatch(text)
    first, last = (int(found[2]), int(found[3] or found[2])) if found else (1, 0)
    if found is None or not first <= last <= LAST:
        raise click.UsageError(f"--range {text}: must be like holding:0-199, up to {LAST}")
    return Span(Table(found[1]), first, last - first + 1)


def _show(done: int, total: int) -> None:
    progress("registers", done, total)


def _notes(what: str, profile: Profile | None, *, scrub: bool) -> list[str]:
    family = "no profile fits" if profile is None else f"profile {profile.name}"
    notes = [f"Recorded by bbu-agent {__version__}: {what}, {family}."]
    return [*notes, _SCRUBBED.capitalize() + "."] if scrub else notes


async def _record_modbus(
    link: Connection, unit_id: int, spans: list[Span] | None, timeout_s: float, *, scrub: bool
) -> tuple[str, str]:
    modbus = open_modbus(link.modbus_target())
    recorder = Recorder(modbus, unit_id, timeout_s, _show)
    profile = None
    try:
        profile = await record_modbus(recorder, load_all(), spans)
    except TransportError as error:
        if not recorder.recording.words:
            raise
        click.echo(f"\nbbu-agent: the recording is part: {error}", err=True)
    finally:
        await modbus.close()
    held = recorder.recording
    if scrub:
        scrub_modbus(held, profile)
    refusals = ", ".join(f"{n} with exception {code}" for code, n in sorted(held.refused.items()))
    told = f"{len(held.words)} registers, refused {refusals or 'none'}"
    return modbus_text(held, _notes(f"Modbus, {told}", profile, scrub=scrub)), told


async def _record_snmp(link: Connection, timeout_s: float, *, scrub: bool) -> tuple[str, str]:
    # The fast engine does not tell the types of integers, and a recording needs them.
    client = open_snmp(link.snmp_target(), engine="pysnmp")
    try:
        try:
            profile = await identify_snmp(client, load_all(), timeout_s=timeout_s)
        except Unidentified:
            profile = None
        varbinds = await client.walk(_ROOT, timeout_s=timeout_s)
    finally:
        await client.close()
    if scrub:
        varbinds = scrub_snmp(varbinds, profile, [link.community or "", link.v3_user or ""])
    told = f"{len(varbinds)} objects"
    return snmp_text(varbinds, _notes(f"SNMP, {told}", profile, scrub=scrub)), told


@click.command()
@device_options
@unit_id_option
@click.option("--range", "ranges", multiple=True, metavar="TABLE:A-B", help="Only these registers.")
@click.option("--all", "whole", is_flag=True, help="All 65536 registers of all four tables.")
@click.option("--scrub", is_flag=True, help="Replace serial numbers, names and addresses.")
@click.option("--timeout", type=click.FloatRange(0.01, 60), default=1.0, show_default=True)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write (default: print)."
)
def record(
    *,
    unit_id: int | None,
    ranges: tuple[str, ...],
    whole: bool,
    scrub: bool,
    timeout: float,
    out: Path | None,
    **options: Any,  # noqa: ANN401 - click's options
) -> None:
    """Save everything a device says, for a bug report or a new profile. Never writes to it.

    Without --range or --all a Modbus unit is asked for the registers of its family and
    their neighbours, an unknown one for those of all families.

    \b
    Examples:
      bbu-agent record --modbus 10.1.3.5 --unit-id 1 --scrub --out new.modbus.yaml
      bbu-agent record --serial /dev/ttyUSB0 --unit-id 48 --range holding:0-313
      bbu-agent record --snmp 10.1.3.20 --community public --scrub --out new.snmprec
      bbu-sim run --recording new.modbus.yaml        # serves it back
    \b
    Exit codes: 0 recorded, 2 wrong use, 3 no answer.
    """  # noqa: D301 - click's mark for text that keeps its lines
    link = connection(options)
    link.one(unit_id)
    spans = [*everything()] if whole else [_span(text) for text in ranges] or None
    if out is not None:
        _refuse_early(out)
    try:
        if link.snmp is None:
            job = _record_modbus(link, unit_id or 0, spans, timeout, scrub=scrub)
        else:
            job = _record_snmp(link, timeout, scrub=scrub)
        text, told = asyncio.run(job)
    except TransportError as error:
        click.echo(f"bbu-agent: {explained(error, link)}", err=True)
        sys.exit(EXIT_NO_ANSWER)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _unwritable(out, error) from None
    click.echo(f"{out}: {told}", err=True)


def _refuse_early(out: Path) -> None:
    """Refuse a file that cannot be written before a recording of minutes, and leave it as it is."""
    there = out.exists()
    if there and not out.is_file():
        return  # who reads a pipe would take the check for all of it
    try:
        out.open("ab").close()
    except OSError as error:
        raise _unwritable(out, error) from None
    if not there:
        out.unlink()


def _unwritable(out: Path, error: OSError) -> click.UsageError:
    return click.UsageError(f"cannot write {out}: {error.strerror}; --out names another file")
