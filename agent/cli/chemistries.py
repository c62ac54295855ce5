"""``bbu-agent chemistries``: the library of cells, and new types from a discharge."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from agent.cli.listing import Listing
from agent.cli.output import format_option, sheet, table
from agent.config.cells import CellFacts, read_cells
from agent.config.problems import did_you_mean, shown
from agent.errors import ConfigError
from agent.health.library import LAW_SOURCES, LAWS, UNITS, Entry, entries

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_CELLS = click.option(
    "--config.file", "config", type=_FILE, help="Show the types under cells of this file as well."
)

MEANINGS: Mapping[str, str] = {
    "ocv": "open-circuit voltage of a new cell",
    "cutoff_v": "a cell is empty",
    "float_v": "a cell in standby",
    "max_v": "a cell is full",
    "specific_resistance_ohm_ah": "10 s resistance at 25 degC times capacity, new",
    "resistance_sd": "spread of new cells' resistance between makes",
    "ln_rate": "fade over the ageing law's, 0: as the law says",
    "ln_rate_sd": "what is not known of it",
    "gain": "growth of resistance for loss of capacity",
    "gain_sd": "what is not known of it for a module",
    "cell_gain_sd": "spread of it between a module's cells",
    "cell_rate_sd": "spread of the fade between a module's cells",
    "resistance_by_soc": "resistance over that at full charge",
    "level_walk": "how far resistance wanders without ageing",
    "rate_walk": "how far the fade may quicken or slow",
    "hidden_walk": "how far capacity may go unseen by resistance",
    "relaxation": "how resistance still grows 10 s into a load",
    "heat_j_k_ah": "heat capacity of a cell",
    "gain_curves": "a gain that is no straight line, by charge",
    "growth_share": "what the growth of resistance is doubted by, over itself",
    "interval_share": "factor on the intervals of capacity, a calibration",
}
"""What each figure of a cell type is (``CellType``)."""


class _OrName(Listing):
    """Takes a word that is no command for the name of a type."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands:
            return "show", self.commands["show"], args
        return super().resolve_command(ctx, args)


@click.group(cls=_OrName, invoke_without_command=True, options_metavar="[NAME]")
@format_option()
@_CELLS
@click.pass_context
def chemistries(context: click.Context, form: str, config: Path | None) -> None:
    """List the types of cells that the estimator knows; with NAME, every figure and its source.

    chemistries fit makes a new type from a recorded discharge.

    \b
    Examples:
      bbu-agent chemistries
      bbu-agent chemistries nca-power --format csv
    \b
    Exit codes: 0 done, 2 wrong use or no such type.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    if context.invoked_subcommand is not None:
        return
    known = read_cells(config)
    if form == "json":
        click.echo(json.dumps([_as_json(name, cell) for name, cell in known.items()], indent=2))
        return
    show_rows = sheet if form == "csv" else table
    show_rows(
        ["name", "chemistry", "ageing law", "gain", "what it is"],
        [_line(name, cell) for name, cell in known.items()],
    )


@chemistries.command("show", hidden=True)
@click.argument("name")
@format_option()
@_CELLS
def show(name: str, form: str, config: Path | None) -> None:
    """Tell every figure of one type, with its unit and its source."""
    known = read_cells(config)
    if name not in known:
        near = did_you_mean(name, [*known, "fit"])
        message = f"no type of cell is named {shown(name)}; known are {', '.join(known)}{near}"
        click.echo(f"bbu-agent chemistries: {message}", err=True)
        sys.exit(2)
    content = _as_json(name, known[name])
    if form == "json":
        click.echo(json.dumps(content, indent=2))
        return
    figures = content["figures"]
    rows = [
        [row["figure"], _short(row["value"]), row["unit"], row["meaning"], row["source"]]
        for row in (figures if isinstance(figures, list) else [])
    ]
    columns = ["figure", "value", "unit", "meaning", "source"]
    if form == "csv":
        sheet(columns, rows)
        return
    click.echo(f"{name}: {content['title']} ({content['chemistry']})\n{content['about']}\n")
    law = entries()[known[name].like].law
    click.echo(f"Ages by {LAWS[law].name}: {LAW_SOURCES[law]}\n")
    table(columns, rows)


@chemistries.command()
@click.argument("telemetry", type=_FILE)
@click.option("--name", required=True, help="Name of the new type.")
@click.option("--meta", type=_FILE, help="What is known of the battery, as JSON (see replay).")
@click.option("--like", type=click.Choice(sorted(entries())), help="Type that it ages like.")
def fit(telemetry: Path, name: str, meta: Path | None, like: str | None) -> None:
    """Make a type of cell from the deepest discharge in TELEMETRY; writes YAML.

    The discharge goes from full to cut-off, 60 % of the capacity at least, sampled at least
    every 10 s in its first minute. Best is a slow one (10 hours or more, on a rig); rated power
    serves, better with a rest of 5 minutes after it. What it does not show is written beside it.
    Append the YAML to the configuration and name the type there: battery: {cell: cell-x}.

    \b
    Examples:
      bbu-agent chemistries fit telemetry.csv --name cell-x --like nca-power
      bbu-agent chemistries fit telemetry.csv --meta meta.json --name cell-x >> agent.yaml
    \b
    Exit codes: 0 done, 2 wrong use, or a discharge that does not show enough.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    # numpy and the readers take time that a list does not need.
    from agent.cli.cell_fit import fitted_yaml  # noqa: PLC0415 - see above

    try:
        click.echo(fitted_yaml(telemetry, meta, name, like), nl=False)
    except ConfigError as error:
        click.echo(f"bbu-agent chemistries fit: {error}", err=True)
        sys.exit(2)


