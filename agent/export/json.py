"""Readings, faults and estimates as plain JSON values, the same in every output.

JSON has no NaN: what is not a finite number is null. Dates are ISO 8601 texts in UTC.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from agent.export.lives import end_of_life_unknown
from agent.health.peers import words
from agent.model import (
    Advice,
    CellHealth,
    Event,
    Fault,
    Health,
    Interval,
    PeerScore,
    Reading,
    Reason,
    Rejected,
    Trial,
)
from agent.quantities import QUANTITIES, Kind

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""A value that JSON can carry."""


def moment(unix_s: float | None) -> str | None:
    """Give unix seconds as a UTC time ("2026-01-02T03:04:05Z"); None stays None."""
    if unix_s is None or not math.isfinite(unix_s):
        return None
    try:
        when = datetime.fromtimestamp(unix_s, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return when.isoformat(timespec="seconds").replace("+00:00", "Z")


def number(value: float | None) -> float | None:
    """Give ``value`` if it is a finite number."""
    return value if value is not None and math.isfinite(value) else None


def reading_json(reading: Reading) -> dict[str, Json]:
    """Give one reading as ``bbu-agent read`` and the API show it.

    A timestamp is a text: a plain date where the quantity is a date. ``text`` is there only
    where the device's own wording of a state is known.
    """
    quantity = QUANTITIES[reading.quantity]
    value: Json = reading.value
    unit = quantity.unit
    if isinstance(reading.value, float):
        value = number(reading.value)
        if quantity.kind is Kind.TIMESTAMP:
            is_date = quantity.key.endswith("_date")
            when = moment(reading.value)
            value = when[:10] if when is not None and is_date else when
            unit = "date" if is_date else "time"
    shown: dict[str, Json] = {
        "quantity": reading.quantity,
        "index": reading.index,
        "value": value,
        "unit": unit,
        "source": reading.source,
    }
    if reading.text is not None:
        shown["text"] = reading.text
    return shown


def fault_json(fault: Fault) -> dict[str, Json]:
    """Give one fault as ``bbu-agent read`` and the API show it."""
    return {
        "quantity": fault.quantity,
        "index": fault.index,
        "reason": fault.reason.value,
        "raw": fault.raw,
        "source": fault.source,
    }


def interval_json(interval: Interval | None) -> Json:
    """Give an estimate with the ends of its 90 % interval."""
    if interval is None:
        return None
    return {
        "estimate": number(interval.estimate),
        "lower": number(interval.lower),
        "upper": number(interval.upper),
    }


def _dates_json(interval: Interval | None) -> Json:
    if interval is None:
        return None
    return dict(zip(interval._fields, map(moment, interval), strict=True))


def reason_json(reason: Reason) -> dict[str, Json]:
    """Give one reason of a verdict."""
    return {
        "code": reason.code,
        "text": reason.text,
        "cell": reason.cell,
        "verdict": reason.verdict.value,
        "since": moment(reason.since_s),
    }


def _cell_json(cell: CellHealth) -> dict[str, Json]:
    return {
        "cell": cell.cell,
        "verdict": cell.verdict.value,
        "basis": cell.basis.value,
        "state_of_health": interval_json(cell.state_of_health),
        "resistance_growth": interval_json(cell.resistance_growth),
        "leak_a": interval_json(cell.leak_a),
    }


def _rejected_json(one: Rejected) -> dict[str, Json]:
    return {"what": one.what, "why": one.why, "times": one.times, "last": moment(one.last_s)}


def _peer_json(score: PeerScore) -> dict[str, Json]:
    return {
        "measure": score.measure,
        "population": score.population,
        "others": score.others,
        "value": number(score.value),
        "median": number(score.median),
        "score": number(score.score),
        "believed": score.believed,
        "text": words(score),
    }


def _trial_json(trial: Trial) -> dict[str, Json]:
    return {
        "test": trial.test,
        "seconds": number(trial.seconds),
        "depth": number(trial.depth),
        "state_of_health_sd": number(trial.soh_sd),
        "ride_through_sd": number(trial.ride_sd),
        "recharge_s": number(trial.recharge_s),
    }


def _advice_json(advice: Advice) -> dict[str, Json]:
    return {
        "test": advice.test,
        "due": moment(advice.due_s),
        "text": advice.text,
        "state_of_health_sd": number(advice.soh_sd),
        "ride_through_sd": number(advice.ride_sd),
        "options": [_trial_json(trial) for trial in advice.options],
    }


def health_json(health: Health) -> dict[str, Json]:
    """Give our estimate of a unit. Verdict and reasons stand with the unit, not here."""
    return {
        "updated_at": moment(health.updated_at),
        "basis": health.basis.value,
        "evidence_at": moment(health.evidence_at),
        "evidence": list(health.evidence),
        "rejected": [_rejected_json(one) for one in health.rejected],
        "state_of_health": interval_json(health.state_of_health),
        "ride_through_s": interval_json(health.ride_through_s),
        "ride_through_power_w": number(health.ride_through_power_w),
        "ride_through_probability": number(health.ride_through_probability),
        "end_of_life": _dates_json(health.end_of_life_s),
        "end_of_life_unknown": end_of_life_unknown(health),
        "end_of_life_by_ride_through": _dates_json(health.ride_end_of_life_s),
        "end_of_life_by_ride_through_unknown": health.ride_end_of_life_unknown,
        "limiting_cell": health.limiting_cell,
        "cells": [_cell_json(cell) for cell in health.cells],
        "peers": [_peer_json(score) for score in health.peers],
        "next_test_advice": None if health.advice is None else _advice_json(health.advice),
    }


def event_json(event: Event) -> dict[str, Json]:
    """Give one event; the keys of its detail carry their unit."""
    return {
        "unit": event.unit,
        "kind": event.kind,
        "start": moment(event.start_s),
        "end": moment(event.end_s),
        "start_s": number(event.start_s),
        "end_s": number(event.end_s),
        "detail": _plain(event.detail),
    }


def _plain(detail: Mapping[str, float | bool | str]) -> dict[str, Json]:
    return {k: number(v) if isinstance(v, float) else v for k, v in detail.items()}
