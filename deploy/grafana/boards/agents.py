"""The agents themselves: do they read every unit, in time, and keep what they learn?"""

from deploy.grafana import kit
from deploy.grafana.board import Board, Row
from deploy.grafana.kit import AGENT, BLUE, GREEN, GREY, ORANGE, PLACED, RED, SKY, limit, steps
from deploy.grafana.panels import Column, Label, Line, Sort, chart, states, table, tile

_LAG = limit("loop_lag_seconds")
_BUSY = limit("bus_utilisation_ratio")
_RATE = "[$__rate_interval]"
_BY = "job, instance"


def _now() -> Row:
    return Row(
        "Does anybody watch?",
        [
            tile(
                "Agents not scraped",
                "Agents that Prometheus cannot scrape. Nobody watches their batteries: "
                "BbuAgentDown. '-': no agent is configured to be scraped.",
                f"sum(up{{{AGENT}}} == bool 0)",
                at=steps(GREEN, (1, RED)),
                width=3,
            ),
            tile(
                "Agents",
                "Agents that answer Prometheus now.",
                f"count(bbu_agent_build_info{{{AGENT}}})",
                at=steps(BLUE),
                width=3,
            ),
            tile(
                "Units",
                "Units that the agents are configured to read.",
                f"count(bbu_up{{{AGENT}}})",
                at=steps(BLUE),
                width=3,
            ),
            tile(
                "Units not answering",
                "Units that do not answer now. Many on one bus: look at the bus.",
                f"sum(bbu_up{{{AGENT}}} == bool 0)",
                at=steps(GREEN, (1, RED)),
                width=3,
            ),
            tile(
                "Configurations rejected",
                "Agents that run with an old configuration because the new one is wrong.",
                f"sum(bbu_agent_config_last_reload_successful{{{AGENT}}} == bool 0)",
                at=steps(GREEN, (1, ORANGE)),
                width=3,
            ),
            tile(
                "Stores failing",
                "Agents whose history lives in memory only: it is lost when they stop.",
                f"sum(bbu_agent_store_problem{{{AGENT}}})",
                at=steps(GREEN, (1, ORANGE)),
                width=3,
            ),
            tile(
                "Worst loop lag",
                f"How late an agent does what is due, at worst. Above {_LAG:g} s for minutes "
                "BbuAgentSlow fires.",
                f"max(bbu_agent_event_loop_lag_seconds{{{AGENT}}})",
                unit="s",
                decimals=3,
                at=steps(GREEN, (_LAG, RED)),
                width=3,
            ),
            tile(
                "Busiest line",
                "Share of its time that the busiest line spends in transactions. Above "
                f"{_BUSY:.0%} its units are read less often than configured.",
                f"max(bbu_agent_bus_utilisation_ratio{{{AGENT}}})",
                unit="percentunit",
                decimals=0,
                at=steps(GREEN, (0.8, ORANGE), (_BUSY, RED)),
                width=3,
            ),
            table(
                "Agents",
                "Each agent with its version, its units, its load and how old its oldest unit's "
                "answer is.",
                [Label("job"), Label("instance", "agent"), Label("version"), Label("python")],
                [
                    Column("units", _of_agent(f"count by ({_BY}) (bbu_up{{{AGENT}}})"), decimals=0),
                    Column(
                        "answering", _of_agent(f"sum by ({_BY}) (bbu_up{{{AGENT}}})"), decimals=0
                    ),
                    Column(
                        "oldest answer",
                        _of_agent(
                            f"max by ({_BY}) "
                            f"(time() - bbu_last_success_timestamp_seconds{{{AGENT}}})"
                        ),
                        "s",
                        0,
                        at=steps("text", (60, ORANGE), (300, RED)),
                    ),
                    Column(
                        "loop lag",
                        _of_agent(f"bbu_agent_event_loop_lag_seconds{{{AGENT}}}"),
                        "s",
                        3,
                        at=steps("text", (_LAG, RED)),
                    ),
                    Column(
                        "memory",
                        _of_agent(f"process_resident_memory_bytes{{{AGENT}}}"),
                        "bytes",
                        0,
                    ),
                    Column(
                        "configured",
                        _of_agent(
                            "bbu_agent_config_last_reload_success_timestamp_seconds"
                            f"{{{AGENT}}} * 1000"
                        ),
                        "dateTimeFromNow",
                    ),
                ],
                sort=Sort("oldest answer"),
                width=14,
                height=8,
            ),
            states(
                "Scraped",
                "Whether Prometheus gets answers from each agent.",
                [(f"up{{{AGENT}}}", "{{instance}}", [("down", RED), ("up", GREEN)])],
                width=10,
                height=8,
            ),
        ],
    )


