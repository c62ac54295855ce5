"""HTML as values: what is not markup already is escaped, so no text can become a tag.

A template engine would bring a language of its own, which no type checker reads; these few
functions escape by default just the same.
"""

from collections.abc import Iterable
from html import escape

from agent.export.harmless import clean

_LONGEST_TEXT = 600
_VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})


class Html(str):
    """Markup that is safe to send. Only the functions here make it, and literals of ours."""

    __slots__ = ()


Child = None | str | int | float | Iterable["Child"]
"""What may stand in an element: markup, text (escaped), numbers, nothing, or many of these."""

NOTHING = Html("")


def text(value: object) -> Html:
    """Give a text from anywhere as markup: escaped, without control characters, not endless."""
    return Html(escape(clean(str(value), longest=_LONGEST_TEXT)))


def join(children: Child) -> Html:
    """Give ``children`` one after the other; None and truth values (of ``and``) are nothing."""
    if children is None or isinstance(children, bool):
        return NOTHING
    if isinstance(children, Html):
        return children
    if isinstance(children, str | int | float):
        return text(children)
    return Html("".join([join(child) for child in children]))


def h(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Html:
    """Give the element ``name``.

    An attribute that is None or False is left out, one that is True stands alone. Underscores
    become hyphens and one at the end is dropped (``class_``, ``data_name``).
    """
    given = "".join([_attribute(key, value) for key, value in attributes.items()])
    if name in _VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{join(children)}</{name}>")


def _attribute(key: str, value: str | float | bool | None) -> str:  # noqa: FBT001 - an attribute's value
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{join(value)}"'
