"""``bbu-agent profiles``: which families of units the agent can read, and how."""

import click

from agent.cli.output import table
from agent.profiles.load import load, load_all, names
from agent.profiles.schema import Cadence, Field, Profile

_EVERY = {Cadence.FAST: "each poll", Cadence.SLOW: "hourly", Cadence.ONCE: "once"}


@click.group(invoke_without_command=True)
@click.pass_context
def profiles(context: click.Context) -> None:
    """List the device families that can be read; ``show NAME`` tells all of one."""
    if context.invoked_subcommand is None:
        context.invoke(list_profiles)


@profiles.command("list")
def list_profiles() -> None:
    """List the device families that can be read."""
    table(
        ["profile", "protocol", "cells", "what it is"],
        [
            [profile.name, profile.protocol, "yes" if _has_cells(profile) else "no", profile.title]
            for profile in load_all()
        ],
    )


@profiles.command("show")
@click.argument("name")
def show(name: str) -> None:
    """Tell what is read of a family, from where, and what about it is unconfirmed."""
    if name not in names():
        raise click.UsageError(f"no profile is named {name}; bbu-agent profiles lists them")
    profile = load(name)
    click.echo(f"{profile.name}: {profile.title} ({profile.protocol})")
    for heading, lines in (("Sources", profile.sources), ("Unconfirmed", profile.unconfirmed)):
        if lines:
            click.echo(f"\n{heading}:")
            for line in lines:
                click.echo(f"  - {line}")
    click.echo()
    table(
        ["quantity", "index", "from", "read", "note"],
        [_row(field) for field in profile.fields],
    )


def _row(field: Field) -> list[str]:
    note = f"unconfirmed: {field.unconfirmed}" if field.unconfirmed else ""
    source = str(field.where) + (f", choice {field.rank + 1}" if field.rank else "")
    return [field.quantity, field.index or "", source, _EVERY[field.cadence], note]


def _has_cells(profile: Profile) -> bool:
    return any(field.quantity == "cell_voltage" for field in profile.fields)
