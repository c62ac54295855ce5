"""Clients that are silent, slow or many, and a network that is half dead: the server goes on."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientError
from aiohttp.web import StreamResponse

from agent.export import answer, context, feed, past, scrape, stream, web
from agent.export.facts import Dropped
from agent.model import Location, Reading, Sample, UnitInfo, UnitState, UnitStatus
from agent.store import history
from agent.store.course import Course

_PATIENCE_S = 20.0
"""How long a test waits for what must happen; on a quiet machine it takes milliseconds."""


def fleet(number: int) -> list[UnitInfo]:
    return [
        UnitInfo(f"unit-{n}", "orv3-hpr-bbu", Location("r1", "a", str(n))) for n in range(number)
    ]


def at(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return str(parts.hostname), int(parts.port or 0)


async def test_a_scrape_waits_for_no_dead_name_server(serve: Any) -> None:
    served = await serve(fleet(2), [])
    # Names are looked up in the loop's own threads, and each look may last half a minute.
    dead, names = threading.Event(), ThreadPoolExecutor(1)
    asyncio.get_running_loop().set_default_executor(names)
    names.submit(dead.wait)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            headers = {"Accept-Encoding": "gzip"}
            async with served.get("/metrics", headers=headers) as told:
                assert "bbu_up" in await told.text()
    finally:
        dead.set()


async def test_who_does_not_read_is_cut_off(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "SLOWEST_S", 0.1)
    over = asyncio.Event()

    async def noted(*sent: Any, **more: Any) -> StreamResponse:
        response = await answer.send(*sent, **more)
        over.set()
        return response

    monkeypatch.setattr(scrape, "send", noted)
    served = await serve(fleet(3000), [])
    for unit in fleet(3000):
        rows = [
            Reading("cell_voltage", str(n), 3.7 + n / 1000, 98.0, "holding 1") for n in range(11)
        ]
        served.store.put_sample(Sample(unit.name, 1.7e9, 98.0, tuple(rows)))
        served.store.put_status(unit.name, UnitStatus(UnitState.UP, 1.7e9, 1.7e9, polls=1))
    host = at(served.url)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(0)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, host)
        await loop.sock_sendall(client, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        length = 0
        async with asyncio.timeout(_PATIENCE_S):
            await over.wait()
            with contextlib.suppress(ConnectionResetError):
                while part := await loop.sock_recv(client, 1 << 16):
                    length += len(part)
    async with served.get("/metrics") as told:
        assert length < len(await told.read())


async def test_who_says_nothing_is_cut_off(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "SILENT_S", 0.1)
    served = await serve([], [])
    for said in (b"", b"GET /metrics HTTP/1.1\r\nHo"):
        reader, writer = await asyncio.open_connection(*at(served.url))
        writer.write(said)
        async with asyncio.timeout(_PATIENCE_S):
            assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("path", ["/api/v1/events?limit=", "/api/v1/units?limit="])
@pytest.mark.parametrize("number", ["000000001" + "9" * 30, "1" + "0" * 5000, "0", "-1", "\u0663"])
async def test_a_limit_is_bounded_however_it_is_written(serve: Any, path: str, number: str) -> None:
    served = await serve(fleet(2), [])
    async with served.get(path + number) as told:
        assert told.status == 400
        assert "limit is from 1 to" in (await told.json())["detail"]


async def test_the_headers_of_a_stream_are_no_stream(serve: Any) -> None:
    served = await serve(fleet(1), [])
    async with asyncio.timeout(_PATIENCE_S):
        for path in ("/api/v1/stream", "/live/fleet"):
            async with served.session.head(served.url + path) as told:
                assert told.headers["Content-Type"].startswith("text/event-stream")
    assert served.app[stream.FEED].clients == 0


async def test_large_answers_are_made_in_their_turn(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve(fleet(1), [])
    unit, asked, go_on = "unit-0", asyncio.Queue[str](), asyncio.Event()

    async def held(name: str) -> list[Course]:
        asked.put_nowait(name)
        await go_on.wait()
        return []

    monkeypatch.setattr(served.history, "course", held)
    urls = [f"{served.url}/api/v1/units/{unit}/estimates"] * (answer.MOST_BULKY + 2)
    tasks = [asyncio.create_task(served.session.get(url)) for url in urls]
    async with asyncio.timeout(_PATIENCE_S):
        for _ in range(answer.MOST_BULKY):
            await asked.get()
        async with served.get("/metrics") as told:
            assert told.status == 200
        assert asked.empty()
        go_on.set()
        assert [(await told.json())["unit"] for told in await asyncio.gather(*tasks)] == [unit] * 4


async def test_what_nobody_waits_for_any_more_is_not_made(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve(fleet(1), [])
    asked: list[str] = []

    async def noted(name: str) -> list[Course]:
        asked.append(name)
        return []

    monkeypatch.setattr(served.history, "course", noted)
    turn = served.app[answer.BULK]
    for _ in range(answer.MOST_BULKY):
        await turn.acquire()
    _, writer = await asyncio.open_connection(*at(served.url))
    writer.write(b"GET /api/v1/units/unit-0/estimates HTTP/1.1\r\nHost: x\r\n\r\n")
    async with served.get("/-/healthy") as told:  # it is read after the one before
        assert told.status == 200
    writer.close()
    await writer.wait_closed()
    async with served.get("/-/healthy") as told:
        assert told.status == 200
    turn.release()
    async with asyncio.timeout(_PATIENCE_S):
        async with served.get("/api/v1/units/unit-0/estimates") as told:
            assert told.status == 200
    assert asked == ["unit-0"]


async def test_the_past_as_csv_is_bounded(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    served = await serve(fleet(1), [])
    for cell in ("1", "2"):
        for at_s in (1.7e9, 1.7e9 + 60):
            told = (Reading("cell_voltage", cell, 3.7 + at_s / 1e12, 98.0, "holding 1"),)
            served.history.put_sample(Sample("unit-0", at_s, 98.0, told), closely=True)
    path = "/api/v1/units/unit-0/history.csv?quantity=cell_voltage&since=0&until=1800000000"
    async with served.get(path) as told:
        lines = (await told.text()).splitlines()
    assert [line[:23] for line in lines] == [
        "time,part,value,low,hig",
        *("2023-11-14T22:13:20Z,1,", "2023-11-14T22:14:20Z,1,"),
        *("2023-11-14T22:13:20Z,2,", "2023-11-14T22:14:20Z,2,"),
    ]
    monkeypatch.setattr(past, "MOST_ROWS", 3)
    async with served.get(path) as told:
        assert told.status == 413
        assert "ask for less at a time by since= and until=" in (await told.json())["detail"]


async def test_names_like_an_unknown_one_are_looked_for_beside_the_loop(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve(fleet(2), [])
    looked: list[threading.Thread] = []

    def near_names(names: Sequence[str], name: str) -> tuple[str, ...]:
        looked.append(threading.current_thread())
        return context.near_names(names, name)

    monkeypatch.setattr(web, "near_names", near_names)
    async with served.get("/api/v1/units/unit-11") as told:
        assert "did you mean unit-1, unit-0?" in (await told.json())["detail"]
    assert looked[0] is not threading.current_thread()


async def test_a_disk_that_does_not_answer_holds_up_no_request(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve(fleet(1), [])
    begun, go_on = threading.Event(), threading.Event()

    def stuck() -> None:
        begun.set()
        go_on.wait()

    work = asyncio.create_task(served.history._run(stuck))
    try:
        await asyncio.to_thread(begun.wait)
        monkeypatch.setattr(history, "STALLED_S", 0.0)
        async with asyncio.timeout(_PATIENCE_S):
            for path, status, words in (
                ("/api/v1/events", 503, "the disk has not answered for"),
                ("/units/unit-0", 503, "the disk has not answered for"),
                ("/metrics", 200, "\nbbu_agent_store_problem 1\n"),
            ):
                async with served.get(path) as told:
                    assert (told.status, words in await told.text()) == (status, True)
    finally:
        go_on.set()
        await work


async def test_a_crowd_of_scrapes_shares_a_page(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve(fleet(1), [])
    made, go_on = 0, asyncio.Event()
    beside, form_for = answer.beside, scrape._form_for
    asked = asyncio.Queue[None]()

    def noted(request: Any) -> Any:
        asked.put_nowait(None)
        return form_for(request)

    async def held(work: Any) -> Any:
        nonlocal made
        made += 1
        await go_on.wait()
        return await beside(work)

    monkeypatch.setattr(scrape, "beside", held)
    monkeypatch.setattr(scrape, "_form_for", noted)
    crowd = [asyncio.create_task(served.session.get(served.url + "/metrics")) for _ in range(20)]
    async with asyncio.timeout(_PATIENCE_S):
        for _ in crowd:
            await asked.get()
        crowd[0].cancel()
        go_on.set()
        answers = [await told.text() for told in await asyncio.gather(*crowd[1:])]
        assert (len(set(answers)), made) == (1, 1)
        # The next is a page of its own, and a text of another form always.
        for headers, number in ({}, 2), ({"Accept": "application/openmetrics-text"}, 3):
            async with served.get("/metrics", headers=headers) as told:
                assert ("bbu_up" in await told.text(), made) == (True, number)


async def test_what_is_dropped_is_counted(serve: Any) -> None:
    served = await serve([], [])
    served.app[answer.DROPPED][Dropped.CROWD] += 3
    name = "bbu_agent_http_connections_dropped_total"
    async with served.get("/metrics") as told:
        rows = [row for row in (await told.text()).splitlines() if row.startswith(name)]
    counts = [("waiting", 0), ("crowd", 3), ("unread", 0), ("refused", 0)]
    assert rows == [f'{name}{{cause="{cause}"}} {count}' for cause, count in counts]


async def test_a_stream_that_is_not_read_is_cut_off_and_counted(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(_response: StreamResponse, _message: bytes) -> None:
        raise TimeoutError

    monkeypatch.setattr(feed, "_write", slow)
    served = await serve(fleet(1), [])
    async with served.get("/api/v1/stream") as told:
        with pytest.raises(ClientError):
            await told.read()
    assert served.app[answer.DROPPED] == {Dropped.UNREAD: 1}
