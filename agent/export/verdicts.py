"""What to say of a unit and of a shelf, given what is known of them right now."""

from collections.abc import Iterable

from agent.model import Health, Reason, Shelf, UnitState, Verdict
from agent.store.live import UnitView

_BAD_FLAGS = frozenset({"battery_fault", "replace_battery", "end_of_life"})
_LASTING = frozenset({Verdict.DEGRADED, Verdict.REPLACE})


def not_answering(view: UnitView) -> Reason | None:
    """Say why nothing is known of the unit at present, or None while it answers."""
    if view.up or view.status.state is UnitState.NEW:
        return None
    cause = view.status.last_error or "no fresh answer"
    return Reason("not_answering", f"does not answer: {cause}", verdict=Verdict.UNKNOWN)


def judge(view: UnitView) -> tuple[Verdict, tuple[Reason, ...]]:
    """Give the verdict and its reasons.

    A silent unit cannot be ``ok``: a good verdict turns to ``unknown`` with the cause of
    the silence. A bad one stays, because silence repairs no cell.
    """
    health: Health | None = view.health
    silence = not_answering(view)
    if silence is None:
        return (health.verdict, health.reasons) if health else (Verdict.UNKNOWN, ())
    if health is None:
        return Verdict.UNKNOWN, (silence,)
    verdict = health.verdict if health.verdict in _LASTING else Verdict.UNKNOWN
    return verdict, (silence, *health.reasons)


def is_ready(view: UnitView) -> bool:
    """Tell whether the unit can be counted on for the next outage.

    It answers, is not due for replacement, and neither it nor its device reports a fault.
    """
    if not view.up or judge(view)[0] is Verdict.REPLACE:
        return False
    return not any(r.quantity in _BAD_FLAGS and r.value == 1 for r in view.readings)


def units_of(shelf: Shelf, views: Iterable[UnitView]) -> list[UnitView]:
    """Give the units that sit in ``shelf``."""
    place = (shelf.rack, shelf.shelf)
    return [v for v in views if (v.info.location.rack, v.info.location.shelf) == place]
