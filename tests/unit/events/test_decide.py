from dataclasses import replace

import pytest

from agent.events.decide import Decider
from agent.events.look import Look

REST = Look("u", 1.7e9, 0.0, current_a=0.0, volts=48.0)


def at(second: float, **facts: object) -> Look:
    return replace(REST, mono_s=second, wall_s=1.7e9 + second, **facts)  # type: ignore[arg-type]


def judged(*looks: Look) -> list[bool | None]:
    decider = Decider()
    return [decider.judge(look).discharging for look in looks]


def test_the_current_decides_where_a_flag_sticks() -> None:
    decider = Decider()
    looks = [at(n, discharging=True) for n in range(4)]
    assert [decider.judge(look).discharging for look in looks] == [False] * 4
    assert decider.findings == {"flag_stuck"}


def test_a_flag_read_a_moment_before_the_current_is_not_stuck() -> None:
    decider = Decider()
    decider.judge(at(0, discharging=True))
    decider.judge(at(1, discharging=False))
    assert decider.findings == set()


def test_a_flag_that_never_comes_is_named_and_the_event_still_seen() -> None:
    decider = Decider()
    looks = [at(n, current_a=-50.0, volts=46.5, discharging=False) for n in (1, 2)]
    assert [decider.judge(look).discharging for look in looks] == [True, True]
    assert decider.findings == {"flag_missing"}
    decider.judge(at(3, current_a=0.0, discharging=False))
    assert decider.findings == {"flag_missing"}
    decider.judge(at(4, current_a=-50.0, discharging=True))
    assert decider.findings == set()


def test_without_a_current_the_voltage_decides() -> None:
    silent = {"current_a": None, "discharging": None}
    volts = (48.0, 46.5, 46.2, 45.9, 47.5, 47.6)
    looks = [at(n, volts=v, **silent) for n, v in enumerate(volts)]
    assert judged(*looks) == [None, True, True, True, False, None]


def test_a_slow_fall_of_the_voltage_is_no_load() -> None:
    looks = [at(10 * n, volts=48.0 - 0.1 * n, current_a=None) for n in range(20)]
    assert True not in judged(*looks)


def test_a_drop_between_two_samples_is_noticed() -> None:
    decider = Decider()
    drops = [decider.judge(at(n, volts=v)).drop for n, v in enumerate((48.0, 47.7, 47.2, 47.2))]
    assert drops == [False, False, True, False]


def test_samples_far_apart_say_nothing_of_each_other() -> None:
    decider = Decider()
    assert [decider.judge(at(n, volts=v)).drop for n, v in ((0, 48.0), (31, 46.0))] == [False] * 2


def test_a_current_of_the_wrong_sign_is_found_by_the_voltage_and_mended() -> None:
    decider = Decider()
    steps = ((0, 0.0, 48.0), (1, 60.0, 46.2), (2, 60.0, 46.1), (3, 0.0, 47.6))
    told = [decider.judge(at(n, current_a=a, volts=v)) for n, a, v in steps]
    assert [one.discharging for one in told] == [False, True, True, False]
    assert told[1].current_a == -60.0
    assert decider.findings == {"current_sign"}
    # The next outage is seen by the mended current, even without a step that is seen.
    decider.before = None
    assert decider.judge(at(100, current_a=60.0, volts=46.0)).discharging is True


def test_charging_is_no_wrong_sign() -> None:
    decider = Decider()
    for n, (amperes, volts) in enumerate(((0.0, 47.0), (20.0, 47.6), (20.0, 47.7), (0.0, 47.2))):
        assert decider.judge(at(n, current_a=amperes, volts=volts)).discharging is False
    assert decider.findings == set()


def test_a_ups_that_never_leaves_the_battery_without_losing_charge_is_stuck() -> None:
    looks = [at(60 * n, on_battery=True, current_a=None, charge=1.0, volts=27.2) for n in range(13)]
    decider = Decider()
    told = [decider.judge(look).discharging for look in looks]
    assert told[:10] == [True] * 10
    assert told[11:] == [False] * 2
    assert decider.findings == {"flag_stuck"}
    decider.judge(at(800, on_battery=False))
    assert decider.findings == set()


@pytest.mark.parametrize("charge", [1.0, 0.2])
def test_a_ups_that_does_lose_charge_is_believed(charge: float) -> None:
    looks = [
        at(60 * n, on_battery=True, current_a=None, charge=charge * (1 - n / 40), volts=25.0)
        for n in range(30)
    ]
    assert judged(*looks) == [True] * 30
