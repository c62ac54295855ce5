"""``bbu-agent replay``: the daemon's estimator over recorded files."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from agent.config.cells import CellFacts, read_cells
from agent.errors import ConfigError
from agent.replay.compare import NAMES, compare_page, rank, rows
from agent.replay.files import make_folder, write_csv, write_state, write_tables, write_text
from agent.replay.meta import read_meta
from agent.replay.once import replay_once
from agent.replay.page import Report, page
from agent.replay.telemetry import Telemetry, read_telemetry

_UNITS_S = {"h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([hd])$")
_UNIT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*$")
_EACH = 500

Recorded = tuple[Path, Path | None]
"""A recording, and META beside it."""


def duration_s(_ctx: click.Context, _param: click.Parameter, value: str) -> float:
    """Seconds of a time like 15d or 12h."""
    found = _DURATION.match(value.strip())
    if found is None or float(found[1]) <= 0.0:
        raise click.BadParameter(f"{value!r} is no duration such as 15d or 12h")
    return float(found[1]) * _UNITS_S[found[2]]


def unit_name(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """A unit's name that can be a file's name."""
    if value is not None and not _UNIT_NAME.match(value):
        raise click.BadParameter(f"{value!r}: letters, digits, dot, dash and underscore only")
    return value


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_RECORDINGS = ("telemetry.parquet", "telemetry.csv", "telemetry.csv.gz")


@click.command(name="replay")
@click.argument("telemetry", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--meta", type=_FILE, help="What is known of the unit, as JSON.")
@click.option(
    "--compare",
    is_flag=True,
    help="Several units side by side, each a folder with telemetry and meta.json, or a recording "
    "with meta.json beside it. Adds compare.html and compare.csv.",
)
@click.option(
    "--cells",
    type=_FILE,
    help="YAML file with the types of cells that META names, such as a configuration.",
)
@click.option(
    "--out",
    required=True,
    type=_FOLDER,
    help="Folder for soh.csv, alarms.csv, ride.csv, forecast.csv and report.html.",
)
@click.option(
    "--every",
    callback=duration_s,
    default="15d",
    show_default=True,
    help="Time between two rows of a cell, such as 15d or 12h; load steps add rows of their own.",
)
@click.option(
    "--state-dir",
    type=_FOLDER,
    help="Leave what was learnt where the agent of this state directory takes it in.",
)
@click.option("--unit", callback=unit_name, help="The unit's name there.")
@click.option("--prior-only", is_flag=True, help="Ignore all evidence (a benchmark).")
def replay(
    telemetry: tuple[Path, ...],
    meta: Path | None,
    cells: Path | None,
    out: Path,
    every: float,
    state_dir: Path | None,
    unit: str | None,
    *,
    compare: bool,
    prior_only: bool,
) -> None:
    """Estimate the health of a recorded unit, strictly from past to future.

    TELEMETRY is CSV (also in gzip) or Parquet, one row for each instant.

    \b
    Examples:
      bbu-agent replay telemetry.csv --meta meta.json --out report
      bbu-agent replay --compare unit-1/ unit-2/ --out compared
    \b
    Exit codes: 0 done, 2 wrong use, or a file that cannot be read or used.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    if (state_dir is None) != (unit is None):
        raise click.UsageError("--state-dir and --unit belong together")
    if compare and (meta is not None or state_dir is not None):
        raise click.UsageError("--compare takes meta.json from beside each recording, and no state")
    if not compare and len(telemetry) > 1:
        raise click.UsageError("more than one recording needs --compare; or replay them one by one")
    try:
        known = read_cells(cells)

        def one(path: Path, about: Path | None) -> Report:
            return replay_once(
                path,
                about,
                known,
                every_s=every,
                progress=progress_bar,
                prior_only=prior_only,
                warn=warn,
            )

        if compare:
            found = [recording(path) for path in telemetry]
            refuse_early(found, known)
            write_comparison(out, [one(*pair) for pair in found])
            return
        path, beside = recording(telemetry[0])
        report = one(path, beside if meta is None and telemetry[0].is_dir() else meta)
        write_report(out, report)
        why = rank([report])[0].why()
        click.echo(f"{report.name}: {report.health.verdict}, {why}; {out / 'report.html'}")
        if state_dir is not None and unit is not None:
            write_state(state_dir, unit, report.engine, report.loads, report.tables)
    except ConfigError as error:
        click.echo(f"bbu-agent replay: {error}", err=True)
        sys.exit(2)


def warn(text: str) -> None:
    """Say what is strange about the files, and no reason to stop."""
    click.echo(f"bbu-agent replay: {text}", err=True)


def recording(path: Path) -> Recorded:
    """Find the recording that ``path`` is or holds, and META beside it.

    Raises ConfigError where a folder holds no recording.
    """
    folder = path if path.is_dir() else path.parent
    beside = folder / "meta.json"
    about = beside if beside.is_file() else None
    if not path.is_dir():
        return path, about
    for name in _RECORDINGS:
        if (path / name).is_file():
            return path / name, about
    raise ConfigError(f"{path}: holds none of {', '.join(_RECORDINGS)}; name the recording itself")


def write_report(out: Path, report: Report) -> None:
    """Write the tables and the page of one unit."""
    write_tables(report.tables, out, report.engine.battery.required_seconds)
    write_text(out / "report.html", page(report))


def refuse_early(found: Sequence[Recorded], known: Mapping[str, CellFacts]) -> None:
    """Raise ConfigError for what minutes of replaying would end at: names, META, columns."""
    told: dict[str, Path] = {}
    for path, about in found:
        meta = read_meta(about, known)
        read_telemetry(path, meta.charge_sign, meta.battery.series)
        where = path if about is None else about
        if not _UNIT_NAME.match(meta.name):
            raise ConfigError(f"{where}: the name {meta.name!r} cannot be a folder's; change it")
        if meta.name in told:
            raise ConfigError(
                f"{where}: the name {meta.name!r} is there twice, also in {told[meta.name]}; "
                'give each unit a "name" of its own in its meta.json'
            )
        told[meta.name] = where


def write_comparison(out: Path, reports: Sequence[Report]) -> None:
    """Write each unit into a folder of its name, and the comparison above them."""
    make_folder(out)
    for report in reports:
        write_report(out / report.name, report)
    ranked = rank(reports)
    write_csv(out / "compare.csv", list(NAMES), rows(ranked))
    write_text(out / "compare.html", compare_page(ranked))
    for one in ranked:
        click.echo(f"{one.rank}. {one.report.name}: {one.report.health.verdict}, {one.why()}")


@contextmanager
def progress_bar(recorded: Telemetry) -> Iterator[Callable[[int], None]]:
    """Show progress on stderr when that is a terminal; give what to call with the rows done."""
    if not sys.stderr.isatty():
        yield lambda _rows: None
        return
    length = recorded.rows or recorded.guessed_rows
    with click.progressbar(length=length, label="replay", file=sys.stderr) as bar:

        def show(rows: int) -> None:
            if rows % _EACH == 0:
                bar.update(_EACH)

        yield show
