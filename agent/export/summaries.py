"""A unit in short, as the API and its stream tell of it; made once for each change."""

import json
from typing import NamedTuple

from agent.export.json import Json, interval_json, moment, reason_json
from agent.export.verdicts import judge
from agent.model import Verdict
from agent.store.live import UnitView


class Summary(NamedTuple):
    """A unit in short. ``look`` is all of it but the times, which move with every poll."""

    name: str
    rack: str | None
    shelf: str | None
    verdict: Verdict
    up: bool
    last_ok: float | None
    look: str
    open_text: str

    def text(self, now_s: float) -> str:
        """Give it as JSON at the unix time ``now_s``, with the age of its last answer."""
        age = "null" if self.last_ok is None else f"{max(0.0, now_s - self.last_ok):.1f}"
        return f'{self.open_text}, "age_s": {age}}}'


def summary(view: UnitView) -> dict[str, Json]:
    """Give a unit in short."""
    info, status, health = view.info, view.status, view.health
    verdict, reasons = judge(view)
    return {
        "name": info.name,
        "profile": status.profile or info.profile,
        "location": {
            "rack": info.location.rack,
            "shelf": info.location.shelf,
            "slot": info.location.slot,
        },
        "bus": info.bus,
        "address": info.address,
        "identity": dict(view.identity),
        "up": view.up,
        "state": status.state.value,
        "since": moment(status.since) if status.since else None,
        "last_success": moment(status.last_ok),
        "last_error": status.last_error,
        "verdict": verdict.value,
        "reasons": [reason_json(reason) for reason in reasons],
        "state_of_health": interval_json(health.state_of_health) if health else None,
        "ride_through_s": interval_json(health.ride_through_s) if health and view.up else None,
    }


def summarised(view: UnitView) -> Summary:
    """Make the summary of one unit."""
    told = summary(view)
    answered = json.dumps(told.pop("last_success"))
    look = json.dumps(told)
    place = view.info.location
    return Summary(
        *(view.info.name, place.rack, place.shelf, judge(view)[0], view.up, view.status.last_ok),
        look=look,
        open_text=f'{look[:-1]}, "last_success": {answered}',
    )
