import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from agent.errors import NoAnswer, Refused, TransportError, Unidentified
from agent.model import (
    FaultReason,
    Raw,
    Register,
    Sample,
    Table,
    UnitInfo,
    UnitState,
    UnitStatus,
)
from agent.poll import unit as unit_room
from agent.poll.reader import Pass, Reader
from agent.poll.schedule import Pace, Turn
from agent.poll.unit import PolledUnit, fixed
from agent.profiles.schema import Cadence, Field, Profile, Protocol, Words, WordType
from tests.unit.poll.scripted import holding


def place(address: int) -> Words:
    return Words(Register(Table.HOLDING, address), 1, WordType.U16)


VOLTS = Field("battery_voltage", place(1), highest=60, lowest=0)
CYCLES = Field("cycle_count", place(2), cadence=Cadence.SLOW)
MODEL = Field("model", place(3), cadence=Cadence.ONCE)
CELLS = tuple(Field("cell_voltage", place(10 + n), index=str(n)) for n in (1, 2))
PROFILE = Profile("p", "A family", Protocol.MODBUS, (VOLTS, CYCLES, MODEL, *CELLS))
OTHER = Profile("q", "Another family", Protocol.MODBUS, (VOLTS,))
GOOD = {1: 54, 2: 7, 3: 9, 11: 4, 12: 4}


@dataclass
class Script:
    """A reader whose passes are given: words by register, or the error that ends the pass."""

    passes: list[dict[int, int] | Exception]
    asked: list[tuple[Field, ...]] = field(default_factory=list)
    forgot: int = 0

    def forget(self) -> None:
        self.forgot += 1

    async def read(self, fields: Sequence[Field]) -> Pass:
        self.asked.append(tuple(fields))
        step = self.passes.pop(0)
        if isinstance(step, TransportError):
            return Pass(Raw(1.7e9, 5.0, 0.1), (), step)
        if isinstance(step, Exception):
            raise step
        words = {holding(address): word for address, word in step.items()}
        refused = frozenset(holding(address) for address in set(GOOD) - set(step))
        return Pass(Raw(1.7e9, 5.0, 0.1, words=words, refused=refused), tuple(fields))


@dataclass
class Notes:
    """A sink that writes down what comes."""

    profiles: list[Profile] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    statuses: list[UnitStatus] = field(default_factory=list)
    learnt: list[Sample | Exception] = field(default_factory=list)
    failures: list[Exception | None] = field(default_factory=list)
    glances: list[Sample] = field(default_factory=list)
    deaf: tuple[int, ...] = ()

    def found(self, unit: str, profile: Profile) -> None:
        assert unit == "u"
        self.profiles.append(profile)

    def sample(self, sample: Sample, profile: Profile) -> None:
        assert profile is self.profiles[-1]
        self.samples.append(sample)

    def glance(self, sample: Sample) -> None:
        self.glances.append(sample)

    def learn(self, sample: Sample) -> None:
        assert sample is self.samples[-1]
        failure = self.failures.pop(0) if self.failures else None
        self.learnt.append(failure or sample)
        if failure is not None:
            raise failure

    def status(self, unit: str, status: UnitStatus) -> None:
        assert unit == "u"
        self.statuses.append(status)
        if status.polls in self.deaf:
            raise ZeroDivisionError

    def states(self) -> list[UnitState]:
        return [status.state for status in self.statuses]


def polled(
    *passes: dict[int, int] | Exception, series: int | None = None
) -> tuple[PolledUnit, Script, Notes]:
    script, notes = Script(list(passes)), Notes()
    info = UnitInfo("u", "auto", bus="shelf-a", address="unit id 48")
    made = PolledUnit(info, Turn(Pace()), fixed(PROFILE, script), notes, series=series)
    return made, script, notes


async def poll_all(unit: PolledUnit, times: int) -> list[str | None]:
    return [await unit.poll() for _ in range(times)]


SILENCE = NoAnswer("nothing within 1 s")


async def test_a_first_pass_finds_reads_and_publishes() -> None:
    unit, script, notes = polled(GOOD)
    assert await unit.poll() is None
    assert notes.profiles == [PROFILE]
    assert script.asked == [PROFILE.fields]
    assert [(row.quantity, row.index, row.value) for row in notes.samples[0].readings] == [
        ("battery_voltage", None, 54.0),
        ("cycle_count", None, 7.0),
        ("model", None, "9"),
        ("cell_voltage", "1", 4.0),
        ("cell_voltage", "2", 4.0),
    ]
    (status,) = notes.statuses
    assert (status.state, status.failures, status.polls, status.errors) == (UnitState.UP, 0, 1, {})
    assert (status.last_error, status.profile) == (None, "p")
    assert status.last_ok == status.since


async def test_later_passes_read_the_fast_fields() -> None:
    unit, script, notes = polled(GOOD, GOOD)
    await poll_all(unit, 2)
    assert script.asked[1] == (VOLTS, *CELLS)
    assert notes.profiles == [PROFILE]


