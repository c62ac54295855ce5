"""The API says what it does: every route is documented, every answer has the documented shape."""

import asyncio
import json
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from agent.export.openapi import document
from agent.health.observation import Observation
from agent.health.seen import pack
from agent.model import (
    Basis,
    CellHealth,
    Event,
    Fault,
    FaultReason,
    Health,
    Interval,
    Location,
    Reading,
    Reason,
    Sample,
    Shelf,
    UnitInfo,
    UnitState,
    UnitStatus,
    Verdict,
)
from agent.store.course import Course

A = UnitInfo("r1-a-1", "orv3-hpr-bbu", Location("r1", "a", "1"), "shelf-a", "unit id 48")
B = UnitInfo("ups-7", "auto", address="10.1.3.20:161")
NAN = float("nan")
HEALTH = Health(
    Verdict.DEGRADED,
    (Reason("cell_weak", "cell 1 is weak", "1", Verdict.DEGRADED),),
    1.7e9,
    (
        CellHealth(
            *("1", Interval(0.7, 0.6, 0.8), Interval(1.2, 1.1, NAN)),
            verdict=Verdict.DEGRADED,
            basis=Basis.WINDOW,
        ),
    ),
    Interval(0.7, 0.6, 0.8),
    Interval(120.0, 100.0, 140.0),
    0.97,
    Interval(1.8e9, 1.75e9, 1.9e9),
    "1",
)


@pytest.fixture
async def agent(serve: Any) -> Any:
    served = await serve([A, B], [Shelf("r1", "a", 1)])
    served.store.put_status("r1-a-1", UnitStatus(UnitState.UP, 1.7e9, 1.7e9, polls=3))
    readings = (
        Reading("battery_voltage", None, 51.2, 98.0, "holding 100"),
        Reading("cell_voltage", "2", 3.9, 98.0, "holding 112"),
        Reading("cell_voltage", "10", 3.8, 98.0, "holding 120"),
        Reading("battery_install_date", None, 1.746e9, 98.0, "holding 9"),
        Reading("battery_status", None, "charging", 98.0, "holding 8", "=cmd()"),
        Reading("charging", None, value=True, read_at=98.0, source="holding 8"),
    )
    fault = Fault("temperature", "in", FaultReason.SENTINEL, "65535", "holding 10")
    sample = Sample("r1-a-1", 1.7e9, 98.0, readings, (fault,))
    served.store.put_sample(sample)
    served.history.put_sample(sample)
    served.store.put_health("r1-a-1", HEALTH)
    await served.history.put_event(
        Event("r1-a-1", "discharge", 1.7e9, None, {"energy_wh": 5.5, "lost": True})
    )
    shown = Observation(1.7e9, -3.0, (4.0, None), phase="discharge")
    served.history.put_seen("r1-a-1", 1.7e9, pack(("1", "2"), shown))
    row = {"1": (0.9, 0.8, 1.0, 1.1, 1.0, 1.2)}
    await served.history.save({}, (), saved_s=1.7e9, course=(Course("r1-a-1", 1.6e9, row),))
    return served


UNIT = "/api/v1/units/r1-a-1"
SPAN = "since=1699999000&until=1700001000"
ASKED = {
    "/api/v1/units": "/api/v1/units",
    "/api/v1/units/{name}": UNIT,
    "/api/v1/units/{name}/history": f"{UNIT}/history?quantity=battery_voltage&{SPAN}",
    "/api/v1/units/{name}/series": f"{UNIT}/series?quantity=cell_voltage&{SPAN}",
    "/api/v1/units/{name}/history.csv": f"{UNIT}/history.csv?quantity=cell_voltage&{SPAN}",
    "/api/v1/units/{name}/estimates": f"{UNIT}/estimates",
    "/api/v1/units/{name}/seen": f"{UNIT}/seen",
    "/api/v1/units/{name}/readings.csv": f"{UNIT}/readings.csv",
    "/api/v1/stream": "/api/v1/stream",
    "/api/v1/events": "/api/v1/events",
    "/api/v1/events/telemetry": "/api/v1/events/telemetry?unit=r1-a-1&start=1700000000",
    "/api/v1/shelves": "/api/v1/shelves",
    "/api/v1/groups": "/api/v1/groups",
    "/api/v1/openapi.json": "/api/v1/openapi.json",
}


def matches(content: object, name: str) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document()["components"]}
    OAS31Validator(schema).validate(content)


def test_the_document_is_valid() -> None:
    validate(document())


async def test_every_route_is_documented_and_nothing_else(agent: Any) -> None:
    paths = document()["paths"]
    served = {
        resource.canonical
        for resource in agent.app.router.resources()
        if resource.canonical.startswith("/api/")
    }
    assert served == set(paths) == set(ASKED)


@pytest.mark.parametrize("path", sorted(ASKED))
async def test_every_answer_has_the_documented_shape(agent: Any, path: str) -> None:
    [(kind, content)] = document()["paths"][path]["get"]["responses"]["200"]["content"].items()
    async with agent.get(ASKED[path]) as answer:
        assert (answer.status, answer.content_type) == (200, kind)
        if kind == "application/json":
            body = await answer.json()
            assert body not in ({}, [])
            matches(body, content["schema"]["$ref"].rpartition("/")[2])


