"""The command ``bbu-sim inject``: break, test or heal something while the simulator runs."""

import sys
from pathlib import Path

import click

from simulators.control import ControlError, command
from simulators.device.faults import BatteryFaultKind
from simulators.wire.faults import OF_A_BUS, WireFaultKind

_EVENTS = ("outage", "self-test", "heat")
_KINDS = [*map(str, BatteryFaultKind), *map(str, WireFaultKind), *_EVENTS, "heal"]
_REFUSED = 2


@click.command(short_help="Let FAULT befall UNIT of the simulator in --run-dir.")
@click.argument("target", metavar="UNIT")
@click.argument("fault", metavar="FAULT", type=click.Choice(_KINDS))
@click.option(
    "--run-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("run"),
    show_default=True,
    help="Folder of the running simulator.",
)
@click.option("--cell", type=int, help="The series element, from 1.")
@click.option("--size", type=float, help="Size of a battery fault, in the unit of its kind.")
@click.option("--over", help='Time in which it grows, such as "5 min".')
@click.option("--for", "length", help='How long, such as "30 s"; a fault without it stays.')
@click.option("--value", type=float, help="Value of a wire fault: seconds, exception code.")
@click.option("--share", type=float, help="Share of the answers that are hit, 0 to 1.")
@click.option("--load", type=float, help="Load in an outage, as a share of the rated power.")
@click.option("--rise", help='How much the air warms, such as "12 K".')
def inject(target: str, fault: str, run_dir: Path, length: str | None, **options: object) -> None:
    """Let FAULT befall UNIT (a unit, bus or rack) of the simulator that runs in --run-dir.

    \b
    Faults of a cell: open-cell, fast-ageing, weld, micro-short, hard-short, sensor-drift,
      stuck-sensor, stuck-balancing. Of a module: failed-charger, stuck-fan, pulled, replaced.
    Faults of the wire: see docs/simulators.md. Events: outage, self-test, heat.
    "heal" ends every fault of UNIT that can end.
    \b
    Examples:
      bbu-sim inject r12-a-1 silent --for "30 s"
      bbu-sim inject r12-a-1 bit-errors --share 0.2
      bbu-sim inject r12-a-2 hard-short --cell 5 --size 8 --over "3 min"
      bbu-sim inject r12-b-1 pulled --for "1 min"
      bbu-sim inject shelf-a second-master --value 0.3
      bbu-sim inject r12 outage --for "20 s" --load 0.7
      bbu-sim inject r12-a-1 heal
    """  # noqa: D301 - click's mark for text that keeps its lines
    given = {key: value for key, value in options.items() if value is not None}
    try:
        told = command(run_dir, _content(target, fault, length, given))
    except ControlError as error:
        click.echo(f"bbu-sim: {error}", err=True)
        sys.exit(_REFUSED)
    click.echo(told)


def _content(
    target: str, fault: str, length: str | None, given: dict[str, object]
) -> dict[str, object]:
    if fault == "heal":
        return {"heal": target}
    if fault in _EVENTS:
        where = {"units": [target]} if fault == "self-test" else {"rack": target}
        if length is None:
            raise click.UsageError(f'{fault} needs --for, how long it lasts, such as "20 s"')
        return {"event": {"at": "0 s", "kind": fault, "length": length, **where, **given}}
    if length is not None:
        given["until"] = length
    whose = "bus" if fault in set(map(str, OF_A_BUS)) else "unit"
    return {"fault": {whose: target, "kind": fault, "at": "0 s", **given}}
