"""Which units and racks of the fleet need attention."""

from itertools import pairwise

from deploy.grafana import kit
from deploy.grafana.board import Row
from deploy.grafana.kit import (
    EOL,
    GREEN,
    HEALTH,
    PLACED,
    RACK_LINK,
    RED,
    SAME_UNIT,
    SITE,
    UNIT_LINK,
    age,
    limit,
    steps,
)
from deploy.grafana.panels import Panel, bars
from deploy.grafana.tables import Column, Label, Sort, table

_RIDE = limit("ride_through_probability_ratio")

_CHANCE = steps(RED, (_RIDE, GREEN))

_AGE = age("text")

_PLACE = [
    Label("site", width=80),
    Label("rack", links=[RACK_LINK], width=80),
    Label("shelf", width=60),
    Label("slot", width=55),
    Label("unit", links=[UNIT_LINK], width=130),
]

_AGE_OF_UNIT = f"(time() - bbu_last_success_timestamp_seconds{{{SITE}}})"

# The order of need: the verdict first, then what is known of the capacity.
_NEED = (
    f"({kit.verdict(SITE)} - {SAME_UNIT} "
    f"(bbu_state_of_health_lower_ratio{{{SITE}}} or {SAME_UNIT} 0 * bbu_up{{{SITE}}}))"
)

_WORST = f"(topk(20, {_NEED}) >= 0)"

_REASONS = f"(bbu_health_reason{{{SITE}}} and {SAME_UNIT} {_WORST}) {PLACED}{{{SITE}}}"


def units_row() -> Row:
    """Give the row 'Which units'."""
    return Row(
        "Which units",
        [_worst_units(), _racks(), _classes_of_health()],
    )


def _worst_units() -> Panel:
    return table(
        "Worst 20 units, with the reasons",
        "The 20 units that need attention most, by verdict and then by the lower end of "
        "their state of health; one row for each reason. A unit without any reason is "
        "not listed. 'last answer' is the age of what stands in the row. `bbu-agent "
        "explain UNIT` says the reasons in words.",
        [*_PLACE, Label("reason"), Label("cell", width=55)],
        [
            Column("verdict", _beside_reasons(kit.verdict(SITE)), states=kit.VERDICTS, width=90),
            Column(
                "state of health",
                _beside_reasons(f"bbu_state_of_health_ratio{{{SITE}}}"),
                "percentunit",
                0,
                at=HEALTH,
            ),
            Column(
                "at least",
                _beside_reasons(f"bbu_state_of_health_lower_ratio{{{SITE}}}"),
                "percentunit",
                0,
                at=HEALTH,
            ),
            Column(
                "ride-through, at least",
                _beside_reasons(f"bbu_ride_through_lower_seconds{{{SITE}}}"),
                "s",
                0,
            ),
            Column(
                "chance to ride through",
                _beside_reasons(f"bbu_ride_through_probability_ratio{{{SITE}}}"),
                "percentunit",
                0,
                at=_CHANCE,
            ),
            Column("last answer", _beside_reasons(_AGE_OF_UNIT), "s", 0, at=_AGE),
        ],
        sort=Sort("verdict"),
        height=10,
        empty="No unit has anything against it",
    )


def _racks() -> Panel:
    return table(
        "Racks: least ride-through",
        "For each rack the unit that lasts shortest at rated power from its present "
        "charge (lower end of the 90 % interval), the smallest chance that a unit rides "
        "through, the lowest charge, and the age of the oldest answer.",
        [Label("site", width=80), Label("rack", links=[RACK_LINK])],
        [
            Column("units", f"rack:bbu_units:count{{{SITE}}}", decimals=0),
            Column("answering", f"rack:bbu_up:count{{{SITE}}}", decimals=0),
            Column(
                "ride-through, at least",
                f"rack:bbu_ride_through_lower_seconds:min{{{SITE}}}",
                "s",
                0,
            ),
            Column(
                "least chance",
                f"min by (site, rack) (bbu_ride_through_probability_ratio{{{SITE}}} "
                f"{PLACED}{{{SITE}}})",
                "percentunit",
                0,
                at=_CHANCE,
            ),
            Column(
                "lowest charge",
                f"rack:bbu_state_of_charge_ratio:min{{{SITE}}}",
                "percentunit",
                0,
                at=steps(RED, (limit("charged_state_of_charge_ratio"), GREEN)),
            ),
            Column("oldest answer", f"{_AGE_OF_UNIT} {PLACED}{{{SITE}}}", "s", 0, at=_AGE),
        ],
        sort=Sort("ride-through, at least", descending=False),
        width=14,
        height=9,
    )


def _classes_of_health() -> Panel:
    return bars(
        "Units by state of health",
        "How many units have a state of health (capacity over rated capacity, our "
        f"estimate) in each class. Below {EOL:.0%} a battery is at its end of life.",
        _classes(),
        width=10,
        height=9,
        decimals=0,
    )


def _beside_reasons(expr: str) -> str:
    """Repeat a number of a unit for each reason, so that rows join."""
    return f"({_REASONS}) * {SAME_UNIT} group_left () ({expr})"


def _classes() -> list[tuple[str, str]]:
    """Count units in classes of their state of health."""
    edges = [0, EOL, EOL + 0.1, EOL + 0.2, EOL + 0.25, 10]
    health = f"bbu_state_of_health_ratio{{{SITE}}}"
    found = []
    for low, high in pairwise(edges):
        name = f"{low:.0%} to {high:.0%}"
        if low == 0:
            name = f"below {high:.0%}"
        if high == edges[-1]:
            name = f"from {low:.0%}"
        inside = f"({health} >= bool {low:g}) * ({health} < bool {high:g})"
        found.append((f"sum({inside})", name))
    return found