async def test_cell_slots_beyond_the_series_are_not_published() -> None:
    unit, _, notes = polled(GOOD, series=1)
    await unit.poll()
    assert [row.index for row in notes.samples[0].readings if row.index] == ["1"]


async def test_counters_by_cause() -> None:
    unit, _, notes = polled(GOOD, SILENCE, Refused("busy", 6), GOOD)
    assert await poll_all(unit, 4) == [None, "NoAnswer", "Refused", None]
    assert [status.failures for status in notes.statuses] == [0, 1, 2, 0]
    assert [status.polls for status in notes.statuses] == [1, 2, 3, 4]
    assert notes.statuses[-1].errors == {"NoAnswer": 1, "Refused": 1}
    assert [status.last_error for status in notes.statuses] == [
        None,
        "nothing within 1 s",
        "busy",
        None,
    ]


async def test_what_a_status_told_is_not_changed_afterwards() -> None:
    unit, _, notes = polled(GOOD, SILENCE, SILENCE)
    await poll_all(unit, 3)
    assert [status.errors for status in notes.statuses] == [{}, {"NoAnswer": 1}, {"NoAnswer": 2}]


async def test_one_lost_answer_is_no_outage() -> None:
    unit, _, notes = polled(GOOD, SILENCE, GOOD)
    await poll_all(unit, 3)
    assert notes.states() == [UnitState.UP] * 3
    assert len({status.since for status in notes.statuses}) == 1


async def test_a_unit_that_never_answered_is_down_at_once() -> None:
    unit, _, notes = polled(SILENCE)
    await unit.poll()
    assert notes.states() == [UnitState.DOWN]
    assert notes.statuses[0].last_ok is None
    assert notes.samples == []


async def test_one_line_when_it_goes_and_one_when_it_returns(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    unit, _, notes = polled(GOOD, *[SILENCE] * 12, GOOD, GOOD)
    await poll_all(unit, 15)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "WARNING",
            "unit u (shelf-a unit id 48) does not answer: NoAnswer: nothing within 1 s",
        ),
        ("INFO", "unit u (shelf-a unit id 48) answers again"),
    ]
    assert notes.states()[-4:] == [UnitState.DORMANT] * 2 + [UnitState.UP] * 2


async def test_a_unit_that_never_answered_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    unit, _, _ = polled(*[SILENCE] * 4)
    await poll_all(unit, 4)
    assert len(caplog.records) == 1


async def test_after_a_silence_everything_is_read_again() -> None:
    unit, script, _ = polled(GOOD, GOOD, SILENCE, SILENCE, GOOD)
    await poll_all(unit, 5)
    assert script.asked[-1] == PROFILE.fields
    assert script.forgot == 2


async def test_an_implausible_value_degrades_the_unit_and_its_absence_mends_it() -> None:
    unit, _, notes = polled(GOOD, {**GOOD, 1: 61}, GOOD)
    await poll_all(unit, 3)
    assert notes.states() == [UnitState.UP, UnitState.DEGRADED, UnitState.UP]
    assert [fault.reason for fault in notes.samples[1].faults] == [FaultReason.IMPLAUSIBLE]


async def test_a_refused_field_does_not_degrade() -> None:
    unit, _, notes = polled({1: 54, 11: 4, 12: 4})
    await unit.poll()
    assert notes.states() == [UnitState.UP]


async def test_a_unit_that_refuses_everything_is_down_with_its_cause_and_asked_afresh(
    caplog: pytest.LogCaptureFixture,
) -> None:
    unit, script, notes = polled({}, {}, GOOD)
    assert await poll_all(unit, 3) == ["Refused", "Refused", None]
    assert notes.states() == [UnitState.DOWN, UnitState.DOWN, UnitState.UP]
    assert notes.statuses[0].last_error == "it refuses everything that p reads"
    assert "refuses everything" in caplog.records[0].getMessage()
    assert script.asked == [PROFILE.fields] * 3
    assert script.forgot == 5
    assert {fault.reason for fault in notes.samples[0].faults} == {FaultReason.REFUSED}


async def test_a_unit_that_gives_no_value_is_degraded_and_asked_for_all_again() -> None:
    unit, script, notes = polled({1: 61, 2: 65535, 3: 9}, GOOD)
    unit.find = fixed(OTHER, script)
    await poll_all(unit, 2)
    assert notes.states() == [UnitState.DEGRADED, UnitState.UP]
    assert script.forgot == 2


async def test_a_mistake_of_our_own_is_counted_and_the_polling_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    unit, _, notes = polled(GOOD, ZeroDivisionError("oops"), GOOD)
    assert await poll_all(unit, 3) == [None, "InternalError", None]
    assert notes.statuses[1].last_error == "ZeroDivisionError: oops"
    (record,) = caplog.records
    assert record.exc_info is not None


