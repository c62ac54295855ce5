"""The option ``--shard``: which share of a fleet is meant."""

import click

from agent.config.shards import parse_shard
from agent.config.types import Shard


def _read(_context: click.Context, _parameter: click.Parameter, text: str | None) -> Shard | None:
    if text is None:
        return None
    try:
        return parse_shard(text)
    except ValueError as error:
        raise click.BadParameter(f"{text} {error}") from None


shard_option = click.option(
    "--shard",
    metavar="I/N",
    envvar="BBU_AGENT_SHARD",
    callback=_read,
    help="Share of the units, instead of the configuration's: 0/2 is the first of two.",
)
