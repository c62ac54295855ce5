"""``bbu-agent telemetry``: what the estimator of one unit has lately seen, for ``replay``."""

import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import click

from agent.cli.remote import agent_options, fetch
from agent.errors import ConfigError, StoreError
from agent.health.facts import complete
from agent.health.observation import Observation
from agent.health.seen import unpack
from agent.model import Battery
from agent.replay.write import meta_json, telemetry_csv
from agent.store.journal import KEPT_S
from agent.store.records import PARKED
from agent.store.snapshot import snapshot


@click.command()
@click.argument("unit")
@click.option(
    "--state-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Read the state directory of an agent, running or not, in place of asking it; nothing in "
    "it is changed.",
)
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path))
@agent_options
def telemetry(unit: str, state_dir: Path | None, out: Path, base: str) -> None:
    """Write what the estimator of UNIT saw in its last hour or two into the folder --out.

    telemetry.csv and meta.json are what bbu-agent replay takes. The running agent is asked;
    of one that has ended every sample is there up to the last second, however it ended. The
    state directory of a running one lacks up to a minute at rest.

    \b
    Examples:
      bbu-agent telemetry r12-a-3 --out seen
      bbu-agent telemetry r12-a-3 --state-dir /var/lib/bbu-agent --out seen
    \b
    Exit codes: 0 written, 2 wrong use, or nothing is held of the unit, 3 no agent answers.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    try:
        held = _asked(base, unit) if state_dir is None else _read(unit, state_dir)
        _write_files(out, unit, held)
    except (ConfigError, StoreError, OSError) as error:
        click.echo(f"bbu-agent telemetry: {error}", err=True)
        sys.exit(2)


class _Held(NamedTuple):
    """What is held of a unit: its observations, oldest first, and its battery as recorded."""

    seen: list[tuple[tuple[str, ...], Observation]]
    battery: object
    units: tuple[str, ...] = ()


def _asked(base: str, unit: str) -> _Held:
    answer = fetch(base, f"/api/v1/units/{quote(unit, safe='')}/seen")
    packed = [
        {"cells": row["cells"], "names": list(row), "values": list(row.values())}
        for row in answer["seen"]
    ]
    found = [one for row in packed if (one := unpack(row)) is not None]
    return _Held(found, answer["battery"])


def _read(unit: str, state_dir: Path) -> _Held:
    path = state_dir / "bbu-agent.sqlite"
    if not path.is_file():
        raise ConfigError(f"{state_dir} holds no {path.name}; name the agent's state_dir")
    with snapshot(path) as database:
        states, rows = database.states(), database.seen(unit)
    seen = [one for row in rows if (one := unpack(row.body)) is not None]
    body = states[unit].body if unit in states else {}
    units = sorted(name for name in states if not name.startswith(PARKED))
    return _Held(seen, body.get("battery"), tuple(units))


def _battery(held: object) -> Battery:
    required_s = held.get("required_seconds") if isinstance(held, dict) else None
    base = Battery(required_seconds=required_s) if isinstance(required_s, float) else Battery()
    try:
        return complete(base, held)
    except StoreError:
        return base


def _write_files(out: Path, unit: str, held: _Held) -> None:
    if not held.seen:
        known = f"; known are {', '.join(held.units)}" if held.units else ""
        raise ConfigError(
            f"the last {KEPT_S / 3600:.0f} hours hold no cells of {unit}{known}; "
            "bbu-agent status lists the units and which of them answer"
        )
    cells = held.seen[-1][0]
    seen = [one for named, one in held.seen if named == cells]
    out.mkdir(parents=True, exist_ok=True)
    (out / "telemetry.csv").write_text(telemetry_csv(seen, len(cells)), encoding="utf-8")
    (out / "meta.json").write_text(meta_json(unit, _battery(held.battery)), encoding="utf-8")
    click.echo(f"{len(seen)} samples of {len(cells)} cells in {out / 'telemetry.csv'}")
