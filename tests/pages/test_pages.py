"""Every page on the demo fleet: wide and narrow, light and dark, by keyboard, without scripts."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.pages.conftest import Fleet, Look, fetch

UNIT = "units/r12-a-3"
PAGES = ["", UNIT, "units/ups-1", "outages", f"outage?unit={UNIT[6:]}", "agent"]
SERIOUS = {"serious", "critical"}
RENEWED = """() => {
  const row = document.getElementById("u:r12-a-5");
  window.bbu.renew(row.id, row.outerHTML);
  return document.getElementById(row.id) !== row;
}"""
# A row that the agent knows nothing of: no news of it comes in between.
STAND_IN = """() => {
  const row = document.getElementById("u:r12-a-5").cloneNode(true);
  Object.assign(row.dataset, { rank: "9e9", verdict: "ok" });
  row.id = "u:stand-in";
  row.hidden = false;
  row.className = "";
  document.querySelector("table.units tbody").append(row);
  getSelection().selectAllChildren(row);
}"""
WORSE = """() => {
  const fresh = document.getElementById("u:stand-in").cloneNode(true);
  Object.assign(fresh.dataset, { rank: "-1", verdict: "replace" });
  window.bbu.renew(fresh.id, fresh.outerHTML);
}"""
OVERTAKEN = """() => {
  const row = document.getElementById("u:stand-in");
  row.dataset.rank = "-1";
  document.dispatchEvent(new CustomEvent("late", { detail: row }));
  return [row.nextElementSibling, getSelection().type];
}"""
AUDITED = {("light", 1600), ("dark", 360)}


def sideways(page: Page) -> int:
    """Give by how many pixels the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@pytest.mark.parametrize("path", PAGES)
def test_every_page_fits_and_is_accessible(look: Look, path: str) -> None:
    page = look(path)
    expect(page.locator("main h1")).to_be_visible()
    for scheme, width in (("light", 1600), ("light", 360), ("dark", 1600), ("dark", 360)):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 900})
        assert sideways(page) <= 0, (scheme, width)
        if (scheme, width) in AUDITED:
            found = Axe().run(page).response["violations"]
            serious = [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in SERIOUS]
            assert serious == [], (scheme, width)


def test_the_fleet_without_scripts(look: Look) -> None:
    page = look("", scripts=False)
    assert page.locator("table.units tbody tr").count() == 17
    assert page.locator(".slot").count() == 17
    page.get_by_label("Rack").select_option("r12")
    page.get_by_label("Search").fill("r12-b")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("table.units tbody tr")).to_have_count(6)
    expect(page).to_have_url(re.compile("[?&]q=r12-b"))
    page.locator("table.units a").first.click()
    expect(page).to_have_url(re.compile("/units/r12-b-"))


def test_a_unit_without_scripts(look: Look) -> None:
    page = look(UNIT, scripts=False)
    for title in ("Verdict", "Now", "Cells", "Ageing", "Poll health", "Readings", "Events"):
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    assert page.locator(".heat li").count() == 12
    assert page.locator("svg.chart").count() == 2
    page.get_by_text("readings with their registers").click()
    expect(page.get_by_role("cell", name="holding 109")).to_be_visible()


def test_the_search_is_kept_in_the_address_and_back_again(look: Look) -> None:
    page = look("")
    page.get_by_label("Search").fill("r12-c")
    expect(page.locator("table.units tbody tr:not([hidden])")).to_have_count(3)
    expect(page.locator("#count")).to_have_text("3 of 17 units")
    expect(page).to_have_url(re.compile(r"\?q=r12-c$"))
    page.reload()
    expect(page.locator("table.units tbody tr:not([hidden])")).to_have_count(3)
    page.get_by_text("Show all", exact=True).click()
    expect(page.locator("table.units tbody tr:not([hidden])")).to_have_count(17)
    expect(page).to_have_url(re.compile(r"^[^?]+$"))


def test_a_verdict_is_chosen_by_its_tile(look: Look) -> None:
    page = look("")
    page.locator(".tile.unknown").click()
    expect(page.locator("table.units tbody tr:not([hidden])").first).to_be_visible()
    expect(page).to_have_url(re.compile("verdict=unknown"))
    shown = page.locator("table.units tbody tr:not([hidden])")
    assert all("unknown" in text for text in shown.all_inner_texts())


def test_by_keyboard_alone(look: Look) -> None:
    page = look("")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "q":
            break
    page.keyboard.type("ups-1")
    expect(page.locator("table.units tbody tr:not([hidden])")).to_have_count(1)
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.units tbody') !== null"):
            break
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/units/ups-1$"))


def test_the_history_is_drawn_and_goes_into_the_address(look: Look) -> None:
    page = look(UNIT)
    expect(page.locator("#history canvas")).to_have_count(1)
    expect(page.locator("#history .note")).to_contain_text("values from")
    page.get_by_label("Quantity").select_option("temperature")
    expect(page).to_have_url(re.compile("#show=temperature&last=day$"))
    expect(page.locator("#history .note")).to_contain_text("degC")


