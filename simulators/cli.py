"""The command ``bbu-sim``."""

import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from simulators import scenario_file
from simulators.fleet import Fleet, build_fleet
from simulators.history import StateError, resume
from simulators.history_command import history
from simulators.inject import inject
from simulators.past import catch_up, quick_past
from simulators.play import Place, play
from simulators.playback import RecordingError
from simulators.scenario import Scenario
from simulators.scenario_file import ScenarioError
from simulators.service import Service

_USAGE_ERROR = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Battery backup units that behave, age and fail like real ones.

    \b
    Examples:
      bbu-sim list
      bbu-sim run demo-rack --run-dir run
      bbu-sim history demo-rack --years 1 --out past
      bbu-sim run demo-rack --run-dir run --state past
      bbu-sim inject r12-a-1 silent --for "30 s"
    """  # noqa: D301 - click's mark for text that keeps its lines


def _load(name: str) -> Scenario:
    try:
        return scenario_file.load(name)
    except ScenarioError as error:
        click.echo(str(error), err=True)
        sys.exit(_USAGE_ERROR)


main.add_command(inject)
main.add_command(history)


@main.command("list")
def list_command() -> None:
    """List the scenarios that come with the simulator."""
    for name in scenario_file.names():
        scenario = _load(name)
        units = sum(part.count for part in scenario.units) + len(scenario.ups)
        click.echo(f"{name:16} {units:4} units  {scenario.about}")


@main.command(short_help="Serve SCENARIO (a name or a file) in real time until Ctrl-C.")
@click.argument("scenario", required=False)
@click.option(
    "--recording",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Serve one recorded device (.modbus.yaml or .snmprec) instead of a scenario.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Its port (0: a free one).")
@click.option(
    "--serial", type=click.Path(path_type=Path), help="Its serial line, a link to a new terminal."
)
@click.option("--baudrate", type=click.IntRange(300, 4_000_000), default=19200, show_default=True)
@click.option("--unit-id", type=click.IntRange(0, 247), default=1, show_default=True)
@click.option("--community", default="public", show_default=True)
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
@click.option(
    "--listen",
    default="127.0.0.1:9877",
    show_default=True,
    help="Address that agent.yaml gives the agent for its own pages.",
)
def run(
    *,
    scenario: str | None,
    run_dir: Path | None,
    state: Path | None,
    listen: str,
    recording: Path | None,
    **place: Any,  # noqa: ANN401 - click's options, named like the fields of Place
) -> None:
    """Serve SCENARIO (a name of the library, or a file) in real time until Ctrl-C.

    \b
    Examples:
      bbu-sim run demo-rack
      bbu-sim run my-fleet.yaml --run-dir run --state past
      bbu-agent run --config.file run/agent.yaml     # in another terminal
      bbu-sim run --recording my-ups.snmprec --community public
      bbu-sim run --recording my-bbu.modbus.yaml --serial tty-bbu --unit-id 48
    """  # noqa: D301 - click's mark for text that keeps its lines
    if (scenario is None) == (recording is None):
        raise click.UsageError("name a scenario or a --recording, one of them")
    if scenario is None:
        _play(Path(str(recording)), Place(**place))
        return
    fleet = _fleet(_load(scenario), state)
    with contextlib.ExitStack() as stack:
        if run_dir is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bbu-sim-")))
        else:
            folder = run_dir.resolve()
            if not folder.exists():
                folder.mkdir(parents=True)
                stack.callback(_remove_if_empty, folder)
        try:
            asyncio.run(_serve(fleet, folder, listen))
        except OSError as error:
            click.echo(f"bbu-sim: cannot serve: {error}", err=True)
            sys.exit(1)


def _play(recording: Path, place: Place) -> None:
    try:
        asyncio.run(play(recording, place))
    except (OSError, RecordingError) as error:
        click.echo(f"bbu-sim: cannot serve: {error}", err=True)
        sys.exit(1)


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _fleet(scenario: Scenario, state: Path | None) -> Fleet:
    now_s = time.time()
    if state is None:
        fleet = build_fleet(scenario, start_s=now_s, born_s=now_s)
        quick_past(fleet, scenario.past.years)
        return fleet
    try:
        fleet = resume(scenario, state)
    except StateError as error:
        click.echo(str(error), err=True)
        sys.exit(_USAGE_ERROR)
    for name in fleet.modules:
        catch_up(fleet, name, now_s)
    for ups in fleet.upses.values():
        ups.now_s = now_s
    return fleet


async def _serve(fleet: Fleet, folder: Path, listen: str) -> None:
    service = Service(fleet, folder, listen)
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
