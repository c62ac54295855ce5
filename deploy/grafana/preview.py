"""Draw previews of the dashboards from a Prometheus: ``python -m deploy.grafana.preview --help``.

It is our own drawing of the same JSON and the same queries, for people who want to see what is
there before they import it. Grafana draws better.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp
from playwright.async_api import async_playwright

from deploy.grafana.asking import Asker, Choice, Span, chosen
from deploy.grafana.picture.page import page

DASHBOARDS = Path(__file__).resolve().parent / "dashboards"
CHROMIUM = "/usr/bin/chromium"


async def pages(base: str, span: Span, choices: Mapping[str, Choice]) -> dict[str, str]:
    """Give the HTML of each dashboard of ``choices``."""
    found = {}
    async with aiohttp.ClientSession() as session:
        for uid, choice in choices.items():
            board = json.loads((DASHBOARDS / f"{uid}.json").read_text("utf-8"))
            asker = Asker(session, base, span)
            found[uid] = await page(board, asker, chosen(board, choice))
    return found


async def shoot(html: Mapping[str, str], folder: Path) -> None:
    """Make a picture ``grafana-NAME.png`` of each page."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for uid, text in html.items():
            tab = await browser.new_page(viewport={"width": 1680, "height": 900})
            await tab.set_content(text)
            name = uid.removeprefix("bbu-")
            await tab.screenshot(path=folder / f"grafana-{name}.png", full_page=True)
            await tab.close()
        await browser.close()


def _pairs(words: Sequence[str]) -> Choice:
    found: dict[str, list[str]] = {}
    for word in words:
        name, _, value = word.partition("=")
        found.setdefault(name, []).append(value)
    return found


def main() -> None:
    """Draw what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", help="its address")
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the time range")
    parser.add_argument("--var", action="append", default=[], help="NAME=VALUE; may be repeated")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the pictures")
    parser.add_argument("board", nargs="*", help="uids; without any, all dashboards")
    wanted = parser.parse_args()
    uids = wanted.board or sorted(path.stem for path in DASHBOARDS.glob("*.json"))
    now_s = time.time()
    span = Span(now_s - wanted.minutes * 60, now_s)
    choices = dict.fromkeys(uids, _pairs(wanted.var))
    html = asyncio.run(pages(wanted.prometheus, span, choices))
    asyncio.run(shoot(html, wanted.out))


if __name__ == "__main__":
    main()
