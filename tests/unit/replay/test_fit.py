"""A cell type from a discharge: made-up cells whose curve is known come back."""

import math

import numpy as np
import pytest

from agent.errors import ConfigError
from agent.health.chemistry import interpolate
from agent.health.library import entries
from agent.health.observation import Observation
from agent.replay.fit import Fitted, Rows, fit, rows_of

LIKE = entries()["nca-power"].cell
OWN = ((0.0, 2.5), (0.1, 3.3), (0.5, 3.75), (0.8, 4.0), (1.0, 4.19))
SIZE_AH = 18.0
OHM = 0.003


def discharge(
    rate_c: float,
    *,
    until: float = 0.0,
    rest_s: float = 0.0,
    step_s: float = 5.0,
    diffusion: float = 1.0,
) -> Rows:
    """A rest, then a load at ``rate_c`` down to ``until`` of charge, then perhaps a rest."""
    rows: list[tuple[float, float, float]] = [(-60.0, 0.0, OWN[-1][1]), (-5.0, 0.0, OWN[-1][1])]
    load_a, soc, t = rate_c * SIZE_AH, 1.0, 0.0
    while soc > until:
        ohm = OHM * interpolate(LIKE.resistance_by_soc, soc)
        slow = diffusion if t > 60.0 else 1.0
        volts = interpolate(OWN, soc) - load_a * ohm * slow
        if volts < 2.5:
            break
        rows.append((t, -load_a, volts))
        t += step_s
        soc -= load_a * step_s / 3600.0 / SIZE_AH
    rows += [(t + s, 0.0, interpolate(OWN, soc)) for s in np.arange(step_s, rest_s, 30.0)]
    table = np.array(rows)
    return Rows(table[:, 0], table[:, 1], table[:, 2], np.full(len(table), 25.0))


def worst_v(found: Fitted, above: float = 0.1) -> float:
    return max(abs(v - interpolate(OWN, s)) for s, v in found.ocv if s >= above)


def test_a_slow_discharge_gives_the_cells_own_curve_back() -> None:
    found = fit(discharge(0.05), LIKE, rated_ah=SIZE_AH, cutoff_v=2.5)
    assert worst_v(found, 0.0) < 0.02
    assert found.capacity_ah == pytest.approx(SIZE_AH, rel=0.01)
    assert found.resistance_ohm == pytest.approx(OHM, rel=0.05)
    assert found.limits == ()


def test_a_rated_discharge_says_what_it_does_not_show() -> None:
    found = fit(discharge(2.0), LIKE, rated_ah=SIZE_AH, cutoff_v=2.5)
    assert found.rate_c == pytest.approx(2.0, rel=0.1)
    assert any("drawn at 2" in text for text in found.limits)
    assert any("no rest" in text for text in found.limits)


def test_a_rest_after_it_shows_what_diffusion_took() -> None:
    ended = {"until": 0.12, "diffusion": 1.0}
    rested = fit(discharge(2.0, rest_s=900.0, **ended), LIKE, rated_ah=SIZE_AH, cutoff_v=2.5)
    plain = fit(discharge(2.0, **ended), LIKE, rated_ah=SIZE_AH, cutoff_v=2.5)
    assert rested.rests == 1
    assert worst_v(rested, 0.15) < 0.8 * worst_v(plain, 0.15)
    assert not any("no rest" in text for text in rested.limits)


def test_the_curve_rises_and_spans_all_charge() -> None:
    found = fit(discharge(1.0, until=0.25), LIKE, rated_ah=SIZE_AH, cutoff_v=2.5)
    socs, volts = zip(*found.ocv, strict=True)
    assert (socs[0], socs[-1]) == (0.0, 1.0)
    assert list(volts) == sorted(set(volts))
    assert any("below that the curve is the library's" in text for text in found.limits)


def test_a_shallow_discharge_is_refused_with_its_depth() -> None:
    with pytest.raises(ConfigError, match="a curve needs 60%: record one from full to cut-off"):
        fit(discharge(1.0, until=0.7), LIKE, rated_ah=SIZE_AH, cutoff_v=2.5)


def test_rare_samples_give_no_resistance() -> None:
    found = fit(discharge(0.1, step_s=120.0), LIKE, rated_ah=SIZE_AH, cutoff_v=2.5)
    assert found.resistance_ohm is None
    assert any("no load step" in text for text in found.limits)


def test_without_a_rated_capacity_the_charge_drawn_is_the_measure() -> None:
    found = fit(discharge(0.05), LIKE, rated_ah=None, cutoff_v=2.5)
    assert found.capacity_ah == pytest.approx(SIZE_AH, rel=0.01)


@pytest.mark.parametrize("amperes", [0.0, 1.0])
def test_no_discharge_is_told(amperes: float) -> None:
    flat = [Observation(10.0 * n, amperes, (4.0,)) for n in range(40)]
    with pytest.raises(ConfigError, match="shows no discharge"):
        fit(rows_of(flat), LIKE, rated_ah=SIZE_AH, cutoff_v=None)


def test_hostile_rows_are_passed_over() -> None:
    rows = rows_of(
        [
            Observation(0.0, -1.0, (4.0, None), (20.0,)),
            Observation(10.0, None, (4.0,)),
            Observation(20.0, -1.0, (math.nan, None)),
            Observation(20.0, math.nan, (4.0,)),
            Observation(15.0, -1.0, (3.9, 3.8, 3.0)),
            Observation(15.0, -1.0, (3.9,)),
        ]
    )
    assert rows.time_s.tolist() == [0.0, 15.0]
    assert rows.volts.tolist() == [4.0, 3.8]
    with pytest.raises(ConfigError, match=r"has 2 rows .*: record a whole discharge"):
        fit(rows, LIKE, rated_ah=1.0, cutoff_v=None)


def test_a_first_row_without_a_time_hides_no_other() -> None:
    rows = [Observation(at_s, -1.0, (4.0,), (25.0,)) for at_s in (math.nan, 1.7e9, 1.7e9 + 2.0)]
    assert list(rows_of(rows).time_s) == [1.7e9, 1.7e9 + 2.0]
