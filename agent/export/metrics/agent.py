"""The series of the agent itself and of its process."""

import platform
from collections import Counter

from prometheus_client import CollectorRegistry, ProcessCollector

from agent.export.facts import AgentView, Dropped
from agent.export.metrics.exposition import Page
from agent.export.metrics.families import Family, Shape
from agent.store.history import HistoryStore

_GAUGE, _COUNTER, _INFO = Shape.GAUGE, Shape.COUNTER, Shape.INFO

BUILD = Family(
    "bbu_agent_build_info", _INFO, "Version of the agent and of Python.", ("version", "python")
)
SHARD = Family(
    "bbu_agent_shard_info",
    _INFO,
    "Share of the fleet that the agent reads, i/n with i from 0; absent where it reads all.",
    ("shard",),
)
SHARDS = Family(
    "bbu_agent_shards",
    _GAUGE,
    "Shares that the fleet is divided into, n of i/n; absent where the agent reads all.",
    ("shard",),
)
RELOAD = Family(
    "bbu_agent_config_last_reload_successful",
    _GAUGE,
    "1 if the last loading of the configuration went well; else the old one serves.",
    (),
)
RELOAD_SUCCESS = Family(
    "bbu_agent_config_last_reload_success_timestamp_seconds",
    _GAUGE,
    "When a configuration was last taken into use.",
    (),
    "seconds",
)
WEB_RELOAD = Family(
    "bbu_agent_web_config_last_reload_successful",
    _GAUGE,
    "1 if the last loading of the web configuration (TLS, users) went well; else the old one "
    "serves. Absent without one.",
    (),
)
LOOP_LAG = Family(
    "bbu_agent_event_loop_lag_seconds",
    _GAUGE,
    "How late the event loop lately ran what was due, at worst.",
    (),
    "seconds",
)
BUS_POLLS = Family("bbu_agent_bus_polls_total", _COUNTER, "Polls on the line.", ("bus",))
BUS_ERRORS = Family(
    "bbu_agent_bus_errors_total", _COUNTER, "Failed polls on the line, by cause.", ("bus", "cause")
)
BUS_BUSY = Family(
    "bbu_agent_bus_busy_seconds_total",
    _COUNTER,
    "Time that the line spent in transactions, divided by its max_in_flight.",
    ("bus",),
    "seconds",
)
BUS_UTILISATION = Family(
    "bbu_agent_bus_utilisation_ratio",
    _GAUGE,
    "Share of the recent past, and of its max_in_flight, that the line spent in transactions.",
    ("bus",),
    "ratio",
)
HTTP_DROPPED = Family(
    "bbu_agent_http_connections_dropped_total",
    _COUNTER,
    "Connections that the agent ended, by cause: waiting (without a request, in favour of a new "
    "one), crowd (of the client with most requests under way), unread (the client did not read) "
    "and refused (503, too many under way).",
    ("cause",),
)
STORE_PROBLEM = Family(
    "bbu_agent_store_problem",
    _GAUGE,
    "1 while the state directory cannot be used and history lives in memory only.",
    (),
)
STORE_COMMITS = Family("bbu_agent_store_commits_total", _COUNTER, "Commits to the history.", ())
STORE_FAILURES = Family(
    "bbu_agent_store_failures_total", _COUNTER, "Commits to the history that failed.", ()
)
STORE_DROPPED = Family(
    "bbu_agent_store_dropped_total", _COUNTER, "Records lost because memory for them ran out.", ()
)

FAMILIES = (
    *(BUILD, SHARD, SHARDS, RELOAD, RELOAD_SUCCESS, WEB_RELOAD, LOOP_LAG),
    *(BUS_POLLS, BUS_ERRORS, BUS_BUSY, BUS_UTILISATION),
    HTTP_DROPPED,
    *(STORE_PROBLEM, STORE_COMMITS, STORE_FAILURES, STORE_DROPPED),
)
"""Every family of this module but the standard ones of the process."""

_PROCESS = ProcessCollector(registry=CollectorRegistry())


def add_agent(page: Page, agent: AgentView) -> None:
    """Add what the agent says of itself."""
    page.add(BUILD, (agent.version, platform.python_version()), 1)
    reload = agent.reload_facts()
    if reload.shard is not None:
        page.add(SHARD, (reload.shard,), 1)
        page.add(SHARDS, (reload.shard,), int(reload.shard.partition("/")[2]))
    page.add(RELOAD, (), reload.successful)
    page.add(RELOAD_SUCCESS, (), reload.success_at)
    page.add(WEB_RELOAD, (), reload.web)
    page.add(LOOP_LAG, (), agent.loop_lag_s())
    for bus in agent.buses():
        page.add(BUS_POLLS, (bus.name,), bus.polls)
        for cause, count in bus.errors.items():
            page.add(BUS_ERRORS, (bus.name, cause), count)
        page.add(BUS_BUSY, (bus.name,), bus.busy_s)
        page.add(BUS_UTILISATION, (bus.name,), bus.utilisation)


def add_http(page: Page, dropped: Counter[Dropped]) -> None:
    """Add how many connections were ended."""
    for cause in Dropped:
        page.add(HTTP_DROPPED, (cause.value,), dropped[cause])


def add_history(page: Page, history: HistoryStore) -> None:
    """Add how storing the history goes."""
    page.add(STORE_PROBLEM, (), history.problem is not None)
    page.add(STORE_COMMITS, (), history.commits)
    page.add(STORE_FAILURES, (), history.failures)
    page.add(STORE_DROPPED, (), history.dropped)


def add_process(page: Page) -> None:
    """Add the standard ``process_`` series."""
    for metric in _PROCESS.collect():
        shape = _COUNTER if metric.type == "counter" else _GAUGE
        for sample in metric.samples:
            page.add(Family(sample.name, shape, metric.documentation, ()), (), sample.value)
