"""An observation comes back from a journal and from a recording exactly as it was."""

import json
import math
from pathlib import Path

import pytest

from agent.config.cells import read_cells
from agent.health.observation import Observation
from agent.health.seen import pack, unpack
from agent.model import Battery, Chemistry
from agent.replay.meta import read_meta
from agent.replay.telemetry import read_telemetry
from agent.replay.write import meta_json, telemetry_csv

FULL = Observation(
    time_s=1.7e9 + 0.1,
    current_a=-41.7 / 3,
    cells_v=(4.0 / 3, None, math.nan),
    temperatures_c=(25.1, 26.7),
    ambient_c=21.3,
    phase="discharge",
    balancing=5,
    bleeding=True,
    reported_soc=0.29,
    reported_soh=0.57,
)
BARE = Observation(1.7e9 + 9, None, (None, 3.9, 0.0))
BATTERY = Battery(
    Chemistry.NMC,
    series=3,
    parallel=4,
    rated_capacity_ah=15.3,
    rated_power_w=777.7,
    required_seconds=90.0,
    cell_cutoff_v=2.71,
    cell_float_v=4.07,
    cell_max_v=4.19,
    resistance_ohm=0.0023333333333333335,
    ocv=((0.0, 2.7), (0.3, 3.6), (1.0, 4.2)),
    voltage_step_v=0.001,
    current_step_a=0.0333,
    temperature_step_c=0.1,
    commissioned_s=1.6e9,
    cell="nmc-energy",
    resistance_by_soc=((0.0, 2.0), (0.5, 1.1), (1.0, 1.0)),
)


def same(one: object, other: object) -> bool:
    """Compare with NaN equal to itself and to a value that is not there."""
    return repr(one).replace("nan", "None") == repr(other).replace("nan", "None")


@pytest.mark.parametrize("observation", [FULL, BARE])
def test_a_journal_gives_back_what_it_got(observation: Observation) -> None:
    found = unpack(json.loads(json.dumps(pack(("1", "2", "3"), observation))))
    assert found is not None
    assert found[0] == ("1", "2", "3")
    assert same(found[1], observation)


@pytest.mark.parametrize(
    "garbled",
    [
        None,
        7,
        {},
        {"cells": ["1"], "names": ["time_s"], "values": []},
        {"cells": ["1"], "names": ["time_s", "cells_v"], "values": ["x", [1.0]]},
        {"cells": ["1"], "names": ["time_s", "cells_v"], "values": [1.0, [1.0, 2.0]]},
        {"cells": ["1"], "names": ["time_s", "cells_v"], "values": [1.0, ["a"]]},
        {"cells": ["1"], "names": ["time_s", "cells_v"], "values": [None, [4.0]]},
        *(
            {"cells": ["1"], "names": ["time_s", "cells_v", name], "values": [1.0, [4.0], value]}
            for name, value in (
                ("current_a", "7"),
                ("temperatures_c", 25.0),
                ("temperatures_c", ["warm"]),
                ("ambient_c", [20.0]),
                ("balancing", 1.5),
                ("bleeding", "no"),
                ("phase", 3),
            )
        ),
    ],
)
def test_what_is_no_observation_is_none(garbled: object) -> None:
    assert unpack(garbled) is None


def test_what_another_version_wrote_beside_it_is_passed_over() -> None:
    packed = {"cells": ["1"], "names": ["time_s", "cells_v", "colour"], "values": [1.0, [4.0], 3]}
    assert unpack(packed) == (("1",), Observation(1.0, None, (4.0,)))


def test_a_recording_gives_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.csv"
    path.write_text(telemetry_csv([FULL, BARE], 3))
    full, bare = read_telemetry(path, 1.0).observations
    assert same(full, FULL)
    assert [v for v in bare.temperatures_c if not math.isnan(v)] == []
    assert same(bare.cells_v, BARE.cells_v)
    assert (bare.phase, bare.balancing, bare.bleeding) == (None, None, False)


@pytest.mark.parametrize("battery", [BATTERY, Battery()])
def test_meta_gives_the_battery_back(tmp_path: Path, battery: Battery) -> None:
    path = tmp_path / "meta.json"
    path.write_text(meta_json("u", battery))
    meta = read_meta(path, read_cells(None))
    assert (meta.name, meta.battery, meta.charge_sign) == ("u", battery, 1.0)
