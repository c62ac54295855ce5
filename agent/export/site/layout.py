"""The frame around every page: head, navigation, notices, foot."""

from dataclasses import dataclass

from agent.export.context import Context
from agent.export.site.assets import address
from agent.export.site.markup import Child, Html, h, join
from agent.export.site.words import clock

_NAVIGATION = (("", "Fleet"), ("outages", "Outages"), ("agent", "Agent"))
_MACHINES = (("metrics", "Metrics"), ("api/v1/openapi.json", "API"))


@dataclass(frozen=True, slots=True)
class Frame:
    """What a page is within the site.

    ``depth`` is how many steps below the root it lies: links are relative, so that the site
    works under any prefix of a proxy. ``stream`` is where its live updates come from; with
    ``refresh`` they say only that the page is to be asked for again.
    """

    title: str
    here: str
    version: str
    now_s: float
    depth: int = 0
    stream: str | None = None
    scripts: tuple[str, ...] = ("live.js",)
    styles: tuple[str, ...] = ("style.css",)
    notices: tuple[str, ...] = ()
    refresh: bool = False

    @property
    def root(self) -> str:
        """The way back to the root, relative."""
        return "../" * self.depth


def notices(context: Context) -> tuple[str, ...]:
    """Give what is wrong with the agent itself, for the top of every page."""
    reloaded = context.agent.reload_facts()
    found = []
    if context.history.problem:
        found.append(f"History: {context.history.problem}")
    if not reloaded.successful:
        found.append(
            "The configuration file is wrong and was not loaded; the one before it goes on."
        )
    if reloaded.web is False:
        found.append(
            "The web configuration (TLS, users) is wrong and was not loaded; the one before it "
            "goes on."
        )
    return tuple(found)


def page(frame: Frame, *body: Child) -> Html:
    """Give the whole document."""
    root = frame.root
    document = h(
        "html",
        h(
            "head",
            h("meta", charset="utf-8"),
            h("meta", name="viewport", content="width=device-width, initial-scale=1"),
            h("meta", name="color-scheme", content="light dark"),
            h("title", f"{frame.title} · bbu-agent"),
            h("link", rel="icon", href=root + address("icon.svg"), type="image/svg+xml"),
            [h("link", rel="stylesheet", href=root + address(name)) for name in frame.styles],
            [h("script", src=root + address(name), defer=True) for name in frame.scripts],
        ),
        h(
            "body",
            h("a", "Skip to the content", class_="skip", href="#content"),
            _head(frame),
            h("div", id="connection", class_="banner", role="status", hidden=True),
            h("main", _notices(frame), body, id="content", tabindex="-1"),
            _foot(frame),
            data_stream=None if frame.stream is None else root + frame.stream,
            data_root=root or "./",
            data_refresh=frame.refresh,
        ),
        lang="en",
    )
    return Html(f"<!doctype html>\n{document}")


def _head(frame: Frame) -> Html:
    root = frame.root
    links = [
        h(
            "a",
            word,
            href=(root + path) or "./",
            aria_current="page" if frame.here == path else None,
        )
        for path, word in _NAVIGATION
    ]
    machines = [h("a", word, href=root + path, class_="quiet") for path, word in _MACHINES]
    brand = h("a", h("span", class_="logo", aria_hidden="true"), "bbu-agent", href=root or "./")
    return h(
        "header",
        h("p", brand, class_="brand"),
        h("nav", links, machines, aria_label="Pages"),
        h("p", h("span", "live", id="live", class_="live", hidden=True), class_="state"),
        class_="top",
    )


def _notices(frame: Frame) -> Html:
    return join([h("p", notice, class_="banner bad", role="alert") for notice in frame.notices])


def _foot(frame: Frame) -> Html:
    made = ("bbu-agent ", frame.version, ", as of ", clock(frame.now_s), ".")
    return h("footer", h("p", made, " Intervals hold the truth in 90 of 100 cases."))


def panel(
    title: str, *body: Child, id_: str | None = None, note: Child = None, class_: str = ""
) -> Html:
    """Give a titled section; one with an ``id_`` is renewed while the page is open."""
    heading = h("h2", title, id=None if id_ is None else f"{id_}-title")
    return h(
        "section",
        h("div", heading, note and h("p", note, class_="note"), class_="panel-head"),
        body,
        class_=f"panel {class_}".strip(),
        id=id_,
        data_live=id_ is not None,
        aria_labelledby=None if id_ is None else f"{id_}-title",
    )


def table(heads: tuple[str, ...], rows: list[Html], *, class_: str = "", label: str = "") -> Html:
    """Give a table that scrolls sideways in itself where the screen is narrow."""
    head = h("thead", h("tr", [h("th", name, scope="col") for name in heads]))
    inner = h("table", head, h("tbody", rows), class_=class_ or None)
    return h("div", inner, class_="scroll", tabindex="0", role="region", aria_label=label)


def facts(pairs: list[tuple[str, Child]]) -> Html:
    """Give a list of names and what they are; unknown ones are left out."""
    known = [(name, value) for name, value in pairs if value not in (None, "")]
    return h("dl", [h("div", h("dt", n), h("dd", v)) for n, v in known], class_="facts")


def verdict_badge(verdict: str) -> Html:
    """Give the word of a verdict with its shape and its colour."""
    return h("span", verdict, class_=f"verdict {verdict}")
