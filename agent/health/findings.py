"""The rules: what is noteworthy about a module, in words with numbers and dates."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from agent.health.birth import Birth
from agent.health.change import Change, knee_odds
from agent.health.filter import A, G, ModuleFilter
from agent.health.forecast import END_OF_LIFE
from agent.health.hints import LEAST
from agent.health.jumps import JumpWatch
from agent.health.lots import Pooled
from agent.health.record import Memory
from agent.health.report import Z90, Estimate, Ride
from agent.health.track import Lead
from agent.health.verdict import Finding, date
from agent.health.watches import Watches
from agent.model import Verdict

Vector = npt.NDArray[np.float64]

_FAST = 0.45
_FAST_LEAST = 0.05
_FAST_SIGMAS = 2.5
_LEAD_SIGMAS = 4.0
_DOUBTFUL = 0.7
_AGREE = 2
_SHORT_CHANCE = 0.1
_POOR = 0.5
_MAD = 1.4826
_WORTH_TELLING = 0.1
_DOUBT_TOLD = 1.25
_LIKE_SD = 0.01
# Beyond e^5 a factor has long lost its meaning.
_LN_LIMIT = 5.0
# Less apart than this says nothing for a fault, nor against one.
_TOLD_SIGMAS = 2.0
# Where knees begin, cells leave their module one after the other, and one test is not enough.
_KNEE_ODDS = 0.05


@dataclass(frozen=True, slots=True)
class Growths:
    """How far the cells have grown beside each other; a value for each, and the module's median.

    ``ln_growth`` is ln of the resistance over its reference, ``sigmas`` by how many standard
    deviations it lies above the median: of the spread of the other cells and of how well the
    difference to them is measured. ``aged`` is what of ln R belongs to ageing, ``aged_sd`` how
    well its difference to the module is known.
    """

    ln_growth: Vector
    median: float
    sigmas: Vector
    aged: Vector
    aged_median: float
    aged_sd: Vector

    @classmethod
    def of(cls, state: ModuleFilter, ln_growth: Vector) -> Self:
        """Weigh the cells of ``state`` against each other."""
        _, _, rho, r, _ = state.blocks()
        p, median = state.p, float(np.median(ln_growth))
        both = p[np.ix_(rho, rho)] + p[np.ix_(r, r)] + p[np.ix_(rho, r)] + p[np.ix_(r, rho)]
        away = ln_growth - median
        usual = _MAD * float(np.median(np.abs(away)))
        aged = np.maximum(state.x[rho], 1e-6)
        return cls(
            ln_growth,
            median,
            away / np.sqrt(_contrast_sd(both) ** 2 + usual**2 + _LIKE_SD**2),
            aged,
            float(np.median(aged)),
            _contrast_sd(p[np.ix_(rho, rho)]),
        )


def _contrast_sd(covariance: Vector) -> Vector:
    """Sd of how far each cell is from the mean of its module, by the ``covariance`` of all."""
    variance = np.diag(covariance) - 2.0 * covariance.mean(axis=1) + covariance.mean()
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


def cell_findings(
    state: ModuleFilter,
    watches: Watches,
    estimate: Estimate,
    growths: Growths,
    cells: tuple[str, ...],
    reference: str,
) -> Iterator[Finding]:
    """Cells that differ from their module: open, welded, ageing fast, worn.

    ``reference`` says what the growth counts from ("since commissioning").
    """
    jumps = watches.jumps
    leads = jumps.track.leads(len(cells))
    above = growths.ln_growth - growths.median
    for index, cell in enumerate(cells):
        told = _told(watches, growths, index, f"cell {cell}: resistance", reference)
        jump = float(state.x[state.blocks()[3][index]] - jumps.level[index])
        if math.isfinite(jump) and jump > 0.0:
            crept = jumps.crept_s[index] == jumps.since_s[index]
            how = "more than ageing explains" if crept else "a sudden change"
            since = f"{how}, confirmed on {date(float(jumps.since_s[index]))}"
            yield Finding(
                "cell_resistance",
                cell,
                min(jump, float(above[index])) / LEAST,
                Verdict.DEGRADED,
                f"{told}; {since}; {_capacity(watches, index)}",
            )
            yield _smaller(estimate.change, index, cell)
        else:
            text = f"{told}; {_capacity(watches, index)}"
            ahead = float(above[index])
            yield _fast(watches, growths, index, cell, text, leads[index], ahead)


def hinted(
    state: ModuleFilter, watches: Watches, cells: tuple[str, ...], *, excused: frozenset[str]
) -> Iterator[Finding]:
    """Cells that one test has put far from their module, of which nothing else is known."""
    jumps, hints, spent = watches.jumps, watches.jumps.hints, state.loss()
    spent = np.maximum(spent, np.median(spent))
    for index in np.flatnonzero(np.isfinite(hints.since_s) & np.isnan(jumps.level)).tolist():
        cell = cells[index]
        if cell in excused or knee_odds(float(spent[index])) > _KNEE_ODDS:
            continue
        sigmas = float(hints.sigmas[index])
        yield Finding(
            "cell_resistance",
            cell,
            1.0,
            Verdict.WATCH,
            f"cell {cell}: both load steps of {date(float(hints.since_s[index]))} put its "
            f"resistance {math.expm1(float(hints.out_by[index])) * 100:.0f} % further above its "
            f"module, {sigmas:.1f} times what its cells scatter by; the next test tells whether "
            "it stays",
        )


def _smaller(change: Change, index: int, cell: str) -> Finding:
    """A changed cell that has probably lost capacity with it."""
    opened, aged = float(change.opened[index]), float(change.aged[index])
    taken = -math.expm1(-float(change.aged_ln[index])) * 100.0
    told = []
    if opened >= _WORTH_TELLING:
        told.append(
            f"an open parallel cell explains its resistance with probability {opened:.2f}, and "
            f"takes {float(change.open_share[index]) * 100:.0f} % of its capacity"
        )
    if aged >= _WORTH_TELLING:
        told.append(
            f"a knee of its ageing explains its resistance with probability {aged:.2f}, and has "
            f"taken {taken:.0f} % of its capacity"
        )
    if aged > opened:
        told.reverse()
    severity = (opened + aged) / 0.5
    return Finding("cell_weak", cell, severity, Verdict.DEGRADED, f"cell {cell}: {'; '.join(told)}")


def _told(watches: Watches, growths: Growths, index: int, what: str, reference: str) -> str:
    """Say what a cell's resistance has done, against its module, and which tests say so."""
    text = (
        f"{what} {math.expm1(growths.ln_growth[index]) * 100:+.0f} % {reference}, its module "
        f"{math.expm1(growths.median) * 100:+.0f} %"
    )
    sigmas = growths.sigmas[index]
    if sigmas >= _TOLD_SIGMAS:
        text += f"; {sigmas:.1f} sigma above its module"
    agree = watches.testimony.words(index)
    return f"{text}; {agree}" if agree else text


