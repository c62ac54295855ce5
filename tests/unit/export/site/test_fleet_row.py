"""One unit on the Fleet page."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.export.site.fleet_row import row
from agent.model import Location, UnitInfo, UnitState, UnitStatus
from agent.store.live import UnitView
from tests.unit.export.site.tags import tags


def unit(text: str) -> UnitView:
    return UnitView(
        UnitInfo(text, "p", Location(text, text, text)),
        UnitStatus(UnitState.DOWN, last_error=text, polls=1),
        0.0,
    )


def test_a_unit_that_answers(module: UnitView) -> None:
    shown = row(module).html(module.status.last_ok or 0.0)
    for words in (
        "cell 2 holds 71 % of its rated capacity",
        "71 % (66 to 75)",
        "180 s (160 to 200)",
        'class="verdict degraded"',
        "0 s ago",
        'href="units/r1-a-1"',
    ):
        assert words in shown


def test_a_silent_unit_says_why_and_comes_before_those_that_are_well(
    module: UnitView, silent: UnitView
) -> None:
    quiet = row(silent)
    assert "does not answer: 10.1.3.20:161: no answer in 1 s" in quiet.html(0.0)
    assert (quiet.is_silent, "away" in quiet.slot) == (True, True)
    assert row(module).rank < quiet.rank


def test_an_estimate_that_is_no_number_is_left_out(module: UnitView) -> None:
    assert module.health is not None
    assert module.health.state_of_health is not None
    odd = replace(
        module.health, state_of_health=module.health.state_of_health._replace(upper=float("inf"))
    )
    assert "71 % (" not in row(replace(module, health=odd)).html(0.0)


def test_only_the_time_of_the_answer_moves_with_a_poll(module: UnitView) -> None:
    later = replace(module, status=replace(module.status, last_ok=1.8e9, polls=99))
    assert (row(later).head, row(later).slot) == (row(module).head, row(module).slot)
    assert row(later).html(1.8e9) != row(module).html(1.8e9)


def test_a_search_finds_what_a_person_knows_of_a_unit(module: UnitView) -> None:
    words = row(module).words
    for known in ("r1-a-1", "sn1", "degraded", "cell 2 holds"):
        assert known in words


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_no_text_from_outside_makes_a_tag_or_an_attribute(text: str) -> None:
    hostile, plain = row(unit(text)), row(unit("x"))
    assert tags(hostile.html(0.0)) == tags(plain.html(0.0))
    assert tags(hostile.slot) == tags(plain.slot)


def test_one_poll_missed_is_said_before_the_unit_counts_as_silent(module: UnitView) -> None:
    once = replace(module, status=replace(module.status, failures=1))
    assert "1 poll missed" in row(once).html(0.0)
    assert "missed" not in row(module).html(0.0)
    assert "missed" not in row(replace(once, up=False)).html(0.0)
