"""The filter of one module: a joint Gaussian over what its cells share and how they differ.

States. Shared: ``a`` ln fade rate over the law's, ``g`` ln gain, ``k`` error of the
temperature coefficient of ln R per 10 K, ``f`` ln R of a current-off step over an on step,
``c`` how ln R goes with the ln of the current (0 for a resistance, below it for slow kinetics).
Per cell: ``b`` and ``h``, the cell's own parts of a and g; ``rho``, ln R growth that belongs
to ageing; ``r`` ln R without it (10 s, 25 degC); ``q`` ln of initial over rated capacity.

    d rho_i = exp(a + g + b_i + h_i) / phi' dL,   u_i = phi(rho_i / exp(g + h_i))
    ln R_i = r_i + rho_i + k (T - 25)/10 + f [off] + c ln(I/2C)
    ln (Q_i / rated) = q_i - u_i,   phi the bend of the gain (straight for power cells)

Resistance says nothing about how a + g splits into fade and gain: the dynamics and the
measurement see only sums, so that no amount of pulses makes the filter sure of a capacity.
Only the priors, and capacity evidence, split them.
"""

import base64
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from agent.errors import StoreError
from agent.health.ageing import fade_step, rate_doubt
from agent.health.chemistry import CellType
from agent.health.record import LN, number, numbers

Vector = npt.NDArray[np.float64]
JSON = object

SHARED = 5
PER_CELL = 5
A, G, K, F, C = range(SHARED)

# Random walks per square root of a year, so that knees can be followed (estimator.md).
_CELL_RATE_WALK = 0.06
_GAIN_WALK = 0.03
# The gain that holds for a young cell need not hold for an old one: per root of loss.
_GAIN_BEND = 0.3
# Past a knee capacity may go with less resistance than before, or with more: no law says which.
_KNEE_FROM, _KNEE_BEND = 0.15, 0.6
# A law out of its range is doubted in full once about this much has been lost there.
_DOUBTED_LOSS = 0.02
_RHO_WALK = 0.006
_LEVEL_WALK = 0.003
_WELD_WALK = 0.35
# Makers rate the least, not the mean.
_INITIAL_CAPACITY = 1.005
_INITIAL_CAPACITY_SD = 0.009
_CELL_CAPACITY_SD = 0.008
# Activation energies from 15 to 50 kJ/mol are published for the part that the law makes warm.
_TEMPERATURE_SD = 0.1
_OFF_STEP_SD = 0.06
# Charge transfer after Butler and Volmer: -0.3 where it is nearly all of the resistance.
_CURRENT_SD = 0.1
_CELL_RESISTANCE_SD = 0.05
# A rate far beyond the prior must not overflow: exp(4) is a fade 55 times the law's.
_RATE_LIMIT = 4.0
# Load steps that keep lying this many standard deviations above what is expected show that the
# fade has come to a knee. One that slows is not believed in such haste: no knee slows.
_LEANS, _LEAN_MEMORY, _LEAN_MOST = 1.3, 0.35, 3.0
_LEAN_RATE_SD, _LEAN_GROWTH_SHARE = 0.4, 0.5
_YEAR_DAYS = 365.25
# Beyond e^5 a capacity over the rated one has long lost its meaning.
_LN_LIMIT = 5.0
# No engine writes more than this: of a record, not of cells.
_LOST, _MOST_VARIANCE = (0.0, 100.0), 1e6


