"""What is made of a unit, kept for as long as the unit stays as it is."""

from collections.abc import Callable
from typing import Generic, TypeVar

from agent.store.live import LiveStore, UnitView
from agent.tasks import Turn

T = TypeVar("T")


async def all_views(store: LiveStore, mono_s: Callable[[], float]) -> list[UnitView]:
    """Give the view of every unit in configured order, and way to others in between."""
    turn = Turn()
    found: list[UnitView] = []
    for name in store.names:
        await turn.pause()
        try:
            found.append(store.view(name, mono_s=mono_s()))
        except KeyError:
            continue  # a reload took the unit away while others had their turn
    return found


class Fragments(Generic[T]):
    """The newest piece of every unit, made by ``make`` and only when the unit has changed."""

    def __init__(self, make: Callable[[UnitView], T]) -> None:
        self._make = make
        self._held: dict[str, tuple[tuple[int, bool], T]] = {}

    def get(self, store: LiveStore, unit: str, mono_s: float) -> T:
        """Give the piece of ``unit``. Raises ``KeyError`` when there is no such unit."""
        stamp = store.stamp(unit, mono_s=mono_s)
        held = self._held.get(unit)
        if held is not None and held[0] == stamp:
            return held[1]
        piece = self._make(store.view(unit, mono_s=mono_s))
        self._held[unit] = stamp, piece
        return piece

    async def all(self, store: LiveStore, mono_s: Callable[[], float]) -> dict[str, T]:
        """Give every unit's piece in configured order, and way to others in between."""
        turn = Turn()
        found: dict[str, T] = {}
        for name in store.names:
            await turn.pause()
            try:
                found[name] = self.get(store, name, mono_s())
            except KeyError:
                continue  # a reload took the unit away while others had their turn
        for gone in self._held.keys() - found.keys() - set(store.names):
            del self._held[gone]
        return found
