"""How an SNMP agent goes wrong: its objects, and its datagrams."""

import zlib
from collections.abc import Callable, Sequence
from typing import Protocol

from simulators.maps.objects import Item, Oid
from simulators.wire.faults import WireFault, WireFaultKind, acting, late_s

_SYSTEM = (1, 3, 6, 1, 2, 1, 1)
_JUMP_S = 3600.0


class Tree(Protocol):
    """The objects of a device."""

    def get(self, oid: Oid) -> Item | None:
        """Give the object at ``oid``, or None where there is none."""
        ...

    def after(self, oid: Oid) -> tuple[Oid, Item] | None:
        """Give the first object after ``oid``, or None at the end."""
        ...


class TreeError(Exception):
    """The agent answers with an error. ``too_big``: the answer would not fit; else genErr."""

    def __init__(self, *, too_big: bool) -> None:
        super().__init__("too big" if too_big else "general error")
        self.too_big = too_big


class FaultyTree:
    """The objects of ``tree`` with what ``faults`` make of them.

    ``since`` gives the seconds since the start. The system group is never missing, so that
    the device is still recognised.
    """

    def __init__(self, tree: Tree, faults: Sequence[WireFault], since: Callable[[], float]) -> None:
        self._tree = tree
        self._faults = faults
        self._since = since

    def get(self, oid: Oid) -> Item | None:
        """See ``Tree.get``."""
        if not self._faults:
            return self._tree.get(oid)
        self._fail()
        return None if self._missing(oid) else self._tree.get(oid)

    def after(self, oid: Oid) -> tuple[Oid, Item] | None:
        """See ``Tree.after``."""
        following = self._tree.after(oid)
        if not self._faults:
            return following
        self._fail()
        while following is not None and self._missing(following[0]):
            following = self._tree.after(following[0])
        if self._active(WireFaultKind.LOOPING) and not _in_system(oid):
            # Cards that forget to count hand out the same row for ever.
            here = self._tree.get(oid)
            return following if here is None else (oid, here)
        return following

    def _fail(self) -> None:
        for kind in (WireFaultKind.TOO_BIG, WireFaultKind.GEN_ERR):
            if self._active(kind):
                raise TreeError(too_big=kind is WireFaultKind.TOO_BIG)

    def _missing(self, oid: Oid) -> bool:
        fault = self._active(WireFaultKind.MISSING)
        if fault is None or _in_system(oid):
            return False
        return fault.share >= 1 or zlib.crc32(str(oid).encode()) / 0x100000000 < fault.share

    def _active(self, kind: WireFaultKind) -> WireFault | None:
        since_s = self._since()
        found = (f for f in self._faults if f.kind is kind and f.active(since_s))
        return next(found, None)


def _in_system(oid: Oid) -> bool:
    return oid[: len(_SYSTEM)] == _SYSTEM


class AgentWire:
    """The way of an agent's datagrams. ``later`` calls something after so many seconds."""

    def __init__(
        self,
        faults: Sequence[WireFault],
        since: Callable[[], float],
        later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self.faults = faults
        self.since = since
        self._later = later
        self._count = 0
        self._done: set[WireFault] = set()

    def hit(self) -> dict[WireFaultKind, WireFault]:
        """Give the faults that hit the next request."""
        if not self.faults:
            return {}
        self._count += 1
        return acting(self.faults, self.since(), self._count)

    def send(
        self, found: dict[WireFaultKind, WireFault], datagram: bytes, send: Callable[[bytes], None]
    ) -> None:
        """Send an answer as the faults let it."""
        if WireFaultKind.TRUNCATED in found:
            datagram = datagram[: len(datagram) // 2]
        copies = 2 if WireFaultKind.DUPLICATE in found else 1
        wait_s = late_s(found, self._count)
        for _ in range(copies):
            if wait_s > 0:
                self._later(wait_s, lambda: send(datagram))
            else:
                send(datagram)

    def engine_step(self) -> tuple[int, float]:
        """Give the reboots and the seconds of time jump that have just come due."""
        reboots, jump_s = 0, 0.0
        for fault in self.faults:
            if fault in self._done or not fault.active(self.since()):
                continue
            if fault.kind is WireFaultKind.ENGINE_REBOOT:
                reboots += 1
            elif fault.kind is WireFaultKind.TIME_JUMP:
                jump_s += fault.value or _JUMP_S
            else:
                continue
            self._done.add(fault)
        return reboots, jump_s