@dataclass(slots=True)
class ModuleFilter:
    """Mean ``x`` and covariance ``p`` of the states; ``law_loss`` is L, the law's own loss.

    ``leaning`` is the running mean of how far load steps depart, in standard deviations.
    """

    kind: CellType
    cells: int
    x: Vector
    p: Vector
    law_loss: float = 0.0
    leaning: float = 0.0

    @classmethod
    def start(cls, kind: CellType, cells: int, capacity_ah: float) -> Self:
        """Begin with the priors of ``kind`` for ``cells`` cells of ``capacity_ah`` rated."""
        size = SHARED + PER_CELL * cells
        x, p = np.zeros(size), np.zeros((size, size))
        x[A], x[G] = kind.ln_rate, np.log(kind.gain)
        variances = [kind.ln_rate_sd, kind.gain_sd, _TEMPERATURE_SD, _OFF_STEP_SD]
        variances.append(_CURRENT_SD)
        p[range(SHARED), range(SHARED)] = np.square(variances)
        made = cls(kind, cells, x, p)
        b, h, _, r, q = made.blocks()
        p[b, b] = kind.cell_rate_sd**2
        p[h, h] = kind.cell_gain_sd**2
        x[r] = np.log(kind.specific_resistance_ohm_ah / capacity_ah)
        x[q] = np.log(_INITIAL_CAPACITY)
        p[np.ix_(r, r)] = kind.resistance_sd**2
        p[r, r] += _CELL_RESISTANCE_SD**2
        p[np.ix_(q, q)] = _INITIAL_CAPACITY_SD**2
        p[q, q] += _CELL_CAPACITY_SD**2
        made.tidy()
        return made

    def copy(self) -> "ModuleFilter":
        """An independent copy."""
        x, p = self.x.copy(), self.p.copy()
        return ModuleFilter(self.kind, self.cells, x, p, self.law_loss, self.leaning)

    def blocks(self) -> tuple[npt.NDArray[np.intp], ...]:
        """Indices of b, h, rho, r and q, each one per cell."""
        first = SHARED + np.arange(self.cells)
        return tuple(first + self.cells * k for k in range(PER_CELL))

    def propagate(
        self, days: float, *, celsius: float, soc: float, cycles: float, welds: Vector
    ) -> None:
        """Age by ``days`` at ``celsius``; ``welds`` is 1 for cells whose level may drift."""
        step = fade_step(
            self.kind.law, self.law_loss, days=days, celsius=celsius, soc=soc, cycles=cycles
        )
        self.law_loss += step
        b, _, rho, r, q = self.blocks()
        lost = self._fade(step)
        years = max(days, 0.0) / _YEAR_DAYS
        doubted = rate_doubt(celsius) ** 2 * step / (self.law_loss + _DOUBTED_LOSS)
        self.p[A, A] += self.kind.rate_walk**2 * years + doubted
        bend = _GAIN_BEND if float(np.median(self.loss())) < _KNEE_FROM else _KNEE_BEND
        self.p[G, G] += _GAIN_WALK**2 * years + bend**2 * lost
        self.p[b, b] += _CELL_RATE_WALK**2 * years
        self.p[rho, rho] += _RHO_WALK**2 * years
        self.p[q, q] += self.kind.hidden_walk**2 * years
        self.p[np.ix_(r, r)] += self.kind.level_walk**2 * years
        self.p[r, r] += (_LEVEL_WALK**2 + welds * _WELD_WALK**2) * years
        self.tidy()

    def catch_up(self, law_loss: float) -> None:
        """Take over what the law has lost before the cell type was known."""
        self.law_loss += law_loss
        self._fade(law_loss)
        self.tidy()

    def _fade(self, step: float) -> float:
        """Let every cell's ln R grow by its own rate times ``step`` of the law.

        Gives the loss of the median cell, -ln of capacity, where it bends the gain.
        """
        b, h, rho, _, _ = self.blocks()
        rate = np.exp(np.minimum(self.x[A] + self.x[G] + self.x[b] + self.x[h], _RATE_LIMIT))
        gain = rate * step / self._bend(self._growth())[1]
        self.x[rho] += gain
        gather = self.p[A] + self.p[G] + self.p[b] + self.p[h]
        self.p[rho] += gain[:, None] * gather
        gather = self.p[:, A] + self.p[:, G] + self.p[:, b].T + self.p[:, h].T
        self.p[:, rho] += gain * gather.T
        if self.kind.gain_curve is not None:
            return 0.0
        return float(np.median(gain / np.exp(self.x[G] + self.x[h])))

    def innovation(
        self, ln_r: Vector, *, warm: float, off: bool, load: float = 0.0
    ) -> tuple[Vector, Vector]:
        """Give measured minus predicted ln R, and the covariance of the prediction.

        ``warm`` is (T - 25 degC)/10, ``load`` ln of the step's current over 2 C. Cells whose
        ``ln_r`` is NaN are NaN in the answer.
        """
        rows = self._resistance_rows(warm, load, off=off)
        return ln_r - rows @ self.x, rows @ self.p @ rows.T

    def _follow_knee(self, away: float, sd: float) -> None:
        """Free the fade's pace where the module's steps keep lying above what is expected.

        ``away`` is the cells' median of measured minus predicted ln R, ``sd`` what it may be off.
        """
        far = min(max(away / sd, -_LEAN_MOST), _LEAN_MOST)
        self.leaning += _LEAN_MEMORY * (far - self.leaning)
        beyond = self.leaning - _LEANS
        if beyond > 0.0:
            rho = self.blocks()[2]
            self.p[A, A] += (_LEAN_RATE_SD * beyond) ** 2
            # Cells that have hardly aged yet have no knee: the steps of one day only scatter.
            grown = max(float(np.median(self.x[rho])), 0.0)
            self.p[np.ix_(rho, rho)] += min(_LEAN_GROWTH_SHARE * away, grown) ** 2
            self.tidy()

    def update_resistance(
        self,
        ln_r: Vector,
        own_sd: Vector,
        *,
        common_sd: float,
        warm: float,
        off: bool,
        load: float = 0.0,
    ) -> None:
        """Learn from measured ln R; NaN cells are left out."""
        seen = np.isfinite(ln_r)
        rows = self._resistance_rows(warm, load, off=off)[seen]
        noise = np.diag(own_sd[seen] ** 2) + common_sd**2
        away = ln_r[seen] - rows @ self.x
        expected = float(np.mean(rows @ self.p @ rows.T + noise))
        self._follow_knee(float(np.median(away)), float(np.sqrt(max(expected, 1e-8))))
        self._update(away, rows, noise)

    def _resistance_rows(self, warm: float, load: float, *, off: bool) -> Vector:
        _, _, rho, r, _ = self.blocks()
        rows = np.zeros((self.cells, len(self.x)))
        each = np.arange(self.cells)
        rows[each, rho] = 1.0
        rows[each, r] = 1.0
        rows[:, K] = warm
        rows[:, F] = float(off)
        rows[:, C] = load
        return rows

    def update_capacity(self, ln_q: Vector, own_sd: Vector, *, common_sd: float) -> None:
        """Learn from measured ln (Q/rated), NaN where there is none."""
        seen = np.isfinite(ln_q)
        rows = self._capacity_rows()[seen]
        mean = self.ln_capacity()
        noise = np.diag(own_sd[seen] ** 2) + common_sd**2
        self._update(ln_q[seen] - mean[seen], rows, noise)
        self._hold_more_when_new()

    def _hold_more_when_new(self) -> None:
        """Take a growth below nothing for more capacity when new: no cell gets younger."""
        _, h, rho, r, q = self.blocks()
        less = np.minimum(self.x[rho], 0.0)
        slope = self._bend(np.zeros(self.cells))[1]
        self.x[q] -= slope * less / np.exp(self.x[G] + self.x[h])
        self.x[r] += less
        self.x[rho] -= less

    def ln_capacity(self) -> Vector:
        """Mean of ln (Q/rated) of every cell, within what has a meaning."""
        _, _, _, _, q = self.blocks()
        return np.clip(self.x[q] - self.loss(), -_LN_LIMIT, _LN_LIMIT)

    def ln_capacity_sd(self) -> Vector:
        """Sd of ln (Q/rated) of every cell."""
        return np.sqrt(np.maximum(np.diag(self.capacity_covariance()), 1e-8))

    def loss(self, more: Vector | float = 0.0) -> Vector:
        """Mean of u = -ln (Q/initial Q) of every cell; ``more`` ln R counts as growth, too."""
        return self._bend(self._growth(more))[0]

    def _growth(self, more: Vector | float = 0.0) -> Vector:
        """Growth of ln R over the gain: the loss, where the gain is straight."""
        _, h, rho, _, _ = self.blocks()
        return np.asarray(np.maximum(self.x[rho] + more, 0.0) / np.exp(self.x[G] + self.x[h]))

    def _bend(self, growth: Vector) -> tuple[Vector, Vector]:
        """The loss u of rho over gain, and its derivative."""
        if self.kind.gain_curve is None:
            return growth, np.ones_like(growth)
        us = np.array([u for u, _ in self.kind.gain_curve])
        ys = np.array([y for _, y in self.kind.gain_curve])
        at = np.clip(np.searchsorted(ys, growth, side="right") - 1, 0, len(us) - 2)
        slope = (us[at + 1] - us[at]) / (ys[at + 1] - ys[at])
        return us[at] + slope * (growth - ys[at]), slope

    def _capacity_rows(self) -> Vector:
        _, h, rho, _, q = self.blocks()
        rows = np.zeros((self.cells, len(self.x)))
        each = np.arange(self.cells)
        gain = np.exp(self.x[G] + self.x[h])
        growth = np.maximum(self.x[rho], 0.0) / gain
        slope = self._bend(growth)[1]
        rows[each, q] = 1.0
        rows[each, rho] = -slope / gain
        rows[each, h] = slope * growth
        rows[:, G] = slope * growth
        return rows

    def capacity_covariance(self) -> Vector:
        """Covariance of ln (Q/rated) between the cells."""
        rows = self._capacity_rows()
        return np.asarray(rows @ self.p @ rows.T)

    def ln_growth(self, level: Vector) -> tuple[Vector, Vector]:
        """Logarithm of the resistance growth and its sd.

        ``level`` is r at commissioning; NaN where r has not moved since.
        """
        _, _, rho, r, _ = self.blocks()
        moved = np.isfinite(level)
        mean = self.x[rho] + np.where(moved, self.x[r] - np.where(moved, level, 0.0), 0.0)
        variance = self.p[rho, rho] + np.where(moved, self.p[r, r] + 2.0 * self.p[rho, r], 0.0)
        return mean, np.sqrt(np.maximum(variance, 0.0))

    def ln_resistance(self) -> tuple[Vector, Vector]:
        """Mean of ln R of every cell (ohms, 10 s, 25 degC) and its sd."""
        _, _, rho, r, _ = self.blocks()
        variance = self.p[r, r] + self.p[rho, rho] + 2.0 * self.p[rho, r]
        return self.x[r] + self.x[rho], np.sqrt(np.maximum(variance, 0.0))

    def _update(self, innovation: Vector, rows: Vector, noise: Vector) -> None:
        cross = self.p @ rows.T
        total = rows @ cross + noise
        gain = np.linalg.solve(total, cross.T).T
        self.x = self.x + gain @ innovation
        self.p = self.p - gain @ total @ gain.T
        self.tidy()

    def tidy(self) -> None:
        """Keep ``p`` symmetric and exactly representable in 32 bits, as it is stored.

        Whoever writes into ``p`` ends with this.
        """
        packed = np.triu(self.p).astype(np.float32).astype(np.float64)
        self.p = packed + np.triu(packed, 1).T

    def pack(self) -> dict[str, JSON]:
        """Everything as JSON values; ``unpack`` continues exactly."""
        upper = self.p[np.triu_indices(len(self.x))].astype(np.float32)
        return {
            "x": self.x.tolist(),
            "p": base64.b64encode(upper.tobytes()).decode("ascii"),
            "law_loss": self.law_loss,
            "leaning": self.leaning,
        }

    @classmethod
    def unpack(cls, kind: CellType, cells: int, packed: object) -> Self:
        """Restore from ``pack``. Raises StoreError when it does not fit."""
        size = SHARED + PER_CELL * cells
        if not isinstance(packed, dict):
            raise StoreError("the saved health filter has another shape")
        try:
            x = np.array(numbers(packed["x"], size, LN["within"]))
            upper = np.frombuffer(base64.b64decode(str(packed["p"])), dtype=np.float32)
            loss = number(packed["law_loss"], _LOST)
            leaning = number(packed.get("leaning", 0.0), (-_LEAN_MOST, _LEAN_MOST))
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"the saved health filter cannot be read: {error}") from error
        if upper.shape != (size * (size + 1) // 2,):
            raise StoreError("the saved health filter is for another number of cells")
        if not (np.all(np.isfinite(x)) and np.all(np.abs(upper) < _MOST_VARIANCE)):
            raise StoreError("the saved health filter holds values that are not numbers")
        p = np.zeros((size, size))
        p[np.triu_indices(size)] = upper
        return cls(kind, cells, x, p + np.triu(p, 1).T, loss, leaning)