def test_a_history_that_cannot_be_had_says_why(look: Look) -> None:
    page = look(UNIT, fails=True)
    note = page.locator("#history .note")
    expect(note).to_contain_text("values from")
    page.route("**/series?**", lambda route: route.abort())
    page.get_by_label("Quantity").select_option("temperature")
    expect(note).to_contain_text("cannot be had just now: Failed to fetch")
    page.route("**/series?**", lambda route: route.fulfill(status=503))
    page.locator("#history select").nth(1).select_option("hour")
    expect(note).to_contain_text("the agent answers 503")
    page.unroute_all()
    page.locator("#history select").nth(1).select_option("day")
    expect(note).to_contain_text("values from")


def test_a_fault_shows_on_open_pages_without_reload(look: Look, fleet: Fleet) -> None:
    overview, unit = look(""), look("units/r12-a-6")
    for page in (overview, unit):
        expect(page.locator("#live")).to_be_visible()
        page.evaluate("window.theSamePage = true")
    fleet.inject("r12-a-6", "silent")
    expect(overview.locator("[id='s:r12-a-6']")).to_have_class(re.compile("away"))
    row = overview.locator("[id='u:r12-a-6']")
    expect(row).to_contain_text("does not answer")
    expect(overview.locator("#silent")).to_contain_text("r12-a-6")
    expect(unit.locator("#verdict")).to_contain_text("does not answer")
    fleet.inject("r12-a-6", "heal")
    for page in (overview, unit):
        assert page.evaluate("window.theSamePage") is True


def test_a_click_during_which_the_row_is_renewed_is_not_lost(look: Look) -> None:
    page = look("")
    link = page.locator("[id='u:r12-a-5'] a").first
    link.hover()
    page.mouse.down()
    assert page.evaluate(RENEWED) is False
    page.mouse.up()
    expect(page).to_have_url(re.compile("/units/r12-a-5$"))


def test_what_is_selected_to_be_copied_stays_for_a_while(look: Look) -> None:
    page = look("")
    page.locator("[id='u:r12-a-5']").evaluate("row => getSelection().selectAllChildren(row)")
    assert page.evaluate(RENEWED) is False
    page.evaluate("getSelection().removeAllRanges()")
    assert page.evaluate(RENEWED) is True


def test_a_row_that_waited_is_sorted_and_filtered_once_it_is_renewed(look: Look) -> None:
    page = look("?verdict=ok")
    expect(page.locator("#count")).to_contain_text(" of ")
    page.evaluate(STAND_IN)
    page.evaluate(WORSE)
    row, first = page.locator("[id='u:stand-in']"), page.locator("table.units tbody tr").first
    expect(row).to_be_visible()
    expect(row).to_have_attribute("data-verdict", "ok")
    page.evaluate("getSelection().removeAllRanges()")
    # News of other rows sorts and filters as well; only this one's marks it.
    expect(row).to_have_class("changed")
    expect(first).to_have_id("u:stand-in")
    expect(row).to_be_hidden()


def test_rows_do_not_change_places_under_a_selection(look: Look) -> None:
    page = look("")
    page.evaluate(STAND_IN)
    assert page.evaluate(OVERTAKEN) == [None, "Range"]
    page.evaluate("getSelection().removeAllRanges()")
    expect(page.locator("table.units tbody tr").first).to_have_id("u:stand-in")


def test_an_outage_under_way_shows_and_its_page_has_the_curves(look: Look, fleet: Fleet) -> None:
    overview = look("")
    fleet.inject("r12", "outage", "--for", "8 s", "--load", "0.6")
    expect(overview.locator("#under-way")).to_contain_text("Rack r12 is on battery")
    expect(overview.locator("#under-way")).to_be_empty()
    page = look("outage?rack=r12")
    assert page.locator("svg.chart").count() == 3
    expect(page.locator("#units")).to_contain_text("r12-a-3")
    page = look("outage?unit=r12-a-3")
    assert page.locator("svg.chart").count() == 4


def test_the_report_is_complete_in_itself(look: Look, fleet: Fleet, tmp_path: Path) -> None:
    _, headers, text = fetch(f"{fleet.url}{UNIT}/report.html")
    assert "attachment" in headers["Content-Disposition"]
    assert re.findall(r"<(?:script|link|img)[ >]", text) == []
    assert re.findall(r'href="[^"]*"', text) == []
    report = tmp_path / "report.html"
    report.write_text(text, encoding="utf-8")
    page = look(report.as_uri())
    expect(page.get_by_role("heading", name="Verdict")).to_be_visible()
    assert page.locator(".panel").first.evaluate("e => getComputedStyle(e).borderRadius") == "10px"


def test_an_unknown_unit_is_a_page_that_lists_near_names(look: Look) -> None:
    page = look("units/r12-a-33", fails=True)
    expect(page.locator("main")).to_contain_text("no unit 'r12-a-33'")
    page.get_by_role("link", name="r12-a-3", exact=True).click()
    expect(page).to_have_url(re.compile("/units/r12-a-3$"))


def test_zz_the_page_tells_since_when_there_is_no_agent(look: Look, fleet: Fleet) -> None:
    """The last test: it ends the agent."""
    page = look("", fails=True)
    expect(page.locator("#live")).to_be_visible()
    page.evaluate("window.theSamePage = true")
    fleet.agent.terminate()
    expect(page.locator("#connection")).to_contain_text(
        re.compile(r"No connection to the agent since \d\d:\d\d")
    )
    assert page.evaluate("window.theSamePage") is True
