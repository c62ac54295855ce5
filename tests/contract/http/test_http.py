"""What clients of the HTTP server may rely on."""

import re
from typing import Any

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from agent.errors import ConfigError, StoreError
from agent.export import events, sheets
from agent.model import (
    Event,
    Fault,
    FaultReason,
    Location,
    Reading,
    Sample,
    Shelf,
    UnitInfo,
    UnitState,
    UnitStatus,
)

A = UnitInfo("r1-a-1", "orv3-hpr-bbu", Location("r1", "a", "1"), "shelf-a", "unit id 48")
B = UnitInfo("ups-7", "auto", address="10.1.3.20:161")
SHELF = Shelf("r1", "a", 1)


@pytest.fixture
async def agent(serve: Any) -> Any:
    served = await serve([A, B], [SHELF])
    served.store.put_status(
        "r1-a-1", UnitStatus(UnitState.UP, 1.7e9, 1.7e9, polls=3, last_duration_s=0.25)
    )
    served.store.put_sample(
        Sample(
            "r1-a-1",
            1.7e9,
            98.0,
            (
                Reading("battery_voltage", None, 51.2, 98.0, "holding 100"),
                Reading("cell_voltage", "1", 0.0, 98.0, "holding 111"),
                Reading("battery_install_date", None, 1.746e9, 98.0, "holding 9"),
                Reading("battery_status", None, "charging", 98.0, "holding 8", "CHG"),
            ),
            (Fault("temperature", "in", FaultReason.SENTINEL, "65535", "holding 10"),),
        )
    )
    return served


async def test_metrics_in_text_by_default(agent: Any) -> None:
    async with agent.get("/metrics") as answer:
        text = await answer.text()
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'bbu_battery_voltage_volts{unit="r1-a-1"} 51.2\n' in text
    assert 'bbu_up{unit="ups-7"} 0\n' in text
    assert 'bbu_agent_bus_utilisation_ratio{bus="shelf-a"} 0.25\n' in text
    assert list(parse_text(text))


async def test_metrics_in_openmetrics_as_prometheus_asks_for_it(agent: Any) -> None:
    accept = (
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
        "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    )
    async with agent.get("/metrics", headers={"Accept": accept}) as answer:
        text = await answer.text()
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text;")
    assert text.endswith("# EOF\n")
    families = openmetrics.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    assert {f.name: f.type for f in families}["bbu_battery_status"] == "stateset"


async def test_metrics_are_zipped_for_who_takes_it(agent: Any) -> None:
    headers = {"Accept-Encoding": "gzip"}
    async with agent.session.get(agent.url + "/metrics", headers=headers) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert "bbu_up" in await answer.text()


@pytest.mark.parametrize("encoding", ["", "identity", "deflate, gzip;q=0", "br"])
async def test_metrics_are_plain_for_who_does_not(agent: Any, encoding: str) -> None:
    headers = {"Accept-Encoding": encoding}
    async with agent.session.get(agent.url + "/metrics", headers=headers) as answer:
        assert "Content-Encoding" not in answer.headers
        assert "bbu_up" in await answer.text()


@pytest.mark.parametrize("path", ["/metrics", "/", "/-/healthy", "/api/v1/units"])
async def test_head_gives_the_headers_only(agent: Any, path: str) -> None:
    async with agent.session.head(agent.url + path) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    async with agent.get(path) as answer:  # on the same connection
        assert answer.status == 200


async def test_metrics_by_name(agent: Any) -> None:
    async with agent.get("/metrics?name[]=bbu_up&name[]=bbu_polls_total") as answer:
        names = {s.name for f in parse_text(await answer.text()) for s in f.samples}
    assert names == {"bbu_up", "bbu_polls_total"}


async def test_a_silent_units_values_vanish_and_up_is_0(agent: Any) -> None:
    agent.now_s = 200.0
    async with agent.get("/metrics") as answer:
        text = await answer.text()
    assert "bbu_battery_voltage_volts" not in text
    assert 'bbu_up{unit="r1-a-1"} 0\n' in text
    assert 'bbu_shelf_ready_units{rack="r1",shelf="a"} 0\n' in text


async def test_probe_shows_one_unit(agent: Any) -> None:
    async with agent.get("/probe?unit=r1-a-1") as answer:
        families = parse_text(await answer.text())
    units = {s.labels.get("unit") for f in families for s in f.samples}
    assert units == {"r1-a-1"}


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/probe", 400, "/probe?unit=NAME"),
        ("/probe?unit=r1-a-2", 404, "did you mean r1-a-1?"),
        ("/api/v1/units/nobody", 404, "no unit"),
        ("/api/v1/units/ups-7/history", 400, "quantity"),
        ("/api/v1/events?limit=0", 400, "limit"),
        ("/api/v1/events?limit=many", 400, "limit"),
        ("/api/v1/events?limit=1000000000000000", 400, "limit"),
        ("/api/v1/events?since=nan", 400, "since"),
        ("/api/v1/events?since=1e300", 400, "since"),
        ("/api/v1/units/ups-7/history?quantity=load&until=-1", 400, "until"),
        ("/api/v1/units/%00%ff%ed%a0%80", 404, "no unit"),
        ("/nowhere", 404, "Not Found"),
        ("/-/reload", 405, "Method Not Allowed"),
    ],
)
async def test_errors_are_problem_documents(agent: Any, path: str, status: int, word: str) -> None:
    async with agent.get(path) as answer:
        assert answer.status == status
        assert answer.content_type == "application/problem+json"
        body = await answer.json()
    assert body["status"] == status
    assert word in body["detail"]


