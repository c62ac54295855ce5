"""One answer from several trees: who wins, and what is counted as a contradiction."""

import pytest

from agent.decode.merge import contradict
from agent.decode.sample import decode
from agent.model import Fault, FaultReason, Oid, Raw, Reading, SnmpKind, SnmpValue, Value
from agent.profiles.schema import Field, Object

VENDOR, STANDARD = Object((1, 1, 0)), Object((1, 2, 0))
DISAGREES = FaultReason.DISAGREES
STATES = ((1, True), (2, False))


def merged(
    vendor: Field, standard: Field, first: int, second: int
) -> tuple[tuple[Reading, ...], tuple[Fault, ...]]:
    varbinds: dict[Oid, SnmpValue] = {
        VENDOR.oid: SnmpValue(SnmpKind.INTEGER, first),
        STANDARD.oid: SnmpValue(SnmpKind.INTEGER, second),
    }
    sample = decode("u", [vendor, standard], Raw(1.7e9, 5.0, 0.1, varbinds=varbinds))
    return sample.readings, sample.faults


def test_seconds_win_over_minutes_that_agree() -> None:
    seconds = Field("runtime_remaining", VENDOR)
    minutes = Field("runtime_remaining", STANDARD, scale=60, rank=100)
    assert merged(seconds, minutes, 2594, 43) == (
        (Reading("runtime_remaining", None, 2594.0, 5.0, "1.1.0"),),
        (),
    )


def test_a_contradiction_is_counted_and_never_averaged() -> None:
    percent = Field("state_of_charge", VENDOR, scale=0.01)
    other = Field("state_of_charge", STANDARD, scale=0.01, rank=100)
    assert merged(percent, other, 78, 7) == (
        (Reading("state_of_charge", None, 0.78, 5.0, "1.1.0"),),
        (Fault("state_of_charge", None, DISAGREES, "0.07", "1.2.0"),),
    )


def test_a_warning_is_not_outvoted_by_the_tree_that_lacks_it() -> None:
    vendor = Field("replace_battery", VENDOR, states=((1, True), (2, False)))
    standard = Field("replace_battery", STANDARD, states=((0, False), (1, True)), rank=100)
    assert merged(vendor, standard, 2, 1) == (
        (Reading("replace_battery", None, value=True, read_at=5.0, source="1.2.0", text="1"),),
        (Fault("replace_battery", None, DISAGREES, "False", "1.1.0"),),
    )


PACKS = Field("replace_battery", Object((1, 9), column=True), index="pack:{1}", states=STATES)


def packs(whole: int | None, *parts: int) -> dict[str | None, tuple[Value, str]]:
    varbinds: dict[Oid, SnmpValue] = {
        (1, 9, n): SnmpValue(SnmpKind.INTEGER, part) for n, part in enumerate(parts, 1)
    }
    if whole is not None:
        varbinds[VENDOR.oid] = SnmpValue(SnmpKind.INTEGER, whole)
    fields = [Field("replace_battery", VENDOR, states=STATES), PACKS]
    sample = decode("u", fields, Raw(1.7e9, 5.0, 0.1, varbinds=varbinds))
    counted = [row.source for row in sample.faults if row.reason is DISAGREES]
    assert counted == (["1.1.0"] if whole == 2 and 1 in parts else [])
    return {row.index: (row.value, row.source) for row in sample.readings if row.index is None}


def test_a_pack_that_must_be_replaced_is_said_of_the_whole() -> None:
    assert packs(2, 2, 1) == {None: (True, "derived from 1.9.2")}
    assert packs(None, 2, 1) == {None: (True, "derived from 1.9.2")}
    assert packs(None, 2, 2) == {None: (False, "derived from 1.9.1")}


def test_what_the_device_says_of_the_whole_stands_beside_sound_packs() -> None:
    assert packs(1, 2, 2) == {None: (True, "1.1.0")}
    assert packs(2, 2, 2) == {None: (False, "1.1.0")}


TENTHS = Field("battery_voltage", VENDOR, scale=0.1)
WHOLE = Field("battery_voltage", STANDARD)
STATUS = Field("battery_status", VENDOR)
SOURCE = Field("output_source", VENDOR)


@pytest.mark.parametrize(
    ("field", "one", "other", "cannot_both_be_true"),
    [
        pytest.param(TENTHS, 77.6, 78.0, False, id="rounded to whole volts"),
        pytest.param(TENTHS, 25.9, 259.0, True, id="a slipped decimal point"),
        pytest.param(TENTHS, 54.0, 58.0, False, id="a load step between two reads"),
        pytest.param(STATUS, "floating", "normal", False, id="two words for sound"),
        pytest.param(STATUS, "normal", "fault", True, id="sound and not"),
        pytest.param(SOURCE, "battery", "normal", False, id="a source moves between two reads"),
    ],
)
def test_what_contradicts(
    field: Field, one: Value, other: Value, *, cannot_both_be_true: bool
) -> None:
    assert contradict(field, one, WHOLE, other) is cannot_both_be_true
    assert contradict(field, other, WHOLE, one) is cannot_both_be_true
