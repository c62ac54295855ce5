"""What a Modbus TCP connection brings, and which request each answer is for.

Frames are those of "MODBUS Messaging on TCP/IP" V1.0b, section 3.1.3: transaction, protocol,
length, unit, function, data. An answer counts if its transaction, unit, function and length are
those of a request under way.

Nothing but their lengths parts the frames. An answer that was cut is filled up with what comes
after it, so before one is believed, what follows has to be the header of a frame, if anything
does, and none of the other answers that may come may stand inside it.
"""

import struct
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.transport.modbus_frames import Expected, Reply, read_pdu

_HEADER = struct.Struct(">HHHB")
_REQUEST = struct.Struct(">HHHBBHH")
_REQUEST_LENGTH = 6  # unit, function, address and count
_BEFORE_LENGTH_COUNTS = 6  # transaction, protocol and the length itself
_MIN_LENGTH = 2  # unit id and function code
_MAX_LENGTH = 254  # unit id and 253 bytes of PDU
_FLOOD_BYTES = 8192  # about twice what sixteen answers can be
_REMEMBERED = 64  # transactions that are over, of which something may still come


class Heard(NamedTuple):
    """What came of a request: a reply, or a problem with ``payload``; neither is silence.

    ``shared``: the problem was met by other requests, too, and it may be of their making.
    """

    reply: Reply | None = None
    problem: str | None = None
    payload: bytes = b""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, and the ``heads`` with which an answer to it may begin."""

    expected: Expected
    heads: tuple[bytes, bytes]


@dataclass(slots=True)
class Stream:
    """The requests of one connection by transaction number, and the bytes that came for them.

    ``lost``: where the next frame begins is not known, the connection is of no more use.
    ``doubted``: an answer was bad; it is as well to begin anew once nothing is under way.
    """

    lost: bool = False
    doubted: bool = False
    _under_way: dict[int, _Asked] = field(default_factory=dict)
    _late: dict[int, _Asked] = field(default_factory=dict)
    _answered: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _strange: dict[int, Heard] = field(default_factory=dict)
    _rest: bytes = b""

    def ask(self, number: int, expected: Expected, address: int) -> bytes:
        """Give the bytes of a request, which is under way from now on."""
        unit_id, function, count = expected.unit_id, expected.function, expected.count
        lengths = (3 + expected.data_bytes, 3)  # an answer and an exception, with the unit id
        heads = [_HEADER.pack(number, 0, length, unit_id) for length in lengths]
        self._late.pop(number, None)
        self._under_way[number] = _Asked(expected, (heads[0], heads[1]))
        return _REQUEST.pack(number, 0, _REQUEST_LENGTH, unit_id, function, address, count)

    def begun(self, number: int) -> bool:
        """Say whether a part of the answer to ``number`` has come."""
        if not self._rest:
            return False
        told = self._rest[:2]
        return told == number.to_bytes(2, "big") or (
            set(self._under_way) == {number}  # whatever it is, it keeps this answer away
        )

    def give_up(self, number: int) -> Heard:
        """End a request for whose answer nobody waits any longer; say what was heard instead."""
        heard = self._strange.get(number, Heard())
        if self.begun(number):
            heard, self._rest = Heard(problem="the answer was cut", payload=self._rest), b""
        self.doubted |= heard.problem is not None
        self._owe(number)
        return heard

    def take(self, data: bytes) -> list[tuple[int, Heard]]:
        """Take what came; give the requests that are over, each with what it got."""
        self._rest += data
        over: list[tuple[int, Heard]] = []
        while self._under_way:
            problem = self._problem()
            if problem is not None:
                return over + self._lose(problem)
            end = self._whole()
            if not end:
                return over
            frame, self._rest = self._rest[:end], self._rest[end:]
            over += self._judge(frame)
        self._rest = b""  # nobody waits for it
        return over

    def _problem(self) -> str | None:
        """Say why the bytes cannot be parted into frames, if that can be told already."""
        rest, end = self._rest, _end_of_first(self._rest)
        if len(rest) > _FLOOD_BYTES:
            return f"a flood of {len(rest)} bytes"
        if not _may_begin(rest):
            return "not a Modbus TCP frame"
        number = int.from_bytes(rest[:2], "big")
        if self._holds_another(number, rest[:end]):
            return "the answer was cut, another one stands inside it"
        if not _may_begin(rest[end:]) and self._others(number):
            return "the answer was cut or has bytes too many"
        return None

    def _whole(self) -> int:
        """Give how many bytes are a frame that can be believed; 0 where more have to come."""
        rest, end = self._rest, _end_of_first(self._rest)
        if not 0 < end <= len(rest):
            return 0
        half_a_header = 0 < len(rest) - end < _HEADER.size
        return 0 if half_a_header and self._others(int.from_bytes(rest[:2], "big")) else end

    def _holds_another(self, number: int, frame: bytes) -> bool:
        return any(head in frame for one in self._others(number) for head in one.heads)

    def _others(self, number: int) -> list[_Asked]:
        """Give the requests but ``number`` of which an answer may come."""
        some = (self._under_way, self._late)
        return [one for asked in some for other, one in asked.items() if other != number]

    def _judge(self, frame: bytes) -> list[tuple[int, Heard]]:
        number, _, _, unit_id = _HEADER.unpack_from(frame)
        asked = self._under_way.get(number)
        if asked is not None:
            reply, problem = read_pdu(unit_id, frame[_HEADER.size :], asked.expected)
            self.doubted |= problem is not None
            self._answered.append(number)
            self._end(number)
            return [(number, Heard(reply, problem, b"" if problem is None else frame))]
        if self._late.pop(number, None) is not None:
            self._answered.append(number)
            return []
        blamed = self._blamed(unit_id)
        if blamed is None:
            return []
        if number in self._answered:
            text = f"the answer is to transaction {number} once more, asked was {blamed}"
            self._strange[blamed] = Heard(problem=text, payload=frame)
            return []
        self.doubted = True
        self._owe(blamed)
        text = f"the answer is to transaction {number}, asked was {blamed}"
        return [(blamed, Heard(problem=text, payload=frame))]

    def _blamed(self, unit_id: int) -> int | None:
        """Give the request to which an answer with a wrong number may belong."""
        if len(self._under_way) == 1:
            return next(iter(self._under_way))
        mine = (n for n, one in self._under_way.items() if one.expected.unit_id == unit_id)
        return next(mine, None)

    def _lose(self, problem: str) -> list[tuple[int, Heard]]:
        self.lost = True
        heard = Heard(None, problem, self._rest[:_FLOOD_BYTES], len(self._under_way) > 1)
        numbers = list(self._under_way)
        self._under_way.clear()
        self._rest = b""
        return [(number, heard) for number in numbers]

    def _owe(self, number: int) -> None:
        """End a request whose answer may come yet."""
        self._late[number] = self._under_way[number]
        if len(self._late) > _REMEMBERED:
            del self._late[next(iter(self._late))]
        self._end(number)

    def _end(self, number: int) -> None:
        del self._under_way[number]
        self._strange.pop(number, None)
        if not self._under_way:
            self._rest = b""


def _end_of_first(data: bytes) -> int:
    """Give where the frame ends that ``data`` begins with; 0 where that cannot be told yet."""
    if len(data) < _HEADER.size:
        return 0
    return _BEFORE_LENGTH_COUNTS + int(_HEADER.unpack_from(data)[2])


def _may_begin(data: bytes) -> bool:
    """Say whether a frame may begin with ``data``, however little of it there is."""
    if any(data[2:5]):  # the protocol, 0, and the upper half of a length of 254 at most
        return False
    length_at = _BEFORE_LENGTH_COUNTS - 1
    return len(data) <= length_at or _MIN_LENGTH <= data[length_at] <= _MAX_LENGTH
