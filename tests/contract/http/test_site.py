"""The pages as a browser without scripts gets them."""

from typing import Any

import pytest

from agent.model import Event, Location, Reading, Sample, UnitInfo, UnitState, UnitStatus
from agent.store.records import Point

HTML = {"Accept": "text/html,application/xhtml+xml"}


async def test_without_units_the_page_says_what_to_do(serve: Any) -> None:
    served = await serve([], [])
    async with served.get("/") as answer:
        assert answer.status == 200
        assert "No unit is configured: add units" in await answer.text()


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/units/r1-a-11", 404, 'href="../units/r1-a-1"'),
        ("/units/%00%3Cscript%3E", 404, "no unit"),
        (f"/units/{'x' * 4000}", 404, "no unit"),
        ("/outage", 400, "outage?rack=NAME"),
        ("/outage?rack=nowhere", 404, "no outage of rack nowhere is recorded"),
        ("/outage?unit=r1-a-1&start=soon", 400, "start is unix seconds"),
        ("/nowhere", 404, "All units"),
    ],
)
async def test_a_person_gets_a_page_of_what_went_wrong(
    serve: Any, path: str, status: int, words: str
) -> None:
    served = await serve([UnitInfo("r1-a-1", "p")], [])
    async with served.get(path, headers=HTML) as answer:
        text = await answer.text()
        assert (answer.status, answer.content_type) == (status, "text/html")
    assert words in text
    assert "<script>" not in text


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["a-1", "a-2", "b-1"]),
        ("?q=A-", ["a-1", "a-2"]),
        ("?q=a+-1", ["a-1"]),
        ("?rack=r2", ["b-1"]),
        ("?answers=yes", []),
        ("?verdict=unknown&q=td", []),
    ],
)
async def test_search_and_filters_work_without_scripts(
    serve: Any, query: str, names: list[str]
) -> None:
    places = {"a-1": "r1", "a-2": "r1", "b-1": "r2"}
    served = await serve([UnitInfo(n, "p", Location(rack)) for n, rack in places.items()], [])
    async with served.get(f"/{query}") as answer:
        text = await answer.text()
    assert [name for name in places if f'<tr id="u:{name}"' in text] == names


async def test_a_unit_of_which_nothing_is_known_has_a_page_and_a_report(serve: Any) -> None:
    served = await serve([UnitInfo("u", "auto", address="10.1.3.20:161")], [])
    served.store.put_status("u", UnitStatus(UnitState.DOWN, 1.7e9, last_error="<b>gone"))
    for path in ("/units/u", "/units/u/report.html"):
        async with served.get(path) as answer:
            assert answer.status == 200
            text = await answer.text()
        assert "does not answer: &lt;b&gt;gone" in text


async def test_the_agent_says_what_is_wrong_with_its_configuration(serve: Any) -> None:
    served = await serve([UnitInfo("u", "p")], [])
    async with served.get("/agent") as answer:
        text = await answer.text()
    assert "The file was loaded without an error." in text
    assert "shelf-a" in text


async def test_a_discharge_of_days_is_drawn_in_part_and_in_steps(serve: Any) -> None:
    start_s, unit = 1_700_000_000.0, UnitInfo("u", "rfc1628-ups", Location())
    agent = await serve([unit], [])
    await agent.history.put_event(Event("u", "discharge", start_s, start_s + 3 * 86400.0))
    for number in range(2600):
        at_s = start_s + 10.0 * number
        told = (Reading("battery_voltage", None, 50.0 - number / 1000, at_s, "x"),)
        agent.history.put_sample(Sample("u", at_s, at_s, told), closely=True)
    asked: list[int] = []
    stepped = agent.history.stepped

    async def counted(*what: object) -> list[Point]:
        points: list[Point] = await stepped(*what)
        asked.append(len(points))
        return points

    agent.history.stepped = counted
    async with agent.get("/outage?unit=u") as answer:
        text = await answer.text()
    assert answer.status == 200, text
    assert "One reading every 24 s is drawn; the files below have all." in text
    assert "Only the first 6 h are drawn." in text
    # Of 2,167 readings in six hours and a minute no more than there are steps.
    assert 800 <= asked[0] <= 901
