from collections.abc import Mapping
from dataclasses import replace

import pytest

from agent.events.incidents import Incidents
from agent.events.look import Look
from agent.events.tally import last_seen_s
from agent.model import Event, Fault, FaultReason, Reading, Sample, Value

START_S = 1.7e9


def sample(
    at_s: float,
    facts: Mapping[str, Value],
    *,
    cells: tuple[float, ...] = (),
    lost: bool = False,
) -> Sample:
    rows = [Reading(key, None, value, at_s, "x") for key, value in facts.items()]
    rows += [Reading("cell_voltage", str(n), v, at_s, "x") for n, v in enumerate(cells, start=1)]
    fault = Fault("cell_voltage", "9", FaultReason.SENTINEL, "65535", "x")
    return Sample("u", START_S + at_s, at_s, tuple(rows), (fault,) if lost else ())


def drawn(at_s: float, current_a: float, volts: float = 40.0, **facts: Value) -> Sample:
    return sample(at_s, {"battery_current": current_a, "battery_voltage": volts, **facts})


KNOWN = ("duration_s", "charge_ah", "energy_wh", "peak_power_w", "lowest_cell", "lowest_cell_v")


def bare(told: Event | None) -> Event | None:
    """Leave of the record what the sums and times are about."""
    if told is None:
        return None
    return replace(told, detail={key: told.detail[key] for key in KNOWN if key in told.detail})


def observe(incidents: Incidents, row: Sample) -> Event | None:
    return bare(incidents.observe(Look.of(row)))


def follow(*samples: Sample) -> list[Event | None]:
    incidents = Incidents("u")
    return [observe(incidents, row) for row in samples]


def event(kind: str, start_s: float, end_s: float | None, **detail: Value) -> Event:
    end = None if end_s is None else START_S + end_s
    return Event("u", kind, START_S + start_s, end, detail)


def test_an_outage_from_start_to_end() -> None:
    # It came between 0 and 10 and went between 14 and 16: halfway is the best guess.
    assert follow(
        drawn(0, 0.0),
        drawn(10, -50.0),
        drawn(12, -60.0, volts=38.0),
        drawn(14, -10.0),
        drawn(16, 0.5),
        drawn(18, 0.5),
    ) == [
        None,
        None,
        event(
            *("discharge", 5, None),
            duration_s=7.0,
            charge_ah=round(360 / 3600, 4),
            energy_wh=round((10000 + 2000 + 2280) / 3600, 3),
            peak_power_w=2280.0,
        ),
        event(
            *("discharge", 5, None),
            duration_s=9.0,
            charge_ah=round(430 / 3600, 4),
            energy_wh=round((14280 + 2680) / 3600, 3),
            peak_power_w=2280.0,
        ),
        event(
            *("discharge", 5, 15),
            duration_s=10.0,
            charge_ah=round(440 / 3600, 4),
            energy_wh=round((14280 + 2680 + 400) / 3600, 3),
            peak_power_w=2280.0,
        ),
        None,
    ]


def test_an_outage_of_one_sample_is_told_at_its_end() -> None:
    told = follow(drawn(0, -50.0), drawn(1, 0.0))
    assert told == [
        None,
        event(
            *("discharge", 0, 0.5),
            duration_s=0.5,
            charge_ah=round(25 / 3600, 4),
            energy_wh=round(1000 / 3600, 3),
            peak_power_w=2000.0,
        ),
    ]


@pytest.mark.parametrize("current_a", [0.0, 40.0, 0.3, -0.02, -0.99])
def test_noise_of_the_sensor_and_own_use_are_no_discharge(current_a: float) -> None:
    assert follow(*(drawn(at, current_a, discharging=True) for at in range(5))) == [None] * 5


def kinds(told: list[Event | None]) -> list[str | None]:
    return [None if row is None else row.kind for row in told]


def test_a_self_test_is_no_outage() -> None:
    told = follow(
        drawn(0, -30.0, self_test_running=True),
        drawn(1, -30.0, self_test_running=True),
        drawn(2, 0.0, self_test_running=True),
    )
    assert kinds(told) == ["self_test"] * 3


def test_a_self_test_whose_flag_comes_a_poll_late_was_never_told_as_an_outage() -> None:
    told = follow(
        drawn(0, -30.0, self_test_running=False),
        drawn(1, -30.0, self_test_running=True),
        drawn(2, 0.0, self_test_running=False),
    )
    assert kinds(told) == [None, "self_test", "self_test"]
    assert {row.start_s for row in told if row is not None} == {START_S}


def test_a_self_test_whose_flag_comes_with_its_end() -> None:
    told = follow(drawn(0, -30.0), drawn(1, 0.0, self_test_running=True))
    assert kinds(told) == [None, "self_test"]


def test_a_flag_that_comes_later_changes_nothing_that_was_told() -> None:
    told = follow(
        drawn(0, -30.0),
        drawn(2, -30.0),
        drawn(3, -30.0, self_test_running=True),
        drawn(4, 0.0, self_test_running=True),
    )
    assert kinds(told) == [None, "discharge", "discharge", "discharge"]


def test_the_weakest_cell_is_named_even_at_0_volts() -> None:
    told = follow(
        sample(0, {"battery_current": -50.0}, cells=(3.6, 3.5, 3.6)),
        sample(2, {"battery_current": -50.0}, cells=(3.5, 3.4, 0.0)),
        sample(4, {"battery_current": -50.0}, cells=(3.4, 3.3, 1.0)),
    )
    assert told[2] is not None
    assert (told[2].detail["lowest_cell"], told[2].detail["lowest_cell_v"]) == ("3", 0.0)


