"""What can go wrong on the wire: what masters see of a unit, a line or a gateway."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class WireFaultKind(StrEnum):
    """Ways in which an answer goes wrong on its way."""

    SILENT = "silent"
    DELAY = "delay"
    JITTER = "jitter"
    COLLISION = "collision"
    EXCEPTION = "exception"
    BIT_ERRORS = "bit-errors"
    BAD_CRC = "bad-crc"
    WRONG_UNIT = "wrong-unit"
    TRUNCATED = "truncated"
    OVER_LONG = "over-long"
    DUPLICATE = "duplicate"
    WRONG_FUNCTION = "wrong-function"
    WRONG_TRANSACTION = "wrong-transaction"
    STUCK = "stuck"
    DROPPED = "dropped-connections"
    ONE_AT_A_TIME = "one-at-a-time"
    SECOND_MASTER = "second-master"
    TOO_BIG = "too-big"
    GEN_ERR = "gen-err"
    MISSING = "missing"
    LOOPING = "looping"
    ENGINE_REBOOT = "engine-reboot"
    TIME_JUMP = "time-jump"


_K = WireFaultKind
_ANY_UNIT = frozenset({_K.SILENT, _K.DELAY, _K.JITTER, _K.TRUNCATED, _K.DUPLICATE, _K.STUCK})
OF_A_MODULE = _ANY_UNIT | {
    *(_K.COLLISION, _K.EXCEPTION, _K.BIT_ERRORS, _K.BAD_CRC, _K.WRONG_UNIT, _K.OVER_LONG),
    *(_K.WRONG_FUNCTION, _K.WRONG_TRANSACTION),
}
"""Faults of a unit behind a Modbus line."""
OF_A_BUS = frozenset({_K.DROPPED, _K.ONE_AT_A_TIME, _K.SECOND_MASTER})
"""Faults of a whole line or gateway."""
OF_AN_AGENT = _ANY_UNIT | {
    *(_K.WRONG_TRANSACTION, _K.TOO_BIG, _K.GEN_ERR, _K.MISSING, _K.LOOPING),
    *(_K.ENGINE_REBOOT, _K.TIME_JUMP),
}
"""Faults of an SNMP agent."""
OF_ENGINES = frozenset({_K.ENGINE_REBOOT, _K.TIME_JUMP})
"""Those of them that only v3 knows."""
OF_LIGHT_AGENTS = frozenset({_K.WRONG_TRANSACTION})
"""Those of them that only v1 and v2c can have: v3 signs its numbers."""


@dataclass(frozen=True, slots=True)
class WireFault:
    """A fault of a wire between ``start_s`` and ``end_s`` after the start.

    ``value``: seconds of delay, of the longest jitter, until a colliding answer, between
    the requests of a second master, that a gateway with one place waits for a silent unit;
    the code of the exception (default 4, device failure); of dropped connections, the
    requests that each one lives. ``share`` of the answers are hit.
    """

    kind: WireFaultKind
    start_s: float = 0.0
    end_s: float | None = None
    value: float = 0.0
    share: float = 1.0

    def active(self, since_start_s: float) -> bool:
        """Say whether the fault acts ``since_start_s`` seconds after the start."""
        return self.start_s <= since_start_s and (self.end_s is None or since_start_s < self.end_s)


def acting(
    faults: Iterable[WireFault], since_start_s: float, count: int
) -> dict[WireFaultKind, WireFault]:
    """Give the faults that hit the answer number ``count``, by kind."""
    return {
        fault.kind: fault
        for fault in faults
        if fault.active(since_start_s) and (fault.share >= 1 or chance(count) < fault.share)
    }


def chance(count: int) -> float:
    """Give a number from 0 to 1 that looks random and is always the same for ``count``."""
    return zlib.crc32(count.to_bytes(8, "little")) / 0x100000000


def late_s(found: dict[WireFaultKind, WireFault], count: int) -> float:
    """Give how many seconds later than usual the answer number ``count`` comes."""
    delay = found.get(WireFaultKind.DELAY) or found.get(WireFaultKind.COLLISION)
    jitter = found.get(WireFaultKind.JITTER)
    seconds = delay.value if delay is not None else 0.0
    return seconds + (jitter.value * chance(count + 1) if jitter is not None else 0.0)
