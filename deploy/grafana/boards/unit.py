"""One unit (or a few): the verdict with its reasons, every cell, tests, events, polls."""

from agent.quantities import QUANTITIES
from deploy.grafana import kit
from deploy.grafana.board import Board, Row
from deploy.grafana.kit import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    RUNBOOK_LINK,
    SKY,
    UNIT,
    YELLOW,
    limit,
    steps,
)
from deploy.grafana.panels import (
    Column,
    Label,
    Line,
    Sort,
    States,
    chart,
    heatmap,
    states,
    table,
    tile,
)

_EOL = limit("end_of_life_state_of_health_ratio")
_RIDE = limit("ride_through_probability_ratio")
_GROWTH = limit("resistance_growth_ratio")
_WARM, _HOT, _COLD = (
    limit("over_temperature_warning_celsius"),
    limit("over_temperature_critical_celsius"),
    limit("under_temperature_celsius"),
)
_HEALTH = steps(RED, (_EOL, SKY), (0.9, GREEN))
_FIRING = kit.firing('unit=~"$unit"')
_URGENCY = kit.urgency('unit=~"$unit"')
_U, _UC = Label("unit", width=110), Label("cell", width=55)

_ANSWERS = [
    ("new", GREY),
    ("up", GREEN),
    ("degraded", ORANGE),
    ("down", RED),
    ("dormant", PURPLE),
]
_STATUS_COLOURS = {
    "normal": GREEN,
    "floating": GREEN,
    "resting": GREEN,
    "charging": SKY,
    "discharging": ORANGE,
    "test": YELLOW,
    "low": ORANGE,
    "depleted": RED,
    "fault": RED,
    "absent": RED,
    "passed": GREEN,
    "failed": RED,
    "warning": ORANGE,
    "aborted": ORANGE,
    "running": SKY,
}


def _named(quantity: str) -> States:
    """Give the states of a quantity in our vocabulary, with their colours."""
    return [(state, _STATUS_COLOURS.get(state, GREY)) for state in QUANTITIES[quantity].states]


def _coded(quantity: str) -> str:
    return kit.coded(f"bbu_{quantity}", UNIT, QUANTITIES[quantity].states, "unit")


def _now() -> Row:
    def number(metric: str, aggregate: str = "min") -> str:
        return f"{aggregate}({metric}{{{UNIT}}})"

    return Row(
        "What is wrong with it, and since when",
        [
            tile(
                "Verdict",
                "What to do about the unit; of several units the worst verdict. The reasons "
                "stand below.",
                f"max({kit.verdict(UNIT)})",
                states=kit.VERDICTS,
                width=4,
            ),
            tile(
                "Last answer",
                "Age of the readings on this page: time since the unit last answered. A unit "
                "that fell silent shows no readings, and its estimates as they were.",
                f"max(time() - bbu_last_success_timestamp_seconds{{{UNIT}}})",
                unit="s",
                decimals=0,
                at=steps(GREEN, (60, ORANGE), (300, RED)),
            ),
            tile(
                "State of health",
                "Capacity over rated capacity of the whole unit, our estimate. Its interval and "
                "each cell's stand below.",
                number("bbu_state_of_health_ratio"),
                unit="percentunit",
                decimals=0,
                at=_HEALTH,
            ),
            tile(
                "Ride-through, at least",
                "Time until the weakest cell is empty at rated power from the present charge; "
                "lower end of the 90 % interval. Absent while the unit is silent.",
                number("bbu_ride_through_lower_seconds"),
                unit="s",
                decimals=0,
            ),
            tile(
                "Chance to ride through",
                "Probability that the unit carries its rated power for the required time. Below "
                f"{_RIDE:.0%} BbuRideThroughShort fires.",
                number("bbu_ride_through_probability_ratio"),
                unit="percentunit",
                decimals=0,
                at=steps(RED, (_RIDE, GREEN)),
            ),
            tile(
                "Charge",
                "Charge left, of the present full charge, as the device says.",
                number("bbu_state_of_charge_ratio"),
                unit="percentunit",
                decimals=0,
                at=steps(RED, (limit("charged_state_of_charge_ratio"), GREEN)),
            ),
            table(
                "Reasons behind the verdict",
                "Every reason, and the cell where one is meant. `bbu-agent explain UNIT` says "
                "them in words with their numbers. Nothing here: the unit has nothing against it.",
                [_U, Label("reason"), _UC],
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
            ),
            table(
                "Alerts of this unit",
                "Alerts that fire now for the unit; the name opens its runbook.",
                [
                    Label("severity", hidden=True),
                    Label("alertname", "alert", links=[RUNBOOK_LINK]),
                    _U,
                    _UC,
                ],
                [
                    Column(
                        "since",
                        f"({_FIRING}) * 1000",
                        "dateTimeFromNow",
                        width=130,
                    ),
                    Column("severity", _URGENCY, states=kit.SEVERITIES, width=85),
                ],
                sort=Sort("severity", descending=False),
                width=8,
                height=7,
                empty="No alert fires",
            ),
            table(
                "What it is and where",
                "Identity by the configuration and by the device's own word.",
                [
                    _U,
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
                        f"(bbu_cycles_total{{{UNIT}}} or on (job, instance, unit) "
                        f"0 * bbu_up{{{UNIT}}}) * on (job, instance, unit) "
                        "group_left (rack, shelf, slot, model, firmware, serial) bbu_unit_info",
                        decimals=0,
                        width=70,
                    )
                ],
                sort=Sort("unit", descending=False),
                width=8,
                height=7,
            ),
        ],
    )