def _capacity(watches: Watches, index: int) -> str:
    """Say what is known of a cell's capacity itself."""
    deep = watches.deep
    if math.isfinite(deep.tested_s[index]):
        return f"its capacity was measured on {date(float(deep.tested_s[index]))}"
    if math.isfinite(deep.bounded_s[index]):
        return f"what it holds at least was seen on {date(float(deep.bounded_s[index]))}"
    return "its capacity is inferred, and unknown until a deeper test"


def _fast(
    watches: Watches,
    growths: Growths,
    index: int,
    cell: str,
    text: str,
    lead: Lead | None,
    ahead: float,
) -> Finding:
    """A cell whose resistance grows steadily faster than its module's, ever since or lately.

    ``ahead`` is how far ln of its growth is above the module's median.
    """
    aged, middle = float(growths.aged[index]), growths.aged_median
    ratio = aged / max(middle, 1e-6)
    severity = math.log(max(ratio, 1e-3)) / _FAST
    # Of cells that were not seen new much of the growth is a guess, for each another one.
    if aged - middle < max(_FAST_LEAST, _FAST_SIGMAS * float(growths.aged_sd[index])):
        severity = min(severity, _DOUBTFUL)
    how = f"it ages {ratio:.1f} times as fast"
    if lead is not None and lead.beyond > 0.0:
        lately = min(math.log(lead.ratio) / _FAST, lead.sigmas() / _LEAD_SIGMAS)
        if min(lead.beyond, ahead) < _FAST_LEAST:
            lately = min(lately, _DOUBTFUL)
        if lately > severity:
            severity = lately
            how = f"over {lead.days:.0f} days it aged {lead.ratio:.1f} times as fast"
    # One test may have frightened it: the next one has to agree.
    if watches.jumps.only_just(index) and watches.testimony.tests[index] < _AGREE:
        severity = min(severity, _DOUBTFUL)
    return Finding("cell_weak", cell, severity, Verdict.WATCH, f"{text}; {how}")


