from dataclasses import replace

from agent.model import Event
from agent.store.ledger import Ledger, Score, Totals

BEGUN = Event("u", "discharge", 1.7e9, None, {"duration_s": 2.0, "energy_wh": 1.0})
ENDED = replace(BEGUN, end_s=1.7e9 + 10, detail={"duration_s": 10.0, "energy_wh": 6.0})


def test_forms_of_one_event_are_counted_once_and_their_sums_grow() -> None:
    ledger = Ledger()
    for event in (BEGUN, ENDED, ENDED):
        ledger.put(event)
    assert ledger.totals == {"discharge": Totals(1, 6 * 3600.0, 10.0)}
    assert ledger.last == {"discharge": ENDED}


def test_an_event_after_the_clock_was_set_back_is_counted_once() -> None:
    ledger = Ledger()
    ledger.put(ENDED)
    later = replace(BEGUN, start_s=BEGUN.start_s - 5 * 3600.0)
    for seconds in (2.0, 3.0, 4.0):
        ledger.put(replace(later, detail={"duration_s": seconds, "energy_wh": seconds}))
    over = replace(later, end_s=later.start_s + 5, detail={"duration_s": 5.0, "energy_wh": 5.0})
    ledger.put(over)
    assert ledger.totals == {"discharge": Totals(2, 11 * 3600.0, 15.0)}
    assert ledger.last == {"discharge": over}


def test_a_sum_never_falls() -> None:
    ledger = Ledger()
    ledger.put(ENDED)
    ledger.put(BEGUN)
    assert ledger.totals["discharge"].energy_j == 6 * 3600.0


def test_what_an_earlier_run_counted_is_not_counted_again() -> None:
    ledger = Ledger()
    ledger.remember(BEGUN)
    ledger.put(ENDED)
    assert ledger.totals == {"discharge": Totals(0, 5 * 3600.0, 8.0)}


def test_flickers_count_what_the_device_counted() -> None:
    ledger = Ledger()
    ledger.put(Event("u", "flicker", 1.7e9, 1.7e9 + 60, {"count": 3.0}))
    assert ledger.totals == {"flicker": Totals(3)}


def test_a_prediction_is_scored_once() -> None:
    ledger = Ledger()
    detail = {**ENDED.detail, "prediction_ratio": 1.1, "prediction_covered": True}
    scored = replace(ENDED, detail=detail)
    ledger.put(scored)
    ledger.put(replace(scored, detail={**detail, "recharge_s": 900.0}))
    assert ledger.score == Score(1, 1, 1.1)