def _reasons(expr: str) -> str:
    return f"bbu_health_reason{{{UNIT}}} * on (job, instance, unit) group_left () ({expr})"


def _cells() -> Row:
    volts = f"bbu_cell_voltage_volts{{{UNIT}}}"
    imbalance = limit("cell_imbalance_ratio")
    return Row(
        "Cells",
        [
            heatmap(
                "Cell voltage less the unit's mean",
                "Each row is a cell: blue is below the mean of the unit's cells, red above. A "
                "cell that turns blue under load and comes back is weak; one that stays blue "
                "at rest loses charge. Choose one to three units.",
                f"{volts} - on (job, instance, unit) group_left () "
                f"avg by (job, instance, unit) ({volts})",
                "{{unit}} cell {{cell}}",
                unit="volt",
                span=(-0.05, 0.05),
                width=12,
                height=12,
            ),
            table(
                "Cells, our estimate with its 90 % interval",
                "Capacity over rated capacity and resistance over its value when new of each "
                "cell. A wide interval means little evidence: nothing has loaded the cell for "
                "long. The voltage is the reading; it is absent while the unit is silent.",
                [_U, _UC],
                [
                    Column("volts", volts, "volt", 3),
                    Column(
                        "at least",
                        f"bbu_cell_state_of_health_lower_ratio{{{UNIT}}}",
                        "percentunit",
                        0,
                        at=_HEALTH,
                    ),
                    Column(
                        "health",
                        f"bbu_cell_state_of_health_ratio{{{UNIT}}}",
                        "percentunit",
                        0,
                        at=_HEALTH,
                    ),
                    Column(
                        "at most",
                        f"bbu_cell_state_of_health_upper_ratio{{{UNIT}}}",
                        "percentunit",
                        0,
                    ),
                    *(
                        Column(
                            title,
                            f"bbu_cell_resistance_growth_{part}ratio{{{UNIT}}}",
                            decimals=2,
                            at=steps("text", (_GROWTH, ORANGE)),
                        )
                        for title, part in (
                            ("R at least", "lower_"),
                            ("R / new", ""),
                            ("R at most", "upper_"),
                        )
                    ),
                    Column("leak", f"bbu_cell_leak_amperes{{{UNIT}}}", "amp", 4),
                ],
                sort=Sort("health", descending=False),
                width=12,
                height=12,
            ),
            chart(
                "Weakest cell: state of health with its 90 % interval",
                "The cell that ends a discharge first, by our estimate. The dashed line is the "
                f"end of life ({_EOL:.0%}).",
                [
                    Line(_limiting("upper_"), "{{unit}} cell {{cell}}, at most", SKY),
                    Line(_limiting(""), "{{unit}} cell {{cell}}", BLUE),
                    Line(_limiting("lower_"), "{{unit}} cell {{cell}}, at least", ORANGE),
                ],
                unit="percentunit",
                at=steps("transparent", (_EOL, RED)),
                width=8,
            ),
            chart(
                "Spread of the cell voltages",
                "Highest less lowest cell over their mean. Above the dashed line for an hour at "
                "rest BbuCellImbalance fires; under load a spread is no fault.",
                [Line(f"unit:bbu_cell_voltage_spread:ratio{{{UNIT}}}", "{{unit}}")],
                unit="percentunit",
                at=steps("transparent", (imbalance, ORANGE)),
                width=8,
                least=0,
            ),
            chart(
                "Temperatures",
                "Sensors of the unit, cells and air. The dashed lines: too cold to charge "
                f"({_COLD:g} degC), ageing fast ({_WARM:g} degC), too hot ({_HOT:g} degC).",
                [
                    Line(f"bbu_temperature_celsius{{{UNIT}}}", "{{unit}} {{sensor}}"),
                    Line(f"bbu_cell_temperature_celsius{{{UNIT}}}", "{{unit}} cell {{cell}}"),
                    Line(
                        f"bbu_ambient_temperature_celsius{{{UNIT}}}",
                        "{{unit}} air {{sensor}}",
                        dashed=True,
                    ),
                ],
                unit="celsius",
                at=steps(BLUE, (_COLD, "transparent"), (_WARM, ORANGE), (_HOT, RED)),
                width=8,
            ),
        ],
    )


