"""States, measurements, self-tests and events of a unit over time."""

from agent.quantities import QUANTITIES
from deploy.grafana import kit
from deploy.grafana.board import Row
from deploy.grafana.boards.unit_parts import OF_UNIT
from deploy.grafana.kit import (
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    UNIT,
    YELLOW,
    limit,
    steps,
)
from deploy.grafana.panels import Line, Panel, States, chart, states
from deploy.grafana.tables import Column, Label, Sort, table

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


def states_row() -> Row:
    """Give the row with the title 'States and measurements'."""
    panels: list[Panel] = [_states_over_time(), _current(), _charge()]
    return Row("States and measurements", panels)


def _states_over_time() -> Panel:
    flag = [("no", GREY), ("yes", ORANGE)]
    return states(
        "States over time",
        "Verdict, how the unit answers, what the device says of its battery, and what "
        "it does. A gap: the unit was silent or does not report it.",
        [
            (kit.verdict(UNIT, "site, unit"), "{{unit}} verdict", kit.VERDICTS),
            (
                kit.coded("bbu_unit_state", UNIT, [word for word, _ in _ANSWERS], "site, unit"),
                "{{unit}} answers",
                _ANSWERS,
            ),
            (_coded("battery_status"), "{{unit}} battery", _named("battery_status")),
            (_coded("self_test_result"), "{{unit}} self-test", _named("self_test_result")),
            (
                f'max by (site, unit) (bbu_discharge_running{{{UNIT},kind="discharge"}})',
                "{{unit}} carries load",
                flag,
            ),
            (
                f'max by (site, unit) (bbu_discharge_running{{{UNIT},kind="self_test"}})',
                "{{unit}} tests itself",
                [("no", GREY), ("yes", YELLOW)],
            ),
        ],
        width=12,
        height=9,
    )


def _current() -> Panel:
    return chart(
        "Current",
        "Battery current, positive when charging.",
        [Line(f"bbu_battery_current_amperes{{{UNIT}}}", "{{unit}}")],
        unit="amp",
        width=6,
        height=9,
    )


def _charge() -> Panel:
    return chart(
        "Charge",
        "Charge left, of the present full charge, as the device says. Below the dashed "
        "line the unit does not count as ready.",
        [Line(f"bbu_state_of_charge_ratio{{{UNIT}}}", "{{unit}}")],
        unit="percentunit",
        at=steps("transparent", (limit("charged_state_of_charge_ratio"), ORANGE)),
        width=6,
        height=9,
    )


def events_row() -> Row:
    """Give the row with the title 'Self-tests and events'."""
    panels: list[Panel] = [_last_events(), _findings()]
    return Row("Self-tests and events", panels)


def _last(name: str) -> str:
    return f"bbu_last_event_{name}{{{UNIT}}}"


def _last_events() -> Panel:
    return table(
        "Last discharge and last self-test",
        "What the last event of each kind has shown. `bbu-agent events --unit UNIT` "
        "lists the earlier ones, and the agent's page draws their curves.",
        [OF_UNIT, Label("kind", width=100)],
        [
            Column(
                "began",
                f"{_last('start_timestamp_seconds')} * 1000",
                "dateTimeAsIso",
                width=160,
            ),
            Column("took", _last("duration_seconds"), "s", 0),
            Column("energy", _last("energy_joules"), "joule", 1),
            Column("peak power", _last("peak_power_watts"), "watt", 2),
            Column("depth", _last("depth_ratio"), "percentunit", 1),
            Column("sag, 1 s", _last("sag_1s_volts"), "volt", 2),
            Column("lowest cell", _last("lowest_cell_voltage_volts"), "volt", 3),
            Column("recharged in", _last("recharge_seconds"), "s", 0),
        ],
        sort=Sort("began"),
        width=15,
        height=7,
    )


def _findings() -> Panel:
    return table(
        "Findings",
        "What is wrong with the unit's discharges, tests and recharging, such as a "
        "failed or overdue self-test.",
        [OF_UNIT, Label("finding")],
        [Column("present", f"bbu_finding{{{UNIT}}}", decimals=0, width=80)],
        sort=Sort("unit", descending=False),
        width=9,
        height=7,
        empty="Nothing found",
    )


def _named(quantity: str) -> States:
    """Give the states of a quantity in our vocabulary, with their colours."""
    return [(state, _STATUS_COLOURS.get(state, GREY)) for state in QUANTITIES[quantity].states]


def _coded(quantity: str) -> str:
    return kit.coded(f"bbu_{quantity}", UNIT, QUANTITIES[quantity].states, "site, unit")
