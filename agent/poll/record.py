"""Ask a device for everything it says, for a recording."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from agent.errors import BadAnswer, NoAnswer, Refused, Unidentified
from agent.model import Register, Table
from agent.poll.chain import find_chain
from agent.poll.identify_modbus import identify_modbus
from agent.poll.modbus_reader import unreached
from agent.poll.recording import Recording
from agent.profiles.schema import Profile, SunSpec, Words
from agent.profiles.sunspec import HEAD_WORDS
from agent.transport.base import ModbusLink
from agent.transport.plan import Span

LAST = 0xFFFF
MARGIN = 16
"""Registers beside those of a profile that are asked for as well."""
BLOCK_WORDS = 120
BLOCK_BITS = 960
MOST_SILENCES = 8
_ILLEGAL_FUNCTION, _ILLEGAL_VALUE = 1, 3

Progress = Callable[[int, int], None]
"""Takes how many registers are done and how many there are."""


def everything() -> tuple[Span, ...]:
    """Give the whole of all four tables."""
    return tuple(Span(table, 0, LAST + 1) for table in Table)


def likely(profiles: Iterable[Profile]) -> tuple[Span, ...]:
    """Give the neighbourhood of every register that ``profiles`` know, and the first 256."""
    wanted = {
        Register(Table(place.register.table), at)
        for profile in profiles
        for place in _places(profile)
        for at in range(
            max(0, place.register.address - MARGIN),
            min(LAST, place.register.address + place.count - 1 + MARGIN) + 1,
        )
    }
    wanted |= {Register(table, at) for table in (Table.HOLDING, Table.INPUT) for at in range(256)}
    return _spans(wanted)


def _places(profile: Profile) -> list[Words]:
    rows = [place for row in profile.fields for place in row.places]
    rows += [probe.where for probe in profile.identify.probes]
    return [place for place in rows if isinstance(place, Words)]


def _spans(wanted: Iterable[Register]) -> tuple[Span, ...]:
    spans: list[Span] = []
    for table, at in sorted(wanted):
        last = spans[-1] if spans else None
        if last is not None and last.table is table and last.end == at:
            spans[-1] = Span(table, last.address, last.count + 1)
        else:
            spans.append(Span(table, at, 1))
    return tuple(spans)


@dataclass(slots=True)
class Recorder:
    """Reads a Modbus unit block by block; a refused block is halved until the refusals are alone.

    ``answered``: the unit is known to be there. ``most`` are the words that it gives at once, as
    far as refusals have told; ``absent`` are tables that it has not.
    """

    link: ModbusLink
    unit_id: int
    timeout_s: float
    progress: Progress
    recording: Recording = field(default_factory=Recording)
    silences: int = 0
    answered: bool = False
    most: int = BLOCK_WORDS
    absent: set[Table] = field(default_factory=set)

    async def read(self, spans: Sequence[Span]) -> None:
        """Read ``spans``, adding to the recording.

        Raises:
            TransportError: the unit does not answer, or answers no more.
        """
        total, done = sum(span.count for span in spans), 0
        for span in spans:
            step = BLOCK_BITS if span.table in (Table.COIL, Table.DISCRETE) else BLOCK_WORDS
            for at in range(span.address, span.end, step):
                await self._block(Span(span.table, at, min(step, span.end - at)))
                done += min(step, span.end - at)
                self.progress(done, total)

    async def _block(self, block: Span) -> None:
        queue = [block]
        while queue:
            span = queue.pop(0)
            known = all(register in self.recording.words for register in span.registers)
            if span.table in self.absent or known:
                continue
            if span.count > self.most and span.table in (Table.HOLDING, Table.INPUT):
                queue[:0] = _halves(span)
                continue
            try:
                words = await self._ask(span)
            except Refused as refusal:
                queue[:0] = self._refused(span, refusal)
            except NoAnswer:
                self._silent(span)
            else:
                self.answered, self.silences = True, 0
                self.recording.words.update(zip(span.registers, words, strict=True))

    def _refused(self, span: Span, refusal: Refused) -> Sequence[Span]:
        silence = unreached(self.unit_id, refusal)
        if silence is not None:
            raise silence from refusal
        self.answered, self.silences = True, 0
        if refusal.code == _ILLEGAL_FUNCTION:
            self.absent.add(span.table)
            return ()
        if refusal.code == _ILLEGAL_VALUE and 1 < span.count <= self.most:
            self.most = span.count - 1 if span.count <= MARGIN else span.count // 2
        if span.count > 1:
            return _halves(span)
        self.recording.refused[refusal.code] += 1
        return ()

    def _silent(self, span: Span) -> None:
        self.silences += 1
        self.recording.silent.update(span.registers)
        if self.silences >= (MOST_SILENCES if self.answered else 2):
            # What is not there at all is no quirk of the device.
            self.recording.silent.clear()
            raise NoAnswer(
                f"unit id {self.unit_id} was silent {self.silences} times in a row, "
                f"last at {span.table} {span.address}"
            )

    async def _ask(self, span: Span) -> list[int]:
        try:
            return await self._request(span)
        except BadAnswer:
            return await self._request(span)

    async def _request(self, span: Span) -> list[int]:
        return await self.link.read(
            self.unit_id, span.table, span.address, span.count, timeout_s=self.timeout_s
        )


def _halves(span: Span) -> tuple[Span, Span]:
    half = span.count // 2
    return (
        Span(span.table, span.address, half),
        Span(span.table, span.address + half, span.count - half),
    )


async def record_modbus(
    recorder: Recorder, profiles: Sequence[Profile], spans: Sequence[Span] | None
) -> Profile | None:
    """Record a unit: ``spans``, or without them what its family has, or all families.

    Gives the family, or None if none fits. A SunSpec device gives all its models too.

    Raises:
        TransportError: the unit does not answer; what was read by then is in the recorder.
    """
    link, unit_id, timeout_s = recorder.link, recorder.unit_id, recorder.timeout_s
    try:
        profile = await identify_modbus(
            link, unit_id, profiles, timeout_s=timeout_s, patience=MOST_SILENCES
        )
    except Unidentified:
        profile = None
    recorder.answered = True
    if spans is None:
        spans = likely(profiles if profile is None else [profile])
    await recorder.read([*spans, *await _models(recorder, profiles)])
    return profile


async def _models(recorder: Recorder, profiles: Sequence[Profile]) -> Sequence[Span]:
    """Find where the models of a SunSpec device lie, those that no profile knows included."""

    async def read(address: int, count: int) -> list[int] | None:
        try:
            return await recorder.link.read(
                recorder.unit_id, Table.HOLDING, address, count, timeout_s=recorder.timeout_s
            )
        except (Refused, NoAnswer, BadAnswer):
            return None

    spans = []
    for profile in profiles:
        for marker in profile.sunspec.markers if profile.sunspec else ():
            chain = await find_chain(read, SunSpec((marker,), ()))
            if chain:
                end = chain[-1].address + HEAD_WORDS + chain[-1].words + HEAD_WORDS
                spans.append(Span(Table.HOLDING, marker, min(end, LAST + 1) - marker))
    return spans
