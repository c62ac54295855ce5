"""Our own runbooks as HTML: the little of Markdown that they are written in.

Headings, paragraphs, numbered lists and fenced code; in them code, links and bold.
"""

import re
from collections.abc import Callable, Iterator
from html import escape

from agent.export.site.markup import Html, h

_INLINE = re.compile(r"`([^`]+)`|\[([^\]]+)\]\(([^)\s]+)\)|\*\*([^*]+)\*\*")
_HEADING = re.compile(r"(#{1,3}) +(.*)")
_STEP = re.compile(r"\d+\. +(.*)")
_FENCE = "```"

Link = Callable[[str], str]
"""Gives the address of what a text links to."""


def prose(text: str, link: Link) -> list[Html]:
    """Give ``text``, one of ours, as the elements that it consists of."""
    return [_element(block, link) for block in _blocks(text.splitlines())]


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Give the lines that belong together: blank lines part all but code."""
    block: list[str] = []
    fenced = False
    for line in lines:
        if line.startswith(_FENCE):
            fenced = not fenced
        starts = not fenced and (not line.strip() or _HEADING.match(line))
        if starts and block:
            yield block
            block = []
        if line.strip() or fenced:
            block.append(line)
        if block and not fenced and _HEADING.match(line):
            yield block
            block = []
    if block:
        yield block


def _element(block: list[str], link: Link) -> Html:
    first = block[0]
    heading = _HEADING.match(first)
    if heading is not None:
        return h(f"h{len(heading[1])}", _inline(heading[2], link))
    if first.startswith(_FENCE):
        return h("pre", h("code", Html(escape("\n".join(block[1:-1])))), tabindex="0")
    if _STEP.match(first):
        return h("ol", [h("li", _inline(step, link)) for step in _steps(block)])
    return h("p", _inline(" ".join(block), link))


def _steps(block: list[str]) -> list[str]:
    steps: list[str] = []
    for line in block:
        found = _STEP.match(line)
        if found is None:
            steps[-1] += f" {line.strip()}"
        else:
            steps.append(found[1])
    return steps


def _inline(text: str, link: Link) -> list[Html]:
    parts: list[Html] = []
    end = 0
    for found in _INLINE.finditer(text):
        # Not by text(): it is ours, and must not be cut to a bounded length.
        parts.append(Html(escape(text[end : found.start()])))
        code, label, target, bold = found.groups()
        if code is not None:
            parts.append(h("code", Html(escape(code))))
        elif label is not None:
            parts.append(h("a", Html(escape(label)), href=link(target)))
        else:
            parts.append(h("strong", Html(escape(bold))))
        end = found.end()
    return [*parts, Html(escape(text[end:]))]
