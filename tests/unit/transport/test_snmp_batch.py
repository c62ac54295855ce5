"""The batching policy against agents with every kind of bad manners, without a socket."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import AuthFailed, BadAnswer, NoAnswer, Refused
from agent.model import Oid, SnmpKind, SnmpValue
from agent.transport.snmp_batch import (
    AUTHORIZATION_ERROR,
    MOST_OIDS,
    NO_SUCH_NAME,
    START_OIDS,
    TOO_BIG,
    UNTOLD_ERROR,
    Answer,
    Manners,
    Page,
    Step,
    collect,
    gather,
)

GEN_ERR = 5
ROOT = (1, 3, 6, 1)


def oid(number: int) -> Oid:
    return (*ROOT, number, 0)


def value(name: Oid) -> SnmpValue:
    return SnmpValue(SnmpKind.INTEGER, sum(name))


@dataclass
class Agent:
    """An agent that has ``there``, takes ``limit`` variables and fails in its own way."""

    there: set[Oid]
    limit: int = 1000
    style: str = "v2"
    loses: set[int] = field(default_factory=set)
    asked: list[tuple[Oid, ...]] = field(default_factory=list)

    def __call__(self, batch: tuple[Oid, ...]) -> Answer:
        self.asked.append(batch)
        if len(self.asked) in self.loses or (self.style == "mute" and len(batch) > self.limit):
            raise NoAnswer("silent")
        if len(batch) > self.limit:
            return Answer({}, UNTOLD_ERROR if self.style == "untold" else TOO_BIG)
        missing = [place for place, name in enumerate(batch, 1) if name not in self.there]
        if missing and self.style in {"v1", "v1 without index", "untold"}:
            status = UNTOLD_ERROR if self.style == "untold" else NO_SUCH_NAME
            return Answer({}, status, missing[0] if self.style == "v1" else 0)
        return Answer({name: value(name) for name in batch if name in self.there})


def drive(oids: list[Oid], agent: Callable[[tuple[Oid, ...]], Answer], manners: Manners) -> object:
    policy = gather(oids, manners)
    try:
        batch = next(policy)
        while True:
            try:
                answer = agent(batch)
            except NoAnswer as error:
                batch = policy.throw(error)
            else:
                batch = policy.send(answer)
    except StopIteration as end:
        return end.value


STYLES = ["v2", "v1", "v1 without index", "untold"]


@given(
    st.sets(st.integers(0, 60)),
    st.sets(st.integers(0, 60), min_size=1),
    st.integers(1, 30),
    st.sampled_from(STYLES),
)
def test_every_variable_gets_its_value_or_none(
    there: set[int], wanted: set[int], limit: int, style: str
) -> None:
    agent = Agent({oid(number) for number in there}, limit, style)
    names = [oid(number) for number in sorted(wanted)]
    got = drive(names, agent, Manners("agent"))
    assert got == {name: value(name) if name in agent.there else None for name in names}
    assert all(0 < len(batch) <= MOST_OIDS for batch in agent.asked)


@given(st.integers(1, 30), st.sampled_from(["v2", "untold", "mute"]))
def test_the_size_is_learnt_and_kept(limit: int, style: str) -> None:
    names = [oid(number) for number in range(100)]
    agent, manners = Agent(set(names), limit, style), Manners("agent")
    manners.alive, manners.oids.proven, manners.oids.size = True, 1, 1
    for _ in range(3):
        drive(names, agent, manners)
    agent.asked.clear()
    drive(names, agent, manners)
    sizes = {len(batch) for batch in agent.asked}
    assert max(sizes) <= limit
    assert max(sizes) >= (min(limit, MOST_OIDS) + 1) // 2


def test_a_healthy_agent_gets_few_requests() -> None:
    names = [oid(number) for number in range(60)]
    agent, manners = Agent(set(names)), Manners("agent")
    drive(names, agent, manners)
    assert [len(batch) for batch in agent.asked] == [START_OIDS, 10, 20, 20, 5]


def test_a_dead_agent_costs_one_request_each_time() -> None:
    names = [oid(number) for number in range(60)]
    agent, manners = Agent(set(), style="mute", limit=0), Manners("agent")
    for attempt in range(1, 8):
        with pytest.raises(NoAnswer):
            drive(names, agent, manners)
        assert len(agent.asked) == attempt


def test_an_agent_that_dies_costs_one_request() -> None:
    names = [oid(number) for number in range(60)]
    agent, manners = Agent(set(names)), Manners("agent")
    drive(names, agent, manners)
    asked = len(agent.asked)
    agent.limit, agent.style = 0, "mute"
    with pytest.raises(NoAnswer):
        drive(names, agent, manners)
    assert len(agent.asked) == asked + 1


def test_one_lost_packet_while_growing_does_not_shrink_the_batches() -> None:
    names = [oid(number) for number in range(100)]
    agent, manners = Agent(set(names), loses={3}), Manners("agent")
    assert drive(names, agent, manners) == {name: value(name) for name in names}
    assert manners.oids.size == MOST_OIDS


def test_an_agent_that_answers_only_errors_has_refused() -> None:
    with pytest.raises(Refused) as refusal:
        drive([oid(1), oid(2)], lambda _: Answer({}, GEN_ERR), Manners("ups"))
    assert refusal.value.code == GEN_ERR


def test_one_variable_with_an_error_does_not_spoil_the_others() -> None:
    def agent(batch: tuple[Oid, ...]) -> Answer:
        return Answer({}, GEN_ERR) if oid(3) in batch else Answer({n: value(n) for n in batch})

    got = drive([oid(number) for number in range(6)], agent, Manners("ups"))
    assert got == {oid(n): None if n == 3 else value(oid(n)) for n in range(6)}


def test_a_rejected_reader_is_told_apart() -> None:
    with pytest.raises(AuthFailed):
        drive([oid(1), oid(2)], lambda _: Answer({}, AUTHORIZATION_ERROR), Manners("ups"))


def test_a_value_that_was_not_asked_is_a_bad_answer() -> None:
    with pytest.raises(BadAnswer, match="which was not asked"):
        drive([oid(1)], lambda _: Answer({oid(2): value(oid(2))}), Manners("ups"))


def walk(agent: Callable[[Step], Page], manners: Manners, most_rows: int = 1000) -> object:
    policy = collect(ROOT, manners, most_rows)
    try:
        step = next(policy)
        while True:
            try:
                page = agent(step)
            except NoAnswer as error:
                step = policy.throw(error)
            else:
                step = policy.send(page)
    except StopIteration as end:
        return end.value


def table(there: list[Oid], step: Step, limit: int = 1000) -> Page:
    after = [name for name in there if name > step.cursor][: min(step.rows, limit)]
    inside = [name for name in after if name[: len(ROOT)] == ROOT]
    return Page([(n, value(n)) for n in inside], len(inside) < len(after) or not after)


@given(st.sets(st.integers(0, 200)), st.integers(1, 30), st.booleans())
def test_a_walk_gets_every_row(numbers: set[int], limit: int, more: bool) -> None:  # noqa: FBT001
    there = sorted(oid(number) for number in numbers)
    all_rows = [*there, (1, 3, 7)] if more else there
    got = walk(lambda step: table(all_rows, step, limit), Manners("ups"))
    assert got == {name: value(name) for name in there}


def test_rows_without_value_only_move_the_walk_on() -> None:
    pages = iter([Page([(oid(1), None)], ended=False), Page([(oid(2), value(oid(2)))], ended=True)])
    assert walk(lambda _: next(pages), Manners("ups")) == {oid(2): value(oid(2))}


def test_a_walk_survives_silence_on_large_pages() -> None:
    there = [oid(number) for number in range(50)]
    asked: list[int] = []

    def agent(step: Step) -> Page:
        asked.append(step.rows)
        if step.rows > 4:
            raise NoAnswer("silent")
        return table(there, step)

    manners = Manners("ups", alive=True)
    assert walk(agent, manners) == {name: value(name) for name in there}
    asked.clear()
    walk(agent, manners)
    assert max(asked) <= 4


@pytest.mark.parametrize(
    "rows",
    [[oid(2), oid(1)], [oid(2), oid(2)], [ROOT], [(1, 3, 7)], [(1, 3)], []],
    ids=["back", "still", "the root", "outside", "above", "nothing"],
)
def test_a_walk_that_does_not_advance_is_a_bad_answer(rows: list[Oid]) -> None:
    page = Page([(name, value(name)) for name in rows], ended=False)
    with pytest.raises(BadAnswer):
        walk(lambda _: page, Manners("ups"))


def test_a_walk_without_end_is_a_bad_answer() -> None:
    def agent(step: Step) -> Page:
        name = (*ROOT, step.cursor[-1] + 1)
        return Page([(name, value(name))], ended=False)

    with pytest.raises(BadAnswer, match="does not end within 100 rows"):
        walk(agent, Manners("ups"), most_rows=100)


def test_a_walk_of_long_texts_is_a_bad_answer() -> None:
    text = SnmpValue(SnmpKind.OCTETS, b"x" * 65_000)
    sent: list[Oid] = []

    def agent(step: Step) -> Page:
        sent.append((*ROOT, step.cursor[-1] + 1))
        return Page([(sent[-1], text)], ended=len(sent) >= 1000)

    with pytest.raises(BadAnswer, match="holds more than 4194304 bytes"):
        walk(agent, Manners("ups"))
    assert len(sent) == 65


def test_an_error_status_in_a_walk_is_a_refusal() -> None:
    with pytest.raises(Refused):
        walk(lambda _: Page([], ended=False, status=GEN_ERR), Manners("ups"))
    with pytest.raises(AuthFailed):
        walk(lambda _: Page([], ended=False, status=AUTHORIZATION_ERROR), Manners("ups"))


def test_pages_that_are_too_big_shrink() -> None:
    there = [oid(number) for number in range(30)]

    def agent(step: Step) -> Page:
        return Page([], ended=False, status=TOO_BIG) if step.rows > 3 else table(there, step)

    assert walk(agent, Manners("ups")) == {name: value(name) for name in there}
