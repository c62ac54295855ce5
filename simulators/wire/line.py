"""The devices behind one serial line or gateway, and how their answers go wrong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from simulators.wire.faults import WireFault, WireFaultKind, acting, late_s
from simulators.wire.pdu import DEVICE_FAILURE, GATEWAY_NO_ANSWER, Registers, answer, refusal

_DATA_AT = 2
_TOO_MANY = 4


@dataclass(slots=True)
class Station:
    """One device on a line: its registers and the faults of its wire.

    ``there`` says whether it is in its slot (None: always).
    """

    registers: Registers
    faults: Sequence[WireFault] = ()
    there: Callable[[], bool] | None = None
    requests: int = 0
    _kept: dict[tuple[str, int, int], list[int] | None] = field(default_factory=dict)

    def read(self, table: str, address: int, count: int) -> list[int] | None:
        """Give what these registers held when they got stuck."""
        place = (table, address, count)
        if place not in self._kept:
            self._kept[place] = self.registers.read(*place)
        return self._kept[place]

    def ask(self, request: bytes, found: dict[WireFaultKind, WireFault]) -> bytes:
        """Give the answer to a request under the faults that hit it."""
        if WireFaultKind.EXCEPTION in found:
            code = int(found[WireFaultKind.EXCEPTION].value) or DEVICE_FAILURE
            return refusal(request[0], code)
        if WireFaultKind.STUCK in found:
            return answer(request, self)
        self._kept.clear()
        return answer(request, self.registers)


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: who says it, what, how late, and what is done to its frame."""

    unit_id: int
    pdu: bytes
    delay_s: float = 0.0
    mangled: frozenset[WireFaultKind] = frozenset()


@dataclass(slots=True)
class Line:
    """Devices by unit id. ``gateway`` lines answer exception 11 for a silent device.

    ``faults`` are those of the line itself.
    """

    stations: dict[int, Station] = field(default_factory=dict)
    gateway: bool = False
    faults: Sequence[WireFault] = ()

    def ask(self, unit_id: int, request: bytes, since_start_s: float) -> Reply | None:
        """Give the reply to a request for ``unit_id``, or None for silence."""
        station = self.stations.get(unit_id)
        if station is None or (station.there is not None and not station.there()):
            return self._nobody(unit_id, request)
        station.requests += 1
        if not station.faults:
            return Reply(unit_id, answer(request, station.registers))
        found = acting(station.faults, since_start_s, station.requests)
        if WireFaultKind.SILENT in found:
            return self._nobody(unit_id, request)
        pdu = _spoilt(station.ask(request, found), found, station.requests)
        said_by = unit_id + 1 if WireFaultKind.WRONG_UNIT in found else unit_id
        return Reply(said_by, pdu, late_s(found, station.requests), frozenset(found))

    def acting(self, kind: WireFaultKind, since_start_s: float) -> WireFault | None:
        """Give the line's own fault of ``kind``, if it acts."""
        for fault in self.faults:
            if fault.kind is kind and fault.active(since_start_s):
                return fault
        return None

    def _nobody(self, unit_id: int, request: bytes) -> Reply | None:
        return Reply(unit_id, refusal(request[0], GATEWAY_NO_ANSWER)) if self.gateway else None


def _spoilt(pdu: bytes, found: dict[WireFaultKind, WireFault], count: int) -> bytes:
    """Give what the wire's faults make of an answer before its checksum is put on."""
    if WireFaultKind.WRONG_FUNCTION in found:
        pdu = bytes((pdu[0] ^ 7,)) + pdu[1:]
    refused = pdu[0] & 0x80
    if WireFaultKind.BIT_ERRORS in found and not refused:
        bits = 8 * (len(pdu) - _DATA_AT)
        place = (count * 37) % bits
        octet = _DATA_AT + place // 8
        pdu = pdu[:octet] + bytes((pdu[octet] ^ (1 << place % 8),)) + pdu[octet + 1 :]
    if WireFaultKind.OVER_LONG in found and not refused:
        # More words than were asked for, in a frame that is otherwise right.
        pdu = bytes((pdu[0], min(255, pdu[1] + _TOO_MANY))) + pdu[_DATA_AT:] + bytes(_TOO_MANY)
    return pdu
