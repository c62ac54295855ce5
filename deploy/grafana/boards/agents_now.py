"""The first screen of the agents: does anybody watch?"""

from deploy.grafana.board import Row
from deploy.grafana.boards.agents_parts import BUSY, LAG
from deploy.grafana.kit import AGENT, BLUE, GREEN, ORANGE, RED, age, steps
from deploy.grafana.panels import Panel, states, tile
from deploy.grafana.tables import Column, Label, Sort, table

_BY = "job, instance, site"


def now_row() -> Row:
    """Give the row 'Does anybody watch?'."""
    return Row(
        "Does anybody watch?",
        [
            _agents_not_scraped(),
            _agents(),
            _units(),
            _units_not_answering(),
            _configurations_rejected(),
            _stores_failing(),
            _worst_loop_lag(),
            _busiest_line(),
            _agents_table(),
            _scraped(),
        ],
    )


def _agents_not_scraped() -> Panel:
    return tile(
        "Agents not scraped",
        "Agents that Prometheus cannot scrape. Nobody watches their batteries: "
        "BbuAgentDown. '-': no agent is configured to be scraped.",
        f"sum(up{{{AGENT}}} == bool 0)",
        at=steps(GREEN, (1, RED)),
        width=3,
    )


def _agents() -> Panel:
    return tile(
        "Agents",
        "Agents that answer Prometheus now.",
        f"count(bbu_agent_build_info{{{AGENT}}})",
        at=steps(BLUE),
        width=3,
    )


def _units() -> Panel:
    return tile(
        "Units",
        "Units that the agents are configured to read.",
        f"count(bbu_up{{{AGENT}}})",
        at=steps(BLUE),
        width=3,
    )


def _units_not_answering() -> Panel:
    return tile(
        "Units not answering",
        "Units that do not answer now. Many on one bus: look at the bus.",
        f"sum(bbu_up{{{AGENT}}} == bool 0)",
        at=steps(GREEN, (1, RED)),
        width=3,
    )


def _configurations_rejected() -> Panel:
    return tile(
        "Configurations rejected",
        "Agents that run with an old configuration because the new one is wrong.",
        f"sum(bbu_agent_config_last_reload_successful{{{AGENT}}} == bool 0)",
        at=steps(GREEN, (1, ORANGE)),
        width=3,
    )


def _stores_failing() -> Panel:
    return tile(
        "Stores failing",
        "Agents whose history lives in memory only: it is lost when they stop.",
        f"sum(bbu_agent_store_problem{{{AGENT}}})",
        at=steps(GREEN, (1, ORANGE)),
        width=3,
    )


def _worst_loop_lag() -> Panel:
    return tile(
        "Worst loop lag",
        f"How late an agent does what is due, at worst. Above {LAG:g} s for minutes "
        "BbuAgentSlow fires.",
        f"max(bbu_agent_event_loop_lag_seconds{{{AGENT}}})",
        unit="s",
        decimals=3,
        at=steps(GREEN, (LAG, RED)),
        width=3,
    )


def _busiest_line() -> Panel:
    return tile(
        "Busiest line",
        "Share of its time that the busiest line spends in transactions. Above "
        f"{BUSY:.0%} its units are read less often than configured.",
        f"max(bbu_agent_bus_utilisation_ratio{{{AGENT}}})",
        unit="percentunit",
        decimals=0,
        at=steps(GREEN, (0.8, ORANGE), (BUSY, RED)),
        width=3,
    )


def _agents_table() -> Panel:
    return table(
        "Agents",
        "Each agent with its version, its units, its load and how old its oldest unit's answer is.",
        [
            Label("job"),
            Label("site", width=80),
            Label("instance", "agent"),
            Label("version"),
            Label("python"),
        ],
        [
            Column("units", _of_agent(f"count by ({_BY}) (bbu_up{{{AGENT}}})"), decimals=0),
            Column("answering", _of_agent(f"sum by ({_BY}) (bbu_up{{{AGENT}}})"), decimals=0),
            Column(
                "oldest answer",
                _of_agent(
                    f"max by ({_BY}) (time() - bbu_last_success_timestamp_seconds{{{AGENT}}})"
                ),
                "s",
                0,
                at=age("text"),
            ),
            Column(
                "loop lag",
                _of_agent(f"bbu_agent_event_loop_lag_seconds{{{AGENT}}}"),
                "s",
                3,
                at=steps("text", (LAG, RED)),
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
                    f"bbu_agent_config_last_reload_success_timestamp_seconds{{{AGENT}}} * 1000"
                ),
                "dateTimeFromNow",
            ),
        ],
        sort=Sort("oldest answer"),
        width=14,
        height=8,
    )


def _scraped() -> Panel:
    return states(
        "Scraped",
        "Whether Prometheus gets answers from each agent.",
        [(f"up{{{AGENT}}}", "{{instance}}", [("down", RED), ("up", GREEN)])],
        width=10,
        height=8,
    )


def _of_agent(expr: str) -> str:
    return f"bbu_agent_build_info{{{AGENT}}} * on (job, instance, site) group_left () ({expr})"
