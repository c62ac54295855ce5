"""The pages of replay: complete, escaped, readable by machines that read to people."""

import math
import re
from collections.abc import Callable
from dataclasses import fields, replace
from html.parser import HTMLParser

import pytest

from agent.health.observation import Observation
from agent.health.verdict import Raised
from agent.model import Battery, Interval, Reason, Rejected, Verdict
from agent.replay import courses, head
from agent.replay.chart import Frame, Line, Mark, chart, span_of, ticks
from agent.replay.compare import NAMES, compare_page, rank, rows
from agent.replay.markup import life, spread
from agent.replay.once import _WORDS
from agent.replay.page import Report, page
from agent.replay.quality import Quality

HOSTILE = "<script>alert(1)</script>"
DAY_S = 86400.0
YEAR_S = 365.25 * DAY_S
Make = Callable[..., Report]


class Reader(HTMLParser):
    """Checks that tags close in order, and gathers what a reader needs."""

    VOID = frozenset({"meta", "br", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def test_the_report_tells_what_an_engineer_asks(make: Make) -> None:
    text = page(make())
    for heading in (
        *(
            "Why",
            "What to do",
            "Cells",
            "Course of the unit",
            "Capacity of each cell",
            "Resistance of each cell",
        ),
        *("Alarms", "Discharges and tests", "Evidence", "The next test", "Inputs"),
        "Quality of the recording",
        "What this report cannot say",
    ):
        assert f"<h2>{heading}</h2>" in text
    assert "5 in all" in text
    # Nine samples of 40 A, 2 s apart, of a battery of 15 Ah.
    assert text.count("<td>18 s</td><td>0.20 Ah</td><td>1.3 %</td>") == 5
    assert text.count("<td>1.57 Wh</td>") == 5
    assert "SHA-256" in text
    assert "bbu-agent 0." in text
    assert "Commissioned" in text
    assert "Signature" in text
    assert "recorded 2023-11-14 to 2024-05-31" in text
    assert "foretold from 2024-05-31 on" in text
    assert "End of life by ride-through, 240 s" in text


def test_a_reason_has_its_verdict_its_day_and_what_to_do(make: Make) -> None:
    report = make()
    raised = Raised(1.705e9, "cell_resistance", "2", "cell 2: high")
    report.engine.raised.append(raised)
    tables = replace(report.tables, alarms=[(raised.time_s, 2, "resistance", raised.text)])
    reason = Reason(raised.code, "cell 2: higher", "2", Verdict.DEGRADED, raised.time_s)
    text = page(replace(report, tables=tables, health=replace(report.health, reasons=(reason,))))
    assert "degraded</span> cell 2: higher <small>believed since 2024-01-11</small>" in text
    assert "Check the module&#x27;s connectors" in text
    spent = replace(report.health, verdict=Verdict.REPLACE)
    assert ("<li>Next test: " in text, "<li>Next test: " in head.to_do(spent)) == (True, False)
    assert text.count('">2</text>') == 5  # the mark of the alarm: three charts, two of the cell


def test_both_ends_of_life_stand_side_by_side(make: Make) -> None:
    report = make()
    now_s = report.health.updated_at
    end_s = Interval(now_s + 800 * DAY_S, now_s - DAY_S, now_s + 3652.5 * DAY_S)
    tiles = head.tiles(report.engine, replace(report.health, ride_end_of_life_s=end_s))
    assert "capacity, 70 %<b>not within 20 years</b>" in tiles
    assert "240 s<b>2026-08 <small>(already to after 2034-06)</small></b>" in tiles
    tiles = head.tiles(report.engine, replace(report.health, ride_end_of_life_s=None))
    assert "240 s<b>not within 10 years</b>" in tiles
    report.engine.battery = replace(report.engine.battery, rated_power_w=None)
    assert "by ride-through" not in head.tiles(report.engine, report.health)


def test_the_rides_to_come_are_drawn_dashed_behind_those_that_were(make: Make) -> None:
    report = make()
    assert "dashed" in courses.ride(report.engine, report.tables, [])
    report.engine.battery = replace(report.engine.battery, rated_power_w=None)
    assert "dashed" not in courses.ride(report.engine, report.tables, [])


def test_an_end_of_life_is_told_by_the_month_and_once_it_is_over_as_such() -> None:
    now_s = 1.7e9
    ahead = Interval(now_s + 800 * DAY_S, now_s - DAY_S, now_s + 1200 * DAY_S)
    assert life(ahead, now_s) == "2026-01 <small>(already to 2027-02)</small>"
    assert life(Interval(now_s, now_s, now_s), now_s) == "already"
    assert life(None, now_s, 10.0) == "not within 10 years"
    late = Interval(now_s + 800 * DAY_S, now_s, now_s + 3652.5 * DAY_S)
    assert life(late, now_s, 10.0) == "2026-01 <small>(already to after 2033-11)</small>"


def test_what_nobody_told_is_said_in_the_report(make: Make) -> None:
    report = make()
    battery = replace(report.engine.battery, rated_power_w=None, rated_capacity_ah=None)
    report.engine.battery = battery
    text = page(report)
    assert "META tells no rated_power_w" in text
    assert "15.0 Ah assumed" in text


def test_every_fact_of_a_battery_has_a_name_for_people() -> None:
    assert set(_WORDS) == {field.name for field in fields(Battery)}


def test_the_report_is_well_formed_and_says_what_its_pictures_are(make: Make) -> None:
    read = Reader(page(make()))
    assert read.all("html") == [{"lang": "en"}]
    assert len(read.all("main")) == 1
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in read.all("svg"))
    assert len(read.all("svg")) == 2 + 2 + 3
    assert all(cell.get("scope") in ("col", "row") for cell in read.all("th"))
    assert read.all("link") + read.all("script") == []


def test_nothing_in_the_report_comes_from_elsewhere(make: Make) -> None:
    text = page(make())
    assert "http" not in text
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_a_hostile_name_is_only_text(make: Make) -> None:
    report = make()
    hostile = Report(
        HOSTILE,
        report.engine,
        report.tables,
        report.health,
        report.quality,
        report.loads,
        [(HOSTILE, HOSTILE)],
    )
    for text in (page(hostile), compare_page(rank([hostile]))):
        assert HOSTILE not in text
        assert "&lt;script&gt;" in text


def test_what_was_refused_is_told_with_why_and_how_often(make: Make) -> None:
    report = make()
    refused = replace(report.health, rejected=(Rejected("load step", "<too small>", 1234, 1.7e9),))
    text = page(replace(report, health=refused))
    assert "&lt;too small&gt;" in text
    assert "1,234" in text
    assert "2023-11-14" in text
    assert "± " in text  # what the next test would tell
    assert "Nothing can be said" in page(replace(report, health=replace(refused, advice=None)))


def test_a_unit_that_nothing_is_known_of_has_a_page_too(make: Make) -> None:
    text = page(make(days=1))
    assert "unknown" in text
    assert "None: nothing but the ageing law" in text
    assert "nan" not in re.sub(r"<style>.*</style>", "", text, flags=re.DOTALL)


def test_units_are_ranked_by_how_urgent_they_are(make: Make) -> None:
    sound, weak = make("sound"), make("weak", growth=2.0)
    ranked = rank([sound, weak])
    assert [(one.rank, one.report.name) for one in ranked] == [(1, "weak"), (2, "sound")]
    assert weak.health.verdict is not Verdict.OK
    table = [dict(zip(NAMES, row, strict=True)) for row in rows(ranked)]
    assert float(str(table[0]["soh_r_highest"])) > 1.5
    for row, one in zip(table, (weak, sound), strict=True):
        soh, ride = one.health.state_of_health, one.health.ride_through_s
        assert soh is not None
        assert ride is not None
        assert [row[key] for key in ("soh_q", "soh_q_lo", "soh_q_hi")] == [round(v, 4) for v in soh]
        assert [row[key] for key in ("ride_s", "ride_lo_s", "ride_hi_s")] == [
            round(v, 1) for v in ride
        ]
    text = compare_page(ranked)
    Reader(text)
    assert text.index("weak/report.html") < text.index("sound/report.html")


def test_of_units_alike_the_first_to_end_is_replaced_first(make: Make) -> None:
    late, soon = make("late"), make("soon")
    late_s, soon_s = Interval(2.0e9, 1.9e9, 2.1e9), Interval(1.9e9, 1.8e9, 2.0e9)
    health = replace(late.health, end_of_life_s=late_s, ride_end_of_life_s=None)
    now_s = health.updated_at
    late = replace(late, health=health)
    soon = replace(soon, health=replace(health, ride_end_of_life_s=soon_s))
    ranked = rank([late, soon])
    assert [one.report.name for one in ranked] == ["soon", "late"]
    first, second = (dict(zip(NAMES, row, strict=True)) for row in rows(ranked))
    assert (first["end_of_life"], first["ride_end_of_life"]) == ("2033-05-18", "2030-03-17")
    assert (second["ride_end_of_life"], second["ride_end_of_life_hi"]) == ("", "")
    assert "2030-03" in compare_page(ranked)
    far_s = Interval(now_s + 12 * YEAR_S, now_s + 9 * YEAR_S, now_s + 20 * YEAR_S)
    far = replace(late, health=replace(health, end_of_life_s=far_s))
    assert compare_page(rank([far])).count("after 20") == 1, "capacity is foretold for 20 years"
    far_s = Interval(now_s + 9 * YEAR_S, now_s + 8 * YEAR_S, now_s + 10 * YEAR_S)
    far = replace(late, health=replace(health, end_of_life_s=None, ride_end_of_life_s=far_s))
    assert " to after 20" in compare_page(rank([far])), "a ride for 10"
    endless = replace(late, health=replace(health, end_of_life_s=None))
    both = "capacity not within 20 years; ride-through not within 10 years"
    assert both in compare_page(rank([endless]))
    endless.engine.battery = replace(endless.engine.battery, rated_power_w=None)
    assert "<td>capacity not within 20 years</td>" in compare_page(rank([endless]))


def test_quality_counts_what_a_recording_lacks() -> None:
    quality = Quality()
    for row in (
        Observation(0.0, 0.0, (4.0, 4.0), (20.0,), phase="standby"),
        Observation(math.nan, 0.0, (4.0, 4.0)),
        Observation(1e15, 0.0, (4.0, 4.0)),
        Observation(3 * DAY_S, None, (4.0, None), (math.nan,)),
        Observation(2 * DAY_S, math.nan, (math.nan, 4.0), (31.0,)),
    ):
        quality.watch(row)
    assert dict(quality.lines(("a", "b"))) == {
        "Rows read": "5",
        "Rows without a possible time, or cut": "2",
        "Times that run backwards": "1",
        "Gaps of more than a day": "1, the longest 3.0 days",
        "Rows without a current": "2",
        "Rows without a cell's voltage": "cell a: 1, cell b: 1",
        "Temperatures of the pack": "20.0 to 31.0 °C",
        "States told": "not told 2, standby 1",
    }


def test_a_chart_keeps_its_marks_and_escapes_them() -> None:
    line = Line("cell 1", "s0", [0.0, DAY_S], [0.9, 0.8], [0.8, 0.7], [1.0, 0.9])
    marks = [Mark(DAY_S / 2 + n, "<b>", "<7>") for n in (0, 1)] + [Mark(9 * DAY_S, "far", "8")]
    text = chart([line], Frame("t", percent=True), marks, [DAY_S / 2, DAY_S / 2 + 1, 9 * DAY_S])
    assert text.count("v-6") == 1  # two events within a pixel are one tick, a far one is none
    assert text.count('class="mark"') == 2
    assert text.count(">&lt;7&gt;</text>") == 1  # where labels would overlap, one serves both
    assert ">8</text>" not in text
    assert "&lt;b&gt;" in text
    assert 'class="band s0"' in text
    assert "90%" in text
    assert chart([], Frame("t")) == "<p class='nothing'>Nothing to draw yet.</p>"


@pytest.mark.parametrize(("low", "high"), [(0.5, 1.1), (0.0, 900.0), (1.0, 1.01), (0.999, 1.001)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high, 4)
    assert 2 <= len(found) <= 6
    assert low <= found[0] < found[-1] <= high


def test_a_chart_of_one_value_has_room_around_it() -> None:
    low, high = span_of([Line("x", "s0", [0.0], [0.8])])
    assert low < 0.8 < high
    assert span_of([]) == (-0.05, 1.05)


def test_an_interval_is_shown_with_its_bounds() -> None:
    shown = spread(Interval(0.913, 0.871, 0.958), 100.0, 1, " %")
    assert shown == "91.3 % <small>(87.1 to 95.8)</small>"
    assert spread(Interval(-0.0004, -0.6, 0.5), 1.0, 1) == "0.0 <small>(-0.6 to 0.5)</small>"
