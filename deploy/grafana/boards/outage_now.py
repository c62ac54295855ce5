"""The first screen of an outage: how long does it last?"""

from deploy.grafana.board import Row
from deploy.grafana.boards.outage_parts import EVENT, IN_RACK, RACK, TIME_LEFT
from deploy.grafana.kit import (
    GREEN,
    ORANGE,
    RED,
    SAME_UNIT,
    SITE,
    limit,
    steps,
)
from deploy.grafana.panels import Line, Panel, chart, states, tile

_DISCHARGING = f'bbu_discharge_running{{{SITE},kind="discharge"}} == 1'

_FLAG = [("on grid", GREEN), ("on battery", RED)]


def now_row() -> Row:
    """Give the row 'How long does it last?'."""
    return Row(
        "How long does it last?",
        [
            _racks_on_battery(),
            _units_carrying_load(),
            _least_time_left(),
            _lost_while_discharging(),
            _energy_given(),
            _shelves_without_a_spare(),
            _lowest_charge(),
            _oldest_answer(),
            _time_left_and_needed(),
            _which_racks(),
        ],
    )


def _racks_on_battery() -> Panel:
    return tile(
        "Racks on battery",
        "Racks of which at least one unit carries load now.",
        f"sum(rack:bbu_discharging:count{{{RACK}}} > bool 0)",
        at=steps(GREEN, (1, RED)),
        width=3,
    )


def _units_carrying_load() -> Panel:
    return tile(
        "Units carrying load",
        "Units that discharge now, self-tests excepted.",
        f"sum(rack:bbu_discharging:count{{{RACK}}})",
        at=steps(GREEN, (1, ORANGE)),
        width=3,
    )


def _least_time_left() -> Panel:
    return tile(
        "Least time left",
        "Projected time until the weakest shelf on battery can no longer carry its "
        "load, lower end of the 90 % interval. '-' while no shelf is on battery.",
        f"min(bbu_shelf_time_left_lower_seconds{{{RACK}}})",
        unit="s",
        decimals=0,
        at=TIME_LEFT,
        width=3,
        empty="not on battery",
    )


def _lost_while_discharging() -> Panel:
    return tile(
        "Lost while discharging",
        "Units that fell silent while they carried load.",
        f'sum((bbu_finding{{{SITE},finding="lost_while_discharging"}} {IN_RACK}) '
        f"or {SAME_UNIT} 0 * bbu_up{{{SITE}}})",
        at=steps(GREEN, (1, RED)),
        width=3,
    )


def _energy_given() -> Panel:
    return tile(
        "Energy given",
        "Energy that batteries delivered in discharges within the time range.",
        f"sum(increase(bbu_discharge_energy_joules_total{{{SITE},{EVENT}}}[$__range]) {IN_RACK})",
        unit="joule",
        decimals=1,
        width=3,
    )


def _shelves_without_a_spare() -> Panel:
    return tile(
        "Shelves without a spare",
        "Shelves that have just what they need, or less.",
        f"sum(bbu_shelf_margin_units{{{RACK}}} <= bool 0)",
        at=steps(GREEN, (1, ORANGE)),
        width=3,
    )


def _lowest_charge() -> Panel:
    return tile(
        "Lowest charge",
        "The lowest charge of any unit in the racks chosen.",
        f"min(rack:bbu_state_of_charge_ratio:min{{{RACK}}})",
        unit="percentunit",
        decimals=0,
        at=steps(RED, (0.3, ORANGE), (limit("charged_state_of_charge_ratio"), GREEN)),
        width=3,
    )


def _oldest_answer() -> Panel:
    return tile(
        "Oldest answer",
        "Age of the oldest answer of any unit in the racks chosen: how far to trust this page.",
        f"max((time() - bbu_last_success_timestamp_seconds{{{SITE}}}) {IN_RACK})",
        unit="s",
        decimals=0,
        at=steps(GREEN, (10, ORANGE), (60, RED)),
        width=3,
    )


def _time_left_and_needed() -> Panel:
    return chart(
        "Projected time left and what is needed",
        "For the six shelves on battery with the least left: the lower end of the 90 % "
        "interval of the projected time left and (dashed) its estimate. Red: how long "
        "each still has to carry its load by its configuration. A shelf whose line is "
        "below its red one may not ride through.",
        [
            Line(_lasting("lower_seconds"), "{{rack}}/{{shelf}} at least"),
            Line(_lasting("seconds"), "{{rack}}/{{shelf}}", dashed=True),
            Line(_still_needed(), "{{rack}}/{{shelf}} still needed", RED, dashed=True),
        ],
        unit="s",
        width=14,
        height=9,
        least=0,
        empty="No shelf was on battery in this time range",
    )


def _which_racks() -> Panel:
    return states(
        "Which racks, since when",
        "On battery: at least one unit of the rack carries load.",
        [
            (
                f"max by (site, rack) (rack:bbu_discharging:count{{{RACK}}} > bool 0)",
                "{{rack}} {{site}}",
                _FLAG,
            )
        ],
        width=10,
        height=9,
    )


def _lasting(part: str) -> str:
    """Give a number of the shelves that will be empty first."""
    first = f"bottomk(6, bbu_shelf_time_left_lower_seconds{{{RACK}}})"
    return f"bbu_shelf_time_left_{part}{{{RACK}}} and on (job, instance, site, rack, shelf) {first}"


def _still_needed() -> str:
    """Give the required time less how long the shelf has been on battery, in seconds."""
    begun = (
        f"min by (job, instance, site, rack, shelf) "
        f"((bbu_last_event_start_timestamp_seconds{{{SITE},{EVENT}}} "
        f"and {SAME_UNIT} {_DISCHARGING}) {IN_RACK})"
    )
    return (
        f"clamp_min(bbu_shelf_required_seconds{{{RACK}}} "
        f"- on (job, instance, site, rack, shelf) (time() - {begun}), 0)"
    )
