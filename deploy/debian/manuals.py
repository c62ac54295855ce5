#!/usr/bin/env python3
"""Write the manual pages of bbu-agent and bbu-sim from the help texts of their commands.

usage: manuals.py FOLDER VERSION UNIX_TIME
"""

import inspect
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from agent.cli.main import cli
from simulators.cli import main as simulator

FILES = """.SH FILES
.TP
.I /etc/bbu-agent/agent.yaml
The configuration; every key is in /usr/share/doc/bbu-agent/configure.md.
.TP
.I /etc/bbu-agent/secrets
Secrets, one to a file, for root alone; the service gets them from systemd.
.TP
.I /var/lib/bbu-agent
What the service has learnt, and its history.
"""


def escaped(text: str) -> str:
    """Give ``text`` so that roff takes no letter of it for a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line[:1] in {".", "'"} else line for line in text.split("\n"))


def body(text: str) -> Iterator[str]:
    """Give the paragraphs of a help text; a mark of click keeps the lines of one."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        kept = paragraph.startswith("\b\n")
        lines = escaped(paragraph.removeprefix("\b\n"))
        yield f".PP\n.nf\n{lines}\n.fi" if kept else f".PP\n{lines}"


def options(command: click.Command, context: click.Context) -> Iterator[str]:
    """Give the options of a command, each with its help."""
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield f".TP\n.B {escaped(record[0])}\n{escaped(record[1])}"


def commands(name: str, group: click.Group, context: click.Context) -> Iterator[str]:
    """Give every command below a group called ``name``, those of groups below it too."""
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, info_name=word, parent=context)
        usage = " ".join([name, word, *command.collect_usage_pieces(inner)])
        yield from (f".SS {escaped(usage)}", *body(command.help or ""))
        yield from options(command, inner)
        if isinstance(command, click.Group):
            yield from commands(f"{name} {word}", command, inner)


def page(name: str, group: click.Group, version: str, day: str) -> str:
    """Give the whole page of a command that has commands."""
    context = click.Context(group, info_name=name, **group.context_settings)
    about = inspect.cleandoc(group.help or "").split("\n\n")[0].replace("\n", " ").rstrip(".")
    parts = [f'.TH {name.upper()} 1 "{day}" "bbu\\-agent {version}" "bbu\\-agent"']
    parts += [".SH NAME", f"{escaped(name)} \\- {escaped(about[0].lower() + about[1:])}"]
    parts += [".SH SYNOPSIS", f".B {escaped(name)}\n[options] command [arguments]"]
    parts += [".SH DESCRIPTION", *body(group.help or ""), ".SH OPTIONS", *options(group, context)]
    parts += [".SH COMMANDS"]
    parts += commands(name, group, context)
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    folder, version, at = sys.argv[1:]
    day = datetime.fromtimestamp(int(at), UTC).date().isoformat()
    for name, group, end in (("bbu-agent", cli, FILES), ("bbu-sim", simulator, "")):
        text = page(name, group, version, day) + end
        (Path(folder) / f"{name}.1").write_text(text, encoding="utf-8")
