"""Every type with every word different, so that a lost or swapped word shows."""

import math
import struct
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.decode.words import RawValue, raw_value
from agent.model import Register, Table
from agent.profiles.schema import WORDS, Words, WordType

AT = 100


def place(kind: WordType, count: int | None = None, **options: bool) -> Words:
    return Words(
        Register(Table.HOLDING, AT), WORDS[kind] if count is None else count, kind, **options
    )


def decoded(where: Words, words: Sequence[int]) -> RawValue | None:
    return raw_value(where, {Register(Table.HOLDING, AT + n): word for n, word in enumerate(words)})


@pytest.mark.parametrize(
    ("kind", "words", "value"),
    [
        (WordType.U16, [0xFFFE], 0xFFFE),
        (WordType.S16, [0x7FFF], 32767),
        (WordType.S16, [0xFFFE], -2),
        (WordType.U32, [0x0001, 0x0002], 0x0001_0002),
        (WordType.U32, [0xFFFF, 0xFFFE], 0xFFFF_FFFE),
        (WordType.S32, [0x0001, 0x0002], 0x0001_0002),
        (WordType.S32, [0xFFFF, 0xFFFE], -2),
        (WordType.U64, [1, 2, 3, 4], 0x0001_0002_0003_0004),
        (WordType.U64, [0xFFFF, 2, 3, 4], 0xFFFF_0002_0003_0004),
        (WordType.S64, [1, 2, 3, 4], 0x0001_0002_0003_0004),
        (WordType.S64, [0xFFFF, 0xFFFF, 0xFFFE, 4], -0x1_FFFC),
        (WordType.F32, [0x4048, 0xF5C3], struct.unpack(">f", b"\x40\x48\xf5\xc3")[0]),
    ],
)
def test_high_word_first(kind: WordType, words: list[int], value: float) -> None:
    assert decoded(place(kind), words) == value


@pytest.mark.parametrize(
    ("kind", "words", "value"),
    [
        (WordType.U16, [0x0102], 0x0102),
        (WordType.U32, [0x0002, 0x0001], 0x0001_0002),
        (WordType.S32, [0xFFFE, 0xFFFF], -2),
        (WordType.U64, [4, 3, 2, 1], 0x0001_0002_0003_0004),
        (WordType.S64, [4, 0xFFFE, 0xFFFF, 0xFFFF], -0x1_FFFC),
        (WordType.F32, [0xF5C3, 0x4048], struct.unpack(">f", b"\x40\x48\xf5\xc3")[0]),
    ],
)
def test_low_word_first(kind: WordType, words: list[int], value: float) -> None:
    assert decoded(place(kind, low_word_first=True), words) == value


def test_a_float_that_is_none_stays_one() -> None:
    value = decoded(place(WordType.F32), [0x7FC0, 0x0001])
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize("kind", [kind for kind in WORDS if WORDS[kind] > 1])
@pytest.mark.parametrize("lost", ["first", "last"])
def test_a_value_with_a_word_missing_is_none(kind: WordType, lost: str) -> None:
    where = place(kind)
    words = {register: n + 1 for n, register in enumerate(where.registers)}
    del words[where.registers[0 if lost == "first" else -1]]
    assert raw_value(where, words) is None


def test_words_of_another_table_are_not_taken() -> None:
    assert raw_value(place(WordType.U16), {Register(Table.INPUT, AT): 7}) is None


@pytest.mark.parametrize("bit", range(16))
def test_one_bit(bit: int) -> None:
    where = Words(Register(Table.HOLDING, AT), 1, WordType.U16, bit=bit)
    assert (decoded(where, [1 << bit]), decoded(where, [0xFFFF ^ 1 << bit])) == (1, 0)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        pytest.param([0x4142, 0x4344], "ABCD", id="full"),
        pytest.param([0x4142, 0x0043], "AB", id="ends at the first NUL"),
        pytest.param([0x0041, 0x4243], "", id="begins with NUL"),
        pytest.param([0x2041, 0x2042], "A B", id="blanks around go, inner ones stay"),
        pytest.param([0x2020, 0x2020], "", id="only blanks"),
        pytest.param([0x41FF, 0xC3A4], "A\ufffd\ufffd\ufffd", id="not ASCII"),
        pytest.param([0x411B, 0x5B32], "A[2", id="control characters go"),
        pytest.param([0xFFFF, 0xFFFF], "\ufffd\ufffd\ufffd\ufffd", id="erased memory"),
    ],
)
def test_text(words: list[int], shown: str) -> None:
    assert decoded(place(WordType.TEXT, 2), words) == shown


def test_text_with_the_low_byte_first() -> None:
    where = place(WordType.TEXT, 3, low_byte_first=True)
    assert decoded(where, [0x4241, 0x4443, 0x0045]) == "ABCDE"


@pytest.mark.parametrize(
    ("year", "month", "day"), [(1980, 1, 1), (2023, 12, 31), (2024, 2, 29), (2107, 10, 7)]
)
def test_sbs_date(year: int, month: int, day: int) -> None:
    word = (year - 1980) * 512 + month * 32 + day
    unix_s = datetime(year, month, day, tzinfo=UTC).timestamp()
    assert decoded(place(WordType.SBS_DATE), [word]) == unix_s


@pytest.mark.parametrize(
    ("year", "month", "day"), [(1980, 0, 0), (2023, 2, 29), (2023, 13, 1), (2023, 1, 0)]
)
def test_sbs_date_that_is_none(year: int, month: int, day: int) -> None:
    with pytest.raises(ValueError, match=r"month|day"):
        decoded(place(WordType.SBS_DATE), [(year - 1980) * 512 + month * 32 + day])


LAYOUTS = {
    WordType.U32: ">I",
    WordType.S32: ">i",
    WordType.U64: ">Q",
    WordType.S64: ">q",
}


@given(st.sampled_from(sorted(LAYOUTS)), st.data())
def test_either_word_order_gives_back_what_was_packed(kind: WordType, data: st.DataObject) -> None:
    bits = 16 * WORDS[kind]
    low = -(2 ** (bits - 1)) if kind.startswith("s") else 0
    value = data.draw(st.integers(low, low + 2**bits - 1))
    packed = struct.pack(LAYOUTS[kind], value)
    words = list(struct.unpack(f">{WORDS[kind]}H", packed))
    assert decoded(place(kind), words) == value
    assert decoded(place(kind, low_word_first=True), words[::-1]) == value


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=20), st.booleans())
def test_any_text_can_be_shown(words: list[int], low_byte_first: bool) -> None:  # noqa: FBT001 - hypothesis draws it
    shown = decoded(place(WordType.TEXT, len(words), low_byte_first=low_byte_first), words)
    assert isinstance(shown, str)
    assert shown.isprintable()
    assert len(shown) <= 2 * len(words)
