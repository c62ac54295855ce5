"""Scores the estimator on all the development data, and writes the tables and plots of the docs.

Usage: ``python -m tests.benchmarks.accuracy [--json FILE] [--write] [--quick]`` from the
checkout (``make accuracy``). ``--write`` renews what stands between the generated markers of
docs/estimator.md, and its pictures; ``--quick`` leaves the calibrations out.

Modules: by the filter as it ships, by the prior alone, and by figures fitted again with all
modules, without the module itself, and without its chemistry. Real cells: see accuracy_real.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path

import click

from agent import __version__
from tests.benchmarks import accuracy_modules, accuracy_page, accuracy_plots, accuracy_real
from tests.benchmarks.accuracy_modules import MODULES, Job
from tests.benchmarks.accuracy_real import RealJob
from tests.benchmarks.accuracy_refit import fitted_figures, jobs, lived

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PROCESSES = 2

Result = dict[str, object]


def all_jobs(*, quick: bool) -> list[Job | RealJob]:
    """List everything to run, the longest first."""
    names = sorted(path.name for path in MODULES.iterdir() if path.is_dir())
    found: list[Job | RealJob] = [Job("filter", name) for name in names]
    found += [Job("prior", name, prior_only=True) for name in names]
    if not quick:
        found += jobs({name: lived(name) for name in names})
    return found + accuracy_real.jobs()


def work(job: Job | RealJob) -> Result:
    """Do one job, in a process of its own."""
    return accuracy_modules.run(job) if isinstance(job, Job) else accuracy_real.run(job)


def progress(futures: Iterable[Future[Result]], count: int) -> list[Result]:
    """Collect the results as they come, with one line of progress on a terminal."""
    begun_s, results = time.monotonic(), []
    for done, future in enumerate(as_completed(futures), start=1):
        results.append(future.result())
        if sys.stderr.isatty():
            left_s = (time.monotonic() - begun_s) / done * (count - done)
            end = "\n" if done == count else ""
            click.echo(
                f"\r{done} of {count}, about {left_s:.0f} s left   {end}", err=True, nl=False
            )
    return results


def between(page: str, name: str, text: str) -> str:
    """Put ``text`` between the markers of ``name``; a page without them stays as it is."""
    begin, end = f"<!-- accuracy: {name} -->\n", "<!-- end -->"
    head, found, rest = page.partition(begin)
    if not found:
        return page
    return head + begin + text + end + rest.partition(end)[2]


def write(results: list[Result], *, echo: Callable[[str], None]) -> None:
    """Renew the page of the docs and its pictures."""
    path = DOCS / "estimator.md"
    page = path.read_text(encoding="utf-8")
    for name, text in accuracy_page.parts(results).items():
        page = between(page, name, text)
    path.write_text(page, encoding="utf-8")
    for name, picture in accuracy_plots.pictures(results).items():
        target = DOCS / "images" / f"estimator-{name}.svg"
        target.write_text(picture, encoding="utf-8")
    echo(f"written: {path.relative_to(ROOT)} and its pictures")


@click.command()
@click.option(
    "--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the results."
)
@click.option(
    "--again",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the results of an earlier --json instead of running anything.",
)
@click.option("--write", "renew", is_flag=True, help="Renew docs/estimator.md and its pictures.")
@click.option("--quick", is_flag=True, help="Without the calibrations.")
def main(file: Path | None, again: Path | None, *, renew: bool, quick: bool) -> None:
    """Score the estimator on the development data."""
    if again is not None:
        results: list[Result] = json.loads(again.read_text(encoding="utf-8"))["results"]
    else:
        if not MODULES.is_dir():
            sys.exit(f"{MODULES} is not there: the development data is optional")
        todo = all_jobs(quick=quick)
        with ProcessPoolExecutor(PROCESSES) as pool:
            results = progress([pool.submit(work, job) for job in todo], len(todo))
    results.sort(
        key=lambda row: [str(row.get(key)) for key in ("table", "module", "series", "cell")]
    )
    for name, text in accuracy_page.parts(results).items():
        click.echo(f"\n## {name}\n\n{text}")
    if file is not None:
        content = {"version": __version__, "figures": fitted_figures(), "results": results}
        file.write_text(json.dumps(content) + "\n", encoding="utf-8")
    if renew:
        write(results, echo=click.echo)


if __name__ == "__main__":
    main()
