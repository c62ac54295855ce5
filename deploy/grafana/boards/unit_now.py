"""The first screen of a unit: its verdict, the reasons, its alerts."""

from deploy.grafana import kit
from deploy.grafana.board import Row
from deploy.grafana.boards.unit_parts import OF_CELL, OF_UNIT
from deploy.grafana.kit import (
    GREEN,
    HEALTH,
    RED,
    RUNBOOK_LINK,
    SAME_UNIT,
    UNIT,
    age,
    limit,
    steps,
)
from deploy.grafana.panels import Panel, tile
from deploy.grafana.tables import Column, Label, Sort, table

_RIDE = limit("ride_through_probability_ratio")

_FIRING = kit.firing('unit=~"$unit"')

_URGENCY = kit.urgency('unit=~"$unit"')


def now_row() -> Row:
    """Give the row 'What is wrong with it, and since when'."""
    return Row(
        "What is wrong with it, and since when",
        [
            _verdict(),
            _last_answer(),
            _state_of_health(),
            _ride_through_at_least(),
            _chance_to_ride_through(),
            _charge(),
            _reasons_table(),
            _alerts_of_this_unit(),
            _identity(),
        ],
    )


def _number(metric: str, aggregate: str = "min") -> str:
    return f"{aggregate}({metric}{{{UNIT}}})"


def _verdict() -> Panel:
    return tile(
        "Verdict",
        "What to do about the unit; of several units the worst verdict. The reasons stand below.",
        f"max({kit.verdict(UNIT)})",
        states=kit.VERDICTS,
        width=4,
    )


def _last_answer() -> Panel:
    return tile(
        "Last answer",
        "Age of the readings on this page: time since the unit last answered. A unit "
        "that fell silent shows no readings, and its estimates as they were.",
        f"max(time() - bbu_last_success_timestamp_seconds{{{UNIT}}})",
        unit="s",
        decimals=0,
        at=age(GREEN),
    )


def _state_of_health() -> Panel:
    return tile(
        "State of health",
        "Capacity over rated capacity of the whole unit, our estimate. Its interval and "
        "each cell's stand below.",
        _number("bbu_state_of_health_ratio"),
        unit="percentunit",
        decimals=0,
        at=HEALTH,
    )


def _ride_through_at_least() -> Panel:
    return tile(
        "Ride-through, at least",
        "Time until the weakest cell is empty at rated power from the present charge; "
        "lower end of the 90 % interval. Absent while the unit is silent.",
        _number("bbu_ride_through_lower_seconds"),
        unit="s",
        decimals=0,
    )


def _chance_to_ride_through() -> Panel:
    return tile(
        "Chance to ride through",
        "Probability that the unit carries its rated power for the required time. Below "
        f"{_RIDE:.0%} BbuRideThroughShort fires.",
        _number("bbu_ride_through_probability_ratio"),
        unit="percentunit",
        decimals=0,
        at=steps(RED, (_RIDE, GREEN)),
    )


def _charge() -> Panel:
    return tile(
        "Charge",
        "Charge left, of the present full charge, as the device says.",
        _number("bbu_state_of_charge_ratio"),
        unit="percentunit",
        decimals=0,
        at=steps(RED, (limit("charged_state_of_charge_ratio"), GREEN)),
    )


def _reasons_table() -> Panel:
    return table(
        "Reasons behind the verdict",
        "Every reason, and the cell where one is meant. `bbu-agent explain UNIT` says "
        "them in words with their numbers. Nothing here: the unit has nothing against it.",
        [OF_UNIT, Label("reason"), OF_CELL],
        [
            Column("verdict", _reasons(kit.verdict(UNIT)), states=kit.VERDICTS, width=90),
            Column(
                "evidence",
                _reasons(f"bbu_health_evidence_timestamp_seconds{{{UNIT}}} * 1000"),
                "dateTimeFromNow",
                width=140,
            ),
        ],
        sort=Sort("verdict"),
        width=8,
        height=7,
        empty="Nothing against it",
    )


def _alerts_of_this_unit() -> Panel:
    return table(
        "Alerts of this unit",
        "Alerts that fire now for the unit; the name opens its runbook.",
        [
            Label("severity", hidden=True),
            Label("alertname", "alert", links=[RUNBOOK_LINK]),
            OF_UNIT,
            OF_CELL,
        ],
        [
            Column(
                "since",
                f"({_FIRING}) * 1000",
                "dateTimeFromNow",
                width=130,
            ),
            Column("severity", _URGENCY, states=kit.SEVERITIES, width=85, first=True),
        ],
        sort=Sort("severity", descending=False),
        width=8,
        height=7,
        empty="No alert fires",
    )


def _identity() -> Panel:
    return table(
        "What it is and where",
        "Identity by the configuration and by the device's own word.",
        [
            OF_UNIT,
            Label("rack", width=60),
            Label("shelf", width=55),
            Label("slot", width=45),
            Label("model"),
            Label("firmware"),
            Label("serial"),
        ],
        [
            Column(
                "cycles",
                f"(bbu_cycles_total{{{UNIT}}} or {SAME_UNIT} "
                f"0 * bbu_up{{{UNIT}}}) * {SAME_UNIT} "
                "group_left (rack, shelf, slot, model, firmware, serial) bbu_unit_info",
                decimals=0,
                width=70,
            )
        ],
        sort=Sort("unit", descending=False),
        width=8,
        height=7,
    )


def _reasons(expr: str) -> str:
    return f"bbu_health_reason{{{UNIT}}} * {SAME_UNIT} group_left () ({expr})"
