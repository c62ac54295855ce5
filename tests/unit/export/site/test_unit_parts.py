"""The sections of a unit's page, and what hostile texts do to them: nothing."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.export.site.advice import advice
from agent.export.site.unit_ageing import ageing
from agent.export.site.unit_cells import cells
from agent.export.site.unit_claims import claims
from agent.export.site.unit_head import figures, verdict
from agent.export.site.unit_past import downloads, happened, history
from agent.export.site.unit_readings import alarms, identity, polling, readings, temperatures
from agent.model import (
    Event,
    Fault,
    FaultReason,
    Location,
    Reading,
    Reason,
    Shelf,
    UnitInfo,
    UnitState,
    UnitStatus,
    Verdict,
)
from agent.store.course import Course
from agent.store.live import UnitView
from tests.unit.export.site.tags import tags

SHELF = Shelf("r1", "a", 5, required_seconds=90.0)


def whole(view: UnitView, event: Event | None = None) -> str:
    events = [] if event is None else [event]
    return "".join(
        (
            verdict(view),
            figures(view, SHELF, 1.7e9),
            cells(view),
            claims(view),
            alarms(view),
            temperatures(view),
            identity(view),
            polling(view),
            readings(view),
            history(view),
            happened(view.info.name, events),
            downloads(view.info.name),
        )
    )


def test_a_module_tells_everything_that_is_known(module: UnitView) -> None:
    page = whole(module)
    for words in (
        "cell 2 holds 71 % of its rated capacity",
        "Plan the exchange of this module",
        "(believed since 2023-03-28)",
        "line: 70 %, end of life by capacity",
        "line: 70 %, end of life<",
        "<dt>End of life by capacity (70 %)</dt><dd>not within 20 years</dd>",
        "End of life by ride-through",
        "2024-10 (already to 2028-08)",
        "180 s (160 to 200)",
        "needed: 90 s",
        "71 % (66 to 75)",
        "0.000 V",
        "holding 100",
        "sentinel",
        "over temperature",
        "SN1",
    ):
        assert words in page, words


def test_a_unit_that_was_never_heard_says_so(silent: UnitView) -> None:
    page = whole(silent)
    assert "does not answer: 10.1.3.20:161: no answer in 1 s" in page
    assert "Check its power, its line and its address" in page
    assert "NoAnswer: 9" in page
    assert "Nothing has happened to it yet." in page


def test_the_most_urgent_thing_to_do_comes_first() -> None:
    weak = Reason("cell_weak", "weak", "2", Verdict.DEGRADED)
    reasons = [Reason("self_test_warning", "warning"), weak, weak, Reason("x", "x")]
    told = advice(Verdict.DEGRADED, reasons)
    assert [words.split()[0] for words in told] == ["Plan", "Repeat"]
    short = Reason("cell_short", "short", "3", Verdict.REPLACE)
    assert advice(Verdict.REPLACE, [*reasons, short])[0].startswith("Exchange the module now")
    assert advice(Verdict.OK, ()) == ("Nothing. It is expected to carry its load.",)


def test_the_advice_fits_the_verdict_and_the_other_reasons() -> None:
    fast = Reason("cell_weak", "ages fast", "2", Verdict.WATCH)
    assert [words.split()[0] for words in advice(Verdict.WATCH, [fast])] == ["Look"]
    risen = Reason("cell_resistance", "risen", "2", Verdict.DEGRADED)
    opened = Reason("cell_weak", "an open cell", "2", Verdict.DEGRADED)
    (only,) = advice(Verdict.DEGRADED, [risen, opened])
    assert only.startswith("Plan the exchange of this module")
    elsewhere = Reason("cell_weak", "an open cell", "3", Verdict.DEGRADED)
    told = advice(Verdict.DEGRADED, [risen, elsewhere])
    assert [words.split()[0] for words in told] == ["Plan", "Check"]
    past = Reason("end_of_life_near", "past", verdict=Verdict.DEGRADED)
    near = Reason("end_of_life_near", "near", verdict=Verdict.WATCH)
    assert advice(Verdict.DEGRADED, [past])[0].startswith("Plan its exchange: its weakest cell")
    assert advice(Verdict.WATCH, [near])[0].startswith("Order a replacement now")


def test_ageing_is_drawn_from_the_last_exchange_on() -> None:
    row = (0.9, 0.85, 0.95, 1.1, 1.0, 1.2)
    course = [Course("u", at, {"1": row, "2": row}) for at in (100.0, 5000.0, 9000.0)]
    drawn = ageing(course, [Event("u", "replaced", 4000.0, 4000.0)])
    assert drawn.count('class="c1"') >= 2
    assert "1970-01" not in drawn
    assert "70 %: end of life" in drawn
    assert "Nothing recorded yet." in ageing(course[:1], [Event("u", "replaced", 400.0, 400.0)])


def hostile(text: str) -> tuple[UnitView, Event]:
    rows = tuple(
        Reading(quantity, text, text, 0.0, text, text)
        for quantity in ("battery_status", "alarm", "model", "temperature")
    )
    view = UnitView(
        UnitInfo(text, text, Location(text, text, text), text, text, text),
        UnitStatus(UnitState.DOWN, last_error=text, errors={text: 1}, profile=text),
        0.0,
        up=True,
        readings=(*rows, Reading("alarm", text, value=True, read_at=0.0, source=text)),
        faults=(Fault("temperature", text, FaultReason.SENTINEL, text, text),),
        identity={"model": text, "serial_number": text},
    )
    return view, Event(text, "discharge", 0.0, 1.0, {"lowest_cell": text, "trigger": text})


@settings(deadline=None)
@given(st.text(min_size=1))
def test_no_text_of_a_device_makes_a_tag_or_an_attribute(text: str) -> None:
    assert tags(whole(*hostile(text))) == tags(whole(*hostile("x")))


def test_megabytes_of_a_device_stay_out_of_the_page() -> None:
    assert len(whole(*hostile("<b>" * 1_000_000))) < 300_000


def test_what_is_no_number_is_not_shown_as_one(module: UnitView) -> None:
    assert module.health is not None
    assert module.health.ride_through_s is not None
    odd = module.health.ride_through_s._replace(upper=float("nan"))
    page = whole(replace(module, health=replace(module.health, ride_through_s=odd)))
    assert "nan" not in page.lower().replace("maintenance", "")
