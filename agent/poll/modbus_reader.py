"""A pass over a Modbus unit: from fields to few requests, and what its exceptions tell."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agent.errors import BadAnswer, NoAnswer, Refused, TransportError
from agent.model import Raw, Register
from agent.poll.beside import beside
from agent.poll.reader import Pass
from agent.profiles.schema import Field, Limits, Words
from agent.transport.base import ModbusLink
from agent.transport.plan import Span, apart, blocks, plan, singles

_MOST_PLANS = 16
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3
_GATEWAY_CODES = (10, 11)
"""A gateway's own exceptions: no path to the unit, or the unit did not answer it."""


def unreached(unit_id: int, refusal: Refused) -> NoAnswer | None:
    """Give the silence of ``unit_id`` that a gateway's exception stands for, if it is one."""
    if refusal.code not in _GATEWAY_CODES:
        return None
    return NoAnswer(f"the gateway did not reach unit id {unit_id}: {refusal}")


@dataclass(slots=True)
class _Gathered:
    """What one pass over a Modbus unit has brought so far. ``factors`` scale other values."""

    factors: frozenset[Register]
    words: dict[Register, int] = field(default_factory=dict)
    refused: set[Register] = field(default_factory=set)
    attempted: set[Register] = field(default_factory=set)
    moved: set[Register] = field(default_factory=set)
    crossed: list[set[Register]] = field(default_factory=list)
    split: bool = False
    checked: bool = False

    def take(self, span: Span, values: Sequence[int]) -> None:
        """Keep the answer to one request."""
        new = dict(zip(span.registers, values, strict=True))
        if self.factors:
            known = self.factors & new.keys() & self.words.keys()
            self.moved |= {register for register in known if self.words[register] != new[register]}
        self.words.update(new)

    def sound(self) -> dict[Register, int]:
        """Leave out factors that changed during the pass: no value can be told by them."""
        if not self.moved:
            return self.words
        return {at: word for at, word in self.words.items() if at not in self.moved}


def _factors(fields: Sequence[Field]) -> frozenset[Register]:
    scales = [row.scale_from.where for row in fields if row.scale_from is not None]
    return frozenset(place.register for place in scales if isinstance(place, Words))


@dataclass(frozen=True, slots=True)
class _Plan:
    """The requests for ``fields``, under what was ``known`` of the unit at the time."""

    fields: Sequence[Field]
    known: tuple[int, Limits]
    spans: tuple[Span, ...]
    factors: frozenset[Register]


