"""What is generated from the profiles is current, and says what is there."""

import json
import re
from pathlib import Path

import pytest

from agent.profiles.json_schema import schema_text
from agent.profiles.load import load, load_all, names, parse
from agent.profiles.page import devices_page

ROOT = Path(__file__).parents[3]
WRITE = "run deploy/scripts/profile-reference.py"


def test_the_page_is_current() -> None:
    page = (ROOT / "docs/devices.md").read_text(encoding="utf-8")
    assert page == devices_page(load_all()), WRITE


def test_the_schema_file_is_current() -> None:
    text = (ROOT / "agent/profiles/profile.schema.json").read_text(encoding="utf-8")
    assert text == schema_text(), WRITE


def test_every_reference_of_the_schema_leads_somewhere() -> None:
    text = schema_text()
    used = {part.partition('"')[0] for part in text.split('"#/$defs/')[1:]}
    assert used == set(json.loads(text)["$defs"])


@pytest.mark.parametrize("name", names())
def test_the_page_tells_of_each_family(name: str) -> None:
    profile = load(name)
    page = devices_page([profile])
    assert f"`{name}`" in page
    for line in (*profile.sources, *profile.unconfirmed):
        assert f"\n- {line}\n" in page
    for quantity in {field.quantity for field in profile.fields}:
        assert f"\n| `{quantity}`" in page


@pytest.mark.parametrize("name", names())
def test_every_link_within_the_page_leads_somewhere(name: str) -> None:
    page = devices_page([load(name)])
    (link,) = re.findall(r"\]\(#([^)]+)\)", page)
    (title,) = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert link == re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def test_the_row_of_a_quantity() -> None:
    profile = parse(
        """\
name: x
title: A family
protocol: modbus
sources: [a data sheet]
unconfirmed: [the word order]
identify: {probes: [{at: 0, type: text, words: 2, matches: "a|b"}]}
link: {baudrate: 9600, parity: none, unit_ids: [1-3, 9]}
battery: {series: 4, rated_power_w: 3000, required_seconds: 90}
fields:
  - {quantity: cell_voltage, unit: V, index: "{n}", at: 20, count: 4, unconfirmed: "mV inferred"}
  - {quantity: temperature, unit: degC, index: "t{n}", at: 30, count: 6, step: 2, every: slow}
  - {at: 5, bits: {0: charging}}
""",
        "x.yaml",
    )
    assert devices_page([profile]).partition("## ")[2] == (
        "A family\n\n"
        "Profile `x`, Modbus. Recognised by holding 0 like `a\\|b`.\n"
        "Line: 9600 baud, parity none; unit ids 1-3, 9.\n"
        "Battery: 4 cells in series, rated 3000 W for 90 s.\n\n"
        "| quantity | of | unit | from | read |\n"
        "|---|---|---|---|---|\n"
        "| `cell_voltage` (see below) | 1-4 | V | holding 20-23 | fast |\n"
        "| `temperature` | `t1`, `t2`, `t3`, `t4` and 2 more | degC "
        "| holding 30, 32, 34, 36 and 2 more | slow |\n"
        "| `charging` |  | flag | holding 5 | fast |\n\n"
        "Sources:\n\n- a data sheet\n\n"
        "Not confirmed:\n\n- the word order\n- `cell_voltage`: mV inferred\n"
    )
