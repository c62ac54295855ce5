"""Goes on with what was learnt when a battery shows more cells than before. Pure."""

from collections.abc import Iterator, Mapping

from agent.errors import StoreError
from agent.health.bank import Bank, blocks, share
from agent.health.engine import HealthEngine
from agent.health.regroup import regrouped, sources
from agent.model import Battery

JSON = object


def widened(battery: Battery, cells: tuple[str, ...], state: Mapping[str, JSON]) -> Bank:
    """Make a bank of ``cells`` that knows what ``state``, of fewer cells, has learnt.

    Raises StoreError when nothing of ``state`` can be used.
    """
    held = dict(_held(battery, state))
    engines = []
    for part in blocks(cells):
        own = share(battery, len(part), len(cells))
        like = max(held, key=lambda old: len(set(old) & set(part)), default=())
        if not set(like) & set(part):
            engines.append(HealthEngine(own, cells=part))
            continue
        # Where one block becomes two, both go on from it, each with its own cells.
        engine = held[like]
        moved = engine.state()
        if part != like:
            moved = regrouped(moved, engine.kind, part, sources(like, part))
        engines.append(HealthEngine.restore(own, cells=part, state=moved))
    return Bank(battery, cells=cells, engines=tuple(engines))


def _held(
    battery: Battery, state: Mapping[str, JSON]
) -> Iterator[tuple[tuple[str, ...], HealthEngine]]:
    """Restore the engines that ``state`` holds, by their cells."""
    saved = state.get("blocks", [state])
    cells = state.get("cells")
    if not isinstance(saved, list) or not isinstance(cells, list):
        raise StoreError("the saved health state has another shape")
    for one in saved:
        names = one.get("cells") if isinstance(one, Mapping) else None
        if not isinstance(names, list):
            raise StoreError("the saved health state has another shape")
        part = tuple(map(str, names))
        own = share(battery, len(part), len(cells))
        yield part, HealthEngine.restore(own, cells=part, state=one)
