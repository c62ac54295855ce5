"""The ``bbu-agent`` command: one file per group of commands, gathered here."""

import importlib
import sys

import click

from agent import __version__
from agent.cli.listing import Listing
from agent.errors import AgentError, ConfigError

_HOMES = {
    "init": "init",
    "run": "run",
    "read": "read",
    "scan": "scan",
    "record": "record",
    "check": "check",
    "replay": "replay",
    "telemetry": "telemetry",
    "status": "status",
    "top": "top",
    "explain": "explain",
    "fleet": "fleet",
    "profiles": "profiles",
    "chemistries": "chemistries",
    "events": "events",
    "outage": "events",
    "self-test": "selftest",
    "completion": "completion",
}
"""Each command and the file it lives in."""


class _Commands(Listing):
    """Loads a command when it is called: each needs other libraries, and those take time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_HOMES, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _HOMES:
            home = importlib.import_module(f"agent.cli.{_HOMES[cmd_name]}")
            command: click.Command = getattr(home, cmd_name.replace("-", "_"))
            return command
        return super().get_command(ctx, cmd_name)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="bbu-agent")
def cli() -> None:
    """Read battery backup units, score every cell, say which will not ride through.

    \b
    Examples:
      bbu-agent init                  # a first configuration, from what is connected
      bbu-agent run --config.file agent.yaml
      bbu-agent top                   # in another terminal
      bbu-agent status --help         # each command has examples and its exit codes
    """  # noqa: D301 - the marks are click's, for lines that stay as they are


@cli.command()
def version() -> None:
    """Print the version.

    \b
    Example:
      bbu-agent version
    \b
    Exit codes: 0 always.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    click.echo(f"bbu-agent {__version__}")


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
