"""META: what is refused, what is only doubted, and that nothing known is either."""

import json
import re
from pathlib import Path

import pytest

from agent.config.cells import read_cells
from agent.errors import ConfigError
from agent.health.library import entries
from agent.model import Battery, Chemistry
from agent.replay.meta import Meta, read_meta
from agent.replay.write import meta_json

SHARED = Path(__file__).parents[3] / ".." / "shared" / "soh" / "dev" / "bbusim"
META = {
    "name": "made-up",
    "chemistry": "NCA",
    "n_series": 11,
    "n_parallel": 6,
    "rated_capacity_ah": 15.0,
    "rated_power_w": 3000.0,
    "v_min_cell": 2.7,
    "v_float_cell": 4.07,
    "v_max_cell": 4.2,
    "r10s_25c_nominal_mohm": 2.4,
    "balance_current_ma": 50,
    "sensor": {"v_q": 0.001, "i_q": 0.01, "t_q": 0.1, "dt": 2},
    "current_sign": "discharge positive",
    "temps": "t1=edge cell, t2=middle cell, tamb=inlet",
    "ocv_soc": [0.0, 0.5, 0.51, 1.0],
    "ocv_v": [2.7, 3.7, 3.695, 4.2],
    "r_soc": [0.1, 1.0],
    "r_ratio": [1.4, 1.0],
}


def read(folder: Path, text: str | bytes) -> Meta:
    path = folder / "about.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_meta(path, read_cells(None))


def with_(folder: Path, **fields: object) -> Meta:
    return read(folder, json.dumps(META | fields))


def test_a_whole_meta_is_taken_without_a_word(tmp_path: Path) -> None:
    about = with_(tmp_path)
    assert about.notes == ()
    assert (about.battery.series, about.battery.resistance_ohm) == (11, 0.0024)
    assert about.charge_sign == -1.0
    volts = [volt for _, volt in about.battery.ocv or ()]
    assert volts == sorted(set(volts)), "a curve that dips by noise is made to rise"


@pytest.mark.parametrize("key", sorted(META))
def test_every_key_may_be_null(tmp_path: Path, key: str) -> None:
    partner = {"ocv_soc": "ocv_v", "ocv_v": "ocv_soc", "r_soc": "r_ratio", "r_ratio": "r_soc"}
    about = with_(tmp_path, **{key: None, partner.get(key, key): None})
    absent = read(
        tmp_path,
        json.dumps(
            {
                k: v
                for k, v in META.items()
                if k not in (key, *([partner[key]] if key in partner else []))
            }
        ),
    )
    assert about == absent
    assert about.name != "None"


def test_nothing_known_is_nothing_assumed(tmp_path: Path) -> None:
    assert read(tmp_path, "{}") == Meta("about", Battery(), 1.0)


def test_a_mark_in_front_is_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf" + json.dumps(META).encode()) == with_(tmp_path)


NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"rated_capacity_ah": INFINITE}, "rated_capacity_ah: Infinity is out of range; a capac"),
        (
            {"rated_capacity_ah": NAN},
            "rated_capacity_ah must be a positive number or null, not NaN",
        ),
        ({"rated_capacity_ah": 10**400}, "rated_capacity_ah: 10000.*… is out of range"),
        ({"rated_capacity_ah": "15"}, 'rated_capacity_ah must be a positive number.*not "15"'),
        ({"rated_power_w": True}, "rated_power_w must be a positive number or null, not true"),
        ({"rated_power_w": 0.5}, "rated_power_w: 0.5 is out of range; a power here is 1 to"),
        ({"required_seconds": 1e6}, "required_seconds: .* a duration here is 0.1 to 86400 s"),
        ({"v_min_cell": 2700}, "v_min_cell: 2700 is out of range; a voltage here is 0.1 to 20 V"),
        ({"r10s_25c_nominal_mohm": 2475}, "2475 is out of range; .* here is 0.001 to 1000 mohm"),
        ({"r10s_25c_nominal_mohm": 300}, "300 mohm; cells of 15 Ah have about 2.5 mohm; mind the"),
        ({"r10s_25c_nominal_mohm": 0.0024}, "0.0024 mohm; cells of 15 Ah have about 2.5 mohm"),
        ({"n_parallel": 0.3}, "n_parallel must be a whole number from 1 to 1000 or null, not 0.3"),
        ({"n_series": 10.5}, "n_series must be a whole number from 1 to 1000 or null, not 10.5"),
        ({"n_series": "11"}, 'n_series must be a whole number .*not "11"'),
        ({"n_series": INFINITE}, "n_series must be a whole number .*not Infinity"),
        ({"v_min_cell": 5.0}, "v_float_cell must be above v_min_cell: 4.07 V is not above 5 V"),
        ({"v_max_cell": 2.0}, "v_max_cell must be above v_min_cell: 2 V is not above 2.7 V"),
        ({"v_float_cell": 4.3}, "v_max_cell must be above v_float_cell"),
        (
            {"v_min_cell": 5.0, "v_float_cell": None, "v_max_cell": None},
            r"v_min_cell 5 V is no voltage of an empty cell: these \(.*\) have 4.2 V when full",
        ),
        ({"ocv_v": [2.7, NAN, 3.7, 4.2]}, r"ocv_v\[1\] is NaN; a voltage here is a number from"),
        ({"ocv_v": [2.7, None, 3.7, 4.2]}, r"ocv_v\[1\] is null; a voltage"),
        ({"ocv_v": [2700, 3500, 3700, 4200]}, r"ocv_v\[0\] is 2700; a voltage here .* to 20 V"),
        ({"ocv_v": [4.2, 3.7, 3.6, 2.7]}, "ocv_v falls from 4.2 to 3.7 V between 0 and 0.5 of"),
        ({"ocv_v": None}, "ocv_soc and ocv_v must be two lists of one length, or both absent"),
        ({"ocv_soc": [0, 50, 51, 100]}, "ocv_soc is a share from 0 to 1, and reaches 100; divide"),
        ({"ocv_soc": [0, 0.5, 0.5, 1]}, "ocv_soc has 0.5 twice; remove one"),
        ({"ocv_soc": [-0.1, 0.5, 0.6, 1]}, r"ocv_soc\[0\] is -0.1; a share here is .* 0 to 1$"),
        ({"ocv_soc": [0], "ocv_v": [3]}, "ocv_soc and ocv_v must hold at least two points"),
        ({"r_soc": [0, 100]}, "r_soc is a share from 0 to 1"),
        ({"r_ratio": [0, 1]}, r"r_ratio\[0\] is 0; a factor here is a number from 0.1 to 20"),
        ({"sensor": [0.001]}, r'sensor must be an object such as {"v_q": 0.001}, not \[0.001\]'),
        ({"sensor": {"v_q": 1.0}}, "v_q: 1.0 is out of range; a step of voltages here is .* 0.5 V"),
        ({"name": ["a"]}, r'name must be a text of printable characters or null, not \["a"\]'),
        ({"name": "a\nb"}, "name must be a text"),
        ({"name": "\ud800"}, "name must be a text"),
        ({"chemistry": "PbA"}, 'chemistry must be one of .*not "pba"'),
        ({"current_sign": "up"}, 'current_sign must be one of .*not "up"'),
        ({"commissioned": "1.5.2024"}, 'commissioned must be a date such as .*not "1.5.2024"'),
        ({"commissioned": "0001-01-01"}, "commissioned must be a date from 1970 to 2099"),
        ({"cell": "nca-powr"}, 'no cell is named "nca-powr".*did you mean "nca-power"'),
        ({"cell": ["nca-power"]}, r"no cell is named \["),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(
    tmp_path: Path, fields: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as told:
        with_(tmp_path, **fields)
    assert str(told.value).startswith(f"{tmp_path / 'about.json'}: ")
    assert len(str(told.value).removeprefix(str(tmp_path))) < 200


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"name": "a", "name": "b"}', 'is no JSON: the key "name" stands there twice'),
        ("[" * 100_000, "is no JSON: maximum recursion depth"),
        ('{"temps": ' + "[" * 100_000 + "]" * 100_000 + "}", "is no JSON"),
        (b"\xff\xfe{\0}\0", "is no JSON: 'utf-8' codec"),
        ('{"n_series": ' + "9" * 5000 + "}", "is no JSON: Exceeds the limit"),
    ],
)
def test_what_is_no_object_is_refused(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        (
            {"rated_capcity_ah": 15.0},
            '"rated_capcity_ah" is no key of META, and not used; did you mean "rated_capacity_ah',
        ),
        ({"shelf": "b"}, '"shelf" is no key of META, and not used'),
        ({"x\n": 1}, '"x\\n" is no key of META, and not used'),
        ({"sensor": {"vq": 1, "dt": 2}}, 'sensor: "vq" is no key of it, .*; did you mean "v_q"'),
        ({"r10s_25c_nominal_mohm": 40}, "40 mohm; cells of 15 Ah have about 2.5 mohm"),
        ({"ocv_soc": [0.1, 0.5, 0.6, 1.0]}, "ocv_soc reaches from 0.1 to 1, not from 0 to 1"),
        ({"ocv_soc": [0.0, 0.5, 0.6, 0.9]}, "ocv_soc reaches from 0 to 0.9, not from 0 to 1"),
        (
            {"v_float_cell": 4.25, "v_max_cell": None},
            "v_max_cell 4.2 V is not above v_float_cell 4.25 V; what META leaves open is of NCA",
        ),
    ],
)
def test_what_is_hardly_meant_is_noted(
    tmp_path: Path, fields: dict[str, object], note: str
) -> None:
    about = with_(tmp_path, **fields)
    (told,) = about.notes
    assert told.startswith(f"{tmp_path / 'about.json'}: ")
    assert re.search(re.escape(note).replace(r"\.\*", ".*"), told)


