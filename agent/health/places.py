"""Which place shows whose value: the cheapest assignment, with a price on every move. Pure."""

import functools
import math

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
"""For each place the place that its value came from."""

MOVE = 6.0
"""What a cell that changes places has to save, in squared sds: a pair of twelve cells is one of
66, so it saves twice as much as a pair that fits by chance (2 ln 66)."""
_ANY_MOVE = 15.0
"""The same where more than two go round: nobody wires so, and cells that age come to look so."""
_TURN_MOVES = 2.0


def costs(shown: Vector, believed: Vector, shown_sd: Vector, believed_sd: Vector) -> Vector:
    """Give minus twice the log-likelihood of each shown value (row) under each belief (column)."""
    sd = np.hypot(shown_sd[:, None], believed_sd[None, :])
    return np.asarray(((shown[:, None] - believed[None, :]) / sd) ** 2 + 2.0 * np.log(sd))


def saved(cost: Vector, places: Places) -> float:
    """Give how much less ``places`` cost than everything in its own place, moves paid for.

    A module that is numbered the other way round, or from another cell on, pays for one pair: so
    are modules wired wrongly, and there are few such orders.
    """
    at = np.arange(len(cost))
    moved = places != at
    pairs = moved & (places[places] == at)
    price = MOVE * float(pairs.sum()) + _ANY_MOVE * float((moved & ~pairs).sum())
    if is_turn(places):
        price = min(price, MOVE * _TURN_MOVES)
    return float(np.trace(cost) - cost[at, places].sum() - price)


def likely(cost: Vector, start: Places) -> list[Places]:
    """Give pairs that change places, whole turns and what exchanges make of ``start``.

    The most saving comes first.
    """
    found = [_paired(cost), _exchanged(cost + _ANY_MOVE * (1.0 - np.eye(len(cost))), start)]
    return sorted([*found, *_turns(len(cost))], key=lambda places: -saved(cost, places))


def is_turn(places: Places) -> bool:
    """Whether ``places`` begin elsewhere or run the other way round."""
    begin, then = int(places[0]), int(places[1])
    step = 1 if then == (begin + 1) % len(places) else -1
    return bool(np.all(places == (begin + step * np.arange(len(places))) % len(places)))


@functools.cache
def _turns(count: int) -> tuple[Places, ...]:
    """Give every order that begins elsewhere or runs the other way round."""
    at = np.arange(count)
    return tuple(np.roll(run, by) for run in (at, at[::-1]) for by in range(count))


def by_rank(shown: Vector, believed: Vector) -> Places:
    """Give the assignment of least squares where all are known alike: both sides by rank."""
    places = np.empty(len(shown), dtype=np.intp)
    places[np.argsort(shown, kind="stable")] = np.argsort(believed, kind="stable")
    return places


def _paired(cost: Vector) -> Places:
    """Let pairs change places, each cell once, as long as that saves more than it costs."""
    places = np.arange(len(cost))
    own = np.diag(cost)
    change = cost + cost.T - np.add.outer(own, own) + 2.0 * MOVE
    np.fill_diagonal(change, 0.0)
    while np.min(change) < 0.0:
        one, other = divmod(int(np.argmin(change)), len(cost))
        places[[one, other]] = other, one
        change[[one, other], :] = change[:, [one, other]] = 0.0
    return places


def _exchanged(cost: Vector, start: Places) -> Places:
    places = start.copy()
    # Each exchange lowers the sum, so that none comes twice; the limit is for rounding.
    for _ in range(4 * len(places)):
        now = cost[:, places]
        change = now + now.T - np.add.outer(np.diag(now), np.diag(now))
        one, other = divmod(int(np.argmin(change)), len(places))
        if not change[one, other] < -math.ulp(1e6):
            break
        places[[one, other]] = places[[other, one]]
    return places
