"""``bbu-agent profiles``: which families of units the agent can read, and how."""

import json
from collections.abc import Iterator

import click

from agent.cli.listing import Listing
from agent.cli.output import format_option, sheet, table
from agent.config.problems import did_you_mean
from agent.profiles.load import load, load_all, names
from agent.profiles.schema import Cadence, Field, Profile

_EVERY = {Cadence.FAST: "each poll", Cadence.SLOW: "hourly", Cadence.ONCE: "once"}


@click.group(cls=Listing, invoke_without_command=True)
@click.pass_context
def profiles(context: click.Context) -> None:
    """List the device families that can be read; profiles show NAME tells all of one.

    \b
    Examples:
      bbu-agent profiles
      bbu-agent profiles show orv3-hpr-bbu
    \b
    Exit codes: 0 done, 2 wrong use.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    if context.invoked_subcommand is None:
        context.invoke(list_profiles, form="table")


@profiles.command("list")
@format_option()
def list_profiles(form: str) -> None:
    """List the device families that can be read.

    \b
    Example:
      bbu-agent profiles list --format csv
    \b
    Exit codes: 0 done, 2 wrong use.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    columns = ["profile", "protocol", "cells", "what it is"]
    rows = [
        [profile.name, str(profile.protocol), "yes" if _has_cells(profile) else "no", profile.title]
        for profile in load_all()
    ]
    if form == "json":
        found = [dict(zip(columns, row, strict=True)) for row in rows]
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        (sheet if form == "csv" else table)(columns, rows)


@profiles.command("show")
@click.argument("name")
def show(name: str) -> None:
    """Tell what is read of a family, from where, and what about it is unconfirmed.

    \b
    Example:
      bbu-agent profiles show orv3-hpr-bbu
    \b
    Exit codes: 0 done, 2 no such family.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    if name not in names():
        raise click.UsageError(
            f'no profile is named "{name}"{did_you_mean(name, names())}; '
            "bbu-agent profiles lists them"
        )
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
        [*map(_row, profile.fields), *_model_rows(profile)],
    )


def _row(field: Field) -> list[str]:
    note = f"unconfirmed: {field.unconfirmed}" if field.unconfirmed else ""
    source = str(field.where) + (f", choice {field.rank + 1}" if field.rank else "")
    return [field.quantity, field.index or "", source, _EVERY[field.cadence], note]


def _model_rows(profile: Profile) -> Iterator[list[str]]:
    """Give the fields of SunSpec models; their places count from the model's first register."""
    for model in () if profile.sunspec is None else profile.sunspec.models:
        for field in model.fields:
            quantity, index, source, *rest = _row(field)
            yield [quantity, index, f"model {model.number}, {source}", *rest]
        for field in () if model.group is None else model.group.fields:
            part = model.group.part if model.group and model.group.part else "cell"
            quantity, index, source, *rest = _row(field)
            yield [quantity, index, f"model {model.number}, each {part}, {source}", *rest]


def _has_cells(profile: Profile) -> bool:
    rows = [*map(_row, profile.fields), *_model_rows(profile)]
    return any(quantity == "cell_voltage" for quantity, *_ in rows)
