"""Answers that a line still owes: a request that was given up may be answered late.

A serial frame has no number. Of the unit that is asked, a late answer cannot be told from the
next one by its looks, so that unit is left alone for a while. Of any other unit it is known by
who sent it, and by being what that unit was asked for. With numbers it is known in any case; but
a late answer that is cut takes from the next one what it lacks.
"""

from collections import deque
from dataclasses import dataclass, field

from agent.transport.modbus_frames import EXCEPTION_BIT, Expected, find_rtu

LISTEN_S = 0.5
"""At least so long after a request was given up its unit is not asked again, in seconds."""
FORGET_S = 10.0
"""So long after a request its answer may come, in seconds; then nobody reckons with it."""
_REMEMBER_S = 60.0
_MARGIN = 1.5  # who was late once may be so much later the next time
_MOST = 64


@dataclass(slots=True)
class Owed:
    """A request that was given up, made at ``asked_s``; nobody asks its unit before ``until_s``.

    ``silent``: not a byte of an answer was heard, so it may yet spoil that of another unit.
    """

    expected: Expected
    address: int
    asked_s: float
    until_s: float
    silent: bool


@dataclass(slots=True)
class Owing:
    """The requests of one line that may still be answered. Times are of the loop's clock."""

    _owed: deque[Owed] = field(default_factory=lambda: deque(maxlen=_MOST))
    _late: dict[int, tuple[float, float]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Say whether anything may be owed."""
        return bool(self._owed)

    def give_up(self, request: Owed) -> None:
        """Remember a request that is waited for no longer."""
        self._forget(request.asked_s)
        self._owed.append(request)

    def wait_s(self, unit_id: int, now_s: float) -> float:
        """Give for how many seconds an answer of ``unit_id`` may be an old one."""
        ends = [owed.until_s for owed in self._owed if owed.expected.unit_id == unit_id]
        return max(0.0, max(ends, default=now_s) - now_s)

    def mistakable(self, expected: Expected, address: int, now_s: float) -> bool:
        """Say whether an answer might be an old one to another request, however long we wait.

        So it is with a unit that has lately answered when nobody listened any more.
        """
        late_s, until_s = self._late.get(expected.unit_id, (0.0, 0.0))
        return now_s < until_s and any(
            (owed.expected.unit_id, owed.expected.function) == (expected.unit_id, expected.function)
            and (owed.expected.count, owed.address) != (expected.count, address)
            and now_s < owed.asked_s + late_s
            for owed in self._owed
        )

    def take(self, data: bytes, awaited: Expected | None, now_s: float) -> int:
        """Give how many bytes of ``data`` are late answers, with what came before each.

        What may be the answer to ``awaited`` is none.
        """
        self._forget(now_s)
        ends: dict[Expected, int] = {}
        for owed in reversed(list(self._owed)):
            # Two requests that are alike take two answers; the last is the least late with one.
            begin = ends.get(owed.expected, 0)
            length = _length_of_answer(owed.expected, data[begin:], awaited)
            if length > 0:
                ends[owed.expected] = begin + length
                self._owed.remove(owed)
                self._learn(owed, now_s)
        return max(ends.values(), default=0)

    def may_have_spoken(self, unit_id: int, now_s: float) -> bool:
        """Say whether a unit other than ``unit_id`` may have spoken over its answer.

        A request that was given up explains one answer that is spoilt, not two.
        """
        self._forget(now_s)
        others = [one for one in self._owed if one.expected.unit_id != unit_id and one.silent]
        for owed in others:
            owed.silent = False
        return bool(others)

    def _learn(self, owed: Owed, now_s: float) -> None:
        """Note how late a unit may be that answers after the time in which it was left alone."""
        if now_s > owed.until_s:
            late_s = min(_MARGIN * (now_s - owed.asked_s), FORGET_S)
            self._late[owed.expected.unit_id] = (late_s, now_s + _REMEMBER_S)

    def _forget(self, now_s: float) -> None:
        while self._owed and now_s - self._owed[0].asked_s > FORGET_S:
            self._owed.popleft()


def _length_of_answer(owed: Expected, data: bytes, awaited: Expected | None) -> int:
    """Give where the answer to ``owed`` ends in ``data``, 0 where there is none for certain."""
    heads = (bytes((owed.unit_id, owed.function | bit)) for bit in (0, EXCEPTION_BIT))
    if not any(head in data for head in heads):
        return 0
    found = find_rtu(data, owed)
    if found.reply is None:
        return 0
    if awaited is not None and awaited.unit_id == owed.unit_id:
        refused = found.reply.exception_code is not None
        if awaited == owed or (refused and awaited.function == owed.function):
            return 0
    return found.used