async def test_discovery_lists_one_target_for_each_unit(agent: Any) -> None:
    host = agent.url.removeprefix("http://")
    async with agent.get("/sd") as answer:
        assert answer.content_type == "application/json"
        assert await answer.json() == [
            {
                "targets": [host],
                "labels": {
                    "__metrics_path__": "/probe",
                    "__param_unit": "r1-a-1",
                    "instance": "r1-a-1",
                    "rack": "r1",
                    "shelf": "a",
                    "slot": "1",
                },
            },
            {
                "targets": [host],
                "labels": {
                    "__metrics_path__": "/probe",
                    "__param_unit": "ups-7",
                    "instance": "ups-7",
                },
            },
        ]


async def test_discovery_without_units_is_an_empty_list(serve: Any) -> None:
    served = await serve([], [])
    async with served.get("/sd") as answer:
        assert await answer.json() == []


async def test_ready_once_every_unit_has_been_tried(agent: Any) -> None:
    async with agent.get("/-/ready") as answer:
        assert (answer.status, "ups-7" in await answer.text()) == (503, True)
    agent.store.put_status("ups-7", UnitStatus(UnitState.DOWN, polls=1, failures=1))
    async with agent.get("/-/ready") as answer:
        assert answer.status == 200


async def test_healthy(agent: Any) -> None:
    async with agent.get("/-/healthy") as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (None, 200, "reloaded\n"),
        (
            ConfigError("a.yaml:3: units: no such profile"),
            400,
            "a.yaml:3: units: no such profile\n",
        ),
        (StoreError("cannot"), 500, "cannot\n"),
    ],
)
async def test_reload(agent: Any, error: Exception | None, status: int, text: str) -> None:
    agent.reload_error = error
    async with agent.session.post(agent.url + "/-/reload") as answer:
        assert (answer.status, await answer.text(), agent.reloads) == (status, text, 1)


async def test_another_sites_page_cannot_reload(agent: Any) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    async with agent.session.post(agent.url + "/-/reload", headers=headers) as answer:
        assert (answer.status, agent.reloads) == (403, 0)


async def test_units_in_short(agent: Any) -> None:
    async with agent.get("/api/v1/units") as answer:
        first, second = (await answer.json())["units"]
    assert first["name"] == "r1-a-1"
    assert first["location"] == {"rack": "r1", "shelf": "a", "slot": "1"}
    assert (first["up"], first["state"], first["verdict"]) == (True, "up", "unknown")
    assert first["last_success"] == "2023-11-14T22:13:20Z"
    assert (second["name"], second["up"], second["state"]) == ("ups-7", False, "new")


