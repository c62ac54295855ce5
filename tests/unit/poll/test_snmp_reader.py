from agent.decode.sample import decode
from agent.errors import AuthFailed, BadAnswer, NoAnswer, Refused
from agent.model import FaultReason, Oid
from agent.poll.reader import Pass
from agent.poll.snmp_reader import SnmpReader
from agent.profiles.schema import Condition, Field, Object
from tests.unit.poll.scripted import TIMEOUT_S, ScriptedAgent, integer

BASE: Oid = (1, 3, 6, 1, 9)
VOLTS, AMPS, LOADS = (*BASE, 1, 0), (*BASE, 2, 0), (*BASE, 3)
FIELDS = [
    Field("battery_voltage", Object(VOLTS)),
    Field("battery_current", Object(AMPS)),
    Field("load", Object(LOADS, column=True), index="phase:{1}", scale=0.01),
]
ROWS = {(*LOADS, 1): integer(30), (*LOADS, 2): integer(31)}
REFUSED = FaultReason.REFUSED


def reader(agent: ScriptedAgent) -> SnmpReader:
    return SnmpReader(agent, TIMEOUT_S)


def values(result: Pass) -> dict[tuple[str, str | None], object]:
    sample = decode("u", result.fields, result.raw)
    return {(row.quantity, row.index): row.value for row in sample.readings}


def faults(result: Pass) -> dict[tuple[str, str | None], FaultReason]:
    sample = decode("u", result.fields, result.raw)
    return {(row.quantity, row.index): row.reason for row in sample.faults}


async def test_scalars_together_then_tables() -> None:
    agent = ScriptedAgent({VOLTS: integer(54), AMPS: integer(-3), **ROWS})
    result = await reader(agent).read(FIELDS)
    assert agent.took() == [VOLTS, AMPS, LOADS]
    assert (result.error, result.fields) == (None, tuple(FIELDS))
    assert values(result) == {
        ("battery_voltage", None): 54,
        ("battery_current", None): -3,
        ("load", "phase:1"): 0.3,
        ("load", "phase:2"): 0.31,
    }
    assert faults(result) == {}


async def test_what_does_not_exist_is_not_asked_again_until_forgotten() -> None:
    agent = ScriptedAgent({VOLTS: integer(54)})
    unit = reader(agent)
    first = await unit.read(FIELDS)
    assert faults(first) == {("battery_current", None): REFUSED, ("load", None): REFUSED}
    agent.took()
    again = await unit.read(FIELDS)
    assert agent.took() == [VOLTS]
    assert faults(again) == faults(first)
    unit.forget()
    await unit.read(FIELDS)
    assert agent.took() == [VOLTS, AMPS, LOADS]


async def test_one_silence_ends_the_pass() -> None:
    agent = ScriptedAgent({VOLTS: integer(54), **ROWS}, errors=[NoAnswer("silence")])
    result = await reader(agent).read(FIELDS)
    assert agent.took() == [VOLTS, AMPS]
    assert (str(result.error), result.fields) == ("silence", ())


async def test_what_was_read_before_a_silence_is_kept_and_the_rest_is_not_missing() -> None:
    agent = ScriptedAgent({VOLTS: integer(54), **ROWS}, errors=[None, NoAnswer("silence")])
    result = await reader(agent).read(FIELDS)
    assert isinstance(result.error, NoAnswer)
    assert values(result) == {("battery_voltage", None): 54}
    assert faults(result) == {("battery_current", None): REFUSED}


async def test_a_wrong_password_is_an_error_of_the_pass() -> None:
    agent = ScriptedAgent(errors=[AuthFailed("wrong digest")])
    assert isinstance((await reader(agent).read(FIELDS)).error, AuthFailed)


async def test_errors_for_all_scalars_prove_life_and_are_asked_again() -> None:
    agent = ScriptedAgent({VOLTS: integer(54), AMPS: integer(1), **ROWS}, [Refused("genErr", 5)])
    unit = reader(agent)
    first = await unit.read(FIELDS)
    assert first.error is None
    assert faults(first) == {("battery_voltage", None): REFUSED, ("battery_current", None): REFUSED}
    assert len(values(first)) == 2
    assert faults(await unit.read(FIELDS)) == {}


async def test_an_error_for_a_table_leaves_the_rest() -> None:
    agent = ScriptedAgent({VOLTS: integer(54), AMPS: integer(1)}, [None, Refused("genErr", 5)])
    result = await reader(agent).read(FIELDS)
    assert (result.error, faults(result)) == (None, {("load", None): REFUSED})
    assert len(values(result)) == 2


async def test_a_table_that_does_not_advance_leaves_the_rest_and_is_left_out() -> None:
    loop = BadAnswer("the walk goes from 1 to 1")
    agent = ScriptedAgent({VOLTS: integer(54), AMPS: integer(1), **ROWS}, [None, loop, loop])
    unit = reader(agent)
    first = await unit.read(FIELDS)
    assert (first.error, faults(first)) == (None, {("load", None): REFUSED})
    assert len(values(first)) == 2
    agent.took()
    assert faults(await unit.read(FIELDS)) == {("load", None): REFUSED}
    assert agent.took() == [VOLTS, AMPS]
    unit.forget()
    assert len(values(await unit.read(FIELDS))) == 4


async def test_a_table_that_was_spoilt_once_is_asked_again() -> None:
    agent = ScriptedAgent({VOLTS: integer(54), AMPS: integer(1), **ROWS}, [None, BadAnswer("?")])
    result = await reader(agent).read(FIELDS)
    assert (result.error, len(values(result))) == (None, 4)


async def test_a_unit_of_which_nothing_else_is_known_tells_of_its_bad_answers() -> None:
    loop = BadAnswer("the walk goes from 1 to 1")
    agent = ScriptedAgent(ROWS, [loop, loop, loop, loop])
    unit = reader(agent)
    for _ in range(2):
        assert (await unit.read(FIELDS[2:])).error is loop


async def test_an_object_that_two_fields_need_is_asked_once() -> None:
    agent = ScriptedAgent({VOLTS: integer(2)})
    fields = [
        Field("battery_status", Object(VOLTS), states=((2, "normal"),)),
        Field("battery_fault", Object(VOLTS), states=((2, False),)),
    ]
    result = await reader(agent).read(fields)
    assert agent.took() == [VOLTS]
    assert values(result) == {("battery_status", None): "normal", ("battery_fault", None): False}


async def test_a_list_of_what_is_active_is_walked_again_though_it_was_empty() -> None:
    active = Field("alarm", Object(LOADS, column=True), index="hot", any_row=7)
    agent = ScriptedAgent()
    unit = reader(agent)
    await unit.read([active])
    await unit.read([active])
    assert agent.took() == [LOADS, LOADS]


async def test_a_table_that_cannot_apply_is_not_walked() -> None:
    condition = Condition(Object(VOLTS), none_of=frozenset({-1}))
    active = Field("alarm", Object(LOADS, column=True), index="hot", any_row=7, when=(condition,))
    agent = ScriptedAgent(ROWS)
    result = await reader(agent).read([active])
    assert agent.took() == [VOLTS]
    assert (values(result), faults(result)) == ({}, {})
