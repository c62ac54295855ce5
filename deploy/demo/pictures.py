"""Make the pictures of the page in docs/images from the running demo. Run by ``make pictures``.

Starts the demo, waits for its self-test and lets an outage of 25 s come, so that every page
has something to show; then Debian's Chromium draws them. Takes about three minutes.
"""

import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, sync_playwright

from deploy.demo.demo import (
    SCENARIO,
    free_port,
    make_past,
    run,
    say,
    started,
    units_of,
    wait_for,
    watching,
)

IMAGES = Path(__file__).parents[2] / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
WEAK = "units/r12-a-3"
WIDE, PHONE = 1280, 390
TERMINALS = {"top": ("80x24", ()), "top-unit": ("100x32", ("r12-a-3",))}
SETTLED_S = 95.0
OUTAGE_S = 25.0
# Name of the picture, page, width, height (None: all of it), dark.
PICTURES: tuple[tuple[str, str, int, int | None, bool], ...] = (
    ("page", "", WIDE, 1120, False),
    ("page-unit", WEAK, WIDE, 1660, False),
    ("page-unit-dark", WEAK, WIDE, 1660, True),
    ("page-outage", "outage?rack=r12", WIDE, None, False),
    ("page-agent", "agent", WIDE, None, True),
    ("page-phone", "", PHONE, 1100, True),
    ("page-unit-phone", WEAK, PHONE, 1100, False),
)


def draw(browser: Browser, base: str) -> None:
    """Take every picture."""
    for name, path, width, height, dark in PICTURES:
        page = browser.new_page(
            viewport={"width": width, "height": height or 900},
            color_scheme="dark" if dark else "light",
        )
        page.goto(f"{base}/{path}")
        page.wait_for_timeout(1500)
        page.screenshot(path=IMAGES / f"{name}.png", full_page=height is None)
        page.close()
        say(f"  {name}.png")


def draw_terminals(base: str) -> None:
    """Take every picture of the terminal."""
    for name, (size, unit) in TERMINALS.items():
        out = IMAGES / f"{name}.svg"
        run("bbu-agent", "top", *unit, "--agent", base, "--size", size, "--picture", out)
        say(f"  {name}.svg")


def main() -> None:
    """Start everything, wait, draw."""
    with TemporaryDirectory(prefix="bbu-pictures-") as folder, ExitStack() as stack:
        home = Path(folder)
        past, rack = home / "past", home / "rack"
        say("Simulating the past of the rack ...")
        make_past(past, rack / "agent-state", 1.0)
        simulate = ("bbu-sim", "run", SCENARIO, "--run-dir", rack, "--state", past)
        simulator = stack.enter_context(started("the simulator", home / "sim.log", *simulate))
        wait_for(rack / "agent.yaml", simulator)
        port = free_port(9877)
        base = f"http://127.0.0.1:{port}"
        stack.enter_context(watching(home, rack, port))
        say(f"{base}: waiting for its self-test and its outage ...")
        time.sleep(SETTLED_S)
        run("bbu-sim", "inject", "r12", "outage", "--for", f"{OUTAGE_S:g} s", "--run-dir", rack)
        time.sleep(OUTAGE_S + 90)
        if not units_of(base):
            raise SystemExit("the agent does not answer")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
            draw(browser, base)
            browser.close()
        draw_terminals(base)


if __name__ == "__main__":
    main()
