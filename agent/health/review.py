"""One review of a unit: every rule asked once, and one fault named once."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from agent.health.anomalies import imbalance, sensors, shorts
from agent.health.birth import Birth
from agent.health.chemistry import Curve
from agent.health.filter import ModuleFilter
from agent.health.findings import Growths, cell_findings, hinted, unit_findings
from agent.health.report import Estimate, Ride
from agent.health.verdict import Finding
from agent.health.watches import Watches
from agent.model import Battery

_EXCUSED = 0.6
_SPENT = 0.6
_OTHERWISE_SIGMAS = 2.5
_STEP_V = 0.001


@dataclass(frozen=True, slots=True)
class Watched:
    """What the rules look at: all that an engine holds of its unit."""

    battery: Battery
    cells: tuple[str, ...]
    ocv: Curve
    state: ModuleFilter
    birth: Birth
    watches: Watches


def everything(
    watched: Watched, estimate: Estimate, year: Estimate, ride: Ride | None, now_s: float
) -> list[Finding]:
    """Ask every rule; ``year`` is the estimate of a year ahead, ``ride`` at rated power."""
    cells, standby = watched.cells, watched.watches.standby
    step_v = watched.battery.voltage_step_v or _STEP_V
    since = watched.birth.since()
    findings = list(watched.watches.guards.findings(cells, standby.capacity_ah, now_s))
    growths = Growths.of(watched.state, estimate.ln_growth)
    findings += cell_findings(watched.state, watched.watches, estimate, growths, cells, since)
    known = _suspects(findings)
    # Cells that hold so little part for that alone, along a curve that is no longer theirs.
    holds = estimate.holds()
    if float(np.median(holds)) >= _SPENT:
        findings += shorts(standby, watched.ocv, cells, holds)
    findings += hinted(watched.state, watched.watches, cells, excused=_suspects(findings))
    # A cell that ages otherwise than its module moves at rest as well.
    beyond = zip(cells, growths.sigmas, strict=True)
    other = {cell for cell, sigmas in beyond if sigmas > _OTHERWISE_SIGMAS}
    gain = watched.watches.gain
    findings += sensors(standby, gain, cells, voltage_step_v=step_v, excused=known | other)
    # A leak, a drifting sensor and a small cell all stand apart: one fault, one name.
    known = _suspects(findings)
    findings += imbalance(standby, watched.ocv, cells, voltage_step_v=step_v, excused=known)
    required_s = watched.battery.required_seconds
    findings += unit_findings(estimate, year, ride, required_s, guessed=watched.birth.unknown)
    return findings


def _suspects(findings: Iterable[Finding]) -> frozenset[str]:
    return frozenset(f.cell for f in findings if f.cell is not None and f.severity > _EXCUSED)
