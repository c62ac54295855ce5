"""Every panel of every dashboard has data on a real Prometheus, from a healthy or a bad fleet."""

import asyncio
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.grafana.asking import Asker, Json, Question, Span, chosen, panels, questions
from simulators.scenario import EventPart
from tests.deploy.fleets import (
    HEALTHY_JOB,
    OUTAGE_JOB,
    Fleets,
    begin_outage,
    break_things,
    end_outage,
    fleets,
)

DASHBOARDS = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards"
# What these fleets cannot show within the length of a test, with the reason.
RARE = {
    "bbu_ambient_temperature_celsius": "no simulated device measures its air",
    "bbu_cell_temperature_celsius": "no simulated device has a sensor for each cell",
    "bbu_last_event_recharge_seconds": "a full recharge takes minutes",
    "bbu_last_prediction_ratio": "a discharge deep enough to be scored takes minutes",
}
# Panels that are rightly empty where nothing is wrong and nothing is old. Every other panel has
# data in both fleets.
EMPTY_WHERE_ALL_IS_WELL = {
    "bbu-fleet": {
        "What is wrong, where, since when, what to do",
        "Worst 20 units, with the reasons",
        "Next to be replaced",
    },
    "bbu-unit": {
        "Reasons behind the verdict",
        "Alerts of this unit",
        "Failed polls by cause",
        "Findings",
    },
    "bbu-outage": {
        "Least time left",
        "Projected time left and what is needed",
        "Units: what the last discharge has shown",
        "Deepest sag",
        "The last discharge against the one before",
    },
    "bbu-agents": {"Failed polls by bus and cause"},
}


SELF_TEST = {"at": "0 s", "kind": "self-test", "length": "4 s", "units": ["h1-a-1"]}


def boards() -> list[Json]:
    return [json.loads(path.read_text("utf-8")) for path in sorted(DASHBOARDS.glob("*.json"))]


async def live_through(live: Fleets) -> float:
    """Let a short outage and a longer one come; give the unix time between them."""
    for job, units in ((HEALTHY_JOB, 5), (OUTAGE_JOB, 9)):
        await live.when(f'count(max_over_time(bbu_up{{job="{job}"}}[5m]) == 1) == {units}')
    live.healthy.service.happen(EventPart.model_validate(SELF_TEST))
    begin_outage(live.outage, share=0.2)
    await live.when('sum(bbu_discharge_running{kind="discharge"}) == 8')
    await asyncio.sleep(1)
    end_outage(live.outage)
    await live.when('sum(bbu_last_event_sag_1s_volts{kind="discharge"} > bool 0) == 8')
    between_s = math.ceil(time.time())
    break_things(live.outage)
    begin_outage(live.outage)
    await live.when(f'bbu_rack_on_battery{{job="{OUTAGE_JOB}",rack="r2"}}')
    await live.when("bbu_shelf_time_left_lower_seconds")
    live.outage.fault("r2-a-4", "silent")
    await live.when('bbu_finding{finding="lost_while_discharging"}')
    await live.when('bbu_last_event_sag_10s_volts{unit="r2-a-1"}')
    tested = f'kind="self_test",job="{HEALTHY_JOB}"'
    await live.when(f"bbu_last_event_start_timestamp_seconds{{{tested}}}")
    return between_s


async def ask_all(asker: Asker, job: str) -> dict[tuple[str, str, str], tuple[Question, int]]:
    """Ask every query of every panel; count the series by (board, panel, ref)."""
    found = {}
    for board in boards():
        words = chosen(board, {"job": [job]})
        for panel in panels(board):
            for question in questions(panel):
                series = await asker.ask(question, words)
                key = (board["uid"], panel["title"], question.ref)
                found[key] = (question, len(series))
    return found


async def test_every_panel_shows_what_is_there(tmp_path: Path) -> None:
    async with fleets(tmp_path) as live:
        begun_s = await live_through(live)
        during = Asker(live.session, live.base, Span(begun_s, time.time()))
        bad = await ask_all(during, OUTAGE_JOB)
        good = await ask_all(during, HEALTHY_JOB)
        end_outage(live.outage)
    assert not not_shown(bad), "\n".join(map(str, not_shown(bad)))
    assert [key[:2] for key in silent_panels(good)] == sorted(
        (board, title) for board, titles in EMPTY_WHERE_ALL_IS_WELL.items() for title in titles
    )


def not_shown(found: Mapping[Any, tuple[Question, int]]) -> list[Any]:
    """Name the queries without data that should have some in a bad fleet."""
    return [
        (*key, question.expr)
        for key, (question, count) in found.items()
        if count == 0 and not any(name in question.expr for name in RARE)
    ]


def silent_panels(found: Mapping[Any, tuple[Question, int]]) -> list[Any]:
    """Name the panels none of whose queries has data."""
    shown = {key[:2] for key, (_, count) in found.items() if count}
    return sorted({key[:2] for key in found} - shown)
