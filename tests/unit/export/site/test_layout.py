"""What stands around every page."""

import pytest

from agent.export.context import Context
from agent.export.facts import ReloadFacts
from agent.export.site.layout import notices
from agent.store.history import HistoryStore
from agent.store.live import LiveStore
from tests.still_agent import StillAgent


@pytest.mark.parametrize(
    ("loaded", "told"),
    [
        (ReloadFacts(), []),
        (ReloadFacts(web=True), []),
        (ReloadFacts(successful=False), ["The configuration file is wrong"]),
        (ReloadFacts(web=False), ["The web configuration (TLS, users) is wrong"]),
    ],
)
def test_a_refused_configuration_is_told_on_every_page(
    loaded: ReloadFacts, told: list[str]
) -> None:
    store = LiveStore([], [], stale_after_s=30)
    context = Context(store, StillAgent(loaded=loaded), HistoryStore(None))
    said = notices(context)
    assert len(said) == len(told)
    assert all(one.startswith(start) for one, start in zip(said, told, strict=True))
