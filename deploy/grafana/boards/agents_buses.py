"""Lines and gateways of the agents."""

from deploy.grafana.board import Row
from deploy.grafana.boards.agents_parts import BUSY, RATE
from deploy.grafana.kit import AGENT, GREEN, ORANGE, PLACED, RED, steps
from deploy.grafana.panels import Line, Panel, chart
from deploy.grafana.tables import Column, Label, Sort, table


def buses_row() -> Row:
    """Give the row 'Lines and gateways'."""
    return Row(
        "Lines and gateways",
        [_poll_duration(), _failed_polls(), _busy(), _buses()],
    )


def _poll_duration() -> Panel:
    place = f"{PLACED}{{{AGENT}}}"
    return chart(
        "Poll duration by bus",
        "The longest and (dashed) the median last poll of the units of each bus.",
        [
            Line(
                _named(
                    f"max by (instance, site, bus) (bbu_poll_duration_seconds{{{AGENT}}} {place})"
                ),
                "{{instance}} {{bus}} longest",
            ),
            Line(
                _named(
                    "quantile by (instance, site, bus) "
                    f"(0.5, bbu_poll_duration_seconds{{{AGENT}}} {place})"
                ),
                "{{instance}} {{bus}} median",
                dashed=True,
            ),
        ],
        unit="s",
        width=8,
        least=0,
    )


def _failed_polls() -> Panel:
    return chart(
        "Failed polls by bus and cause",
        "Polls a second that failed. NoAnswer on a whole bus: cable or gateway; BadAnswer: "
        "noise, termination or a second master.",
        [
            Line(
                "sum by (instance, site, bus, cause) "
                f"(rate(bbu_agent_bus_errors_total{{{AGENT}}}{RATE})) > 0",
                "{{instance}} {{bus}} {{cause}}",
            )
        ],
        unit="reqps",
        width=8,
        least=0,
        empty="No poll failed",
    )


def _busy() -> Panel:
    return chart(
        "Time that each line is busy",
        "Share of the recent past spent in transactions.",
        [Line(f"bbu_agent_bus_utilisation_ratio{{{AGENT}}}", "{{instance}} {{bus}}")],
        unit="percentunit",
        at=steps("transparent", (BUSY, RED)),
        width=8,
        least=0,
    )


def _buses() -> Panel:
    return table(
        "Buses",
        "Every line and gateway: how many of its units answer, its polls and failures a second.",
        [Label("site", width=80), Label("instance", "agent"), Label("bus")],
        [
            Column(
                "answering",
                f"bus:bbu_up:ratio{{{AGENT}}}",
                "percentunit",
                0,
                at=steps(RED, (0.01, ORANGE), (1, GREEN)),
            ),
            Column("units", f"bus:bbu_units:count{{{AGENT}}}", decimals=0),
            Column(
                "polls",
                f"rate(bbu_agent_bus_polls_total{{{AGENT}}}{RATE})",
                "reqps",
                2,
            ),
            Column(
                "failed",
                f"sum by (instance, site, bus) (rate(bbu_agent_bus_errors_total{{{AGENT}}}{RATE}))",
                "reqps",
                2,
                at=steps("text", (0.001, ORANGE)),
            ),
            Column("busy", f"bbu_agent_bus_utilisation_ratio{{{AGENT}}}", "percentunit", 1),
        ],
        sort=Sort("answering", descending=False),
        width=24,
        height=8,
    )


def _named(expr: str) -> str:
    """Name what has no bus of its own: units that are asked each by its address."""
    return f'label_replace({expr}, "bus", "by address", "bus", "")'
