"""Which request an answer on a Modbus TCP connection is for, and which one is believed."""

from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.transport.modbus_frames import Expected, Reply
from agent.transport.modbus_stream import Heard, Stream
from tests.unit.transport.pdus import THREE_WORDS, WORDS, WORDS_PDU, WRONG_PDUS

expectations = st.builds(
    Expected, st.integers(0, 255), st.sampled_from([1, 2, 3, 4]), st.integers(1, 125)
)


def frame(number: int, unit_id: int, pdu: bytes) -> bytes:
    length = (len(pdu) + 1).to_bytes(2, "big")
    return number.to_bytes(2, "big") + b"\0\0" + length + bytes([unit_id]) + pdu


def words(expected: Expected, payload: bytes) -> bytes:
    return bytes([expected.function, expected.data_bytes]) + payload


def asking(*numbers: int, first_unit: int = 17) -> Stream:
    """Give a stream on which each number asks a unit of its own for three words."""
    stream = Stream()
    for place, number in enumerate(numbers):
        stream.ask(number, Expected(first_unit + place, 3, 3), 108)
    return stream


def test_a_request_and_its_answer_are_those_of_the_specification() -> None:
    stream = Stream()
    # Messaging on TCP/IP V1.0b, 3.1.3, around the request of the application protocol, 6.3.
    assert stream.ask(0x1501, THREE_WORDS, 107) == bytes.fromhex("1501 0000 0006 11 03 006B 0003")
    assert stream.take(frame(0x1501, 17, WORDS_PDU)) == [(0x1501, Heard(Reply(WORDS)))]
    assert not stream.doubted


@pytest.mark.parametrize("code", [1, 2, 4, 6, 11, 255])
def test_an_exception_is_a_reply(code: int) -> None:
    assert asking(1).take(frame(1, 17, bytes([0x83, code]))) == [(1, Heard(Reply([], code)))]


@pytest.mark.parametrize("pdu", WRONG_PDUS.values(), ids=WRONG_PDUS.keys())
def test_a_wrong_answer_is_a_problem_at_once_and_of_nobody_else(pdu: bytes) -> None:
    stream, wrong = asking(1, 2), frame(1, 17, pdu)
    [(number, heard)] = stream.take(wrong)
    assert (number, heard.reply, heard.payload, heard.shared) == (1, None, wrong, False)
    assert heard.problem
    assert stream.take(frame(2, 18, WORDS_PDU)) == [(2, Heard(Reply(WORDS)))]
    assert (stream.doubted, stream.lost) == (True, False)


def test_an_answer_of_another_unit_is_a_problem() -> None:
    [(_, heard)] = asking(1).take(frame(1, 18, WORDS_PDU))
    assert heard.problem == "the answer is from unit 18, asked was unit 17"


@pytest.mark.parametrize("order", [*permutations((1, 2, 3))])
def test_answers_may_come_in_any_order(order: tuple[int, ...]) -> None:
    stream = asking(1, 2, 3)
    answers = b"".join(frame(n, 16 + n, bytes([3, 6, 0, n, 0, n, 0, n])) for n in order)
    assert stream.take(answers) == [(n, Heard(Reply([n, n, n]))) for n in order]


def test_what_was_given_up_is_skipped_when_it_comes() -> None:
    stream = asking(1, 2)
    assert stream.give_up(1) == Heard()
    stream.ask(3, THREE_WORDS, 0)
    assert stream.take(frame(1, 17, WORDS_PDU)) == []
    assert stream.take(frame(3, 17, WORDS_PDU)) == [(3, Heard(Reply(WORDS)))]
    assert stream.give_up(2) == Heard()
    assert not stream.doubted


@pytest.mark.parametrize("number", [0, 9, 0xABCD])
def test_an_answer_with_an_unknown_number_is_of_its_unit_or_of_nobody(number: int) -> None:
    stream, wrong = asking(1, 2), frame(number, 18, WORDS_PDU)
    text = f"the answer is to transaction {number}, asked was 2"
    assert stream.take(frame(number, 77, WORDS_PDU)) == []
    assert stream.take(wrong) == [(2, Heard(problem=text, payload=wrong))]
    assert stream.take(frame(2, 18, WORDS_PDU)) == []  # the right one comes after it
    assert stream.doubted
    text, wrong = text[:-1] + "1", frame(number, 77, WORDS_PDU)
    assert stream.take(wrong) == [(1, Heard(problem=text, payload=wrong))]


