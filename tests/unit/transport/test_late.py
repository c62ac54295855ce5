"""What a serial line still owes: whose a late answer is, and how long a unit is left alone."""

import pytest

from agent.transport.late import FORGET_S, LISTEN_S, Owed, Owing
from agent.transport.modbus_frames import Expected, crc16

ASKED = Expected(unit_id=5, function=3, count=3)
NEXT = Expected(unit_id=6, function=3, count=3)
TIMEOUT_S = 0.2


def answer(to: Expected, first: int = 7) -> bytes:
    frame = bytes((to.unit_id, to.function, to.data_bytes)) + bytes([first]) * to.data_bytes
    return frame + crc16(frame).to_bytes(2, "little")


def refusal(to: Expected) -> bytes:
    frame = bytes((to.unit_id, to.function | 0x80, 6))
    return frame + crc16(frame).to_bytes(2, "little")


def owing(*requests: Expected, asked_s: float = 0.0) -> Owing:
    line = Owing()
    for expected in requests:
        give_up(line, expected, asked_s)
    return line


def give_up(line: Owing, expected: Expected, asked_s: float, address: int = 0) -> None:
    until_s = asked_s + TIMEOUT_S + LISTEN_S
    line.give_up(Owed(expected, address, asked_s, until_s, silent=True))


@pytest.mark.parametrize("awaited", [None, NEXT])
@pytest.mark.parametrize("late", [answer(ASKED), refusal(ASKED)])
def test_a_late_answer_of_another_unit_is_taken_away(awaited: Expected | None, late: bytes) -> None:
    line = owing(ASKED)
    assert line.take(late[:-1], awaited, 0.3) == 0
    assert line.take(b"\x00\xff" + late + b"\x06\x03", awaited, 0.3) == len(late) + 2
    assert not line
    assert line.take(late, awaited, 0.3) == 0  # it was asked for once only


def test_what_was_not_asked_for_is_not_late() -> None:
    line = owing(ASKED)
    longer, other = Expected(5, 3, 4), Expected(5, 4, 3)
    for stranger in (answer(longer), answer(other), answer(NEXT)):
        assert line.take(stranger, NEXT, 0.3) == 0
    spoilt = bytearray(answer(ASKED))
    spoilt[5] ^= 1
    assert line.take(bytes(spoilt), NEXT, 0.3) == 0


def test_what_may_be_the_awaited_answer_is_not_late() -> None:
    line = owing(ASKED)
    shorter = Expected(5, 3, 2)
    assert line.take(answer(ASKED), ASKED, 0.9) == 0
    assert line.take(refusal(ASKED), shorter, 0.9) == 0
    assert line.take(answer(ASKED), shorter, 0.9) == len(answer(ASKED))


def test_requests_that_are_alike_take_an_answer_each() -> None:
    line = owing(ASKED, ASKED, ASKED)
    late = answer(ASKED)
    assert line.take(late, None, 0.3) == len(late)
    assert line.take(late + answer(ASKED, 8), None, 0.3) == 2 * len(late)
    assert not line


def test_answers_of_several_units_come_in_any_order() -> None:
    line = owing(ASKED, NEXT)
    both = answer(NEXT) + answer(ASKED)
    assert line.take(both, None, 0.3) == len(both)
    assert not line


def test_a_unit_is_left_alone_while_its_old_answer_may_come() -> None:
    line = owing(ASKED)
    assert line.wait_s(5, TIMEOUT_S) == pytest.approx(LISTEN_S)
    assert line.wait_s(5, 0.6) == pytest.approx(0.1)
    assert line.wait_s(6, TIMEOUT_S) == 0
    line.take(answer(ASKED), None, 0.4)
    assert line.wait_s(5, 0.4) == 0


def test_who_is_later_than_listened_to_may_be_mistaken_for_a_while() -> None:
    """Nothing but the address parts the two requests, and no answer carries it."""
    line = owing(ASKED, asked_s=1.0)
    assert not line.mistakable(ASKED, 8, 1.8)
    line.take(answer(ASKED), None, 2.0)
    give_up(line, ASKED, 3.0)
    assert line.mistakable(ASKED, 8, 4.4)
    assert line.mistakable(Expected(5, 3, 1), 0, 4.4)  # a refusal would fit both
    assert not line.mistakable(ASKED, 0, 4.4)  # the same registers
    assert not line.mistakable(Expected(5, 4, 3), 8, 4.4)
    assert not line.mistakable(NEXT, 8, 4.4)
    assert not line.mistakable(ASKED, 8, 4.6)
    give_up(line, ASKED, 100.0)
    assert not line.mistakable(ASKED, 8, 100.8)  # it has not been seen late for a minute


def test_an_answer_after_a_long_silence_is_not_taken_to_be_late_by_all_of_it() -> None:
    line = owing(ASKED, asked_s=1.0)
    give_up(line, ASKED, 4.0)
    line.take(answer(ASKED), None, 4.3)
    assert not line.mistakable(ASKED, 8, 4.3)


def test_who_answers_while_it_is_listened_to_is_not_mistaken() -> None:
    line = owing(ASKED, ASKED)
    line.take(answer(ASKED), None, 0.6)
    assert not line.mistakable(ASKED, 8, 0.6)


def test_a_request_explains_one_spoilt_answer_of_another_unit() -> None:
    line = owing(ASKED)
    assert not line.may_have_spoken(5, 0.3)
    assert line.may_have_spoken(6, 0.3)
    assert not line.may_have_spoken(6, 0.4)
    give_up(line, ASKED, 0.5)
    assert line.may_have_spoken(7, 0.8)
    assert line.take(answer(ASKED), NEXT, 0.9) > 0  # it may come all the same


def test_who_was_heard_has_spoilt_no_other_answer() -> None:
    line = Owing()
    line.give_up(Owed(ASKED, 0, 0.0, 0.7, silent=False))
    assert not line.may_have_spoken(6, 0.3)
    assert line.wait_s(5, 0.3) > 0


def test_what_is_older_than_anybody_reckons_with_is_forgotten() -> None:
    line = owing(ASKED)
    assert line.take(answer(ASKED), None, FORGET_S + 0.1) == 0
    assert not line
    line = owing(ASKED)
    assert not line.may_have_spoken(6, FORGET_S + 0.1)
