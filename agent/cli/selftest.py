"""``bbu-agent self-test``: the one command that writes to a device."""

import asyncio
import getpass
import json
import os
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from agent.cli.listing import Listing
from agent.cli.remote import agent_options, fetch
from agent.config.load import load as load_config
from agent.config.types import AUTO, Config, Unit
from agent.errors import AgentError, Refused, TransportError
from agent.events.permit import Asked, refusals
from agent.model import Oid, SnmpValue, UnitInfo
from agent.poll.selftest import Plan, look, start
from agent.profiles.load import load, protocols
from agent.profiles.schema import Profile
from agent.targets import SnmpHost
from agent.transport.snmp import open_writer

REFUSED = 1
LOG = "writes.jsonl"
"""In the state directory: a line for every write, begun and ended."""

Shown = dict[str, Any]


@click.group(name="self-test", cls=Listing)
def self_test() -> None:
    """Start a self-test of one unit, where everything allows it: the one command that writes.

    \b
    Examples:
      bbu-agent self-test start ups-a1                     # says what would be written
      bbu-agent self-test start ups-a1 --confirm ups-a1    # does it
    \b
    Exit codes: 0 started, or would be, 1 refused, 2 wrong use, 3 no agent answers.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are


@self_test.command(name="start")
@click.argument("unit")
@click.option(
    "--config.file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("/etc/bbu-agent/agent.yaml"),
    show_default=True,
    help="The configuration.",
)
@agent_options
@click.option("--confirm", metavar="UNIT", help="The unit's name once more: do it.")
def start_one(*, unit: str, path: Path, base: str, confirm: str | None) -> None:
    """Start a self-test of UNIT; without --confirm only say what would be written.

    The profile must declare how a test is started, the operator must have given the unit
    self_test_credentials, and its shelf and groups must be able to spare it.

    \b
    Examples:
      bbu-agent self-test start ups-a1
      bbu-agent self-test start ups-a1 --confirm ups-a1
    \b
    Exit codes: 0 started, or would be, 1 refused, 2 wrong use, 3 no agent answers.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    config = load_config(path, profiles=protocols(), environ=os.environ)
    found = next((one for one in config.units if one.name == unit), None)
    if found is None:
        raise click.UsageError(f"no unit is named {unit!r} in {path}; bbu-agent status lists them")
    if confirm is not None and confirm != unit:
        raise click.UsageError(f"--confirm {confirm!r} is not {unit!r}; nothing was written")
    profile = _profile(found, base)
    asked = Asked(
        unit,
        "not known yet" if profile is None else profile.name,
        declared=profile is not None and profile.self_test is not None,
        enabled=found.tester is not None,
        counted=_counted(config, found, base),
    )
    against = refusals(asked)
    if against or profile is None or found.tester is None:
        for reason in against:
            click.echo(f"refused: {reason}", err=True)
        sys.exit(REFUSED)
    try:
        asyncio.run(_start(config, found, profile, found.tester, done=confirm is not None))
    except AgentError as error:
        click.echo(f"refused: {unit}: {error}", err=True)
        sys.exit(REFUSED)


def _profile(unit: Unit, base: str) -> Profile | None:
    """Give the unit's family: as configured, else as the running agent found it."""
    name = unit.profile
    if name == AUTO:
        name = str(fetch(base, f"/api/v1/units/{quote(unit.name)}").get("profile"))
    return load(name) if name in protocols() else None


def _counted(config: Config, unit: Unit, base: str) -> list[Shown]:
    """Give what counts on the unit: its shelf and its groups, as the running agent sees them."""
    info = UnitInfo(unit.name, unit.profile, unit.location)
    groups = {group.name for group in config.groups if group.holds(info)}
    place = (unit.location.rack, unit.location.shelf)
    shelves: list[Shown] = fetch(base, "/api/v1/shelves")["shelves"]
    wider: list[Shown] = fetch(base, "/api/v1/groups")["groups"]
    return [one for one in shelves if (one["rack"], one["shelf"]) == place] + [
        one for one in wider if one["group"] in groups
    ]


async def _start(
    config: Config, unit: Unit, profile: Profile, host: SnmpHost, *, done: bool
) -> None:
    client, timeout_s = open_writer(host), config.poll.timeout_s
    try:
        plan = await look(client, profile, timeout_s=timeout_s)
        for oid, value in plan.write.items():
            click.echo(f"{_dotted(oid)} = {_shown(value)} (now {_shown(plan.before.get(oid))})")
        if not done:
            click.echo(f"nothing was written; --confirm {unit.name} writes this to {host}")
            return
        record = _record(unit, host, plan)
        # What is about to be written is on record before it is.
        _log(config.state_dir, {**record, "phase": "begin"})
        try:
            after = await start(client, profile, plan, timeout_s=timeout_s)
        except TransportError as error:
            _log(config.state_dir, {**record, "phase": "end", "error": str(error)})
            if not isinstance(error, Refused):
                click.echo("whether the test has begun is not known; see what the unit does")
            raise
        _log(config.state_dir, {**record, "phase": "end", "after": _readable(after)})
        click.echo(f"{unit.name}: the self-test was started")
    finally:
        await client.close()


def _record(unit: Unit, host: SnmpHost, plan: Plan) -> Shown:
    return {
        "what": "self-test start",
        "unit": unit.name,
        "device": str(host),
        "who": _who(),
        "sudo_from": os.environ.get("SUDO_USER"),
        "from": socket.gethostname(),
        "before": _readable(plan.before),
        "written": _readable(plan.write),
    }


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no passwd entry, as in a container; which of them, Python says
        return f"uid {os.getuid()}"


def _log(folder: Path, record: Shown) -> None:
    """Append a line and wait until the disk has it; what cannot be recorded is not done.

    Raises:
        AgentError: the file cannot be written.
    """
    path = folder / LOG
    line = json.dumps({"time_s": round(time.time(), 3), **record}) + "\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            os.write(handle, line.encode())
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise AgentError(
            f"{path}: {error.strerror}; a write must be on record: make it writable"
        ) from error


def _readable(values: Mapping[Oid, SnmpValue | None]) -> dict[str, str | None]:
    return {_dotted(oid): None if v is None else _shown(v) for oid, v in values.items()}


def _dotted(oid: Oid) -> str:
    return ".".join(map(str, oid))


def _shown(value: SnmpValue | None) -> str:
    if value is None:
        return "nothing"
    content = value.value
    if isinstance(content, tuple):
        return _dotted(content)
    return content.decode("ascii", "replace") if isinstance(content, bytes) else str(content)
