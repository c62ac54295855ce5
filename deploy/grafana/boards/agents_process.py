"""The programs themselves: lag, memory, processor, history, connections."""

from deploy.grafana.board import Row
from deploy.grafana.boards.agents_parts import LAG, RATE
from deploy.grafana.kit import AGENT, GREY, RED, SKY, steps
from deploy.grafana.panels import Line, Panel, chart


def process_row() -> Row:
    """Give the row 'The programs themselves'."""
    return Row(
        "The programs themselves",
        [_event_loop_lag(), _memory(), _processor(), _history(), _connections()],
    )


def _event_loop_lag() -> Panel:
    return chart(
        "Event loop lag",
        "How late what is due is done, at worst in the recent past.",
        [Line(f"bbu_agent_event_loop_lag_seconds{{{AGENT}}}", "{{instance}}", "")],
        unit="s",
        at=steps("transparent", (LAG, RED)),
        width=8,
        least=0,
    )


def _memory() -> Panel:
    return chart(
        "Memory",
        "Resident memory of each agent.",
        [Line(f"process_resident_memory_bytes{{{AGENT}}}", "{{instance}}")],
        unit="bytes",
        width=8,
        least=0,
    )


def _processor() -> Panel:
    return chart(
        "Processor",
        "Processor time per second: 1 is one core fully used.",
        [Line(f"rate(process_cpu_seconds_total{{{AGENT}}}{RATE})", "{{instance}}")],
        unit="short",
        width=8,
        least=0,
    )


def _history() -> Panel:
    return chart(
        "History: commits and failures",
        "Commits a second to the history on disk, those that failed, and records lost "
        "because memory for them ran out.",
        [
            Line(
                f"sum(rate(bbu_agent_store_commits_total{{{AGENT}}}{RATE}))",
                "commits",
                SKY,
            ),
            Line(
                f"sum(rate(bbu_agent_store_failures_total{{{AGENT}}}{RATE}))",
                "failures",
                RED,
            ),
            Line(
                f"sum(rate(bbu_agent_store_dropped_total{{{AGENT}}}{RATE}))",
                "records lost",
                GREY,
                dashed=True,
            ),
        ],
        unit="ops",
        width=12,
        least=0,
    )


def _connections() -> Panel:
    return chart(
        "HTTP connections ended",
        "Connections a second that the agents ended or refused beyond their bounds, by cause: "
        "waiting had asked nothing, unread did not read its answer. More than a moment of "
        "crowd or refused: BbuAgentCrowded.",
        [
            Line(
                "sum by (site, instance, cause) "
                f"(rate(bbu_agent_http_connections_dropped_total{{{AGENT}}}{RATE}))",
                "{{instance}} {{cause}}",
            )
        ],
        unit="ops",
        width=12,
        least=0,
    )
