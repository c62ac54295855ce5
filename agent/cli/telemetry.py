"""``bbu-agent telemetry``: what the estimator of one unit has lately seen, for ``replay``."""

import asyncio
import sys
from pathlib import Path

import click

from agent.errors import ConfigError, StoreError
from agent.health.facts import complete
from agent.health.observation import Observation
from agent.health.seen import unpack
from agent.model import Battery
from agent.replay.write import meta_json, telemetry_csv
from agent.store.database import PARKED
from agent.store.history import HistoryStore
from agent.store.journal import KEPT_S


@click.command()
@click.argument("unit")
@click.option(
    "--state-dir",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="State directory of an agent that does not run now: it holds its file alone.",
)
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path))
def telemetry(unit: str, state_dir: Path, out: Path) -> None:
    """Write what the estimator of UNIT saw in its last hour or two into the folder --out.

    telemetry.csv and meta.json are what bbu-agent replay takes. Every sample is there as
    the agent saw it, up to the last second before it ended, however it ended.

    \b
    Example:
      bbu-agent telemetry r12-a-3 --state-dir /var/lib/bbu-agent --out seen
    \b
    Exit codes: 0 written, 2 wrong use, or nothing is held of the unit.
    """  # noqa: D301 - the marks are click's, for lines that stay as they are
    held = state_dir / "bbu-agent.sqlite"
    if not held.is_file():
        raise ConfigError(
            f"bbu-agent telemetry: {state_dir} holds no bbu-agent.sqlite; "
            "see state_dir in the configuration"
        )
    try:
        asyncio.run(_write(unit, held, out))
    except (ConfigError, OSError) as error:
        click.echo(f"bbu-agent telemetry: {error}", err=True)
        sys.exit(2)


async def _write(unit: str, path: Path, out: Path) -> None:
    history = HistoryStore(path)
    try:
        states = await history.load_states()
        rows = await history.seen(unit)
        if history.problem is not None:
            raise ConfigError(history.problem)
    finally:
        await history.close()
    found = [one for row in rows if (one := unpack(row.body)) is not None]
    if not found:
        units = ", ".join(sorted(u for u in states if not u.startswith(PARKED))) or "no unit"
        raise ConfigError(
            f"the last {KEPT_S / 3600:.0f} hours hold no cells of {unit}; known are {units}"
        )
    cells = found[-1][0]
    seen = [one for named, one in found if named == cells]
    _write_files(out, unit, seen, len(cells), _battery(states[unit].body if unit in states else {}))


def _battery(body: object) -> Battery:
    held = body.get("battery") if isinstance(body, dict) else None
    required_s = held.get("required_seconds") if isinstance(held, dict) else None
    base = Battery(required_seconds=required_s) if isinstance(required_s, float) else Battery()
    try:
        return complete(base, held)
    except StoreError:
        return base


def _write_files(
    out: Path, unit: str, seen: list[Observation], cells: int, battery: Battery
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "telemetry.csv").write_text(telemetry_csv(seen, cells), encoding="utf-8")
    (out / "meta.json").write_text(meta_json(unit, battery), encoding="utf-8")
    click.echo(f"{len(seen)} samples of {cells} cells in {out / 'telemetry.csv'}")