async def test_one_unit_in_full(agent: Any) -> None:
    async with agent.get("/api/v1/units/r1-a-1") as answer:
        body = await answer.json()
    assert body["readings"] == [
        {
            "quantity": "battery_voltage",
            "index": None,
            "value": 51.2,
            "unit": "V",
            "source": "holding 100",
            "age_s": 2.0,
        },
        {
            "quantity": "cell_voltage",
            "index": "1",
            "value": 0.0,
            "unit": "V",
            "source": "holding 111",
            "age_s": 2.0,
        },
        {
            "quantity": "battery_install_date",
            "index": None,
            "value": "2025-04-30",
            "unit": "date",
            "source": "holding 9",
            "age_s": 2.0,
        },
        {
            "quantity": "battery_status",
            "index": None,
            "value": "charging",
            "unit": "",
            "source": "holding 8",
            "text": "CHG",
            "age_s": 2.0,
        },
    ]
    assert body["faults"] == [
        {
            "quantity": "temperature",
            "index": "in",
            "reason": "sentinel",
            "raw": "65535",
            "source": "holding 10",
        }
    ]


async def test_events_newest_first(agent: Any) -> None:
    await agent.history.put_event(
        Event("ups-7", "discharge", 1.7e9, 1.7e9 + 60, {"energy_wh": 5.5})
    )
    await agent.history.put_event(Event("r1-a-1", "self_test", 1.8e9, None))
    async with agent.get("/api/v1/events") as answer:
        events = (await answer.json())["events"]
    assert events == [
        {
            "unit": "r1-a-1",
            "kind": "self_test",
            "start": "2027-01-15T08:00:00Z",
            "end": None,
            "start_s": 1.8e9,
            "end_s": None,
            "detail": {},
        },
        {
            "unit": "ups-7",
            "kind": "discharge",
            "start": "2023-11-14T22:13:20Z",
            "end": "2023-11-14T22:14:20Z",
            "start_s": 1.7e9,
            "end_s": 1.7e9 + 60,
            "detail": {"energy_wh": 5.5},
        },
    ]


async def test_events_are_filtered(agent: Any) -> None:
    for unit, kind, at in (
        ("ups-7", "discharge", 1.7e9),
        ("r1-a-1", "discharge", 1.7e9 + 10),
        ("r1-a-1", "self_test", 1.7e9 + 20),
        ("rack:r1", "outage", 1.7e9 + 30),
    ):
        await agent.history.put_event(Event(unit, kind, at, at + 5))

    async def starts(query: str) -> list[float]:
        async with agent.get(f"/api/v1/events?{query}") as answer:
            assert answer.status == 200, await answer.text()
            return [event["start_s"] - 1.7e9 for event in (await answer.json())["events"]]

    assert await starts("kind=discharge") == [10, 0]
    assert await starts("unit=r1-a-1&kind=self_test") == [20]
    assert await starts("since=1700000010&until=1700000030") == [20, 10]
    assert await starts("rack=r1") == [30, 20, 10]
    assert await starts("open") == []
    async with agent.get("/api/v1/events?kind=party") as answer:
        assert answer.status == 400
        assert "kinds are discharge" in (await answer.json())["detail"]


async def test_what_was_read_in_an_event_is_a_table(agent: Any) -> None:
    await agent.history.put_event(Event("r1-a-1", "discharge", 1.7e9, 1.7e9 + 5))
    for second, amperes in ((0, 0.0), (1, -50.0), (2, -51.0)):
        rows = (
            Reading("battery_current", None, amperes, 0.0, "x"),
            Reading("cell_voltage", "2", 3.9, 0.0, "x"),
        )
        agent.history.put_sample(Sample("r1-a-1", 1.7e9 + second, 0.0, rows), closely=True)
    async with agent.get("/api/v1/events/telemetry?unit=r1-a-1&start=1700000000") as answer:
        assert answer.headers["Content-Type"].startswith("text/csv")
        assert (await answer.text()).splitlines() == [
            "time_s,battery_current,cell_voltage[2]",
            "1700000000.000,0.0,3.9",
            "1700000001.000,-50.0,3.9",
            "1700000002.000,-51.0,3.9",
        ]
    async with agent.get("/api/v1/events/telemetry?unit=r1-a-1&start=1600000000") as answer:
        assert answer.status == 404
    path = "/api/v1/events/telemetry?unit=r1-a-1&start=1700000000&format="
    async with agent.get(path + "parquet") as answer:
        assert answer.headers["Content-Type"] == "application/vnd.apache.parquet"
        assert (await answer.read())[:4] == b"PAR1"
    async with agent.get(path + "exe") as answer:
        assert answer.status == 400
    async with agent.get("/api/v1/events?kind=discharge&format=csv") as answer:
        assert (await answer.text()).startswith("unit,kind,start_s,end_s")
    async with agent.get("/api/v1/events?group=nobody") as answer:
        assert answer.status == 400


