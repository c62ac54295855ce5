"""Records for the tests of the history, and how they are asked for."""

from agent.model import Event, Reading, Sample
from agent.store.history import HistoryStore
from agent.store.records import HistoryPoint

DISCHARGE = Event("a", "discharge", 100.0, None, {"energy_wh": 5.0})
ENDED = Event("a", "discharge", 100.0, 160.0, {"energy_wh": 9.5, "deep": True})
TEST = Event("b", "self_test", 200.0, 230.0)


def sample(at_s: float, value: float | str = 51.0, unit: str = "a") -> Sample:
    return Sample(unit, at_s, at_s, (Reading("battery_voltage", None, value, at_s, "holding 1"),))


async def points(
    store: HistoryStore, until_s: float = 1e9, index: str | None = None
) -> list[HistoryPoint]:
    return await store.history("a", "battery_voltage", index, since_s=0, until_s=until_s)
