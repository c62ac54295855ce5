"""A replayed unit for the tests of pages and tables."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.config.cells import read_cells
from agent.replay.once import replay_once
from agent.replay.page import Report

DAY_S = 86400.0
Make = Callable[..., Report]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Replay a made-up unit of two cells for 200 days, with a test every 40."""

    def make(name: str = "unit-1", growth: float = 1.0, days: int = 200) -> Report:
        lines = ["time_s,current_a,v01,v02,t1_c,state"]
        for day in range(days):
            now_s = 1.7e9 + day * DAY_S
            lines.append(f"{now_s},0,4.02,4.02,26,standby")
            for second in range(-4, 40, 2) if day % 40 == 20 else ():
                load_a = 40.0 if 0 < second < 20 else 0.0
                drop = load_a * 0.0024 * (growth if day > 100 else 1.0)
                row = (now_s + 3600 + second, -load_a, 4.02 - load_a * 0.0024, 4.02 - drop, 26)
                lines.append(",".join(map(str, row)) + ",selftest")
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
        meta = tmp_path / "meta.json"
        meta.write_text(
            f'{{"name": "{name}", "chemistry": "NCA", "rated_capacity_ah": 15, "n_parallel": 6,'
            ' "rated_power_w": 200, "commissioned": "2023-11-01"}'
        )

        class Silent:
            def __enter__(self) -> Callable[[int], None]:
                return lambda _rows: None

            def __exit__(self, *_: object) -> None:
                return None

        return replay_once(
            tmp_path / f"{name}.csv",
            meta,
            read_cells(None),
            every_s=15 * DAY_S,
            progress=lambda _recorded: Silent(),
        )

    return make
