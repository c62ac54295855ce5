"""``bbu-agent run``: the daemon."""

import asyncio
import json
import logging
import os
import sys
from pathlib import Path

import click

from agent import app
from agent.cli.shard import shard_option
from agent.cli.web_config import web_config_option
from agent.config.types import Shard
from agent.export.webconfig.guard import Guard
from agent.export.webconfig.load import load as load_web
from agent.export.webconfig.types import WebConfig
from agent.limits import raise_file_limit

_LOST = 5
_LEVELS = ("debug", "info", "warning", "error")


class _Logfmt(logging.Formatter):
    """Lines as ``time=... level=... room=... msg="..."``."""

    def format(self, record: logging.LogRecord) -> str:
        message = super().format(record)
        stamp = self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
        level = record.levelname.lower()
        return f"time={stamp} level={level} room={record.name} msg={json.dumps(message)}"


class _Json(logging.Formatter):
    """Lines as one JSON object each."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname.lower(),
            "room": record.name,
            "msg": super().format(record),
        }
        return json.dumps(fields)


def start_logging(level: str, form: str) -> None:
    """Log to standard error at ``level``, one line for each record."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Logfmt())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 65536:  # noqa: PLR2004 - TCP ports
        raise click.UsageError(f"--web.listen-address is HOST:PORT or :PORT, not {text}")
    return host.strip("[]"), int(port)


@click.command()
@click.option(
    "--config.file",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/etc/bbu-agent/agent.yaml"),
    show_default=True,
    help="The configuration.",
)
@click.option(
    "--web.listen-address",
    "addresses",
    multiple=True,
    metavar="HOST:PORT",
    help="Where to serve, instead of the configuration's listen. May be repeated.",
)
@web_config_option
@shard_option
@click.option("--log.level", "level", type=click.Choice(_LEVELS), default="info", show_default=True)
@click.option(
    "--log.format",
    "form",
    type=click.Choice(["logfmt", "json"]),
    default="logfmt",
    show_default=True,
)
def run(
    path: Path,
    addresses: tuple[str, ...],
    web_path: Path | None,
    shard: Shard | None,
    level: str,
    form: str,
) -> None:
    """Poll the configured units and serve their health until stopped.

    \b
    SIGHUP or POST /-/reload loads the configuration again; a wrong one changes nothing.
    \b
    Example:
      bbu-agent run --config.file agent.yaml
    \b
    Exit codes: 0 stopped as asked, 1 it cannot serve, 2 the configuration is wrong, 5 stopped
    while the disk hung: what was learnt lately is lost.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    start_logging(level, form)
    listen = tuple(_address(text) for text in addresses)
    config = app.read_config(path, listen, shard)
    web = WebConfig() if web_path is None else load_web(web_path, environ=os.environ)
    for warning in (*config.warnings, *web.warnings):
        click.echo(f"warning: {warning}", err=True)
    raise_file_limit()
    with asyncio.Runner() as runner:
        if not runner.run(app.run(path, config, Guard(web_path, web), listen, shard)):
            # A thread that waits for the disk would hold up the end for as long as that hangs.
            os._exit(_LOST)
