from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from agent.model import Register, Table
from agent.profiles.schema import Limits, Words, WordType
from agent.transport.plan import Span, plan, singles

HOLDING, INPUT = Table.HOLDING, Table.INPUT


def words(address: int, count: int = 1, table: Table = HOLDING) -> Words:
    return Words(Register(table, address), count, WordType.TEXT)


def spans(*places: tuple[int, int], table: Table = HOLDING) -> tuple[Span, ...]:
    return tuple(Span(table, address, count) for address, count in places)


def test_neighbours_are_one_request() -> None:
    assert plan([words(10), words(12, 2), words(11)], Limits()) == spans((10, 4))


def test_a_register_wanted_twice_is_read_once() -> None:
    assert plan([words(10), words(10), words(10, 2)], Limits()) == spans((10, 2))


def test_a_gap_is_not_read_unless_allowed() -> None:
    places = [words(10), words(13)]
    assert plan(places, Limits(max_gap=1)) == spans((10, 1), (13, 1))
    assert plan(places, Limits(max_gap=2)) == spans((10, 4))


def test_a_value_is_not_torn_at_the_limit() -> None:
    assert plan([words(0), words(1, 2), words(3, 2)], Limits(max_words=4)) == spans((0, 3), (3, 2))


def test_each_table_is_asked_for_itself() -> None:
    places = [words(0, table=INPUT), words(1), words(1, table=INPUT)]
    assert plan(places, Limits()) == (Span(HOLDING, 1, 1), Span(INPUT, 0, 2))


def test_a_refused_register_takes_its_value_along_and_is_not_read_across() -> None:
    places = [words(10), words(11, 2), words(13)]
    refused = {Register(HOLDING, 12)}
    assert plan(places, Limits(max_gap=8), refused=refused) == spans((10, 1), (13, 1))


def test_a_refused_register_of_another_table_does_no_harm() -> None:
    assert plan([words(10)], Limits(), refused={Register(INPUT, 10)}) == spans((10, 1))


def test_nothing_wanted_is_nothing_asked() -> None:
    assert plan([], Limits()) == ()


def test_a_refused_request_falls_into_its_values() -> None:
    places = [words(12), words(10, 2), words(12), words(13, 2), words(11, table=INPUT)]
    assert singles(places, Span(HOLDING, 10, 4)) == spans((10, 2), (12, 1))


def test_documented_registers_are_crossed_where_that_is_shorter() -> None:
    limits = Limits(documented=frozenset(range(10, 60)))
    assert plan([words(10), words(20)], limits) == spans((10, 11))
    assert plan([words(10), words(40)], limits) == spans((10, 1), (40, 1))
    assert plan([words(8), words(13)], limits) == spans((8, 1), (13, 1))
    refused = {Register(HOLDING, 15)}
    assert plan([words(10), words(20)], limits, refused=refused) == spans((10, 1), (20, 1))


def test_the_registers_of_a_span() -> None:
    span = Span(INPUT, 7, 2)
    assert (span.end, span.registers) == (9, (Register(INPUT, 7), Register(INPUT, 8)))


@st.composite
def separate_places(draw: st.DrawFn, widest: int = 4) -> list[Words]:
    """Places that do not overlap, as the fields of a checked profile."""
    places = []
    for table in (HOLDING, INPUT):
        address = draw(st.integers(0, 3))
        for gap, count in draw(
            st.lists(st.tuples(st.integers(0, 5), st.integers(1, widest)), max_size=14)
        ):
            places.append(words(address + gap, count, table))
            address += gap + count
    return draw(st.permutations(places))


LIMITS = st.builds(Limits, max_words=st.integers(4, 20), max_gap=st.integers(0, 6))
REFUSED = st.sets(st.builds(Register, st.sampled_from([HOLDING, INPUT]), st.integers(0, 40)))


@given(separate_places(), LIMITS, REFUSED)
def test_any_plan_is_whole_and_within_limits(
    places: Sequence[Words], limits: Limits, refused: set[Register]
) -> None:
    planned = plan(places, limits, refused=refused)
    wanted = [place for place in places if refused.isdisjoint(place.registers)]
    used = {register for place in wanted for register in place.registers}
    for place in wanted:
        covering = [span for span in planned if set(place.registers) <= set(span.registers)]
        assert len(covering) == 1
    for span in planned:
        assert span.count <= limits.max_words
        assert refused.isdisjoint(span.registers)
        assert {span.registers[0], span.registers[-1]} <= used
        assert longest_run(span, used) <= limits.max_gap
    read = [register for span in planned for register in span.registers]
    assert len(read) == len(set(read))
    assert list(planned) == sorted(planned)


def longest_run(span: Span, used: set[Register]) -> int:
    run = longest = 0
    for register in span.registers:
        run = 0 if register in used else run + 1
        longest = max(longest, run)
    return longest


@given(separate_places(), LIMITS)
def test_no_plan_has_fewer_requests(places: Sequence[Words], limits: Limits) -> None:
    assert len(plan(places, limits)) == fewest(sorted(places, key=lambda p: p.register), limits)


def fewest(places: Sequence[Words], limits: Limits) -> int:
    """Count the requests of the best plan by trying every first request."""
    best = [0]
    for end in range(1, len(places) + 1):
        options = []
        for start in range(end - 1, -1, -1):
            if not _one_request(places[start:end], limits):
                break
            options.append(best[start] + 1)
        best.append(min(options))
    return best[-1]


def _one_request(places: Sequence[Words], limits: Limits) -> bool:
    first, last = places[0], places[-1]
    ends = [place.register.address + place.count for place in places]
    gaps = [after.register.address - end for after, end in zip(places[1:], ends, strict=False)]
    return (
        first.register.table is last.register.table
        and ends[-1] - first.register.address <= limits.max_words
        and all(gap <= limits.max_gap for gap in gaps)
    )


@given(separate_places(), LIMITS)
def test_singles_of_a_span_are_its_values(places: Sequence[Words], limits: Limits) -> None:
    for span in plan(places, limits):
        parts = singles(places, span)
        assert {(part.table, part.address, part.count) for part in parts} == {
            (*place.register, place.count)
            for place in places
            if set(place.registers) <= set(span.registers)
        }
