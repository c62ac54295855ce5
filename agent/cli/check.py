"""``bbu-agent check``: say everything that is wrong with configuration files."""

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path

import click

from agent.cli.output import counted, format_option
from agent.cli.shard import shard_option
from agent.cli.web_config import web_config_option
from agent.config.load import Report, examine
from agent.config.shards import counts, own_part
from agent.config.types import Config, Shard
from agent.export.webconfig.load import load as load_web
from agent.profiles.load import protocols

WRONG = 2


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE..."
)
@format_option("text", "json")
@web_config_option
@shard_option
def check(files: tuple[Path, ...], form: str, web_path: Path | None, shard: Shard | None) -> None:
    """Check configuration FILEs as the agent would read them, secrets included.

    Every error is one line, file:line: path: message, on standard error. Exit 2 where any
    file is wrong.

    \b
    Examples:
      bbu-agent check agent.yaml
      bbu-agent check --format json /etc/bbu-agent/*.yaml
    \b
    Exit codes: 0 every file is right, 2 one is wrong, or wrong use.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    profiles = protocols()
    reports = {
        file: examine(file, profiles=profiles, environ=os.environ, shard=shard) for file in files
    }
    if form == "json":
        click.echo(json.dumps([_as_json(*item) for item in reports.items()], indent=2))
    else:
        for file, report in reports.items():
            _print(file, report)
    if web_path is not None:
        for warning in load_web(web_path, environ=os.environ).warnings:
            click.echo(f"warning: {warning}", err=True)
    if any(report.config is None for report in reports.values()):
        sys.exit(WRONG)


def show_problems(file: Path, report: Report) -> None:
    """Print what is wrong with ``file``, by its lines, on standard error."""
    marked = [replace(each, message=f"warning: {each.message}") for each in report.warnings]
    for problem in sorted([*report.errors, *marked]):
        click.echo(problem.located(file), err=True)


def _print(file: Path, report: Report) -> None:
    show_problems(file, report)
    if report.config is not None:
        click.echo(f"{file}: ok: {_summary(report.config, len(report.warnings))}")


def _summary(config: Config, warnings: int) -> str:
    over_snmp = sum(unit.snmp is not None for unit in config.units)
    parts = [
        f"{counted(len(config.units), 'unit')} ({over_snmp} over SNMP)",
        counted(len(config.buses), "bus", "buses"),
        counted(len(config.shelves), "shelf", "shelves"),
        counted(warnings, "warning"),
    ]
    if config.shard is not None:
        sizes = "; ".join(f"{index}: {size}" for index, size in enumerate(counts(config)))
        parts.append(f"this is the share {config.shard}, units by share {sizes}")
    return ", ".join(parts)


def _share(config: Config, shard: Shard) -> dict[str, object]:
    own = [unit.name for unit in own_part(config).units]
    return {"index": shard.index, "count": shard.count, "units": own, "sizes": counts(config)}


def _as_json(file: Path, report: Report) -> dict[str, object]:
    config = report.config
    return {
        "file": str(file),
        "ok": config is not None,
        "errors": [asdict(error) for error in report.errors],
        "warnings": [asdict(warning) for warning in report.warnings],
        "units": [unit.name for unit in config.units] if config is not None else None,
        "shard": None if config is None or config.shard is None else _share(config, config.shard),
        "buses": [bus.name for bus in config.buses] if config is not None else None,
    }