def _limiting(part: str) -> str:
    return (
        f"bbu_cell_state_of_health_{part}ratio{{{UNIT}}} "
        f"and on (job, instance, unit, cell) bbu_limiting_cell_info{{{UNIT}}}"
    )


def _states() -> Row:
    flag = [("no", GREY), ("yes", ORANGE)]
    return Row(
        "States and measurements",
        [
            states(
                "States over time",
                "Verdict, how the unit answers, what the device says of its battery, and what "
                "it does. A gap: the unit was silent or does not report it.",
                [
                    (kit.verdict(UNIT, "unit"), "{{unit}} verdict", kit.VERDICTS),
                    (
                        kit.coded("bbu_unit_state", UNIT, [word for word, _ in _ANSWERS], "unit"),
                        "{{unit}} answers",
                        _ANSWERS,
                    ),
                    (_coded("battery_status"), "{{unit}} battery", _named("battery_status")),
                    (_coded("self_test_result"), "{{unit}} self-test", _named("self_test_result")),
                    (
                        f'max by (unit) (bbu_discharge_running{{{UNIT},kind="discharge"}})',
                        "{{unit}} carries load",
                        flag,
                    ),
                    (
                        f'max by (unit) (bbu_discharge_running{{{UNIT},kind="self_test"}})',
                        "{{unit}} tests itself",
                        [("no", GREY), ("yes", YELLOW)],
                    ),
                ],
                width=12,
                height=9,
            ),
            chart(
                "Current",
                "Battery current, positive when charging.",
                [Line(f"bbu_battery_current_amperes{{{UNIT}}}", "{{unit}}")],
                unit="amp",
                width=6,
                height=9,
            ),
            chart(
                "Charge",
                "Charge left, of the present full charge, as the device says. Below the dashed "
                "line the unit does not count as ready.",
                [Line(f"bbu_state_of_charge_ratio{{{UNIT}}}", "{{unit}}")],
                unit="percentunit",
                at=steps("transparent", (limit("charged_state_of_charge_ratio"), ORANGE)),
                width=6,
                height=9,
            ),
        ],
    )