def _of_agent(expr: str) -> str:
    return f"bbu_agent_build_info{{{AGENT}}} * on (job, instance) group_left () ({expr})"


def _named(expr: str) -> str:
    """Name what has no bus of its own: units that are asked each by its address."""
    return f'label_replace({expr}, "bus", "by address", "bus", "")'


def _buses() -> Row:
    place = f"{PLACED}{{{AGENT}}}"
    return Row(
        "Lines and gateways",
        [
            chart(
                "Poll duration by bus",
                "The longest and (dashed) the median last poll of the units of each bus.",
                [
                    Line(
                        _named(
                            f"max by (instance, bus) (bbu_poll_duration_seconds{{{AGENT}}} {place})"
                        ),
                        "{{instance}} {{bus}} longest",
                    ),
                    Line(
                        _named(
                            "quantile by (instance, bus) "
                            f"(0.5, bbu_poll_duration_seconds{{{AGENT}}} {place})"
                        ),
                        "{{instance}} {{bus}} median",
                        dashed=True,
                    ),
                ],
                unit="s",
                width=8,
                least=0,
            ),
            chart(
                "Failed polls by bus and cause",
                "Polls a second that failed. NoAnswer on a whole bus: cable or gateway; BadAnswer: "
                "noise, termination or a second master.",
                [
                    Line(
                        "sum by (instance, bus, cause) "
                        f"(rate(bbu_agent_bus_errors_total{{{AGENT}}}{_RATE})) > 0",
                        "{{instance}} {{bus}} {{cause}}",
                    )
                ],
                unit="reqps",
                width=8,
                least=0,
                empty="No poll failed",
            ),
            chart(
                "Time that each line is busy",
                "Share of the recent past spent in transactions.",
                [Line(f"bbu_agent_bus_utilisation_ratio{{{AGENT}}}", "{{instance}} {{bus}}")],
                unit="percentunit",
                at=steps("transparent", (_BUSY, RED)),
                width=8,
                least=0,
            ),
            table(
                "Buses",
                "Every line and gateway: how many of its units answer, its polls and failures a "
                "second.",
                [Label("instance", "agent"), Label("bus")],
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
                        f"rate(bbu_agent_bus_polls_total{{{AGENT}}}{_RATE})",
                        "reqps",
                        2,
                    ),
                    Column(
                        "failed",
                        "sum by (instance, bus) "
                        f"(rate(bbu_agent_bus_errors_total{{{AGENT}}}{_RATE}))",
                        "reqps",
                        2,
                        at=steps("text", (0.001, ORANGE)),
                    ),
                    Column("busy", f"bbu_agent_bus_utilisation_ratio{{{AGENT}}}", "percentunit", 1),
                ],
                sort=Sort("answering", descending=False),
                width=24,
                height=8,
            ),
        ],
    )


def _process() -> Row:
    return Row(
        "The programs themselves",
        [
            chart(
                "Event loop lag",
                "How late what is due is done, at worst in the recent past.",
                [Line(f"bbu_agent_event_loop_lag_seconds{{{AGENT}}}", "{{instance}}", "")],
                unit="s",
                at=steps("transparent", (_LAG, RED)),
                width=6,
                least=0,
            ),
            chart(
                "Memory",
                "Resident memory of each agent.",
                [Line(f"process_resident_memory_bytes{{{AGENT}}}", "{{instance}}")],
                unit="bytes",
                width=6,
                least=0,
            ),
            chart(
                "Processor",
                "Processor time per second: 1 is one core fully used.",
                [Line(f"rate(process_cpu_seconds_total{{{AGENT}}}{_RATE})", "{{instance}}")],
                unit="short",
                width=6,
                least=0,
            ),
            chart(
                "History: commits and failures",
                "Commits a second to the history on disk, those that failed, and records lost "
                "because memory for them ran out.",
                [
                    Line(
                        f"sum(rate(bbu_agent_store_commits_total{{{AGENT}}}{_RATE}))",
                        "commits",
                        SKY,
                    ),
                    Line(
                        f"sum(rate(bbu_agent_store_failures_total{{{AGENT}}}{_RATE}))",
                        "failures",
                        RED,
                    ),
                    Line(
                        f"sum(rate(bbu_agent_store_dropped_total{{{AGENT}}}{_RATE}))",
                        "records lost",
                        GREY,
                        dashed=True,
                    ),
                ],
                unit="ops",
                width=6,
                least=0,
            ),
        ],
    )


BOARD = Board(
    "bbu-agents",
    "BBU agents",
    "Do the agents read every unit, in time, and keep what they learn?",
    kit.variables("site", "instance"),
    [_now(), _buses(), _process()],
    time_from="now-3h",
)
