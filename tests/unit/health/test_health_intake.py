"""What counts as the temperature of a module."""

import pytest

from agent.health.intake import temperature


@pytest.mark.parametrize(
    ("sensors_c", "ambient_c", "celsius"),
    [
        ((24.0, 26.0), 20.0, 25.0),
        ((), 20.0, 20.0),
        ((), None, None),
        # A torn sensor reads the end of its scale.
        ((-40.0,), 20.0, 20.0),
        ((-40.0,), None, None),
        ((125.0, 25.0), None, 25.0),
        # Nearly so.
        ((-38.5, 26.0), 24.0, 26.0),
        ((-38.5, 26.0, 27.0), None, 26.5),
        ((90.0, 26.0), 24.0, 26.0),
        # Of two that differ nobody knows which is wrong.
        ((-38.5, 26.0), None, -6.25),
        ((-38.5,), 24.0, -38.5),
        # The air outside may be far from the cells.
        ((20.0, 22.0), -25.0, 21.0),
        ((float("nan"), 25.0), float("nan"), 25.0),
    ],
)
def test_a_sensor_far_astray_is_left_out(
    sensors_c: tuple[float, ...], ambient_c: float | None, celsius: float | None
) -> None:
    assert temperature(sensors_c, ambient_c) == celsius
