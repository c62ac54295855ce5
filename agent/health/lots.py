"""What the units of one lot and site tell each other: how fast their cells fade.

A hierarchy of three levels: the chemistry's prior, the lot's mean of (ln fade rate, ln gain)
around it, each unit's own around that. Every unit gives to its lot only what its own evidence
says, as information (inverse covariance) beyond the chemistry's prior, and gets back what all
others say. A filter never learns from its lot: the lot's word is put into a copy when an
estimate is asked for, so that nothing can come back to where it came from and be counted again.
Where the units of a lot differ by more than their evidence explains, they are held for more
different than cells of a lot are (DerSimonian and Laird 1986), and the lot says less.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from agent.errors import StoreError
from agent.health.celltype import CellType
from agent.health.filter import A, G, ModuleFilter

Vector = npt.NDArray[np.float64]
JSON = object

# Modules of one lot at one site: a judgement, after the spread of 0.1 in the life of cells of
# one lot (Baumhöfer et al. 2014, J. Power Sources 247) and 1 K between places in a rack.
_RATE_SD, _GAIN_SD = 0.12, 0.04
_GAIN_WALK = 0.03
_MOST_ALIKE = 0.95
_LEAST = 1e-6
_ROUNDED, _MOST_INFO = 1e-6, 1e9
_ROWS = 8
_Z90 = 1.645
MOST_SHARES = 8192
"""Units and modules whose word is kept; beyond, the oldest go."""


class Share(NamedTuple):
    """What one unit's own evidence says of (ln fade rate, ln gain): a Gaussian likelihood.

    ``lot`` and ``kind`` name the lot and the cell type. ``info`` is the inverse covariance
    (its three entries), ``toward`` the same times the mean.
    """

    lot: str
    kind: str
    info: tuple[float, float, float]
    toward: tuple[float, float]

    def pack(self) -> list[JSON]:
        """Give the share as JSON values."""
        return [self.lot, self.kind, *self.info, *self.toward]

    @classmethod
    def unpack(cls, saved: object) -> Self:
        """Restore from ``pack``. Raises StoreError when it does not fit."""
        try:
            lot, kind, *rest = list(saved)  # type: ignore[call-overload]
            a, b, c, x, y = (float(value) for value in rest)
        except (OverflowError, TypeError, ValueError) as error:
            raise StoreError(f"the saved share in a lot cannot be read: {error}") from error
        # Of a covariance: the cross entry cannot be more than the others allow.
        sound = a >= 0.0 and c >= 0.0 and b * b <= a * c * (1.0 + _ROUNDED) + _LEAST
        if not (np.all(np.abs([a, b, c, x, y]) < _MOST_INFO) and sound):
            raise StoreError("the saved share in a lot holds values that cannot be")
        return cls(str(lot), str(kind), (a, b, c), (x, y))


def share_of(state: ModuleFilter, lot: str, years: float) -> Share | None:
    """Give what the evidence in ``state`` says; None where there is next to none.

    ``years`` is how long the rates have walked since the chemistry's prior held.
    """
    kind = state.kind
    walk = np.diag([kind.rate_walk**2, _GAIN_WALK**2]) * max(years, 0.0)
    both = np.ix_([A, G], [A, G])
    before, now = np.linalg.inv(_spread(kind) + walk), np.linalg.inv(state.p[both])
    toward = now @ state.x[[A, G]] - before @ _middle(kind)
    values, directions = np.linalg.eigh(now - before)
    # Where a filter was told to doubt itself it knows less than the prior: it says nothing.
    values = np.where(values > _LEAST, values, 0.0)
    if not np.any(values):
        return None
    info = (directions * values) @ directions.T
    seen = directions[:, values > 0.0]
    toward = seen @ (seen.T @ toward)
    a, b, c = (float(info[i, j]) for i, j in ((0, 0), (0, 1), (1, 1)))
    return Share(lot, kind.name, (a, b, c), (float(toward[0]), float(toward[1])))


@dataclass(frozen=True, slots=True)
class Pooled:
    """What the others of a lot say beyond the chemistry's prior, for one unit of it.

    ``others`` is their number, ``rate`` the fade rate over the law's own with ``rate_sd`` of
    its logarithm, as the lot makes expect it of this unit.
    """

    lot: str
    others: int
    rate: float
    rate_sd: float
    info: Vector
    toward: Vector

    def apply(self, state: ModuleFilter) -> None:
        """Put the lot's word into ``state``, which must be a copy: see the module."""
        values, directions = np.linalg.eigh(self.info)
        for value, direction in zip(values, directions.T, strict=True):
            if value <= _LEAST:
                continue
            row = np.zeros(len(state.x))
            row[[A, G]] = direction
            cross = state.p @ row
            gain = cross / (float(row @ cross) + 1.0 / value)
            state.x = state.x + gain * (float(direction @ self.toward) / value - row @ state.x)
            state.p = state.p - np.outer(gain, cross)

    def words(self) -> str:
        """Say what the lot says."""
        low, high = (self.rate * np.exp(z * self.rate_sd) for z in (-_Z90, _Z90))
        return (
            f"by {self.others} other {'unit' if self.others == 1 else 'units'} of the lot "
            f"{self.lot} it should fade {self.rate:.2f} ({low:.2f} to {high:.2f}) times as fast "
            "as the chemistry's law"
        )


