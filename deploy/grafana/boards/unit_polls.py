"""How a unit is read."""

from deploy.grafana.board import Row
from deploy.grafana.boards.unit_parts import OF_UNIT
from deploy.grafana.kit import (
    ORANGE,
    UNIT,
    limit,
    steps,
)
from deploy.grafana.panels import Line, Panel, chart
from deploy.grafana.tables import Column, Label, Sort, table


def polls_row() -> Row:
    """Give the row 'How it is read'."""
    return Row(
        "How it is read",
        [
            _poll_duration(),
            _failed_polls(),
            _age(),
            _faults_of_fields(),
        ],
    )


def _poll_duration() -> Panel:
    return chart(
        "Poll duration",
        "How long the last poll of the unit took.",
        [Line(f"bbu_poll_duration_seconds{{{UNIT}}}", "{{unit}}")],
        unit="s",
        width=8,
        least=0,
    )


def _failed_polls() -> Panel:
    return chart(
        "Failed polls by cause",
        "Polls a second that failed. NoAnswer: silence; BadAnswer: garbled; Refused: "
        "the device lives and says no.",
        [
            Line(
                "sum by (site, unit, cause) "
                f"(rate(bbu_poll_errors_total{{{UNIT}}}[$__rate_interval])) > 0",
                "{{unit}} {{cause}}",
            )
        ],
        unit="reqps",
        width=8,
        least=0,
        empty="No poll failed",
    )


def _age() -> Panel:
    return chart(
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
    )


def _faults_of_fields() -> Panel:
    return table(
        "Fields without a usable value",
        "How often each quantity was refused, implausible or missing since the agent "
        "started, by reason. Such a value is absent everywhere, never 0.",
        [OF_UNIT, Label("quantity"), Label("reason")],
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
    )
