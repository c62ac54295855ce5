"""An agent as the exporters see it, standing still: for servers without devices behind them."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.export.facts import BusFacts, ReloadFacts

LOADED = ReloadFacts(success_at=1.7e9)


@dataclass
class StillAgent:
    """Says what it was made with."""

    version: str = "1.2.3"
    facts: Sequence[BusFacts] = (BusFacts("shelf-a", 10, {}, 2.5, 0.25),)
    loaded: ReloadFacts = LOADED
    lag_s: float | None = 0.001

    def buses(self) -> Sequence[BusFacts]:
        return self.facts

    def reload_facts(self) -> ReloadFacts:
        return self.loaded

    def loop_lag_s(self) -> float | None:
        return self.lag_s
