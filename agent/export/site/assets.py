"""Styles and scripts: a fixed set of files, each under a name that changes with its content."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from aiohttp import web

from agent.export.accept import weight

_TYPES = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "LICENSE": "text/plain",
}
_FILES = (
    *("style.css", "unit.css", "icon.svg", "live.js", "fleet.js", "history.js"),
    *("uplot.js", "uplot.css", "uplot.LICENSE"),
)
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent; ``mark`` is of its content."""

    body: bytes
    zipped: bytes
    kind: str
    mark: str


@cache
def _assets() -> dict[str, Asset]:
    folder = resources.files("agent.export").joinpath("pages")
    found = {}
    for name in _FILES:
        body = folder.joinpath(name).read_bytes()
        mark = hashlib.sha256(body).hexdigest()[:12]
        kind = _TYPES[name.rpartition(".")[2]]
        found[name] = Asset(body, gzip.compress(body, mtime=0), kind, mark)
    return found


def address(name: str) -> str:
    """Give the address of an asset, relative to the root of the site."""
    return f"assets/{name}?v={_assets()[name].mark}"


def content(name: str) -> str:
    """Give the text of an asset, for a page that must be complete in itself."""
    return _assets()[name].body.decode()


async def asset(request: web.Request) -> web.Response:
    """Serve a style sheet, a script or an icon."""
    name = request.match_info["name"]
    found = _assets().get(name)
    if found is None:
        raise web.HTTPNotFound(text=f"no such file; there are {', '.join(_FILES)}")
    headers = {
        "Content-Type": f"{found.kind}; charset=utf-8",
        "ETag": f'"{found.mark}"',
        "Vary": "Accept-Encoding",
        # Without the mark the address may mean another content tomorrow.
        "Cache-Control": _FOR_EVER if request.query.get("v") == found.mark else "no-cache",
    }
    if any(tag.value == found.mark for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    if weight(request.headers.get("Accept-Encoding", ""), "gzip") > 0:
        return web.Response(body=found.zipped, headers=headers | {"Content-Encoding": "gzip"})
    return web.Response(body=found.body, headers=headers)