def unit_findings(
    estimate: Estimate, year: Estimate, ride: Ride | None, required_s: float, *, guessed: bool
) -> Iterator[Finding]:
    """What limits the unit as a whole, now and (``year``) in a year.

    ``guessed`` says that nobody knows the cells' age: a capacity that only a guessed age has
    taken degrades nothing.
    """
    if ride is not None:
        low, high = ride.seconds.lower, ride.seconds.upper
        yield Finding(
            "ride_through_short",
            None,
            (1.0 - ride.probability) / _SHORT_CHANCE,
            Verdict.REPLACE if ride.probability < _POOR else Verdict.DEGRADED,
            f"charged, at {ride.power_w:.0f} W it lasts {ride.seconds.estimate:.0f} s "
            f"({low:.0f} to {high:.0f} s), required are {required_s:.0f} s; "
            f"it carries them with probability {ride.probability:.2f}",
        )
    now, then = float(estimate.holds().min()), float(year.holds().min())
    yield Finding(
        "end_of_life_near",
        None,
        (1.0 - then) / (1.0 - END_OF_LIFE),
        Verdict.DEGRADED if now < END_OF_LIFE and not guessed else Verdict.WATCH,
        f"the weakest cell holds about {now * 100:.0f} % of the rated capacity, "
        f"about {then * 100:.0f} % in a year",
    )


def evidence(
    memory: Memory,
    birth: Birth,
    watches: Watches,
    cells: tuple[str, ...],
    pooled: Pooled | None = None,
    *,
    state: ModuleFilter,
) -> tuple[str, ...]:
    """What the estimate rests on in words, and what waits to be seen again."""
    told = [*birth.evidence()]
    if memory.pulses:
        last = date(memory.evidence_s or 0.0)
        told.append(f"{memory.pulses} load steps gave a resistance, last on {last}")
        doubt = watches.jumps.doubt()
        if doubt > _DOUBT_TOLD:
            told.append(
                "load steps disagree by more than their readings explain: what they tell of "
                f"capacities is taken for {doubt:.1f} times as uncertain"
            )
    else:
        told.append("no load step seen yet: the estimate rests on the chemistry's ageing alone")
    told += watches.deep.evidence(cells)
    if memory.pulses:
        told.append(_learnt(state))
    if pooled is not None:
        told.append(pooled.words())
    return (*told, *_waiting(watches.jumps, cells))


def _learnt(state: ModuleFilter) -> str:
    """Say how the module ages, by what its load steps have made of the priors."""
    kind = state.kind
    rate = _times(kind.ln_rate, kind.ln_rate_sd), _times(state.x[A], math.sqrt(state.p[A, A]))
    gain = _times(math.log(kind.gain), kind.gain_sd), _times(state.x[G], math.sqrt(state.p[G, G]))
    return (
        f"its capacity fades {rate[1]} times as fast as the ageing law says, and its resistance "
        f"grows {gain[1]} times as fast as capacity is lost, in ln; before any test these were "
        f"{rate[0]} and {gain[0]}"
    )


def _times(ln: float, sd: float) -> str:
    ends = (ln + z * sd for z in (-Z90, 0.0, Z90))
    low, middle, high = (math.exp(min(max(end, -_LN_LIMIT), _LN_LIMIT)) for end in ends)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _waiting(jumps: JumpWatch, cells: tuple[str, ...]) -> Iterator[str]:
    """Say which cells have departed once, and wait for a second load step."""
    for cell in np.flatnonzero(np.isfinite(jumps.held)).tolist():
        yield (
            f"cell {cells[cell]}: on {date(float(jumps.held_s[cell]))} its resistance read "
            f"{math.expm1(float(jumps.held[cell])) * 100:+.0f} % against its module; that waits "
            "for a second load step"
        )
