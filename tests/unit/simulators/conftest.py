from collections.abc import Callable

import numpy as np
import pytest

from simulators.battery.build import Spread, make_pack
from simulators.battery.pack import Pack
from simulators.device.hardware import CLASSIC, MODULES
from simulators.device.module import Module
from simulators.device.sensors import make_sensors

MakePack = Callable[..., Pack]
MakeModule = Callable[..., Module]


@pytest.fixture
def pack_of() -> MakePack:
    """Make a classic pack resting at the float voltage."""

    def make(seed: int = 1, rest_v: float = 4.07, celsius: float = 25.0) -> Pack:
        random = np.random.default_rng(seed)
        return make_pack(CLASSIC.pack, Spread(), random, rest_v=rest_v, celsius=celsius)

    return make


@pytest.fixture
def module_of() -> MakeModule:
    """Make a module in standby at 1 January 2026."""

    def make(name: str = "classic", seed: int = 1, rest_v: float = 4.07) -> Module:
        random = np.random.default_rng(seed)
        design = MODULES[name]
        pack = make_pack(design.pack, Spread(), random, rest_v=rest_v, celsius=28.0)
        sensors = make_sensors(design.pack.series, random)
        return Module("m", "SIM1", design, pack, sensors, now_s=1767225600.0)

    return make
