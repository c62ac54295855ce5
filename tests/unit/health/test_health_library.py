import math
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from agent.errors import ProfileError
from agent.health import library
from agent.health.ageing import rate_doubt
from agent.health.celltype import CellType
from agent.health.chemistry import cell_type, interpolate
from agent.health.filter import ModuleFilter
from agent.health.library import UNITS, entries
from agent.model import Battery, Chemistry

CHOSEN_LATER = {"name", "chemistry", "law", "gain_curve"}


def test_every_figure_of_a_cell_type_has_a_unit() -> None:
    assert set(UNITS) | CHOSEN_LATER == {field.name for field in fields(CellType)}


@pytest.mark.parametrize("key", sorted(entries()))
def test_every_figure_of_the_library_has_a_source(key: str) -> None:
    entry = entries()[key]
    defaults = {field.name: field.default for field in fields(CellType)}
    given = {name for name in UNITS if getattr(entry.cell, name) != defaults[name]}
    assert given <= set(entry.sources) <= set(UNITS)
    assert all(len(text) > 10 for text in entry.sources.values())


@pytest.mark.parametrize("key", sorted(entries()))
def test_every_curve_of_the_library_can_be_read_both_ways(key: str) -> None:
    cell = entries()[key].cell
    assert all(a < b and v < w for (a, v), (b, w) in pairwise(cell.ocv))
    assert all(a < b for (a, _), (b, _) in pairwise(cell.resistance_by_soc))
    assert cell.cutoff_v < cell.float_v < cell.max_v
    assert cell.ocv[0][0] == 0.0
    assert cell.ocv[-1][0] == 1.0


def test_a_type_of_the_same_class_inherits_what_it_does_not_say() -> None:
    nca, nmc = entries()["nca-power"], entries()["nmc-power"]
    assert nmc.cell.gain == nca.cell.gain
    assert nmc.sources["gain"] == nca.sources["gain"]
    assert nmc.sources["ocv"] != nca.sources["ocv"]


def test_a_named_type_overrules_what_the_resistance_suggests() -> None:
    high = Battery(Chemistry.NMC, rated_capacity_ah=2.0, resistance_ohm=0.06)
    assert cell_type(high).name == "NMC energy cell"
    assert cell_type(replace(high, cell="nmc-power")).name == "NMC power cell"
    assert cell_type(replace(high, cell="nmc-power")).specific_resistance_ohm_ah == 0.12


@pytest.mark.parametrize(
    ("ohm", "cutoff_v", "name"),
    [
        (0.0485, 3.0, "Sanyo UR18650E"),
        (0.0485, None, "Sanyo UR18650E"),
        (0.0485, 2.3, "NMC energy cell"),
        (0.045, 2.7, "NMC energy cell"),
        (0.06, 3.0, "NMC energy cell"),
        (0.0278, 3.0, "NMC power cell"),
    ],
)
def test_only_cells_that_agree_with_a_measured_one_take_its_gain(
    ohm: float, cutoff_v: float | None, name: str
) -> None:
    battery = Battery(Chemistry.NMC, rated_capacity_ah=1.8, cell_cutoff_v=cutoff_v)
    found = cell_type(battery, measured_ohm=ohm)
    assert found.name == name
    assert (found.gain_curve is not None) == (name == "Sanyo UR18650E")


@pytest.mark.parametrize(
    ("capacity_ah", "parallel", "name"),
    [
        (2.05, 1, "Sanyo UR18650E"),
        (12.3, 6, "Sanyo UR18650E"),
        (12.3, None, "NMC energy cell"),
        (29.6, 6, "NMC energy cell"),
        (5.0, 1, "NMC energy cell"),
    ],
)
def test_a_cell_of_another_size_is_another_cell(
    capacity_ah: float, parallel: int | None, name: str
) -> None:
    battery = Battery(Chemistry.NMC, rated_capacity_ah=capacity_ah, parallel=parallel)
    assert cell_type(battery, measured_ohm=0.092 / capacity_ah).name == name


def test_a_cell_is_known_at_whatever_charge_it_is_pulsed_first() -> None:
    battery = Battery(Chemistry.NMC, rated_capacity_ah=1.8, cell_cutoff_v=3.0)
    known, power = (entries()[key].cell for key in ("sanyo-ur18650e", "nmc-power"))
    for soc in (0.21, 0.41, 0.6, 0.9):
        seen = 0.0485 * interpolate(known.resistance_by_soc, soc)
        ohm = seen / interpolate(power.resistance_by_soc, soc)
        assert cell_type(battery, ohm, soc).name == known.name
    assert cell_type(battery, 0.0455).name == "NMC energy cell"


def test_an_energy_cell_of_another_make_may_gain_as_a_power_cell_or_as_the_measured_one() -> None:
    energy, power = entries()["nmc-energy"].cell, entries()["nmc-power"].cell
    loss, grown = entries()["sanyo-ur18650e"].cell.gain_curves[-1][1][5]
    for gain in (power.gain, grown / loss):
        assert abs(math.log(gain / energy.gain)) < 1.645 * energy.gain_sd


def test_the_gain_curve_is_that_of_the_charge_at_which_cells_were_pulsed() -> None:
    battery = Battery(Chemistry.NMC, rated_capacity_ah=1.8, resistance_ohm=0.05)
    (_, _), (_, low), (_, high) = entries()["sanyo-ur18650e"].cell.gain_curves
    assert cell_type(battery).gain_curve == high
    assert cell_type(battery, pulsed_at=0.41).gain_curve == low
    middle = cell_type(battery, pulsed_at=0.505).gain_curve
    assert middle is not None
    assert middle[3][1] == pytest.approx((low[3][1] + high[3][1]) / 2)


def test_a_damaged_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "odd.yaml").write_text("title: x\nfigures: {}\n")
    monkeypatch.setattr(library, "FOLDER", tmp_path)
    entries.cache_clear()
    with pytest.raises(ProfileError, match=r"odd\.yaml: is damaged"):
        entries()
    entries.cache_clear()


def test_a_law_is_doubted_where_it_is_hot() -> None:
    kind = entries()["lfp-power"].cell

    def relative_sd(celsius: float, days: float) -> float:
        state = ModuleFilter.start(kind, 1, 1.5)
        for _ in range(20):
            state.propagate(days / 20, celsius=celsius, soc=0.9, cycles=0.0, welds=np.zeros(1))
        return float(state.ln_capacity_sd()[0] / state.loss()[0])

    assert rate_doubt(38.0) == 0.0
    assert relative_sd(60.0, 120.0) > 1.25 * relative_sd(40.0, 300.0)
    assert rate_doubt(300.0) == rate_doubt(65.0)
