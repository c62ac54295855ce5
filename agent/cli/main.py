"""The ``bbu-agent`` command: one file per group of commands, gathered here."""

import sys

import click

from agent import __version__
from agent.cli.check import check
from agent.cli.events import events, outage
from agent.cli.profiles import profiles
from agent.cli.read import read
from agent.cli.record import record
from agent.cli.replay import replay
from agent.cli.run import run
from agent.cli.scan import scan
from agent.cli.status import status
from agent.errors import AgentError, ConfigError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="bbu-agent")
def cli() -> None:
    """Read battery backup units, score every cell, say which will not ride through."""


@cli.command()
def version() -> None:
    """Print the version."""
    click.echo(f"bbu-agent {__version__}")


for command in (run, read, scan, record, check, replay, status, profiles, events, outage):
    cli.add_command(command)


def main() -> None:
    """Run the command line; an error of ours is one message, not a traceback."""
    try:
        cli(prog_name="bbu-agent")
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except AgentError as error:
        click.echo(f"bbu-agent: {error}", err=True)
        sys.exit(1)
