"""``bbu-agent explain`` against a running agent: what it says is what the agent has learnt."""

import json
import math
import re
import time
from pathlib import Path

from agent.health.engine import HealthEngine, Observation
from agent.model import Battery, Chemistry
from tests.end_to_end.bench import Agent, Rack, command, until

UNIT, WELDED = "a-1", 3
DAY_S = 86400.0


def past(cells: int, now_s: float) -> HealthEngine:
    """A module that lived ten months with a weld since the sixth, up to an hour before now."""
    battery = Battery(Chemistry.NCA, series=cells, rated_capacity_ah=15.0)
    engine = HealthEngine(battery, cells=tuple(str(n + 1) for n in range(cells)))
    start_s = now_s - 300 * DAY_S - 3600.0
    engine.commission(start_s)

    def volts(day: float, load_a: float, held_s: float) -> tuple[float, ...]:
        part = 0.8 + 0.2 * math.log(1.0 + held_s) / math.log(11.0)
        grown = [0.3 if cell == WELDED - 1 and day > 150 else 0.0 for cell in range(cells)]
        ohms = [0.0024 * math.exp(0.004 * math.sqrt(day) + more) * part for more in grown]
        return tuple(round(4.02 - load_a * ohm, 3) for ohm in ohms)

    for day in range(301):
        at_s = start_s + day * DAY_S
        if day % 90 == 20:
            for second in (*range(-8, 0, 2), *range(1, 61, 2)):
                load_a = 40.0 if 0 < second < 31 else 0.0
                seen = volts(day, load_a, float(max(second, 0)))
                engine.observe(Observation(at_s + second, -load_a, seen, (25.0,)))
        engine.observe(Observation(at_s + 100.0, 0.0, volts(day, 0.0, 0.0), (25.0,)))
        if day % 50 == 0:
            nonsense = (9e9,) * cells
            engine.observe(Observation(at_s + 200.0, 0.0, nonsense, (25.0,)))
    return engine


def leave(state_dir: Path, cells: int) -> None:
    """Lay the past down where a starting agent takes it in."""
    now_s = time.time()
    folder = state_dir / "import"
    folder.mkdir(parents=True)
    state = past(cells, now_s).state()
    content = {"unit": UNIT, "saved_at": now_s, "state": state, "events": []}
    (folder / f"{UNIT}.json").write_text(json.dumps(content))


async def explained(agent: Agent, *more: str) -> tuple[int, str]:
    ended = await command("bbu-agent", "explain", UNIT, "--agent", agent.base, *more)
    assert ended.err == ""
    return ended.code, ended.out


async def test_explain_tells_reasons_evidence_refusals_and_the_next_test(
    rack: Rack, tmp_path: Path
) -> None:
    series = rack.service.fleet.modules[UNIT].design.pack.series
    leave(tmp_path / "state", series)
    agent = await rack.agent(rack.document() | {"state_dir": str(tmp_path / "state")})

    async def assessed() -> bool:
        health = (await agent.unit(UNIT))["health"]
        return bool(health is not None and health["evidence_at"] is not None)

    await until(assessed, "the unit is assessed by what was learnt")
    code, text = await explained(agent)
    assert code == 1
    assert text.startswith(f"{UNIT}: degraded\n")
    why = re.search(
        rf"cell {WELDED}: resistance \+\d+ % since commissioning, its module \+\d+ %; "
        r"\d+\.\d sigma above its module; (two|three) tests agree; a sudden change, confirmed on "
        r"\d{4}-\d\d-\d\d; its capacity is inferred, and unknown until a deeper test",
        text,
    )
    assert why is not None, text
    assert re.search(r"  - \d+ load steps gave a resistance, last on ", text)
    assert "Evidence that was not used:" in text
    assert re.search(rf"  - {7 * series} cell voltages, last on .*: no cell can have it", text)
    assert "Next test:\n  - a " in text

    code, text = await explained(agent, "--format", "json")
    shown = json.loads(text)
    assert (code, shown["name"], shown["verdict"]) == (1, UNIT, "degraded")
    advice = shown["health"]["next_test_advice"]
    assert advice["test"] in {option["test"] for option in advice["options"]}
    assert any(reason["cell"] == str(WELDED) for reason in shown["reasons"])
    assert {one["what"] for one in shown["health"]["rejected"]} >= {"cell voltage"}

    unknown = await command("bbu-agent", "explain", "a-11", "--agent", agent.base)
    assert unknown.code == 2
    assert "no unit 'a-11'; did you mean a-1" in unknown.err