def _line(name: str, cell: CellFacts) -> list[str]:
    entry = entries()[cell.like]
    about = entry.about if name == cell.like else f"described by the operator, like {cell.like}"
    return [name, cell.chemistry, LAWS[entry.law].name, f"{entry.cell.gain:g}", about]


def _as_json(name: str, cell: CellFacts) -> dict[str, object]:
    entry = entries()[cell.like]
    own = name == cell.like
    return {
        "name": name,
        "title": entry.cell.name if own else f"like {entry.cell.name}",
        "chemistry": str(cell.chemistry),
        "about": entry.about if own else f"Described by the operator; ages like {cell.like}.",
        "ageing_law": {"name": LAWS[entry.law].name, "source": LAW_SOURCES[entry.law]},
        "figures": _figures(entry, {} if own else _stated(cell)),
    }


def _stated(cell: CellFacts) -> dict[str, object]:
    names = {"cell_cutoff_v": "cutoff_v", "cell_float_v": "float_v", "cell_max_v": "max_v"}
    found = {names.get(key, key): value for key, value in cell.facts.items()}
    if cell.capacity_ah is not None and cell.resistance_ohm is not None:
        found["specific_resistance_ohm_ah"] = cell.capacity_ah * cell.resistance_ohm
    return found


def _figures(entry: Entry, stated: Mapping[str, object]) -> list[dict[str, object]]:
    return [
        {
            "figure": figure,
            "value": stated.get(figure, getattr(entry.cell, figure)),
            "unit": UNITS[figure],
            "meaning": MEANINGS[figure],
            "source": "the configuration" if figure in stated else source,
        }
        for figure, source in sorted(entry.sources.items(), key=lambda item: item[0])
    ]


def _short(value: object) -> str:
    """Show a number whole, a curve by its ends."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple) and value and isinstance(value[0][1], float):
        first, last = value[0], value[-1]
        return (
            f"{len(value)} points, {first[1]:g} at {first[0]:.0%} to {last[1]:g} at {last[0]:.0%}"
        )
    return f"{len(value)} curves" if isinstance(value, tuple) else str(value)