@dataclass(slots=True)
class ModbusReader:
    """A unit on a Modbus line or gateway.

    Exceptions prove that the unit lives: an illegal address switches off only the field
    that it belongs to, an illegal value lowers the size of this unit's requests. A unit
    that refuses everything costs its bus no more than a silent one, and is asked afresh.
    """

    link: ModbusLink
    unit_id: int
    limits: Limits
    timeout_s: float
    refused: set[Register] = field(default_factory=set)
    plans: dict[int, _Plan] = field(default_factory=dict)

    def forget(self) -> None:
        """Ask again for every register."""
        self.refused.clear()
        self.plans.clear()

    async def read(self, fields: Sequence[Field]) -> Pass:
        """Read ``fields`` in as few requests as the limits allow."""
        wall_s, start_s = time.time(), time.monotonic()
        error: TransportError | None = None
        made = await beside(lambda: self._plan(fields), len(fields))
        got = _Gathered(made.factors)
        queue = list(made.spans)
        while queue and error is None:
            span = queue.pop(0)
            got.attempted.update(span.registers)
            try:
                got.take(span, await self._ask(span))
            except Refused as refusal:
                error = unreached(self.unit_id, refusal)
                if error is None:
                    got.split = True
                    queue[:0] = self._smaller(span, fields, refusal, got)
                    late = time.monotonic() - start_s > self.timeout_s
                    if not got.words and (late or not queue):
                        error = refusal
            except TransportError as failure:
                error = failure
            if not queue and not got.checked:
                queue = self._again(fields, got)
        self._learn(got)
        raw = Raw(
            wall_s=wall_s,
            mono_s=start_s,
            duration_s=time.monotonic() - start_s,
            words=got.sound(),
            refused=frozenset(self.refused | got.refused),
        )
        return Pass(raw, self._covered(fields, got.attempted, got.words, error), error)

    def _plan(self, fields: Sequence[Field]) -> _Plan:
        """Give the requests for ``fields``, worked out once as long as nothing is learnt."""
        known = (len(self.refused), self.limits)
        held = self.plans.get(id(fields))
        if held is not None and held.fields is fields and held.known == known:
            return held
        places = blocks(fields, self.limits, self.refused)
        spans = plan(places, self.limits, refused=self.refused)
        if places and not spans:
            self.forget()
            spans = plan(blocks(fields, self.limits), self.limits)
        made = _Plan(fields, (len(self.refused), self.limits), spans, _factors(fields))
        if isinstance(fields, tuple):
            # Only what cannot change, and as many as a unit has kinds of passes.
            if len(self.plans) >= _MOST_PLANS:
                self.plans.clear()
            self.plans[id(fields)] = made
        return made

    async def _ask(self, span: Span) -> list[int]:
        start_s = time.monotonic()
        try:
            return await self._request(span)
        except BadAnswer:
            # A broken frame is noise on the line more often than a broken device, and
            # asking again costs wire time; after a cut one it would cost a second time-out.
            if time.monotonic() - start_s > self.timeout_s / 2:
                raise
            return await self._request(span)

    async def _request(self, span: Span) -> list[int]:
        return await self.link.read(
            self.unit_id, span.table, span.address, span.count, timeout_s=self.timeout_s
        )

    def _again(self, fields: Sequence[Field], got: "_Gathered") -> list[Span]:
        """Plan to read once more the scale factors that came apart from their values."""
        got.checked = True
        limits = replace(self.limits, max_words=1) if got.split else self.limits
        factors = apart(fields, limits, self.refused)
        return list(plan([place for place in factors if place.register in got.words], self.limits))

    def _smaller(
        self, span: Span, fields: Sequence[Field], refusal: Refused, got: "_Gathered"
    ) -> Sequence[Span]:
        places = blocks(fields, self.limits, self.refused)
        parts = singles(places, span)
        if refusal.code == _ILLEGAL_VALUE and span.count > 1 and len(parts) > 1:
            self.limits = replace(self.limits, max_words=max(1, span.count // 2))
            places = blocks(fields, self.limits, self.refused)
            inside = [place for place in places if _within(place, span)]
            return plan(inside, self.limits, refused=self.refused)
        if span not in parts:
            used = {register for part in parts for register in part.registers}
            if refusal.code == _ILLEGAL_ADDRESS and len(used) < span.count:
                got.crossed.append(used)
            return parts
        # One block: a value and its scale factor, then each of them alone.
        own = [place for row in fields for place in row.places if isinstance(place, Words)]
        parts = tuple(part for part in singles(own, span) if part != span)
        if parts:
            return parts
        if refusal.code in (_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE):
            self.refused.update(span.registers)
        else:
            # Busy or failing just now: absent this time, asked again at the next.
            got.refused.update(span.registers)
        return ()

    def _learn(self, got: "_Gathered") -> None:
        """Cross no more unused registers where they alone made the unit refuse a request."""
        if any(got.words.keys() >= used for used in got.crossed):
            self.limits = replace(self.limits, max_gap=0, documented=frozenset())

    def _covered(
        self,
        fields: Sequence[Field],
        attempted: set[Register],
        words: dict[Register, int],
        error: TransportError | None,
    ) -> tuple[Field, ...]:
        if error is None:
            return tuple(fields)
        return tuple(
            row
            for row in fields
            if all(
                register in words or (register in attempted and register in self.refused)
                for place in row.places
                if isinstance(place, Words)
                for register in place.registers
            )
        )


def _within(place: Words, span: Span) -> bool:
    first = place.register
    return (
        first.table is span.table
        and span.address <= first.address
        and first.address + place.count <= span.end
    )
