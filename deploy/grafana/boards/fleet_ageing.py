"""How the fleet ages: health, firmware, what is to be replaced."""

from deploy.grafana.board import Row
from deploy.grafana.kit import (
    BLUE,
    EOL,
    HEALTH,
    ORANGE,
    RED,
    SAME_UNIT,
    SITE,
    SKY,
    UNIT_LINK,
    YELLOW,
    limit,
    steps,
)
from deploy.grafana.panels import Line, Panel, chart
from deploy.grafana.tables import Column, Label, Sort, table

_DISAGREES = limit("disagreement_ratio")

_ODD = limit("firmware_outlier_ratio")
_FIRST_TO_END = f"bottomk(20, unit:bbu_end_of_life:timestamp_seconds{{{SITE}}})"


def over_time_row() -> Row:
    """Give the row 'How the fleet ages'."""
    return Row(
        "How the fleet ages",
        [
            _health_over_time(),
            _disagreements(),
            _firmware(),
            _next_to_be_replaced(),
        ],
    )


def _health_over_time() -> Panel:
    health = f"bbu_state_of_health_ratio{{{SITE}}}"
    return chart(
        "State of health over time",
        "The median of the fleet and the units between which nine tenths of it lie. The "
        f"dashed line is the end of life ({EOL:.0%}). Look at months, not hours.",
        [
            Line(f"quantile(0.95, {health})", "best twentieth", SKY, below="median"),
            Line(f"quantile(0.5, {health})", "median", BLUE, below="worst twentieth"),
            Line(f"quantile(0.05, {health})", "worst twentieth", ORANGE),
        ],
        unit="percentunit",
        at=steps("transparent", (EOL, RED)),
        width=12,
    )


def _disagreements() -> Panel:
    return table(
        "Where the device's word and our estimate differ most",
        "Units by the distance between the state of health that the device reports and "
        f"our 90 % interval. Beyond {_DISAGREES:.0%} BbuDeviceDisagrees fires: many "
        "devices count years and do not measure. Empty where no device reports one.",
        [Label("site", width=80), Label("unit", links=[UNIT_LINK])],
        [
            Column(
                "outside by",
                f"topk(20, clamp_min(bbu_reported_state_of_health_ratio{{{SITE}}} "
                f"- {SAME_UNIT} bbu_state_of_health_upper_ratio{{{SITE}}}, 0) "
                f"+ {SAME_UNIT} clamp_min("
                f"bbu_state_of_health_lower_ratio{{{SITE}}} "
                f"- {SAME_UNIT} "
                f"bbu_reported_state_of_health_ratio{{{SITE}}}, 0))",
                "percentunit",
                1,
                at=steps("text", (_DISAGREES, ORANGE)),
            ),
            *(
                Column(title, _disagreeing(metric), "percentunit", 0)
                for title, metric in (
                    ("device", "bbu_reported_state_of_health_ratio"),
                    ("ours", "bbu_state_of_health_ratio"),
                    ("at least", "bbu_state_of_health_lower_ratio"),
                    ("at most", "bbu_state_of_health_upper_ratio"),
                )
            ),
        ],
        sort=Sort("outside by"),
        width=12,
    )


def _firmware() -> Panel:
    health = f"bbu_state_of_health_ratio{{{SITE}}}"
    return table(
        "Firmware",
        "Units by model and firmware with what their batteries look like. A firmware "
        f"below {_ODD:.0%} of a model's units is an outlier (BbuFirmwareOutlier).",
        [Label("model"), Label("firmware")],
        [
            Column(
                "units",
                f'count by (model, firmware) (bbu_unit_info{{{SITE},model!=""}})',
                decimals=0,
            ),
            Column(
                "share of the model",
                f'count by (model, firmware) (bbu_unit_info{{{SITE},model!=""}}) '
                f"/ on (model) group_left () count by (model) (bbu_unit_info{{{SITE}}})",
                "percentunit",
                0,
                at=steps(ORANGE, (_ODD, "text")),
            ),
            Column(
                "mean state of health",
                f"avg by (model, firmware) ({health} * {SAME_UNIT} "
                f'group_left (model, firmware) bbu_unit_info{{{SITE},model!=""}})',
                "percentunit",
                0,
                at=HEALTH,
            ),
            Column(
                "mean resistance growth",
                "avg by (model, firmware) (bbu_cell_resistance_growth_ratio"
                f"{{{SITE}}} * {SAME_UNIT} "
                f'group_left (model, firmware) bbu_unit_info{{{SITE},model!=""}})',
                decimals=2,
                at=steps("text", (limit("resistance_growth_ratio"), ORANGE)),
            ),
        ],
        sort=Sort("units"),
        width=12,
    )


def _next_to_be_replaced() -> Panel:
    return table(
        "Next to be replaced",
        "The 20 units that reach their end of life first, by capacity or by ride-through: our "
        "forecast with the early end of its 90 % interval.",
        [Label("site", width=80), Label("unit", links=[UNIT_LINK])],
        [
            Column("end of life", f"{_FIRST_TO_END} * 1000", "dateTimeAsIso"),
            Column(
                "not before",
                "(unit:bbu_end_of_life_lower:timestamp_seconds and "
                f"{SAME_UNIT} {_FIRST_TO_END}) * 1000",
                "dateTimeAsIso",
            ),
            Column(
                "months left",
                f"({_FIRST_TO_END} - time()) / 2629800",
                decimals=0,
                at=steps(
                    RED,
                    (0.01, ORANGE),
                    (limit("end_of_life_near_seconds") / 2629800, YELLOW),
                    (12, "text"),
                ),
            ),
        ],
        sort=Sort("end of life", descending=False),
        width=12,
    )


def _disagreeing(metric: str) -> str:
    """Give a number of the units whose device reports a state of health."""
    return (
        f"{metric}{{{SITE}}} and {SAME_UNIT} "
        f"bbu_reported_state_of_health_ratio{{{SITE}}} and {SAME_UNIT} "
        f"bbu_state_of_health_ratio{{{SITE}}}"
    )
