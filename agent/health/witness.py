"""What a unit says of its own battery: one witness among others, the only one for a UPS.

Pure. The device's word is never averaged into an estimate of ours; it adds reasons.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from agent.model import Basis, Health, PeerScore, Reason, Value, Verdict

Known = Mapping[str, Value]
_LOW_SOH = 0.8
"""Capacity at which UPS batteries are replaced by custom (IEEE 1188)."""

_RANK = {Verdict.OK: 0, Verdict.WATCH: 1, Verdict.DEGRADED: 2, Verdict.REPLACE: 3}
_SPEAKS = (
    "battery_status",
    "replace_battery",
    "battery_fault",
    "end_of_life",
    "self_test_result",
    "reported_state_of_health",
    "bad_battery_packs",
)
"""Quantities by which a device says how its battery is."""


def _flags(known: Known) -> Iterator[Reason]:
    if known.get("replace_battery") is True:
        yield Reason("device_replace", "the device asks for a new battery", verdict=Verdict.REPLACE)
    if known.get("end_of_life") is True:
        text = "the device says that its battery is at its end of life"
        yield Reason("device_end_of_life", text, verdict=Verdict.REPLACE)
    if known.get("battery_fault") is True or known.get("battery_status") == "fault":
        text = "the device reports a battery fault"
        yield Reason("device_fault", text, verdict=Verdict.DEGRADED)
    if known.get("battery_status") == "absent":
        text = "the device finds no battery"
        yield Reason("battery_absent", text, verdict=Verdict.REPLACE)


def _packs(known: Known) -> Iterator[Reason]:
    bad = known.get("bad_battery_packs")
    if isinstance(bad, float) and bad > 0:
        text = f"the device counts {bad:.0f} bad battery packs"
        yield Reason("device_bad_packs", text, verdict=Verdict.DEGRADED)


def _charge(known: Known) -> Iterator[Reason]:
    # Low while it carries the load is what a battery is for; low in standby is not.
    running = known.get("on_battery") is True or known.get("discharging") is True
    if known.get("battery_status") in ("low", "depleted") and not running:
        text = f"the device says that the battery is {known['battery_status']}"
        yield Reason("device_low", text, verdict=Verdict.WATCH)


def _self_test(known: Known) -> Iterator[Reason]:
    result = known.get("self_test_result")
    if result == "failed":
        yield Reason("self_test_failed", "the last self-test failed", verdict=Verdict.DEGRADED)
    elif result == "warning":
        yield Reason("self_test_warning", "the last self-test gave a warning")


def _reported(known: Known) -> Iterator[Reason]:
    soh = known.get("reported_state_of_health")
    if isinstance(soh, float) and soh < _LOW_SOH:
        text = f"the device puts its state of health at {soh:.0%}, below {_LOW_SOH:.0%}"
        yield Reason("device_health_low", text, verdict=Verdict.DEGRADED)


_WITNESSES: tuple[Callable[[Known], Iterator[Reason]], ...] = (
    _flags,
    _packs,
    _charge,
    _self_test,
    _reported,
)


def judge(known: Known) -> tuple[Reason, ...]:
    """Say what the device holds against its battery; ``known`` is its latest values by key."""
    return tuple(reason for witness in _WITNESSES for reason in witness(known))


def combine(estimate: Health | None, known: Known, now_s: float) -> Health:
    """Join our estimate, if there is one, with the device's word; the worse one decides.

    Without an estimate the verdict rests on the device alone, and is ``unknown`` where the
    device says nothing of its battery.
    """
    reasons = judge(known)
    if estimate is not None:
        verdict = _worst(estimate.verdict, reasons)
        return replace(
            estimate,
            verdict=verdict,
            reasons=(*estimate.reasons, *reasons),
            evidence=(*estimate.evidence, *_heard(estimate, known)),
        )
    if not any(key in known for key in _SPEAKS):
        text = "neither the cells nor the device tell how the battery is"
        silent = Reason("nothing_known", text, verdict=Verdict.UNKNOWN)
        return Health(Verdict.UNKNOWN, (silent,), now_s, basis=Basis.DEVICE)
    return Health(_worst(Verdict.OK, reasons), reasons, now_s, basis=Basis.DEVICE)


def _heard(estimate: Health, known: Known) -> Iterator[str]:
    """Say what the device tells, and whether it agrees with us."""
    told, ours = known.get("reported_state_of_health"), estimate.state_of_health
    if isinstance(told, float) and ours is not None:
        agrees = ours.lower <= told <= ours.upper
        yield (
            f"the device puts its state of health at {told:.0%}, which is "
            f"{'within' if agrees else 'outside'} our {ours.lower:.0%} to {ours.upper:.0%}"
        )
    if known.get("self_test_result") == "passed":
        yield "the device says that its last self-test was passed"


def with_reasons(
    health: Health, reasons: tuple[Reason, ...], peers: tuple[PeerScore, ...]
) -> Health:
    """Add ``reasons`` that come of comparing the unit with its ``peers``."""
    verdict = _worst(health.verdict, reasons) if reasons else health.verdict
    return replace(health, verdict=verdict, reasons=(*health.reasons, *reasons), peers=peers)


def _worst(verdict: Verdict, reasons: Sequence[Reason]) -> Verdict:
    found = [verdict, *(reason.verdict for reason in reasons)]
    known = [one for one in found if one in _RANK]
    return max(known, key=_RANK.__getitem__) if known else Verdict.UNKNOWN