def test_cells_give_the_voltage_where_the_pack_does_not() -> None:
    told = follow(*(sample(at, {"battery_current": -10.0}, cells=(3.0, 4.0)) for at in (0, 3)))
    assert told[1] is not None
    assert told[1].detail["peak_power_w"] == 70.0


def test_cells_do_not_when_one_of_them_is_lost() -> None:
    told = follow(
        *(sample(at, {"battery_current": -10.0}, cells=(3.0, 4.0), lost=True) for at in (0, 3))
    )
    assert told[1] is not None
    assert told[1].detail == {
        "duration_s": 3.0,
        "charge_ah": round(30 / 3600, 4),
        "lowest_cell": "1",
        "lowest_cell_v": 3.0,
    }


@pytest.mark.parametrize("flag", ["discharging", "on_battery"])
def test_a_flag_without_a_current_gives_an_event_without_charge(flag: str) -> None:
    told = follow(
        sample(0, {"battery_voltage": 40.0, flag: True}),
        sample(5, {"battery_voltage": 40.0, flag: True}),
        sample(10, {"battery_voltage": 40.0, flag: False}),
    )
    assert told == [
        None,
        event("discharge", 0, None, duration_s=5.0),
        event("discharge", 0, 7.5, duration_s=7.5),
    ]


@pytest.mark.parametrize("current_a", [12.0, -12.0])
def test_on_battery_the_sign_of_the_current_is_known(current_a: float) -> None:
    told = follow(*(drawn(at, current_a, on_battery=True) for at in (0, 3)))
    assert told[1] == event(
        *("discharge", 0, None),
        duration_s=3.0,
        charge_ah=0.01,
        energy_wh=0.4,
        peak_power_w=480.0,
    )


def test_on_battery_a_current_of_0_is_no_measurement() -> None:
    told = follow(*(drawn(at, 0.0, on_battery=True) for at in (0, 3)))
    assert told[1] == event("discharge", 0, None, duration_s=3.0)


def test_a_ups_that_charges_with_a_negative_sign_has_no_outage() -> None:
    assert follow(*(drawn(at, -5.0, on_battery=False) for at in (0, 3))) == [None, None]


def test_a_sample_that_tells_neither_way_changes_nothing() -> None:
    incidents = Incidents("u")
    observe(incidents, drawn(0, -50.0))
    assert observe(incidents, sample(1, {"battery_voltage": 40.0})) is None
    told = observe(incidents, drawn(2, -50.0))
    assert told is not None
    assert told.detail["charge_ah"] == round(100 / 3600, 4)


def test_charge_is_not_guessed_across_a_gap() -> None:
    told = follow(drawn(0, -50.0), drawn(2, -50.0), drawn(100, -50.0), drawn(102, -50.0))
    assert told[3] is not None
    assert told[3].detail["charge_ah"] == round(200 / 3600, 4)
    assert told[3].detail["duration_s"] == 102.0


def test_an_event_that_ended_in_a_gap_ends_where_it_was_last_seen() -> None:
    told = follow(drawn(0, -50.0), drawn(2, -50.0), drawn(9000, 0.0))
    assert told[1] is not None
    assert told[2] == replace(told[1], end_s=START_S + 2)


def test_the_next_event_starts_from_nothing() -> None:
    told = follow(
        drawn(0, -50.0), drawn(2, 0.0), drawn(100, -10.0), drawn(102, -10.0), drawn(103, 0.0)
    )
    assert told[3] == event(
        *("discharge", 100, None),
        duration_s=2.0,
        charge_ah=round(20 / 3600, 4),
        energy_wh=round(800 / 3600, 3),
        peak_power_w=400.0,
    )


UNDER_WAY = event(
    *("discharge", 0, None),
    duration_s=30.0,
    charge_ah=0.5,
    energy_wh=20.0,
    peak_power_w=3000.0,
    lowest_cell="4",
    lowest_cell_v=2.9,
)


def test_an_event_of_an_earlier_run_goes_on() -> None:
    incidents = Incidents("u")
    incidents.resume(UNDER_WAY)
    told = [observe(incidents, drawn(at, -36.0)) for at in (40, 50)]
    # The ten seconds that no agent saw are filled in with what was drawn after them.
    assert told == [
        replace(
            UNDER_WAY,
            detail={
                **UNDER_WAY.detail,
                "duration_s": 40.0,
                "charge_ah": 0.6,
                "energy_wh": 24.0,
            },
        ),
        replace(
            UNDER_WAY,
            detail={
                **UNDER_WAY.detail,
                "duration_s": 50.0,
                "charge_ah": 0.7,
                "energy_wh": 28.0,
            },
        ),
    ]


def test_an_event_of_an_earlier_run_that_is_over_ended_where_it_was_last_seen() -> None:
    incidents = Incidents("u")
    incidents.resume(UNDER_WAY)
    assert observe(incidents, drawn(40, 0.0)) == replace(UNDER_WAY, end_s=START_S + 30)
    assert incidents.open is None


def test_an_event_of_an_earlier_run_without_a_current_stays_without_charge() -> None:
    incidents = Incidents("u")
    incidents.resume(event("discharge", 0, None, duration_s=30.0))
    told = observe(incidents, sample(40, {"on_battery": True}))
    assert told == event("discharge", 0, None, duration_s=40.0)


@pytest.mark.parametrize(("detail", "seen_s"), [({"duration_s": 5.0}, 5.0), ({}, 0.0)])
def test_when_an_event_was_last_seen(detail: dict[str, Value], seen_s: float) -> None:
    assert last_seen_s(event("discharge", 0, None, **detail)) == START_S + seen_s
