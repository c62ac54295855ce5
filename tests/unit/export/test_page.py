from dataclasses import replace
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from agent.export.page import render
from agent.model import Location, UnitInfo, UnitState, UnitStatus
from agent.store.live import UnitView


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(name for name, _ in attrs)))


def tags(page: str) -> list[tuple[str, tuple[str, ...]]]:
    parser = Tags()
    parser.feed(page)
    return parser.seen


def unit(text: str) -> UnitView:
    return UnitView(
        UnitInfo(text, "p", Location(text, text, text)),
        UnitStatus(UnitState.DOWN, last_error=text, polls=1),
        0.0,
    )


def test_the_page_shows_the_worst_first(module: UnitView, silent: UnitView) -> None:
    page = render((silent, module), "1.2.3", None)
    assert page.index("r1-a-1") < page.index("ups-7")
    for text in (
        "2 units: 1 degraded, 1 unknown.",
        "cell 2 holds 71 % of its rated capacity",
        "71% (66 to 75)",
        "180 s (160 to 200)",
        "2 s ago",
        "does not answer: 10.1.3.20:161: no answer in 1 s",
    ):
        assert text in page


def test_no_units_is_said() -> None:
    assert "0 units: none configured." in render((), "1.2.3", None)


def test_trouble_with_the_history_is_said(module: UnitView) -> None:
    assert "History: disk &lt;full&gt;" in render((module,), "1.2.3", "disk <full>")


def test_an_estimate_that_is_no_number_is_left_out(module: UnitView) -> None:
    assert module.health is not None
    assert module.health.state_of_health is not None
    odd = replace(
        module.health, state_of_health=module.health.state_of_health._replace(upper=float("inf"))
    )
    assert "71%" not in render((replace(module, health=odd),), "1.2.3", None)


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_no_text_from_outside_makes_a_tag_or_an_attribute(text: str) -> None:
    assert tags(render((unit(text),), "v", text)) == tags(render((unit("x"),), "v", "x"))