@dataclass(slots=True)
class _Lot:
    """The shares of one lot and cell type as rows (a, b, c, x, y) of ``info`` and ``toward``."""

    names: list[str] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    table: Vector = field(default_factory=lambda: np.empty((_ROWS, 5)))

    def put(self, identity: str, share: Share) -> None:
        if len(self.names) == len(self.table):
            self.table = np.concatenate([self.table, np.empty_like(self.table)])
        self.table[len(self.names)] = (*share.info, *share.toward)
        self.places[identity] = len(self.names)
        self.names.append(identity)

    def drop(self, identity: str) -> None:
        """Put the last row into the place of the one that goes."""
        place, last = self.places.pop(identity), self.names.pop()
        if last != identity:
            self.table[place] = self.table[len(self.names)]
            self.names[place], self.places[last] = last, place

    def rows(self) -> Vector:
        return self.table[: len(self.names)]

    def others(self, own: Iterable[str]) -> Vector:
        mine = [self.places[name] for name in own if name in self.places]
        return np.delete(self.rows(), mine, axis=0)


@dataclass(slots=True)
class LotBook:
    """The shares of all units, by what identifies a module for good: its serial number.

    A unit's own share, under whatever name, never reaches the unit itself. ``changes`` counts
    what is new, so that nobody has to ask where nothing is.
    """

    shares: dict[str, Share] = field(default_factory=dict)
    changes: int = 0
    _lots: dict[tuple[str, str], _Lot] = field(default_factory=dict)

    def put(self, identity: str, share: Share | None) -> None:
        """Keep the newest share of ``identity``; None takes it out."""
        old = self.shares.pop(identity, None)
        self.changes += old != share
        if old is not None:
            held = self._lots[old.lot, old.kind]
            held.drop(identity)
            if not held.names:
                del self._lots[old.lot, old.kind]
        if share is not None:
            self.shares[identity] = share
            self._lots.setdefault((share.lot, share.kind), _Lot()).put(identity, share)
        if len(self.shares) > MOST_SHARES:
            self.put(next(iter(self.shares)), None)

    def pooled(self, lot: str, kind: CellType, own: Iterable[str]) -> Pooled | None:
        """Give what the lot says to the unit whose shares are ``own``; None without others."""
        held = self._lots.get((lot, kind.name))
        others = None if held is None else held.others(own)
        if held is None or others is None or not len(others):
            return None
        prior, middle = _spread(kind), _middle(kind)
        apart = _apart(held.rows(), kind)
        info, toward = _shrunk(others, apart)
        root = np.linalg.inv(prior - apart)
        total = root + info
        mean = np.linalg.solve(total, root @ middle + toward)
        spread = np.linalg.inv(total) + apart
        beyond = np.linalg.inv(spread) - np.linalg.inv(prior)
        pull = np.linalg.solve(spread, mean) - np.linalg.solve(prior, middle)
        rate, rate_sd = float(np.exp(mean[0])), float(np.sqrt(spread[0, 0]))
        return Pooled(lot, len(others), rate, rate_sd, beyond, pull)


def _shrunk(rows: Vector, apart: Vector) -> tuple[Vector, Vector]:
    """Add up how well each unit knows the lot's mean: by its evidence and how units differ.

    Of each that is (I + info apart)^-1 info and (I + info apart)^-1 toward, with ``apart``
    diagonal; written out, because a lot may be a whole fleet and each unit of it asks.
    """
    p, q = apart[0, 0], apart[1, 1]
    a, b, c, x, y = rows.T
    minor = a * c - b * b
    per = 1.0 / (1.0 + a * p + c * q + minor * p * q)
    first, cross, second = per @ (a + q * minor), per @ b, per @ (c + p * minor)
    toward = [per @ (x + q * (c * x - b * y)), per @ (y + p * (a * y - b * x))]
    return np.array([[first, cross], [cross, second]]), np.array(toward)


def _spread(kind: CellType) -> Vector:
    return np.diag([kind.ln_rate_sd**2, kind.gain_sd**2])


def _middle(kind: CellType) -> Vector:
    return np.array([kind.ln_rate, np.log(kind.gain)])


def _apart(rows: Vector, kind: CellType) -> Vector:
    """How units of this lot differ, as a covariance: as lots do, or as the evidence shows.

    Resistance tells the sum of both logarithms best, so the units are compared by that.
    """
    usual = np.diag([_RATE_SD**2, _GAIN_SD**2])
    a, b, c, x, y = rows.T
    weight = (a + 2.0 * b + c) / 4.0
    seen = weight > _LEAST
    weight, count = weight[seen], int(np.count_nonzero(seen))
    if count > 1:
        value = (x + y)[seen] / 2.0 / weight
        mean = float(weight @ value) / float(weight.sum())
        excess = float(weight @ (value - mean) ** 2) - (count - 1)
        scale = float(weight.sum()) - float(weight @ weight) / float(weight.sum())
        usual *= max(1.0, excess / scale / float(usual.sum()))
    return np.minimum(usual, _MOST_ALIKE * _spread(kind))
