"""Writes a type of cell that a discharge showed as YAML for the configuration."""

from pathlib import Path

import click

from agent.config.cells import read_cells
from agent.config.words import NAME
from agent.errors import ConfigError
from agent.health.chemistry import cell_type
from agent.health.library import entries
from agent.model import Battery, Chemistry
from agent.replay.fit import Fitted, fit, rows_of
from agent.replay.markup import date
from agent.replay.meta import read_meta
from agent.replay.telemetry import read_telemetry


def fitted_yaml(telemetry: Path, meta: Path | None, name: str, like: str | None) -> str:
    """Fit ``telemetry`` and give the entry of ``cells``.

    Raises ConfigError where that cannot be done.
    """
    try:
        NAME.parse(name)
    except ValueError as error:
        raise ConfigError(f"the name {name!r} {error}") from error
    if name in entries():
        raise ConfigError(f"{name} is the name of a type of the library; choose another")
    about = read_meta(meta, read_cells(None))
    for note in about.notes:
        click.echo(f"bbu-agent chemistries fit: {note}", err=True)
    battery = about.battery
    key = like or _like(battery)
    recorded = read_telemetry(telemetry, about.charge_sign)
    rows = rows_of(recorded.observations)
    found = fit(
        rows,
        entries()[key].cell,
        rated_ah=battery.rated_capacity_ah,
        cutoff_v=battery.cell_cutoff_v,
    )
    return _yaml(found, battery, name, key, telemetry.name)


def _like(battery: Battery) -> str:
    if battery.chemistry is Chemistry.UNKNOWN:
        raise ConfigError("what does it age like? Give --like, or a META with its chemistry")
    chosen = cell_type(battery).name
    return next(key for key, entry in entries().items() if entry.cell.name == chosen)


def _yaml(found: Fitted, battery: Battery, name: str, like: str, file: str) -> str:
    parallel = battery.parallel or 1
    how = f"at {found.rate_c:.2g} C and {found.celsius:.0f} degC"
    lines = [f"# Measured: the discharge of {date(found.begun_s)}, {how}; cells age."]
    lines += [f"# Not shown: {text}." for text in found.limits]
    if battery.parallel is None:
        lines.append("# Of a whole series cell: n_parallel is not known, so parallel is 1 here.")
    lines += ["cells:", f"  {name}:", f"    like: {like}"]
    lines.append(f"    capacity: {found.capacity_ah / parallel:.4g} Ah")
    if found.resistance_ohm is not None:
        lines.append(f"    resistance: {found.resistance_ohm * parallel * 1000:.4g} mOhm")
    if battery.cell_cutoff_v is not None:
        lines.append(f"    cell_cutoff: {battery.cell_cutoff_v:g} V")
    lines.append("    ocv:")
    lines += [f"      {soc * 100:g} %: {volts:.3f} V" for soc, volts in found.ocv]
    printable = "".join(c for c in file if c.isprintable() and c not in "\"'\\")[:200]
    lines.append(f'    source: "bbu-agent chemistries fit {printable}"')
    return "\n".join(lines) + "\n"