def test_an_answer_that_comes_twice_keeps_the_next_one_waiting_only() -> None:
    stream = asking(1, 2)
    twice = 2 * frame(1, 17, WORDS_PDU)
    assert stream.take(twice) == [(1, Heard(Reply(WORDS)))]
    stream.ask(3, THREE_WORDS, 0)
    assert stream.take(twice + frame(3, 17, WORDS_PDU)) == [(3, Heard(Reply(WORDS)))]
    stream.ask(4, THREE_WORDS, 0)
    assert stream.take(twice) == []
    text = "the answer is to transaction 1 once more, asked was 4"
    assert stream.give_up(4) == Heard(problem=text, payload=twice[: len(twice) // 2])
    assert stream.take(frame(2, 18, WORDS_PDU)) == [(2, Heard(Reply(WORDS)))]


@pytest.mark.parametrize("header", ["0001 0001 0009 11", "0001 0000 0001 11", "0001 0000 00FF 11"])
def test_what_is_no_frame_ends_all_requests_for_one_reason(header: str) -> None:
    stream, nonsense = asking(1, 2, 3), bytes.fromhex(header)
    heard = Heard(problem="not a Modbus TCP frame", payload=nonsense, shared=True)
    assert stream.take(nonsense) == [(1, heard), (2, heard), (3, heard)]
    assert stream.lost
    assert asking(1).take(nonsense) == [(1, heard._replace(shared=False))]


def test_a_flood_is_heard_no_further() -> None:
    stream = asking(1)
    [(_, heard)] = stream.take(b"\0\7\0\0\0\2\x11\x03" * 5000)
    assert (heard.problem, len(heard.payload), stream.lost) == (
        "a flood of 40000 bytes",
        8192,
        True,
    )


def test_half_an_answer_is_told_when_it_is_given_up_and_harms_nobody_else() -> None:
    stream, half = asking(1, 2), frame(1, 17, WORDS_PDU)[:9]
    assert stream.take(half) == []
    assert [stream.begun(1), stream.begun(2)] == [True, False]
    assert stream.give_up(1) == Heard(problem="the answer was cut", payload=half)
    assert stream.take(frame(2, 18, WORDS_PDU)) == [(2, Heard(Reply(WORDS)))]
    assert stream.doubted
    alone = asking(3)
    alone.take(b"\x05")
    assert alone.give_up(3) == Heard(problem="the answer was cut", payload=b"\x05")


def test_bytes_that_come_when_nothing_is_under_way_are_forgotten() -> None:
    stream = asking(1)
    assert stream.take(frame(1, 17, WORDS_PDU) + b"\xff") == [(1, Heard(Reply(WORDS)))]
    assert stream.take(b"\xff\xff\xff") == []
    stream.ask(2, THREE_WORDS, 0)
    assert stream.take(frame(2, 17, WORDS_PDU)) == [(2, Heard(Reply(WORDS)))]


@given(expectations, st.integers(1, 0xFFFF), st.data())
def test_an_answer_is_found_however_it_is_cut(
    expected: Expected, number: int, data: st.DataObject
) -> None:
    payload = data.draw(st.binary(min_size=expected.data_bytes, max_size=expected.data_bytes))
    whole = frame(number, expected.unit_id, words(expected, payload))
    at = data.draw(st.integers(0, len(whole) - 1))
    stream = Stream()
    stream.ask(number, expected, 0)
    assert stream.take(whole[:at]) == []
    [(told, heard)] = stream.take(whole[at:])
    assert told == number
    assert heard.reply is not None
    assert len(heard.reply.values) == expected.count


@given(st.lists(st.binary(max_size=300), max_size=4), st.lists(expectations, max_size=4))
def test_arbitrary_bytes_never_raise(noise: list[bytes], asked: list[Expected]) -> None:
    stream = Stream()
    for number, expected in enumerate(asked, 1):
        stream.ask(number, expected, 0)
    told = [number for data in noise for number, _ in stream.take(data)]
    open_yet = set(range(1, len(asked) + 1)) - set(told)
    assert len(told) == len(set(told)) == len(asked) - len(open_yet)
    for number in open_yet:
        stream.give_up(number)


NINE_WORDS = words(Expected(5, 3, 9), bytes(range(0x30, 0x42)))
NEXT = {"words": WORDS_PDU, "one word": bytes.fromhex("03 02 0000"), "exception": b"\x83\x02"}


@pytest.mark.parametrize("how", ["all at once", "one by one", "headers by themselves"])
@pytest.mark.parametrize("pdu", NEXT.values(), ids=NEXT.keys())
def test_a_cut_answer_is_never_filled_up_with_the_next(pdu: bytes, how: str) -> None:
    """Whatever is missing of it, whoever comes next, asked just now or given up."""
    whole = frame(1, 5, NINE_WORDS)
    places = product(range(1, len(whole)), (2, 255, 256, 0x0302), (0, 1, 17), (False, True))
    for missing, number, unit_id, late in places:
        stream = Stream()
        stream.ask(1, Expected(5, 3, 9), 0)
        stream.ask(number, Expected(unit_id, 3, max(1, pdu[1] // 2)), 0)
        stream.ask(number + 1, Expected(9, 3, 3), 0)
        if late:
            stream.give_up(number)
        frames = [whole[:-missing], frame(number, unit_id, pdu), frame(number + 1, 9, WORDS_PDU)]
        parts = [b"".join(frames)] if how == "all at once" else frames
        if how == "headers by themselves":
            parts = [part for one in frames for part in (one[:7], one[7:])]
        heard = dict(told for part in parts for told in stream.take(part))
        replies = [heard.get(asked, Heard()).reply for asked in (1, number, number + 1)]
        assert replies[0] is None, (missing, number, unit_id, late)
        assert replies[2] in (None, Reply(WORDS))
