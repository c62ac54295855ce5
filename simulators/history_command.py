"""The command ``bbu-sim history``: years of telemetry, and the truth beside it."""

import importlib.util
import sys
import time
from pathlib import Path
from typing import NoReturn

import click

from simulators import scenario_file
from simulators.history import BBU_AGENT, Job, LearnError, jobs, work_all, write_state
from simulators.scenario import Scenario
from simulators.scenario_file import ScenarioError

_USAGE_ERROR = 2
_MONTHS = 12


@click.command(short_help="Write the past of SCENARIO: telemetry and truth of each module.")
@click.argument("scenario")
@click.option("--years", type=float, help="Length of the past (default: the scenario's).")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder to write: one folder for each module, and final.json.",
)
@click.option("--end", type=float, help="Unix time at which the past ends (default: now).")
@click.option("--jobs", "processes", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option(
    "--format", "form", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True
)
@click.option("--only", multiple=True, metavar="PATTERN", help="Modules, such as r1-*; repeatable.")
@click.option("--ride", is_flag=True, help="Add truth_ride.csv: true ride-through, monthly; slow.")
@click.option(
    "--agent-state",
    type=click.Path(file_okay=False, path_type=Path),
    help="State directory of a bbu-agent that is to learn each past; slow.",
)
def history(
    scenario: str,
    *,
    years: float | None,
    out: Path,
    end: float | None,
    processes: int,
    form: str,
    only: tuple[str, ...],
    ride: bool,
    agent_state: Path | None,
) -> None:
    """Write the past of SCENARIO: telemetry and truth of every module that answers.

    \b
    Each module gets OUT/NAME with telemetry.csv.gz, meta.json and truth_* files;
    OUT/final.json is the state from which `bbu-sim run --state OUT` goes on.
    With --agent-state an agent that starts there knows the cells already.
    \b
    Examples:
      bbu-sim history demo-rack --out past
      bbu-sim history weak-cell --years 5 --out past --format parquet --jobs 4
      bbu-sim history ageing-fleet --years 5 --only "r1-*" --only "r2-*" --out past
      bbu-sim history demo-rack --out past --agent-state run/agent-state
    """  # noqa: D301 - click's mark for text that keeps its lines
    content = _scenario(scenario)
    length = content.past.years if years is None else years
    end_s = time.time() if end is None else end
    todo = jobs(
        content,
        years=length,
        end_s=end_s,
        out=out,
        form=form,
        ride=ride,
        only=only,
        agent_state=agent_state,
    )
    _check(length, form, todo, agent_state)
    began = time.monotonic()
    try:
        out.mkdir(parents=True, exist_ok=True)
        states = _live(todo, processes, length)
        write_state(out, content, end_s, states)
    except (OSError, LearnError) as error:
        click.echo(f"bbu-sim: cannot write: {error}", err=True)
        sys.exit(1)
    seconds = time.monotonic() - began
    lived = f"{len(states)} modules, {length:g} {'year' if length == 1 else 'years'} each"
    click.echo(f"{lived}, in {seconds:.1f} s: {out}")


def _scenario(name: str) -> Scenario:
    try:
        return scenario_file.load(name)
    except ScenarioError as error:
        _refuse(str(error))


def _check(years: float, form: str, todo: list[Job], agent_state: Path | None) -> None:
    if form == "parquet" and importlib.util.find_spec("pyarrow") is None:
        _refuse("bbu-sim: parquet needs pyarrow: pip install 'bbu-agent[parquet]'")
    if years <= 0:
        _refuse("bbu-sim: --years must be above 0")
    if not todo:
        _refuse("bbu-sim: no module has such a name; bbu-sim list and the scenario tell them")
    if agent_state is not None and not BBU_AGENT.exists():
        _refuse(f"bbu-sim: --agent-state needs {BBU_AGENT}")


def _live(todo: list[Job], processes: int, years: float) -> dict[str, dict[str, object]]:
    """Do the jobs under a progress bar that moves with every simulated month."""
    total = max(1, round(len(todo) * years * _MONTHS))
    label, hidden = f"{len(todo)} modules, {years:g} years", not sys.stderr.isatty()
    with click.progressbar(length=total, label=label, file=sys.stderr, hidden=hidden) as bar:

        def progress(months: int) -> None:
            bar.update(max(0, min(months, total) - bar.pos))

        return dict(work_all(todo, processes, progress))


def _refuse(text: str) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(_USAGE_ERROR)