async def test_an_error_has_the_documented_shape(agent: Any) -> None:
    async with agent.get("/api/v1/units/r1-a-2") as answer:
        assert answer.status == 404
        body = await answer.json()
    matches(body, "Problem")
    assert "did you mean r1-a-1?" in body["detail"]


async def test_units_come_page_by_page(agent: Any) -> None:
    async with agent.get("/api/v1/units?limit=1") as answer:
        first = await answer.json()
    assert ([unit["name"] for unit in first["units"]], first["next"]) == (["r1-a-1"], "r1-a-1")
    async with agent.get(f"/api/v1/units?limit=1&cursor={first['next']}") as answer:
        second = await answer.json()
    assert ([unit["name"] for unit in second["units"]], second["next"]) == (["ups-7"], None)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("verdict=degraded", ["r1-a-1"]),
        ("verdict=unknown", ["ups-7"]),
        ("rack=r1&shelf=a", ["r1-a-1"]),
        ("rack=r2", []),
        ("up=true", ["r1-a-1"]),
        ("up=false", ["ups-7"]),
    ],
)
async def test_units_are_filtered(agent: Any, query: str, names: list[str]) -> None:
    async with agent.get(f"/api/v1/units?{query}") as answer:
        assert [unit["name"] for unit in (await answer.json())["units"]] == names


@pytest.mark.parametrize("query", ["verdict=bad", "up=1", "limit=0", "limit=x", "cursor=gone"])
async def test_a_wrong_question_is_told_so(agent: Any, query: str) -> None:
    async with agent.get(f"/api/v1/units?{query}") as answer:
        assert answer.status == 400
        matches(await answer.json(), "Problem")


@pytest.mark.parametrize("path", ["/api/v1/units", "/api/v1/units/r1-a-1", "/"])
async def test_what_is_known_already_is_not_sent_again(agent: Any, path: str) -> None:
    async with agent.get(path) as answer:
        etag = answer.headers["ETag"]
    async with agent.get(path, headers={"If-None-Match": etag}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")
    agent.store.put_status("r1-a-1", UnitStatus(UnitState.DOWN, 1.8e9, last_error="gone"))
    async with agent.get(path, headers={"If-None-Match": etag}) as answer:
        assert answer.status == 200


async def test_parts_come_in_the_order_of_their_numbers(agent: Any) -> None:
    async with agent.get(ASKED["/api/v1/units/{name}/series"]) as answer:
        assert [one["index"] for one in (await answer.json())["series"]] == ["2", "10"]


async def test_a_text_of_a_device_is_no_formula_of_a_spreadsheet(agent: Any) -> None:
    async with agent.get(f"{UNIT}/readings.csv") as answer:
        text = await answer.text()
        assert "attachment" in answer.headers["Content-Disposition"]
    assert "battery_status,,charging,,'=cmd(),holding 8," in text


async def message(answer: Any) -> tuple[str, Any]:
    """Read one event of a stream; give its name and its data."""
    found = {}
    async with asyncio.timeout(20):
        while line := (await answer.content.readline()).decode().strip():
            key, _, value = line.partition(": ")
            found[key] = value
    return found["event"], json.loads(found["data"])


async def test_the_stream_tells_what_has_changed(agent: Any) -> None:
    async with agent.get("/api/v1/stream") as answer:
        assert (await message(answer))[0] == "hello"
        agent.store.put_status("ups-7", UnitStatus(UnitState.DOWN, 1.8e9, last_error="gone"))
        event, news = await message(answer)
    assert event == "news"
    matches(news, "News")
    assert [unit["last_error"] for unit in news["units"]] == ["gone"]


async def test_a_poll_without_news_is_only_a_time(agent: Any) -> None:
    async with agent.get("/api/v1/stream?unit=r1-a-1") as answer:
        await message(answer)
        agent.store.put_status("ups-7", UnitStatus(UnitState.DOWN, 1.8e9))
        agent.store.put_status("r1-a-1", UnitStatus(UnitState.UP, 1.7e9, 1.75e9, polls=4))
        _, news = await message(answer)
    assert (news["units"], list(news["seen"])) == ([], ["r1-a-1"])


async def test_a_stream_goes_on_where_it_was_and_starts_again_after_a_restart(agent: Any) -> None:
    async with agent.get("/") as answer:
        text = await answer.text()
    stream = text.partition('data-stream="')[2].partition('"')[0]
    agent.store.put_status("ups-7", UnitStatus(UnitState.DOWN, 1.8e9, last_error="<b>gone"))
    async with agent.get(f"/{stream}") as answer:
        event, news = await message(answer)
    assert event == "news"
    assert "&lt;b&gt;gone" in news["parts"]["u:ups-7"]
    async with agent.get("/live/fleet", headers={"Last-Event-ID": "another-7"}) as answer:
        assert (await message(answer))[0] == "restart"


async def test_streams_are_bounded(agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.export.feed.MOST_CLIENTS", 1)
    async with agent.get("/api/v1/stream") as first:
        await message(first)
        async with agent.get("/api/v1/stream") as second:
            assert (second.status, second.content_type) == (503, "application/problem+json")
