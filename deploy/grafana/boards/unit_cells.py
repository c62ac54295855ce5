"""Every cell of a unit."""

from deploy.grafana.board import Row
from deploy.grafana.boards.unit_parts import OF_CELL, OF_UNIT
from deploy.grafana.kit import (
    BLUE,
    EOL,
    HEALTH,
    ORANGE,
    RED,
    SAME_UNIT,
    SKY,
    UNIT,
    limit,
    steps,
)
from deploy.grafana.panels import Line, Panel, chart, heatmap
from deploy.grafana.tables import Column, Sort, table

_GROWTH = limit("resistance_growth_ratio")

_WARM, _HOT, _COLD = (
    limit("over_temperature_warning_celsius"),
    limit("over_temperature_critical_celsius"),
    limit("under_temperature_celsius"),
)


def cells_row() -> Row:
    """Give the row 'Cells'."""
    return Row(
        "Cells",
        [
            _heatmap_of_voltages(),
            _estimates(),
            _weakest_cell(),
            _spread(),
            _temperatures(),
        ],
    )


def _heatmap_of_voltages() -> Panel:
    volts = f"bbu_cell_voltage_volts{{{UNIT}}}"
    return heatmap(
        "Cell voltage less the unit's mean",
        "Each row is a cell: blue is below the mean of the unit's cells, red above. A "
        "cell that turns blue under load and comes back is weak; one that stays blue "
        "at rest loses charge. Choose one to three units.",
        f"{volts} - {SAME_UNIT} group_left () avg by (job, instance, site, unit) ({volts})",
        "{{unit}} cell {{cell}}",
        unit="volt",
        span=(-0.05, 0.05),
        width=12,
        height=12,
    )


def _estimates() -> Panel:
    volts = f"bbu_cell_voltage_volts{{{UNIT}}}"
    return table(
        "Cells, our estimate with its 90 % interval",
        "Capacity over rated capacity and resistance over its value when new of each "
        "cell. A wide interval means little evidence: nothing has loaded the cell for "
        "long. The voltage is the reading; it is absent while the unit is silent.",
        [OF_UNIT, OF_CELL],
        [
            Column("volts", volts, "volt", 3),
            *(
                Column(
                    title,
                    f"bbu_cell_state_of_health_{part}ratio{{{UNIT}}}",
                    "percentunit",
                    0,
                    at=HEALTH,
                )
                for title, part in (("at least", "lower_"), ("health", ""), ("at most", "upper_"))
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
            Column("leak", f"bbu_cell_leak_amperes{{{UNIT}}}", "amp", 1),
        ],
        sort=Sort("health", descending=False),
        width=12,
        height=12,
    )


def _weakest_cell() -> Panel:
    return chart(
        "Weakest cell: state of health with its 90 % interval",
        "The cell that ends a discharge first, by our estimate. The dashed line is the "
        f"end of life ({EOL:.0%}).",
        [
            Line(_limiting("upper_"), "{{unit}} cell {{cell}}, at most", SKY),
            Line(_limiting(""), "{{unit}} cell {{cell}}", BLUE),
            Line(_limiting("lower_"), "{{unit}} cell {{cell}}, at least", ORANGE),
        ],
        unit="percentunit",
        at=steps("transparent", (EOL, RED)),
        width=8,
    )


def _spread() -> Panel:
    imbalance = limit("cell_imbalance_ratio")
    return chart(
        "Spread of the cell voltages",
        "Highest less lowest cell over their mean. Above the dashed line for an hour at "
        "rest BbuCellImbalance fires; under load a spread is no fault.",
        [Line(f"unit:bbu_cell_voltage_spread:ratio{{{UNIT}}}", "{{unit}}")],
        unit="percentunit",
        at=steps("transparent", (imbalance, ORANGE)),
        width=8,
        least=0,
    )


def _temperatures() -> Panel:
    return chart(
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
    )


def _limiting(part: str) -> str:
    return (
        f"bbu_cell_state_of_health_{part}ratio{{{UNIT}}} "
        f"and on (job, instance, site, unit, cell) bbu_limiting_cell_info{{{UNIT}}}"
    )
