"""The command ``bbu-sim``."""

import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from pathlib import Path

import click

from simulators import scenario_file
from simulators.fleet import Fleet, build_fleet
from simulators.scenario import Scenario
from simulators.scenario_file import ScenarioError
from simulators.service import Service

_USAGE_ERROR = 2
_YEAR_S = 365.25 * 86400


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Battery backup units that behave, age and fail like real ones.

    \b
    Examples:
      bbu-sim list
      bbu-sim run demo-rack --run-dir run
      bbu-sim history demo-rack --years 1 --out past
      bbu-sim run demo-rack --run-dir run --state past
    """  # noqa: D301 - click's mark for text that keeps its lines


def _load(name: str) -> Scenario:
    try:
        return scenario_file.load(name)
    except ScenarioError as error:
        click.echo(str(error), err=True)
        sys.exit(_USAGE_ERROR)


@main.command("list")
def list_command() -> None:
    """List the scenarios that come with the simulator."""
    for name in scenario_file.names():
        scenario = _load(name)
        units = sum(part.count for part in scenario.units) + len(scenario.ups)
        click.echo(f"{name:16} {units:4} units  {scenario.about}")


@main.command()
@click.argument("scenario")
@click.option(
    "--run-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for serial lines, endpoints.json and agent.yaml (default: a temporary one).",
)
@click.option(
    "--state",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder written by bbu-sim history: go on from there.",
)
def run(scenario: str, run_dir: Path | None, state: Path | None) -> None:
    """Serve SCENARIO (a name of the library, or a file) in real time until Ctrl-C.

    \b
    Examples:
      bbu-sim run demo-rack
      bbu-sim run my-fleet.yaml --run-dir run --state past
      bbu-agent run --config.file run/agent.yaml     # in another terminal
    """  # noqa: D301 - click's mark for text that keeps its lines
    fleet = _fleet(_load(scenario), state)
    with contextlib.ExitStack() as stack:
        if run_dir is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bbu-sim-")))
        else:
            run_dir.mkdir(parents=True, exist_ok=True)
            folder = run_dir.resolve()
        try:
            asyncio.run(_serve(fleet, folder))
        except OSError as error:
            click.echo(f"bbu-sim: cannot serve: {error}", err=True)
            sys.exit(1)


def _fleet(scenario: Scenario, state: Path | None) -> Fleet:
    now = time.time()
    return build_fleet(scenario, start_s=now, born_s=now)


async def _serve(fleet: Fleet, folder: Path) -> None:
    service = Service(fleet, folder)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    try:
        await service.start()
        for name, where in service.endpoints.items():
            text = "  ".join(f"{key} {value}" for key, value in where.items())
            click.echo(f"{name:12} {text}")
        click.echo(f"agent configuration: {folder / 'agent.yaml'}")
        units = len(fleet.modules) + len(fleet.upses)
        click.echo(f"ready: {units} units of {fleet.scenario.name}; Ctrl-C stops")
        sys.stdout.flush()
        clock = asyncio.create_task(service.run())
        await asyncio.wait(
            {clock, asyncio.create_task(stopping.wait())}, return_when=asyncio.FIRST_COMPLETED
        )
        if clock.done():
            clock.result()
        clock.cancel()
    finally:
        await service.stop()
