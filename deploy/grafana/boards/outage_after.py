"""What an outage has taught, against the one before."""

from deploy.grafana.board import Row
from deploy.grafana.boards.outage_parts import EVENT, IN_RACK
from deploy.grafana.kit import (
    GREY,
    SAME_UNIT,
    SITE,
    SKY,
    UNIT_LINK,
)
from deploy.grafana.panels import Panel, states
from deploy.grafana.tables import Column, Label, Sort, table


def before_and_after_row() -> Row:
    """Give the row 'Before and after'."""
    return Row(
        "Before and after",
        [_against_the_one_before(), _predicted_and_seen(), _recharging()],
    )


def _against_the_one_before() -> Panel:
    return table(
        "The last discharge against the one before",
        "Left: as it stood at the beginning of the time range chosen; right: now. Choose "
        "a range that begins between the previous outage and this one. A sag that grew "
        "under the same power, or less health, is what this outage has taught or taken.",
        [Label("site", width=80), Label("unit", links=[UNIT_LINK], width=150)],
        [
            Column("sag before", _before(_sag()), "volt", 2),
            Column("sag", _sag(), "volt", 2),
            Column("power before", _before(_peak()), "watt", 2),
            Column("power", _peak(), "watt", 2),
            Column(
                "lowest cell before",
                _before(_lowest()),
                "volt",
                3,
            ),
            Column("lowest cell", _lowest(), "volt", 3),
            Column(
                "health before",
                _before(_health()),
                "percentunit",
                1,
            ),
            Column("health", _health(), "percentunit", 1),
            Column("charge", _charge(), "percentunit", 0),
        ],
        sort=Sort("sag"),
        width=24,
        height=9,
        empty="No unit has discharged",
    )


def _predicted_and_seen() -> Panel:
    return table(
        "Predicted and seen",
        "Ride-through predicted before the last deep discharge over what it has shown: "
        "1.0 is exact, above 1 was too hopeful. Only a discharge deep enough to judge by "
        "is scored.",
        [Label("site", width=80), Label("unit", links=[UNIT_LINK])],
        [
            Column(
                "predicted / seen",
                f"bbu_last_prediction_ratio{{{SITE}}} {IN_RACK}",
                decimals=2,
            ),
            Column(
                "scored",
                f"bbu_predictions_total{{{SITE}}} {IN_RACK}",
                decimals=0,
            ),
            Column(
                "inside the interval",
                f"bbu_predictions_covered_total{{{SITE}}} {IN_RACK}",
                decimals=0,
            ),
        ],
        sort=Sort("scored"),
        width=12,
    )


def _recharging() -> Panel:
    return states(
        "Recharging",
        "Whether each unit charges. After an outage every unit should within minutes; "
        "else BbuNotRecharging fires.",
        [
            (
                f"max by (site, unit) (unit:bbu_recharging:state{{{SITE}}} {IN_RACK})",
                "{{unit}}",
                [("no", GREY), ("charges", SKY)],
            )
        ],
        width=12,
        height=8,
    )


def _of_last(name: str, at: str = "") -> str:
    return f"bbu_last_event_{name}{{{SITE},{EVENT}}}{at}"


def _sag() -> str:
    return _of_last("sag_1s_volts")


def _peak() -> str:
    return _of_last("peak_power_watts")


def _lowest() -> str:
    return _of_last("lowest_cell_voltage_volts")


def _of_discharged(metric: str) -> str:
    return f"{metric}{{{SITE}}} and {SAME_UNIT} {_of_last('start_timestamp_seconds')}"


def _health() -> str:
    return _of_discharged("bbu_state_of_health_ratio")


def _charge() -> str:
    return _of_discharged("bbu_state_of_charge_ratio")


def _before(expr: str) -> str:
    """Give ``expr`` as it stood at the beginning of the time range."""
    first, comma, rest = expr.partition("}")
    return f"{first}{comma} @ ${{__from:date:seconds}}{rest}"
