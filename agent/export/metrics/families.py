"""Metric families: names, label sets and help texts, derived from the vocabulary.

Prometheus naming (https://prometheus.io/docs/practices/naming/): a prefix, base units with
the unit as a plural suffix, ``_total`` for counters, ``_ratio`` for 0 to 1. Charge is in
``amperehours``, the one departure: every battery data sheet uses it, and ``ampere_hours``
would read as a time. Any family has one label set, and a part never stands beside a total,
because a sum over both would count twice: readings of a module, a string or a phase get a
family of their own (``bbu_module_battery_voltage_volts{module="3"}``).
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from agent.quantities import QUANTITIES, Kind, Quantity, Scope


class Shape(StrEnum):
    """How a family is exposed; the values are the type names of OpenMetrics."""

    GAUGE = "gauge"
    COUNTER = "counter"
    INFO = "info"
    STATESET = "stateset"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family. ``name`` is the name of its samples.

    ``labels`` are in the order of the values; a state set has a further label, named as
    the family, for each of ``states``. ``unit`` is the suffix of the name, if it has one.
    ``form`` is how a value is written, as ``format`` takes it; empty for in full.
    """

    name: str
    shape: Shape
    help: str
    labels: tuple[str, ...] = ("unit",)
    unit: str = ""
    states: tuple[str, ...] = ()
    form: str = ""


SUFFIXES = {
    "V": "volts",
    "A": "amperes",
    "W": "watts",
    "Ah": "amperehours",
    "ohm": "ohms",
    "degC": "celsius",
    "s": "seconds",
    "ratio": "ratio",
    "": "",
}
"""The suffix of a metric name by the unit of its quantity."""

# Where the key and its suffix would read double or like a part of a histogram.
_STEMS = {
    "seconds_on_battery": "on_battery",
    "cycle_count": "cycles",
    "self_test_count": "self_tests",
}
_SCOPE_LABELS = {Scope.CELL: "cell", Scope.SENSOR: "sensor", Scope.NAME: "alarm"}
_SHAPES = {Kind.COUNTER: Shape.COUNTER, Kind.STATE: Shape.STATESET, Kind.TEXT: Shape.INFO}
_READING = " Read from the device; absent unless fresh and plausible."
PARTS = ("module", "string", "phase")
"""Kinds of part that an index may name, as in "module:3"."""
OTHER_PART = "part"
"""The label of an index that does not say what it counts."""


def scope_label(quantity: Quantity) -> tuple[str, ...]:
    """Name the label that the scope of ``quantity`` adds, if it adds one."""
    label = _SCOPE_LABELS.get(quantity.scope)
    return (label,) if label else ()


def locate(quantity: Quantity, index: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split ``index`` into the kinds of part it names and the label values it gives.

    "module:3" is a part, and "module:3/7" the seventh cell or sensor of one; for a cell or
    a sensor a bare index is its name. What fits neither is a part of unknown kind.
    """
    kinds: list[str] = []
    values: list[str] = []
    rest = index or ""
    while rest:
        segment, _, after = rest.partition("/")
        kind, colon, name = segment.partition(":")
        if not (colon and name and kind in PARTS and kind not in kinds):
            break
        kinds.append(kind)
        values.append(name)
        rest = after
    if scope_label(quantity):
        values.append(rest)
    elif rest:
        bare_phase = quantity.scope is Scope.PHASE and "phase" not in kinds
        kinds.append("phase" if bare_phase else OTHER_PART)
        values.append(rest)
    return tuple(kinds), tuple(values)


@cache
def quantity_family(key: str, parts: tuple[str, ...] = ()) -> Family:
    """Give the family of the readings of a quantity that lie in ``parts``."""
    quantity = QUANTITIES[key]
    stem, unit = _stem_and_unit(quantity)
    name = "_".join(("bbu", *parts, stem, *([unit] if unit else [])))
    if quantity.kind is Kind.COUNTER:
        name += "_total"
    return Family(
        name,
        _SHAPES.get(quantity.kind, Shape.GAUGE),
        quantity.help + _READING,
        ("unit", *parts, *scope_label(quantity)),
        unit,
        quantity.states,
    )


def _stem_and_unit(quantity: Quantity) -> tuple[str, str]:
    if quantity.kind is Kind.TIMESTAMP:
        stem = quantity.key.removesuffix("_time").removesuffix("_date")
        return f"{stem}_timestamp", "seconds"
    return _STEMS.get(quantity.key, quantity.key), SUFFIXES[quantity.unit]


IDENTITY_LABELS = {
    "manufacturer": "manufacturer",
    "model": "model",
    "serial": "serial_number",
    "firmware": "firmware_version",
    "chemistry": "battery_chemistry",
    "manufactured": "manufacture_date",
}
"""Labels of the info families and the identity quantities that fill them."""


@cache
def part_info(parts: tuple[str, ...]) -> Family:
    """Give the family that says what the parts of a unit are."""
    return Family(
        "_".join(("bbu", *parts, "info")),
        Shape.INFO,
        f"What a {' of a '.join(reversed(parts))} is, as the device says.",
        ("unit", *parts, *IDENTITY_LABELS),
    )
