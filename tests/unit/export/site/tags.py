"""What a browser makes of markup: its tags, with the names of their attributes."""

from html.parser import HTMLParser


def tags(markup: str) -> list[tuple[str, tuple[str, ...]]]:
    found: list[tuple[str, tuple[str, ...]]] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, tuple(name for name, _ in attrs)))

    Tags().feed(markup)
    return found
