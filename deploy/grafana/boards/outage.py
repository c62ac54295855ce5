"""An outage: which racks are on battery, how long they last, and which unit is the weakest."""

from deploy.grafana import kit
from deploy.grafana.board import Board, Row
from deploy.grafana.kit import (
    GREEN,
    GREY,
    ORANGE,
    PLACED,
    RACK_LINK,
    RED,
    SITE,
    SKY,
    UNIT_LINK,
    limit,
    steps,
)
from deploy.grafana.panels import Column, Label, Line, Sort, bars, chart, states, table, tile

_RACK = f'{SITE},rack=~"$rack"'
_IN_RACK = f"{PLACED}{{{_RACK}}}"
_DISCHARGING = f'bbu_discharge_running{{{SITE},kind="discharge"}} == 1'
_SITE_RACK = [Label("site", width=80), Label("rack", links=[RACK_LINK], width=90)]
_FLAG = [("on grid", GREEN), ("on battery", RED)]
_READY = [("below required", RED), ("no spare", ORANGE), ("spare", GREEN)]
_EVENT = 'kind="discharge"'
_ON_BATTERY = f"max by (rack) (rack:bbu_discharging:count{{{_RACK}}} > bool 0)"


def _now() -> Row:
    return Row(
        "How long does it last?",
        [
            tile(
                "Racks on battery",
                "Racks of which at least one unit carries load now.",
                f"sum(rack:bbu_discharging:count{{{_RACK}}} > bool 0)",
                at=steps(GREEN, (1, RED)),
                width=3,
            ),
            tile(
                "Units carrying load",
                "Units that discharge now, self-tests excepted.",
                f"sum(rack:bbu_discharging:count{{{_RACK}}})",
                at=steps(GREEN, (1, ORANGE)),
                width=3,
            ),
            tile(
                "Least time left",
                "Projected time until the weakest shelf on battery can no longer carry its "
                "load, lower end of the 90 % interval. '-' while no shelf is on battery.",
                f"min(bbu_shelf_time_left_lower_seconds{{{_RACK}}})",
                unit="s",
                decimals=0,
                at=steps(RED, (60, ORANGE), (180, GREEN)),
                width=3,
                empty="not on battery",
            ),
            tile(
                "Lost while discharging",
                "Units that fell silent while they carried load.",
                f'sum((bbu_finding{{{SITE},finding="lost_while_discharging"}} {_IN_RACK}) '
                f"or on (job, instance, unit) 0 * bbu_up{{{SITE}}})",
                at=steps(GREEN, (1, RED)),
                width=3,
            ),
            tile(
                "Energy given",
                "Energy that batteries delivered in discharges within the time range.",
                f"sum(increase(bbu_discharge_energy_joules_total{{{SITE},{_EVENT}}}[$__range]) "
                f"{_IN_RACK})",
                unit="joule",
                decimals=1,
                width=3,
            ),
            tile(
                "Shelves without a spare",
                "Shelves that have just what they need, or less.",
                f"sum(bbu_shelf_margin_units{{{_RACK}}} <= bool 0)",
                at=steps(GREEN, (1, ORANGE)),
                width=3,
            ),
            tile(
                "Lowest charge",
                "The lowest charge of any unit in the racks chosen.",
                f"min(rack:bbu_state_of_charge_ratio:min{{{_RACK}}})",
                unit="percentunit",
                decimals=0,
                at=steps(RED, (0.3, ORANGE), (limit("charged_state_of_charge_ratio"), GREEN)),
                width=3,
            ),
            tile(
                "Oldest answer",
                "Age of the oldest answer of any unit in the racks chosen: how far to trust "
                "this page.",
                f"max((time() - bbu_last_success_timestamp_seconds{{{SITE}}}) {_IN_RACK})",
                unit="s",
                decimals=0,
                at=steps(GREEN, (10, ORANGE), (60, RED)),
                width=3,
            ),
            chart(
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
            ),
            states(
                "Which racks, since when",
                "On battery: at least one unit of the rack carries load.",
                [
                    (
                        f"max by (rack) (rack:bbu_discharging:count{{{_RACK}}} > bool 0)",
                        "{{rack}}",
                        _FLAG,
                    )
                ],
                width=10,
                height=9,
            ),
        ],
    )