def test_a_page_of_unknown_keys_is_cut(tmp_path: Path) -> None:
    notes = with_(tmp_path, **{f"key{n}": n for n in range(30)}).notes
    assert len(notes) == 11
    assert notes[-1].endswith(": and 20 more such keys")


@pytest.mark.parametrize("cell", sorted(entries()))
def test_what_the_agent_writes_is_read_without_a_word(tmp_path: Path, cell: str) -> None:
    kind = entries()[cell].cell
    battery = Battery(
        chemistry=kind.chemistry,
        series=1,
        parallel=1,
        rated_capacity_ah=15.0,
        rated_power_w=300.0,
        cell_cutoff_v=kind.cutoff_v,
        cell_float_v=kind.float_v,
        cell_max_v=kind.max_v,
        resistance_ohm=kind.specific_resistance_ohm_ah / 15.0,
        ocv=kind.ocv,
        resistance_by_soc=kind.resistance_by_soc,
        voltage_step_v=0.001,
        current_step_a=0.01,
        temperature_step_c=1.0,
        commissioned_s=1.7e9,
        balance_current_a=0.05,
        cell=cell,
    )
    about = read(tmp_path, meta_json("a-1", battery))
    assert (about.battery, about.notes) == (battery, ())


@pytest.mark.parametrize("highest", [4.2, None])
def test_a_module_may_stand_by_at_its_highest_voltage(
    tmp_path: Path, highest: float | None
) -> None:
    assert with_(tmp_path, v_float_cell=4.2, v_max_cell=highest).notes == ()


@pytest.mark.parametrize("chemistry", list(Chemistry))
def test_a_chemistry_alone_is_read_without_a_word(tmp_path: Path, chemistry: Chemistry) -> None:
    assert read(tmp_path, json.dumps({"chemistry": chemistry.lower()})).notes == ()


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the development data is not beside the checkout")
def test_no_meta_of_the_development_modules_is_doubted() -> None:
    found = sorted(SHARED.glob("*/meta.json"))
    assert len(found) == 8
    assert [note for path in found for note in read_meta(path).notes] == []
