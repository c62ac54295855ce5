"""The shapes of the API's answers, as JSON schema."""

from typing import Any

from agent.model import Basis, FaultReason, UnitState, Verdict

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TRUTH: Schema = {"type": "boolean"}
_MAYBE_TEXT: Schema = {"type": ["string", "null"]}
_WHY_NONE: Schema = _MAYBE_TEXT | {
    "description": "Why there is none; null where there is one, or no estimate of cells."
}
_MAYBE_NUMBER: Schema = {"type": ["number", "null"]}
_MAYBE_MOMENT: Schema = {"type": ["string", "null"], "format": "date-time"}
_VALUE: Schema = {"type": ["number", "boolean", "string", "null"]}


def ref(name: str) -> Schema:
    """Refer to a shape by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def _maybe(name: str) -> Schema:
    return {"oneOf": [ref(name), {"type": "null"}]}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def _map(of: Schema) -> Schema:
    return {"type": "object", "additionalProperties": of}


def _object(about: str, optional: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {
        "type": "object",
        "description": about,
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _one_of(names: type[Verdict | UnitState | Basis | FaultReason]) -> Schema:
    return {"type": "string", "enum": [one.value for one in names]}


_SHORT: Schema = {
    "name": _TEXT,
    "profile": _TEXT,
    "location": ref("Location"),
    "bus": _MAYBE_TEXT,
    "address": _TEXT,
    "identity": _map(_TEXT),
    "up": _TRUTH | {"description": "It answers, and its last answer is fresh."},
    "state": _one_of(UnitState),
    "since": _MAYBE_MOMENT,
    "last_success": _MAYBE_MOMENT,
    "last_error": _MAYBE_TEXT,
    "verdict": _one_of(Verdict),
    "reasons": _list(ref("Reason")),
    "state_of_health": _maybe("Interval"),
    "ride_through_s": _maybe("Interval"),
    "age_s": _MAYBE_NUMBER | {"description": "Seconds since the last good answer."},
}
_STANDING: Schema = {
    "units": _COUNT,
    "present": _COUNT,
    "ready": _COUNT,
    "required": _COUNT,
    "margin": {"type": "integer"},
    "margin_after_failure": {"type": "integer"},
    "on_battery": _COUNT,
    "not_ready": _list(_object("A unit that cannot be counted on.", unit=_TEXT, why=_TEXT)),
    "swap_first": _MAYBE_TEXT,
    "time_left_s": _maybe("Interval"),
}
_RIDES: Schema = {
    "ride_through_s": _maybe("Interval"),
    "ride_through_one_less_s": _maybe("Interval"),
}

SCHEMAS: dict[str, Schema] = {
    "Problem": _object(
        "An error as RFC 9457 describes it.",
        type=_TEXT,
        title=_TEXT,
        status={"type": "integer"},
        detail=_TEXT,
    ),
    "Interval": _object(
        "An estimate with the ends of its 90 % interval.",
        estimate=_MAYBE_NUMBER,
        lower=_MAYBE_NUMBER,
        upper=_MAYBE_NUMBER,
    ),
    "DateInterval": _object(
        "A date with the ends of its 90 % interval.",
        estimate=_MAYBE_MOMENT,
        lower=_MAYBE_MOMENT,
        upper=_MAYBE_MOMENT,
    ),
    "Location": _object(
        "Where a unit sits.", rack=_MAYBE_TEXT, shelf=_MAYBE_TEXT, slot=_MAYBE_TEXT
    ),
    "Reason": _object(
        "Why a verdict is what it is.",
        code=_TEXT | {"description": "A short stable name."},
        text=_TEXT,
        cell=_MAYBE_TEXT,
        verdict=_one_of(Verdict),
        since=_MAYBE_MOMENT | {"description": "Since when it stands; null where nobody keeps it."},
    ),
    "Unit": _object("A unit in short.", **_SHORT),
    "Units": _object(
        "Units in configured order.",
        units=_list(ref("Unit")),
        next=_MAYBE_TEXT | {"description": "Cursor of the next page; null on the last one."},
    ),
    "Reading": _object(
        "One value of one quantity.",
        ("text",),
        quantity=_TEXT,
        index=_MAYBE_TEXT,
        value=_VALUE,
        unit=_TEXT,
        source=_TEXT | {"description": "Register or OID."},
        text=_TEXT | {"description": "The device's own wording of a state."},
        age_s=_NUMBER,
    ),
    "Fault": _object(
        "A field that gave no usable value.",
        quantity=_TEXT,
        index=_MAYBE_TEXT,
        reason=_one_of(FaultReason),
        raw=_TEXT,
        source=_TEXT,
    ),
    "Cell": _object(
        "Our estimate for one series cell.",
        cell=_TEXT,
        verdict=_one_of(Verdict),
        basis=_one_of(Basis),
        state_of_health=_maybe("Interval"),
        resistance_growth=_maybe("Interval"),
        leak_a=_maybe("Interval"),
    ),
    "Rejected": _object(
        "Evidence that was not used.",
        what=_TEXT,
        why=_TEXT,
        times=_COUNT,
        last=_MAYBE_MOMENT,
    ),
    "PeerScore": _object(
        "The unit against others like it: robust standard deviations to the bad side.",
        measure=_TEXT,
        population=_TEXT,
        others=_COUNT,
        value=_MAYBE_NUMBER,
        median=_MAYBE_NUMBER,
        score=_MAYBE_NUMBER,
        believed=_TRUTH,
        text=_TEXT,
    ),
    "Trial": _object(
        "What a test would leave unknown (standard deviations), and what it costs.",
        test=_TEXT,
        seconds=_MAYBE_NUMBER,
        depth=_MAYBE_NUMBER,
        state_of_health_sd=_MAYBE_NUMBER,
        ride_through_sd=_MAYBE_NUMBER,
        recharge_s=_MAYBE_NUMBER,
    ),
    "Advice": _object(
        "Which test would tell most, and when; test is null where none is worth its cost.",
        test=_MAYBE_TEXT,
        due=_MAYBE_MOMENT,
        text=_TEXT,
        state_of_health_sd=_MAYBE_NUMBER,
        ride_through_sd=_MAYBE_NUMBER,
        options=_list(ref("Trial")),
    ),
    "Health": _object(
        "Our estimate for one unit.",
        updated_at=_MAYBE_MOMENT,
        basis=_one_of(Basis),
        evidence_at=_MAYBE_MOMENT,
        evidence=_list(_TEXT),
        rejected=_list(ref("Rejected")),
        state_of_health=_maybe("Interval"),
        ride_through_s=_maybe("Interval"),
        ride_through_power_w=_MAYBE_NUMBER,
        ride_through_probability=_MAYBE_NUMBER,
        end_of_life=_maybe("DateInterval"),
        end_of_life_unknown=_WHY_NONE,
        end_of_life_by_ride_through=_maybe("DateInterval"),
        end_of_life_by_ride_through_unknown=_WHY_NONE,
        limiting_cell=_MAYBE_TEXT,
        cells=_list(ref("Cell")),
        peers=_list(ref("PeerScore")),
        next_test_advice=_maybe("Advice"),
    ),
    "UnitInFull": _object(
        "Everything known of a unit.",
        **_SHORT,
        polls=_COUNT,
        errors=_map(_COUNT),
        failures=_COUNT,
        last_duration_s=_MAYBE_NUMBER,
        readings=_list(ref("Reading")),
        faults=_list(ref("Fault")),
        fault_counts=_list(
            _object("A total since the start.", quantity=_TEXT, reason=_TEXT, count=_COUNT)
        ),
        health=_maybe("Health"),
    ),
    "Point": _object(
        "A value of the past; for an hour its mean, with the lowest and the highest.",
        time_s=_NUMBER,
        value=_VALUE,
        low=_MAYBE_NUMBER,
        high=_MAYBE_NUMBER,
    ),
    "History": _object(
        "The past of one reading.",
        unit=_TEXT,
        quantity=_TEXT,
        index=_MAYBE_TEXT,
        measure=_TEXT,
        points=_list(ref("Point")),
    ),
    "Series": _object(
        "The past of every part of a quantity.",
        unit=_TEXT,
        quantity=_TEXT,
        measure=_TEXT,
        series=_list(_object("One part.", index=_MAYBE_TEXT, points=_list(ref("Point")))),
    ),
    "Estimates": _object(
        "What was believed of each cell over time.",
        unit=_TEXT,
        estimates=_list(
            _object(
                "One time.",
                time=_MAYBE_MOMENT,
                time_s=_NUMBER,
                cells=_list(
                    _object(
                        "One cell.",
                        cell=_TEXT,
                        state_of_health=ref("Interval"),
                        resistance_growth=ref("Interval"),
                    )
                ),
            )
        ),
    ),
    "Seen": _object(
        "What the estimator of a unit was shown, and what it knows of the battery beforehand.",
        unit=_TEXT,
        battery={"type": ["object", "null"]},
        seen=_list(
            _object(
                "One sample. `cells_v` is in the order of `cells`, as are the bits of `balancing`.",
                cells=_list(_TEXT),
                time_s=_NUMBER,
                current_a=_MAYBE_NUMBER,
                cells_v=_list(_MAYBE_NUMBER),
                temperatures_c=_list(_NUMBER),
                ambient_c=_MAYBE_NUMBER,
                phase=_MAYBE_TEXT,
                balancing={"type": ["integer", "null"]},
                bleeding=_TRUTH,
                reported_soc=_MAYBE_NUMBER,
                reported_soh=_MAYBE_NUMBER,
            )
        ),
    ),
    "Event": _object(
        "Something that happened; the keys of its detail carry their unit.",
        unit=_TEXT,
        kind=_TEXT,
        start=_MAYBE_MOMENT,
        end=_MAYBE_MOMENT,
        start_s=_MAYBE_NUMBER,
        end_s=_MAYBE_NUMBER,
        detail=_map(_VALUE),
    ),
    "Events": _object("Newest first.", events=_list(ref("Event"))),
    "Shelves": _object(
        "Configured shelves.",
        shelves=_list(_object("A shelf just now.", rack=_TEXT, shelf=_TEXT, **_STANDING, **_RIDES)),
    ),
    "Groups": _object(
        "Configured groups beyond shelves.",
        groups=_list(_object("A group just now.", group=_TEXT, **_STANDING)),
    ),
    "News": _object(
        "What has changed; `restart` says that there are other units now.",
        ("restart",),
        restart=_TRUTH,
        units=_list(ref("Unit")),
        seen=_map(_MAYBE_MOMENT),
    ),
    "Document": {"type": "object", "description": "An OpenAPI document."},
}
