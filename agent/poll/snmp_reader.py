"""A pass over a unit with an SNMP agent: scalars in batches, then column by column."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.errors import BadAnswer, Refused, TransportError
from agent.model import Oid, Raw, SnmpValue
from agent.poll.reader import Pass
from agent.profiles.schema import Field, Object
from agent.transport.base import SnmpClient

log = logging.getLogger(__name__)


@dataclass(slots=True)
class SnmpReader:
    """A unit with an SNMP agent of its own."""

    client: SnmpClient
    timeout_s: float
    missing: set[Oid] = field(default_factory=set)

    def forget(self) -> None:
        """Ask again for every object."""
        self.missing.clear()

    async def read(self, fields: Sequence[Field]) -> Pass:
        """Read the scalars of ``fields`` in batches, then walk its columns.

        What the agent lacks is not asked for again, except a column that is a list of what
        is active just now: no row means none. What it refuses by an error, and so lives, is
        absent this time.
        """
        wall_s, start_s = time.time(), time.monotonic()
        varbinds: dict[Oid, SnmpValue] = {}
        done: set[Oid] = set(self.missing)
        refused: set[Oid] = set()
        error: TransportError | None = None
        try:
            await self._scalars(fields, varbinds, done, refused)
            await self._columns(fields, varbinds, done, refused)
        except TransportError as failure:
            error = failure
        raw = Raw(
            wall_s=wall_s,
            mono_s=start_s,
            duration_s=time.monotonic() - start_s,
            varbinds=varbinds,
            refused=frozenset(self.missing | refused),
        )
        if error is None:
            return Pass(raw, tuple(fields))
        part = tuple(row for row in fields if all(oid in done for oid, _ in _objects((row,))))
        return Pass(raw, part, error)

    async def _scalars(
        self,
        fields: Sequence[Field],
        varbinds: dict[Oid, SnmpValue],
        done: set[Oid],
        refused: set[Oid],
    ) -> None:
        scalars = [oid for oid, column in _objects(fields) if not column]
        wanted = [oid for oid in dict.fromkeys(scalars) if oid not in self.missing]
        if not wanted:
            return
        try:
            answer = await self.client.get(wanted, timeout_s=self.timeout_s)
        except Refused:
            done.update(wanted)
            refused.update(wanted)
            return
        for oid, value in answer.items():
            done.add(oid)
            if value is None:
                self.missing.add(oid)
            else:
                varbinds[oid] = value

    async def _columns(
        self,
        fields: Sequence[Field],
        varbinds: dict[Oid, SnmpValue],
        done: set[Oid],
        refused: set[Oid],
    ) -> None:
        lists = {
            row.where.oid
            for row in fields
            if isinstance(row.where, Object) and row.any_row is not None
        }
        apt = [row for row in fields if not self._idle(row)]
        columns = [oid for oid, column in _objects(apt) if column]
        spoilt: dict[Oid, BadAnswer] = {}
        for oid in dict.fromkeys(columns):
            if oid in self.missing:
                continue
            try:
                rows = await self._walk(oid)
            except Refused:
                done.add(oid)
                refused.add(oid)
                continue
            except BadAnswer as error:
                spoilt[oid] = error
                continue
            done.add(oid)
            varbinds.update(rows)
            if not rows and oid not in lists:
                self.missing.add(oid)
        if spoilt:
            self._leave_out(spoilt, alive=bool(varbinds))
            done.update(spoilt)
            refused.update(spoilt)

    async def _walk(self, oid: Oid) -> Mapping[Oid, SnmpValue]:
        try:
            return await self.client.walk(oid, timeout_s=self.timeout_s)
        except BadAnswer:
            # A datagram spoilt on its way is likelier than an agent that cannot count.
            return await self.client.walk(oid, timeout_s=self.timeout_s)

    def _leave_out(self, spoilt: Mapping[Oid, BadAnswer], *, alive: bool) -> None:
        """Walk these columns no more until the unit is identified again.

        Cards are known whose one table comes in the wrong order or never ends; all that they
        say besides is as good as before. Where nothing else came, that is the error.
        """
        if not alive:
            raise next(iter(spoilt.values()))
        self.missing.update(spoilt)
        for error in spoilt.values():
            log.warning("%s; it is left out until the unit is identified again", error)

    def _idle(self, row: Field) -> bool:
        """Say whether ``row`` cannot apply because the agent lacks what decides it."""
        return any(
            isinstance(condition.where, Object)
            and condition.where.oid in self.missing
            and not condition.or_missing
            for condition in row.when
        )


def _objects(fields: Sequence[Field]) -> list[tuple[Oid, bool]]:
    """Give every object of ``fields`` and whether it is a column."""
    return [
        (place.oid, place.column)
        for row in fields
        for place in row.places
        if isinstance(place, Object)
    ]
