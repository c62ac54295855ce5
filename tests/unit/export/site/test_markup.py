"""No text from outside becomes a tag or an attribute, whatever it holds."""

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.export.site.markup import Html, h, join, text


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def seen(markup: str) -> Seen:
    parser = Seen()
    parser.feed(markup)
    parser.close()
    return parser


@settings(deadline=None)
@given(st.text(), st.text())
def test_texts_stay_texts_and_attributes_stay_attributes(child: str, value: str) -> None:
    parser = seen(h("p", child, title=value))
    assert [(tag, [name for name, _ in attrs]) for tag, attrs in parser.tags] == [("p", ["title"])]


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=500))
def test_what_can_be_shown_is_shown_as_it_is(child: str) -> None:
    assert "".join(seen(h("p", child, title=child)).texts) == child
    assert seen(h("p", title=child)).tags == [("p", [("title", child)])]


def test_a_text_of_megabytes_is_cut_and_control_characters_show_as_such() -> None:
    assert len(text("x" * 3_000_000)) == 600
    assert text("a\x00b\x1b[31m\ud800") == "a\ufffdb\ufffd[31m\ufffd"


def test_markup_is_not_escaped_again_and_nothing_is_nothing() -> None:
    inner = h("b", "1 < 2")
    assert h("p", inner, None, inner == "", [" and ", 3]) == "<p><b>1 &lt; 2</b> and 3</p>"
    assert join(None) == ""


@pytest.mark.parametrize(
    ("element", "markup"),
    [
        (h("br"), "<br>"),
        (h("input", value=None, hidden=False, required=True), "<input required>"),
        (h("p", class_="a", data_name='"x"'), '<p class="a" data-name="&quot;x&quot;"></p>'),
        (h("p", Html("<i>")), "<p><i></p>"),
    ],
)
def test_elements(element: Html, markup: str) -> None:
    assert element == markup
