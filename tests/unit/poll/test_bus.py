from agent.poll.bus import GLANCE_S, GLANCES_PER_S, Glances


def test_the_fleet_has_so_many_glances_in_a_second() -> None:
    glances = Glances()
    steps = [n * 0.001 for n in range(1000)]
    assert sum(glances.take(at) for at in steps) == GLANCES_PER_S


def test_what_was_not_used_is_not_saved_up() -> None:
    glances = Glances()
    at_once = sum(glances.take(1000.0) for _ in range(50))
    assert at_once == GLANCE_S * GLANCES_PER_S + 1