async def test_an_event_too_large_for_a_table_is_had_in_parts(
    agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "MOST_POINTS", 10)
    monkeypatch.setattr(events, "MOST_POINTS", 10)
    await agent.history.put_event(Event("r1-a-1", "discharge", 1.7e9, 1.7e9 + 20))
    for second in range(20):
        rows = (Reading("battery_current", None, -50.0 - second, 0.0, "x"),)
        agent.history.put_sample(Sample("r1-a-1", 1.7e9 + second, 0.0, rows), closely=True)
    path = "/api/v1/events/telemetry?unit=r1-a-1&start=1700000000"
    async with agent.get(path) as answer:
        assert answer.status == 413
        detail = (await answer.json())["detail"]
    part = re.search(r"since=[\d.]+&until=[\d.]+", detail)
    assert part is not None
    async with agent.get(f"{path}&{part[0]}") as answer:
        assert len((await answer.text()).splitlines()) == 1 + 10
    async with agent.get(f"{path}&since=1700000010") as answer:
        assert len((await answer.text()).splitlines()) == 1 + 10


async def test_history_of_one_reading(agent: Any) -> None:
    for at in (1000.0, 1100.0):
        reading = Reading("battery_voltage", None, at / 20, at, "holding 100")
        agent.history.put_sample(Sample("r1-a-1", at, at, (reading,)))
    await agent.history.flush()
    path = "/api/v1/units/r1-a-1/history?quantity=battery_voltage&since=0&until=1100"
    async with agent.get(path) as answer:
        points = (await answer.json())["points"]
    assert [(p["time_s"], p["value"]) for p in points] == [(1000, 50), (1100, 55)]


async def test_the_page_runs_our_scripts_only_and_escapes(serve: Any) -> None:
    served = await serve([UnitInfo("<script>x</script>", "p", Location("<b>", "&", '"'))], [])
    served.store.put_status(
        "<script>x</script>", UnitStatus(UnitState.DOWN, last_error="<img src=x>", polls=1)
    )
    async with served.get("/") as answer:
        text = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert re.findall(r"<script[^>]*>", text) == re.findall(r'<script src="assets/[^>]*>', text)
    assert "unsafe" not in policy
    assert "<img" not in text
    assert "&lt;img src=x&gt;" in text


async def test_styles_and_scripts_are_ours_and_known_by_their_content(agent: Any) -> None:
    async with agent.get("/") as answer:
        files = re.findall(r'(?:href|src)="(assets/[^"]+)"', await answer.text())
    assert len(files) >= 3
    for file in files:
        async with agent.get(f"/{file}") as answer:
            assert (answer.status, "immutable" in answer.headers["Cache-Control"]) == (200, True)
            mark = answer.headers["ETag"]
        async with agent.get(f"/{file}", headers={"If-None-Match": mark}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
    async with agent.get("/assets/..%2f..%2fweb.py") as answer:
        assert answer.status == 404


@pytest.mark.parametrize("query", ["index=%00", "index=%ed%a0%80", "index=%F0%9F%94%8B", "index="])
async def test_odd_indices_have_no_history(agent: Any, query: str) -> None:
    async with agent.get(f"/api/v1/units/ups-7/history?quantity=load&{query}") as answer:
        assert (answer.status, (await answer.json())["points"]) == (200, [])


@pytest.mark.parametrize("query", ["unit=%00", "unit=%ed%a0%80", "unit='--"])
async def test_odd_units_have_no_events(agent: Any, query: str) -> None:
    async with agent.get(f"/api/v1/events?{query}") as answer:
        assert (answer.status, (await answer.json())["events"]) == (200, [])