def _events() -> Row:
    def last(name: str) -> str:
        return f"bbu_last_event_{name}{{{UNIT}}}"

    return Row(
        "Self-tests and events",
        [
            table(
                "Last discharge and last self-test",
                "What the last event of each kind has shown. `bbu-agent events --unit UNIT` "
                "lists the earlier ones, and the agent's page draws their curves.",
                [_U, Label("kind", width=100)],
                [
                    Column(
                        "began",
                        f"{last('start_timestamp_seconds')} * 1000",
                        "dateTimeAsIso",
                        width=160,
                    ),
                    Column("took", last("duration_seconds"), "s", 0),
                    Column("energy", last("energy_joules"), "joule", 1),
                    Column("peak power", last("peak_power_watts"), "watt", 0),
                    Column("depth", last("depth_ratio"), "percentunit", 1),
                    Column("sag, 1 s", last("sag_1s_volts"), "volt", 2),
                    Column("lowest cell", last("lowest_cell_voltage_volts"), "volt", 3),
                    Column("recharged in", last("recharge_seconds"), "s", 0),
                ],
                sort=Sort("began"),
                width=15,
                height=7,
            ),
            table(
                "Findings",
                "What is wrong with the unit's discharges, tests and recharging, such as a "
                "failed or overdue self-test.",
                [_U, Label("finding")],
                [Column("present", f"bbu_finding{{{UNIT}}}", decimals=0, width=80)],
                sort=Sort("unit", descending=False),
                width=9,
                height=7,
                empty="Nothing found",
            ),
        ],
    )


def _polls() -> Row:
    return Row(
        "How it is read",
        [
            chart(
                "Poll duration",
                "How long the last poll of the unit took.",
                [Line(f"bbu_poll_duration_seconds{{{UNIT}}}", "{{unit}}")],
                unit="s",
                width=8,
                least=0,
            ),
            chart(
                "Failed polls by cause",
                "Polls a second that failed. NoAnswer: silence; BadAnswer: garbled; Refused: "
                "the device lives and says no.",
                [
                    Line(
                        "sum by (unit, cause) "
                        f"(rate(bbu_poll_errors_total{{{UNIT}}}[$__rate_interval])) > 0",
                        "{{unit}} {{cause}}",
                    )
                ],
                unit="reqps",
                width=8,
                least=0,
                empty="No poll failed",
            ),
            chart(
                "Age of the data",
                "Time since the last answer; and since any voltage, current or temperature "
                "last moved, which grows without end where telemetry is frozen.",
                [
                    Line(
                        f"time() - bbu_last_success_timestamp_seconds{{{UNIT}}}",
                        "{{unit}} answered",
                    ),
                    Line(
                        f"time() - bbu_measurements_changed_timestamp_seconds{{{UNIT}}}",
                        "{{unit}} moved",
                        dashed=True,
                    ),
                ],
                unit="s",
                width=8,
                least=0,
            ),
            table(
                "Fields without a usable value",
                "How often each quantity was refused, implausible or missing since the agent "
                "started, by reason. Such a value is absent everywhere, never 0.",
                [_U, Label("quantity"), Label("reason")],
                [
                    Column(
                        "times",
                        f"bbu_field_faults_total{{{UNIT}}}",
                        decimals=0,
                    ),
                    Column(
                        "last hour",
                        f"increase(bbu_field_faults_total{{{UNIT}}}[1h])",
                        decimals=0,
                        at=steps("text", (limit("implausible_per_hour"), ORANGE)),
                    ),
                ],
                sort=Sort("times"),
                width=24,
                height=6,
                empty="Every field gives values",
            ),
        ],
    )


BOARD = Board(
    "bbu-unit",
    "BBU unit",
    "One unit or a few: the verdict and its reasons, every cell, self-tests, events and polls.",
    kit.variables("unit"),
    [_now(), _cells(), _states(), _events(), _polls()],
    time_from="now-24h",
)
