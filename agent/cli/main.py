"""The ``bbu-agent`` command: one file per group of commands, gathered here."""

import click

from agent import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="bbu-agent")
def main() -> None:
    """Read battery backup units, score every cell, say which will not ride through."""


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"bbu-agent {__version__}")