def _lasting(part: str) -> str:
    """Give a number of the shelves that will be empty first."""
    first = f"bottomk(6, bbu_shelf_time_left_lower_seconds{{{_RACK}}})"
    return (
        f"bbu_shelf_time_left_{part}{{{_RACK}}} and on (job, instance, site, rack, shelf) {first}"
    )


def _still_needed() -> str:
    """Give the required time less how long the shelf has been on battery, in seconds."""
    begun = (
        f"min by (job, instance, site, rack, shelf) "
        f"((bbu_last_event_start_timestamp_seconds{{{SITE},{_EVENT}}} "
        f"and on (job, instance, unit) {_DISCHARGING}) {_IN_RACK})"
    )
    return (
        f"clamp_min(bbu_shelf_required_seconds{{{_RACK}}} "
        f"- on (job, instance, site, rack, shelf) (time() - {begun}), 0)"
    )


def _units() -> Row:
    def last(name: str) -> str:
        return f"bbu_last_event_{name}{{{SITE},{_EVENT}}} {_IN_RACK}"

    return Row(
        "Which unit is the weakest?",
        [
            table(
                "Racks",
                "Each rack with what it can count on now and what it has given.",
                _SITE_RACK,
                [
                    Column("units", f"rack:bbu_units:count{{{_RACK}}}", decimals=0),
                    Column("carry load", f"rack:bbu_discharging:count{{{_RACK}}}", decimals=0),
                    Column(
                        "lowest charge",
                        f"rack:bbu_state_of_charge_ratio:min{{{_RACK}}}",
                        "percentunit",
                        0,
                    ),
                    Column(
                        "time left, at least",
                        f"bbu_rack_time_left_lower_seconds{{{_RACK}}}",
                        "s",
                        0,
                        at=steps(RED, (60, ORANGE), (180, GREEN)),
                    ),
                    Column(
                        "outages in range",
                        f"increase(bbu_rack_outages_total{{{_RACK}}}[$__range])",
                        decimals=0,
                    ),
                    Column(
                        "energy given",
                        f"bbu_rack_outage_energy_joules_total{{{_RACK}}}",
                        "joule",
                        1,
                    ),
                ],
                sort=Sort("time left, at least", descending=False),
                width=14,
                height=7,
            ),
            states(
                "Spare units of each shelf",
                "Whether a shelf has more ready units than it needs, just enough, or too few.",
                [
                    (
                        f"clamp(bbu_shelf_margin_units{{{_RACK}}}, -1, 1) + 1",
                        "{{rack}}/{{shelf}}",
                        _READY,
                    )
                ],
                width=10,
                height=7,
                empty="No shelf is configured",
            ),
            table(
                "Units: what the last discharge has shown",
                "The last discharge of each unit, the deepest sag first. A unit that sags more "
                "than its neighbours under the same load is the one to look at.",
                [
                    Label("rack", width=80),
                    Label("shelf", width=60),
                    Label("slot", width=55),
                    Label("unit", links=[UNIT_LINK], width=130),
                ],
                [
                    Column(
                        "began",
                        f"({last('start_timestamp_seconds')}) * 1000",
                        "dateTimeAsIso",
                        width=160,
                    ),
                    Column("took", last("duration_seconds"), "s", 0),
                    Column("peak power", last("peak_power_watts"), "watt", 0),
                    Column("energy", last("energy_joules"), "joule", 1),
                    Column("sag, 1 s", last("sag_1s_volts"), "volt", 2),
                    Column("sag, 10 s", last("sag_10s_volts"), "volt", 2),
                    Column("lowest cell", last("lowest_cell_voltage_volts"), "volt", 3),
                    Column("temperature rise", last("temperature_rise_celsius"), "celsius", 1),
                    Column(
                        "last answer",
                        f"(time() - bbu_last_success_timestamp_seconds{{{SITE}}}) {_IN_RACK} "
                        f"and on (job, instance, unit) bbu_last_event_start_timestamp_seconds"
                        f"{{{SITE},{_EVENT}}}",
                        "s",
                        0,
                    ),
                ],
                sort=Sort("sag, 1 s"),
                width=24,
                height=9,
                empty="No unit has discharged",
            ),
            bars(
                "Deepest sag",
                "Loss of voltage 1 s into the load in the last discharge, the ten largest. Compare "
                "units of one model under the same load.",
                [(f"sort_desc(topk(10, {last('sag_1s_volts')}))", "{{rack}} {{unit}}")],
                unit="volt",
                decimals=2,
                width=8,
                height=9,
                empty="No unit has discharged",
                links=[
                    kit.link("Open the unit", "bbu-unit", unit="${__field.labels.unit}"),
                ],
            ),
            chart(
                "Power",
                "What the batteries of each rack give, from current times voltage.",
                [
                    Line(
                        "sum by (rack) (clamp_min("
                        f"-bbu_battery_current_amperes{{{SITE}}} * on (job, instance, unit) "
                        f"bbu_battery_voltage_volts{{{SITE}}}, 0) {_IN_RACK})",
                        "{{rack}}",
                    )
                ],
                unit="watt",
                width=8,
                height=9,
                least=0,
            ),
            chart(
                "Lowest cell of each unit",
                "The lowest cell voltage of the eight weakest units in the racks chosen.",
                [
                    Line(
                        "bottomk(8, min by (job, instance, unit) "
                        f"(bbu_cell_voltage_volts{{{SITE}}}) {_IN_RACK})",
                        "{{rack}} {{unit}}",
                    )
                ],
                unit="volt",
                width=8,
                height=9,
            ),
        ],
    )


