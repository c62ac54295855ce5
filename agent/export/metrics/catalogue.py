"""``docs/metrics.md``: every family that the agent can export.

Write it again with ``python -m agent.export.metrics.catalogue docs/metrics.md``.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from agent.export.metrics import agent, events, places, units
from agent.export.metrics.families import Family, Shape, quantity_family
from agent.quantities import QUANTITIES, Kind

_HEAD = """# Metrics

Generated from the vocabulary by `python -m agent.export.metrics.catalogue docs/metrics.md`; a test
checks that it is current.

Rules that hold for all of them:

- What is not known is not exported: no NaN, no zero in place of a missing value. A reading
  that is refused, implausible or too old is absent, and `bbu_field_faults_total` counts why.
- When a unit stops answering, its readings vanish and `bbu_up` becomes 0. Our estimates of
  its battery stay; the ride-through, which starts from the present charge, does not.
- Our estimates have six significant digits, readings all that the device sends.
- Samples carry no timestamps. Currents are positive when charging, ratios are 0 to 1, and
  charge is in ampere-hours.
- `cell` counts from 1 as the device does. Identity and place are labels of `bbu_unit_info`:
  join them with `* on (unit) group_left (rack, shelf, slot) bbu_unit_info`.
- A reading of a part has a family of its own, so that parts never stand beside totals:
  `bbu_module_battery_voltage_volts{module="3"}`, and likewise `bbu_string_`, `bbu_phase_`
  and, where the device does not say what it counts, `bbu_part_`. The identity of a part is
  in `bbu_module_info` and its like.
- A state set has one series for each of its states, labelled by its own name; exactly one is 1.
"""


def readings() -> list[Family]:
    """Give the family of every quantity that can be a series, for whole units."""
    return [
        quantity_family(quantity.key)
        for quantity in QUANTITIES.values()
        if quantity.kind is not Kind.TEXT
    ]


def everything() -> list[Family]:
    """Give every family but those of parts and of the process."""
    return [
        *units.FAMILIES,
        *events.FAMILIES,
        *readings(),
        *places.FAMILIES,
        *agent.FAMILIES,
    ]


def markdown() -> str:
    """Give the whole document."""
    estimates = {family.name for band in units.BANDS for family in band}
    sections = {
        "Units: how they answer, verdict, reasons": [
            f for f in units.FAMILIES if f.name not in estimates
        ],
        "Units: our estimates": [f for f in units.FAMILIES if f.name in estimates],
        "Units: readings": readings(),
        "Units: discharges, self-tests and ride-through": events.FAMILIES,
        "Shelves and racks": places.FAMILIES,
        "The agent": agent.FAMILIES,
    }
    parts = [_HEAD]
    for title, families in sections.items():
        parts += [f"## {title}\n", _table(families), ""]
    parts.append("The standard `process_` metrics are exported too.\n")
    return "\n".join(parts)


def _table(families: Iterable[Family]) -> str:
    rows = ["| name | kind | labels | meaning |", "|---|---|---|---|"]
    for family in sorted(families, key=lambda f: f.name):
        own = [family.name] if family.shape is Shape.STATESET else []
        labels = ", ".join(f"`{label}`" for label in (*family.labels, *own))
        states = f" States: {', '.join(family.states)}." if family.states else ""
        rows.append(f"| `{family.name}` | {family.shape} | {labels} | {family.help}{states} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), "utf-8")
