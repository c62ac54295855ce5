"""Batteries of many cells: one engine for each block of at most sixteen.

The filter is joint over its cells, so its cost grows with the cube of their number: sixteen
take microseconds for a sample, two hundred would take seconds. Cells of one module compare
best with each other, so blocks follow the modules where the indexes name them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Self

from agent.errors import StoreError
from agent.health.engine import JSON, HealthEngine, Observation
from agent.model import Advice, Battery, Health, Interval, Reason, Rejected, Verdict

LARGEST_BLOCK = 16
"""Cells of one engine (the filter is made for N <= 16)."""

_VERDICTS = (Verdict.OK, Verdict.UNKNOWN, Verdict.WATCH, Verdict.DEGRADED, Verdict.REPLACE)


def blocks(cells: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Split ``cells`` into blocks: by module first, then evenly into at most sixteen."""
    modules: dict[str, list[str]] = {}
    for cell in cells:
        modules.setdefault(cell.rpartition("/")[0], []).append(cell)
    for members in modules.values():
        count = -(-len(members) // LARGEST_BLOCK)
        for n in range(count):
            start, end = (len(members) * edge // count for edge in (n, n + 1))
            yield tuple(members[start:end])


def _string(cell: str) -> str:
    return next((part for part in cell.split("/") if part.startswith("string:")), "")


class Bank:
    """The engines of one unit's cells. One block is the plain engine and nothing more.

    Strings in parallel are taken to share the current evenly, which is what is known of
    them without a current of each.
    """

    def __init__(
        self,
        battery: Battery,
        *,
        cells: tuple[str, ...],
        engines: tuple[HealthEngine, ...] | None = None,
    ) -> None:
        """Start new engines for ``cells``, or go on with ``engines`` that fit their blocks."""
        self.cells = cells
        self.engines = engines or tuple(
            HealthEngine(share(battery, len(part), len(cells)), cells=part)
            for part in blocks(cells)
        )
        place = {cell: n for n, cell in enumerate(cells)}
        self._places = [tuple(place[cell] for cell in engine.cells) for engine in self.engines]
        self._strings = max(1, len({_string(cell) for cell in cells}))

    @property
    def single(self) -> HealthEngine | None:
        """The one engine of a battery that is one block; None for larger ones."""
        return self.engines[0] if len(self.engines) == 1 else None

    @property
    def age_unknown(self) -> bool:
        """Whether nobody has told how old the cells are."""
        return self.engines[0].age_unknown

    @property
    def evidence_count(self) -> int:
        """How many pieces of evidence the cells have given."""
        return sum(engine.evidence_count for engine in self.engines)

    def observe(self, observation: Observation) -> None:
        """Hand each block its part of ``observation``; see ``HealthEngine.observe``."""
        if len(self.engines) == 1:
            self.engines[0].observe(observation)
            return
        current_a = observation.current_a
        if current_a is not None:
            current_a /= self._strings
        for engine, places in zip(self.engines, self._places, strict=True):
            read = observation.cells_v
            volts = tuple(read[n] if n < len(read) else None for n in places)
            mask = _part_of(observation.balancing, places)
            engine.observe(replace(observation, cells_v=volts, current_a=current_a, balancing=mask))

    def health(self, now_s: float) -> Health:
        """Judge all blocks: the weakest decides for the unit."""
        parts = [engine.health(now_s) for engine in self.engines]
        return parts[0] if len(parts) == 1 else joined(parts, now_s)

    def state(self) -> dict[str, JSON]:
        """Everything needed to continue exactly, as JSON values."""
        if len(self.engines) == 1:
            return self.engines[0].state()
        return {
            "cells": list(self.cells),
            "blocks": [engine.state() for engine in self.engines],
        }

    @classmethod
    def restore(
        cls, battery: Battery, *, cells: tuple[str, ...], state: Mapping[str, JSON]
    ) -> Self:
        """Continue from ``state``. Raises StoreError when it cannot be used."""
        parts = tuple(blocks(cells))
        saved = [dict(state)] if len(parts) == 1 else state.get("blocks")
        if not isinstance(saved, list) or len(saved) != len(parts):
            raise StoreError("the saved health state is of other blocks of cells")
        engines = tuple(
            HealthEngine.restore(share(battery, len(part), len(cells)), cells=part, state=one)
            for part, one in zip(parts, saved, strict=True)
        )
        return cls(battery, cells=cells, engines=engines)


def _part_of(mask: int | None, places: Sequence[int]) -> int | None:
    """Give the bits of ``mask`` at ``places``, bit 0 for the first of them."""
    if mask is None or mask < 0:
        return mask
    return sum(1 << bit for bit, place in enumerate(places) if mask >> place & 1)


def share(battery: Battery, cells: int, of: int) -> Battery:
    """Give the facts of a block of ``cells`` out of ``of`` cells: its share of the power."""
    if cells == of:
        return battery
    power_w = battery.rated_power_w
    share_w = None if power_w is None else power_w * cells / of
    return replace(battery, series=cells, rated_power_w=share_w)


def joined(parts: Sequence[Health], now_s: float) -> Health:
    """Judge a battery at unix time ``now_s`` by its blocks: the weakest decides."""
    weakest = min(parts, key=lambda part: (_ride(part), _holds(part)))
    powers = [part.ride_through_power_w for part in parts]
    ride_end_s = _lowest([part.ride_end_of_life_s for part in parts])
    return Health(
        verdict=max((part.verdict for part in parts), key=_VERDICTS.index),
        reasons=_reasons(parts),
        updated_at=now_s,
        cells=tuple(cell for part in parts for cell in part.cells),
        state_of_health=_lowest([part.state_of_health for part in parts]),
        ride_through_s=weakest.ride_through_s,
        ride_through_probability=weakest.ride_through_probability,
        ride_through_power_w=None if None in powers else sum(one for one in powers if one),
        end_of_life_s=_lowest([part.end_of_life_s for part in parts]),
        limiting_cell=weakest.limiting_cell,
        basis=min(parts, key=_holds).basis,
        evidence_at=max((p.evidence_at for p in parts if p.evidence_at is not None), default=None),
        evidence=tuple(text for part in parts for text in part.evidence),
        rejected=_rejected(parts),
        advice=max((p.advice for p in parts if p.advice is not None), key=_vague, default=None),
        ride_end_of_life_s=ride_end_s,
        ride_end_of_life_unknown=parts[0].ride_end_of_life_unknown if ride_end_s is None else None,
    )


def _reasons(parts: Sequence[Health]) -> tuple[Reason, ...]:
    """Join the reasons of the blocks: what several of them give is one, since the first gave it."""
    found: dict[tuple[str, str | None, str], Reason] = {}
    for reason in (reason for part in parts for reason in part.reasons):
        held = found.setdefault((reason.code, reason.cell, reason.text), reason)
        if _began(reason) < _began(held):
            found[reason.code, reason.cell, reason.text] = reason
    return tuple(sorted(found.values(), key=lambda r: -_VERDICTS.index(r.verdict)))


def _began(reason: Reason) -> float:
    # What was there before anybody kept the time is the oldest.
    return float("-inf") if reason.since_s is None else reason.since_s


def _vague(advice: Advice) -> tuple[bool, float]:
    # No test was weighed where a cell may have an inner short: no other block may ask for one.
    return not advice.options, advice.soh_sd


def _rejected(parts: Sequence[Health]) -> tuple[Rejected, ...]:
    """Join what the blocks refused: a current refused by each of them is one refusal."""
    found: dict[tuple[str, str], Rejected] = {}
    for one in (one for part in parts for one in part.rejected):
        held = found.get(one[:2], one)
        found[one[:2]] = one._replace(
            times=max(held.times, one.times), last_s=max(held.last_s, one.last_s)
        )
    return tuple(sorted(found.values(), key=lambda one: -one.times))


def _ride(part: Health) -> float:
    return float("inf") if part.ride_through_s is None else part.ride_through_s.estimate


def _holds(part: Health) -> float:
    return float("inf") if part.state_of_health is None else part.state_of_health.estimate


def _lowest(found: Sequence[Interval | None]) -> Interval | None:
    known = [interval for interval in found if interval is not None]
    return min(known, key=lambda interval: interval.estimate, default=None)