def _before_and_after() -> Row:
    return Row(
        "Before and after",
        [
            table(
                "The last discharge against the one before",
                "Left: as it stood at the beginning of the time range chosen; right: now. Choose "
                "a range that begins between the previous outage and this one. A sag that grew "
                "under the same power, or less health, is what this outage has taught or taken.",
                [Label("unit", links=[UNIT_LINK], width=150)],
                [
                    Column("sag before", _before(_sag()), "volt", 2),
                    Column("sag", _sag(), "volt", 2),
                    Column("power before", _before(_peak()), "watt", 0),
                    Column("power", _peak(), "watt", 0),
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
            ),
            table(
                "Predicted and seen",
                "Ride-through predicted before the last deep discharge over what it has shown: "
                "1.0 is exact, above 1 was too hopeful. Only a discharge deep enough to judge by "
                "is scored.",
                [Label("unit", links=[UNIT_LINK])],
                [
                    Column(
                        "predicted / seen",
                        f"bbu_last_prediction_ratio{{{SITE}}} {_IN_RACK}",
                        decimals=2,
                    ),
                    Column(
                        "scored",
                        f"bbu_predictions_total{{{SITE}}} {_IN_RACK}",
                        decimals=0,
                    ),
                    Column(
                        "inside the interval",
                        f"bbu_predictions_covered_total{{{SITE}}} {_IN_RACK}",
                        decimals=0,
                    ),
                ],
                sort=Sort("scored"),
                width=12,
            ),
            states(
                "Recharging",
                "Whether each unit charges. After an outage every unit should within minutes; "
                "else BbuNotRecharging fires.",
                [
                    (
                        f"max by (unit) (unit:bbu_recharging:state{{{SITE}}} {_IN_RACK})",
                        "{{unit}}",
                        [("no", GREY), ("charges", SKY)],
                    )
                ],
                width=12,
                height=8,
            ),
        ],
    )


def _of_last(name: str, at: str = "") -> str:
    return f"bbu_last_event_{name}{{{SITE},{_EVENT}}}{at}"


def _sag() -> str:
    return _of_last("sag_1s_volts")


def _peak() -> str:
    return _of_last("peak_power_watts")


def _lowest() -> str:
    return _of_last("lowest_cell_voltage_volts")


def _of_discharged(metric: str) -> str:
    return f"{metric}{{{SITE}}} and on (job, instance, unit) {_of_last('start_timestamp_seconds')}"


def _health() -> str:
    return _of_discharged("bbu_state_of_health_ratio")


def _charge() -> str:
    return _of_discharged("bbu_state_of_charge_ratio")


def _before(expr: str) -> str:
    """Give ``expr`` as it stood at the beginning of the time range."""
    first, comma, rest = expr.partition("}")
    return f"{first}{comma} @ ${{__from:date:seconds}}{rest}"


BOARD = Board(
    "bbu-outage",
    "BBU outage",
    "Which racks are on battery, how long they last, which unit is the weakest, and what "
    "the outage has taught.",
    kit.variables("site", "rack"),
    [_now(), _units(), _before_and_after()],
    time_from="now-30m",
    refresh="5s",
)
