import pytest

from agent.events.permit import Asked, Standing, refusals

SHELF: dict[str, object] = {
    "rack": "r1",
    "shelf": "a",
    "ready": 3,
    "required": 2,
    "margin_after_failure": 0,
    "on_battery": 0,
    "not_ready": [],
}
FEED: dict[str, object] = {**SHELF, "group": "feed-a"}


def asked(
    *counted: Standing, declared: bool = True, enabled: bool = True, unit: str = "u"
) -> list[str]:
    return refusals(Asked(unit, "rfc1628-ups", declared, enabled, counted))


def test_nothing_against_it() -> None:
    assert asked(SHELF, FEED) == []


@pytest.mark.parametrize(
    ("against", "reason"),
    [
        (asked(SHELF, declared=False), "the profile rfc1628-ups declares nothing"),
        (asked(SHELF, enabled=False), "u has no self_test_credentials"),
        (asked(), "no shelf and no group"),
        (asked(SHELF, {**FEED, "margin_after_failure": -1}), "group feed-a cannot spare a unit: 3"),
        (asked({**SHELF, "margin_after_failure": None}), "shelf a of rack r1 cannot spare"),
        (asked({**SHELF, "on_battery": 1}), "shelf a of rack r1 is on battery"),
        (asked({**SHELF, "on_battery": None}), "shelf a of rack r1 is on battery"),
        (asked({**SHELF, "not_ready": None}), "shelf a of rack r1 does not say"),
        (
            asked({**SHELF, "not_ready": [{"unit": "u", "why": "charged to 62% only"}]}),
            "u is not ready: charged to 62% only",
        ),
        (
            asked({**SHELF, "not_ready": [{"unit": "v", "why": "tests itself"}]}),
            "v of shelf a of rack r1 tests itself already",
        ),
    ],
)
def test_every_reason_against_it(against: list[str], reason: str) -> None:
    assert [text[: len(reason)] for text in against] == [reason]


def test_a_neighbour_that_is_merely_not_ready_is_counted_by_the_margin() -> None:
    assert asked({**SHELF, "not_ready": [{"unit": "v", "why": "does not answer"}]}) == []


def test_all_reasons_are_told_at_once() -> None:
    assert len(asked(declared=False, enabled=False)) == 3