async def test_what_fails_to_learn_from_values_does_not_lose_the_unit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    unit, _, notes = polled(GOOD, GOOD, GOOD)
    failures = [ZeroDivisionError("oops"), NoAnswer("from no line")]
    notes.failures = [*failures, None]
    assert await poll_all(unit, 3) == [None] * 3
    assert notes.states() == [UnitState.UP] * 3
    assert [status.failures for status in notes.statuses] == [0, 0, 0]
    assert [status.last_ok is None for status in notes.statuses] == [False] * 3
    assert notes.statuses[-1].errors == {"InternalError": 2}
    assert notes.learnt == [*failures, notes.samples[-1]]
    assert [record.exc_info is not None for record in caplog.records] == [True] * 2


async def test_an_error_that_stays_is_logged_once_and_counted_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    unit, _, notes = polled(*[GOOD] * 5)
    notes.failures = [*[ZeroDivisionError("oops")] * 3, None, ZeroDivisionError("oops")]
    await poll_all(unit, 5)
    assert notes.statuses[-1].errors == {"InternalError": 4}
    said = [record.getMessage().partition(": ")[2] for record in caplog.records]
    wrong = "learning met an error of our own"
    assert said == [wrong, "learning goes on again", wrong]


async def test_what_fails_to_take_a_status_does_not_end_the_polling(
    caplog: pytest.LogCaptureFixture,
) -> None:
    unit, _, notes = polled(GOOD, GOOD)
    notes.deaf = (1,)
    assert await poll_all(unit, 2) == [None, None]
    assert notes.statuses[-1].errors == {"InternalError": 1}
    assert [record.exc_info is not None for record in caplog.records] == [True]


async def test_a_pass_that_brought_nothing_teaches_nothing() -> None:
    unit, _, notes = polled(GOOD, SILENCE)
    await poll_all(unit, 2)
    assert notes.learnt == notes.samples
    assert len(notes.learnt) == 1


@dataclass
class Search:
    """A finder that fails, or finds, as told."""

    finds: list[Exception | tuple[Profile, Reader]]

    async def __call__(self) -> tuple[Profile, Reader]:
        found = self.finds.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


async def test_a_unit_that_nothing_fits_is_down_with_the_reason() -> None:
    unit, script, notes = polled(GOOD)
    unit.find = Search([Unidentified("no profile fits"), (PROFILE, script)])
    assert await poll_all(unit, 2) == ["Unidentified", None]
    assert notes.states() == [UnitState.DOWN, UnitState.UP]
    assert [status.profile for status in notes.statuses] == [None, "p"]


async def test_after_a_silence_another_family_may_sit_there() -> None:
    unit, script, notes = polled(GOOD, SILENCE, SILENCE, GOOD, GOOD)
    unit.find = Search([(PROFILE, script), (OTHER, script)])
    await poll_all(unit, 5)
    assert notes.profiles == [PROFILE, OTHER]
    assert [status.profile for status in notes.statuses] == ["p", "p", "p", "q", "q"]


async def test_the_same_family_is_not_announced_twice() -> None:
    unit, _, notes = polled(GOOD, SILENCE, SILENCE, GOOD)
    await poll_all(unit, 4)
    assert notes.profiles == [PROFILE]


AMPERES = Field("battery_current", place(4))
SHELF = Profile("s", "A family", Protocol.MODBUS, (VOLTS, AMPERES, MODEL, *CELLS))
ALL = {**GOOD, 4: 0}


def glanced(*passes: dict[int, int] | Exception) -> tuple[PolledUnit, Script, Notes]:
    unit, script, notes = polled(*passes)
    unit.find = fixed(SHELF, script)
    return unit, script, notes


async def test_a_glance_reads_current_and_voltage_and_is_no_pass() -> None:
    unit, script, notes = glanced(ALL, {1: 54, 4: 7})
    assert not await unit.glance(), "before it is known"
    await unit.poll()
    assert await unit.glance()
    assert [row.quantity for row in script.asked[-1]] == ["battery_voltage", "battery_current"]
    assert [row.value for row in notes.glances[0].readings] == [54.0, 7.0]
    assert (len(notes.samples), len(notes.learnt), unit.polls) == (1, 1, 1)


async def test_after_a_glance_that_failed_a_pass_comes_first() -> None:
    unit, script, notes = glanced(ALL, SILENCE, ALL, {1: 54, 4: 7})
    await unit.poll()
    assert [await unit.glance(), await unit.glance()] == [False, False]
    assert len(script.asked) == 2
    assert unit.status.state is UnitState.UP
    await unit.poll()
    assert await unit.glance()
    assert len(notes.glances) == 1


async def test_a_family_without_a_short_request_has_no_glances() -> None:
    unit, script, _ = polled(GOOD)
    await unit.poll()
    assert not await unit.glance()
    assert len(script.asked) == 1


async def test_a_sample_holds_no_more_than_the_store_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit_room, "MOST_KEYS", 2)
    made, _, notes = polled(GOOD)
    assert await made.poll() is None
    assert [row.quantity for row in notes.samples[0].readings] == ["battery_voltage", "cycle_count"]
