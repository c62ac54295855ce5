"""What has changed since when, and clients that do not keep up."""

import asyncio
from collections.abc import Mapping

from agent.export.feed import Changes, Feed, _Client
from agent.export.json import Json


def test_changes_are_told_from_any_version_on() -> None:
    changes = Changes()
    one, two = ("unit", "1"), ("unit", "2")
    first = changes.update({one: "a", two: "b"})
    second = changes.update({one: "a", two: "c"})
    assert changes.update({one: "a", two: "c"}) == second
    assert (changes.after(0), changes.after(first), changes.after(second)) == (
        [one, two],
        [two],
        [],
    )


def test_what_is_gone_is_news_and_is_forgotten() -> None:
    changes = Changes()
    version = changes.update({("a",): 1, ("b",): 1})
    assert changes.update({("a",): 1}) == version + 1
    assert changes.after(0) == [("a",)]


class News:
    def __init__(self) -> None:
        self.version = 0

    async def update(self) -> int:
        self.version += 1
        return self.version

    def since(self, version: int, only: str | None = None) -> Mapping[str, Json]:
        return {"after": version, "only": only}


def test_a_client_that_does_not_keep_up_is_dropped_and_the_others_go_on() -> None:
    feed = Feed(News(), "boot")
    slow, quick = _Client(), _Client()
    feed._clients |= {slow, quick}
    for number in range(20):
        feed._tell(None, b"%d" % number)
        assert quick.waiting.get_nowait() == b"%d" % number
    assert feed._clients == {quick}
    assert slow.waiting.get_nowait() is None


def test_news_of_one_unit_go_to_who_asked_for_it() -> None:
    feed = Feed(News(), "boot")
    all_units, one_unit = _Client(), _Client("a")
    feed._clients |= {all_units, one_unit}
    feed._tell("a", b"x")
    assert (all_units.waiting.qsize(), one_unit.waiting.qsize()) == (0, 1)


async def test_closing_sends_everybody_away() -> None:
    feed = Feed(News(), "boot")
    client = _Client()
    feed._clients.add(client)
    await feed.close()
    assert await asyncio.wait_for(client.waiting.get(), 5) is None


class Broken(News):
    async def update(self) -> int:
        raise KeyError("r1-a-1")


async def test_an_error_of_ours_sends_everybody_away_and_hinders_no_stop() -> None:
    feed = Feed(Broken(), "boot")
    client = _Client()
    feed._clients.add(client)
    feed._start()
    assert await asyncio.wait_for(client.waiting.get(), 5) is None
    await feed.close()
