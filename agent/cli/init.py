"""``bbu-agent init``: the first configuration, from what is connected."""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

import agent.config
from agent.cli.check import show_problems
from agent.cli.connect import connection, snmp_options
from agent.cli.first import Basics, document
from agent.cli.output import counted
from agent.cli.scan import find, tuning
from agent.cli.snippet import secrets, sign_ins
from agent.config.load import examine
from agent.errors import AgentError
from agent.poll.scan import FoundUnit
from agent.profiles.load import protocols

EXIT_NOTHING = 3
_SYSTEM = Path("/var/lib/bbu-agent")
_LINES = ("ttyUSB*", "ttyACM*")
_SECRET, _OPEN = 0o600, 0o644
_PLACES = """
What is connected?
  1  a serial line (Modbus RTU), such as /dev/ttyUSB0
  2  a Modbus TCP device or gateway, such as 10.1.3.5
  3  hosts on the network (SNMP cards, Modbus TCP), such as 10.1.3.0/28
  4  nothing more"""


def _ask() -> Iterator[tuple[str, str, str | None]]:
    """Ask for places until the user has no more; give the sort, the place and a community."""
    while True:
        click.echo(_PLACES, err=True)
        choice = click.prompt("Choose", type=click.Choice(["1", "2", "3", "4"]), err=True)
        if choice == "4":
            return
        if choice == "1":
            seen = next(
                (str(path) for sort in _LINES for path in sorted(Path("/dev").glob(sort))), None
            )
            yield "serial", click.prompt("Which line", default=seen, err=True), None
        elif choice == "2":
            yield "modbus", click.prompt("HOST or HOST:PORT", err=True), None
        else:
            place = click.prompt("Host, 10.1.3.0/28 or 10.1.3.5-10.1.3.20", err=True)
            told = "SNMP community (not shown; empty: ask for Modbus TCP alone)"
            community = click.prompt(
                told, default="", hide_input=True, show_default=False, err=True
            )
            yield "networks", place, community or None


def _scan(options: dict[str, Any], sort: str, place: str) -> tuple[FoundUnit, ...]:
    """Scan one place; what goes wrong is said, and is no unit."""
    here = options | {"networks": (place,) if sort == "networks" else ()}
    link = here | ({sort: place} if sort != "networks" else {})
    try:
        found = asyncio.run(find(connection(link), here))
    except AgentError as error:
        click.echo(f"bbu-agent: {error}", err=True)
        return ()
    click.echo(f"{place}: {len(found)} found", err=True)
    return found


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default="agent.yaml")
@click.option("--serial", multiple=True, metavar="PATH", help="A Modbus RTU line.")
@click.option("--modbus", multiple=True, metavar="HOST[:PORT]", help="A Modbus TCP gateway.")
@click.option("--hosts", "networks", multiple=True, metavar="HOST|10.1.3.0/28", help="Hosts.")
@click.option("--listen", default="127.0.0.1:9877", show_default=True, help="Where to serve.")
@click.option("--yes", is_flag=True, help="Ask nothing: only what the options name is scanned.")
@tuning
@snmp_options
def init(
    *,
    file: Path,
    serial: tuple[str, ...],
    modbus: tuple[str, ...],
    networks: tuple[str, ...],
    listen: str,
    yes: bool,
    **options: Any,  # noqa: ANN401 - click's options
) -> None:
    """Write a first configuration to FILE: ask what is connected, scan it, check the result.

    A file that is there is never changed. A community or password that was given goes into a
    file of its own beside it, which its owner alone may read.

    \b
    Examples:
      bbu-agent init
      bbu-agent init /etc/bbu-agent/agent.yaml
      bbu-agent init --yes --serial /dev/ttyUSB0 --hosts 10.1.3.0/28 --community public
      bbu-agent init --yes                         # a template, nothing is scanned
    \b
    Exit codes: 0 written, 2 wrong use or the file is there, 3 nothing answered, nothing written.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    if file.exists():
        raise click.UsageError(f"{file} is there already; name another file, or move it away")
    named = [("serial", serial), ("modbus", modbus), ("networks", networks)]
    places = [(sort, place) for sort, many in named for place in many]
    found, silent = _found(options, places, asked=not (yes or places))
    if silent and not found:
        template = "write a template all the same"
        if yes or not click.confirm(f"Nothing answered; {template}?", default=True, err=True):
            click.echo(
                "bbu-agent: nothing answered, nothing was written. See that cable, address and "
                "baud rate are right (bbu-agent read asks one unit); "
                "bbu-agent init --yes without a place writes a template",
                err=True,
            )
            sys.exit(EXIT_NOTHING)
    state = str(_SYSTEM) if os.access(_SYSTEM.parent, os.W_OK) else "state"
    schema = (Path(agent.config.__file__).parent / "agent.schema.json").as_uri()
    text = document(Basics(listen, state, schema), found, silent)
    _write(file, text, _secrets(found))
    _tell(file, listen)


def _found(
    options: dict[str, Any], places: Sequence[tuple[str, str]], *, asked: bool
) -> tuple[list[FoundUnit], list[str]]:
    """Scan ``places``, or what the user names; give the units and what was silent."""
    found: list[FoundUnit] = []
    silent: list[str] = []
    told: Iterator[tuple[str, str, str | None]]
    told = _ask() if asked else ((sort, place, None) for sort, place in places)
    for sort, place, community in told:
        if community is not None:
            options["community"] = community
        here = _scan(options, sort, place)
        found += here
        silent += [] if here else [place]
    return found, silent


def _secrets(found: Sequence[FoundUnit]) -> dict[str, str]:
    """Give the files that the configuration names for the secrets of ``found``."""
    return {
        file: secret.reveal()
        for way, name in sign_ins(found).items()
        for file, secret in secrets(way, name).items()
    }


def _write(file: Path, text: str, secrets: dict[str, str]) -> None:
    """Write new files and no other; the secrets first, for without them it would be wrong."""
    for path, content, mode in (
        *((file.parent / name, secret + "\n", _SECRET) for name, secret in secrets.items()),
        (file, text, _OPEN),
    ):
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except OSError as error:
            raise click.UsageError(
                f"cannot write {path}: {error.strerror}; name a file elsewhere"
            ) from None
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(content)


def _tell(file: Path, listen: str) -> None:
    """Check what was written, and say how to go on."""
    report = examine(file, profiles=protocols(), environ=os.environ)
    show_problems(file, report)
    if report.config is None:
        click.echo(f"bbu-agent: mend these lines of {file}, then: bbu-agent check {file}", err=True)
        sys.exit(2)
    host, _, port = listen.rpartition(":")
    base = f"http://{host or 'localhost'}:{port}"
    units = counted(len(report.config.units), "unit")
    local = base == "http://127.0.0.1:9877"
    click.echo(f"{file}: written and checked, {units}. Start it with")
    click.echo(f"  bbu-agent run --config.file {file}")
    click.echo(f"and look at {base}/ or, on the terminal,")
    click.echo(f"  bbu-agent top{'' if local else f' --agent {base}'}")
