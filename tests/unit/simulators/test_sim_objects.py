"""SNMP objects without sockets."""

from agent.profiles.load import load
from simulators.maps.objects import About, Item, ObjectTree, Syntax

Said = dict[tuple[str, str | None], float | bool | str | None]

ABOUT = About("Example UPS", (1, 3, 6, 1, 2, 1, 33), "ups-1", lambda: 12.34)


def tree() -> ObjectTree:
    values: Said = {
        ("battery_voltage", None): 272.04,
        ("battery_status", None): "low",
        ("runtime_remaining", None): 600.0,
        ("load", "phase:1"): 0.35,
        ("load", "phase:2"): 0.41,
        ("alarms_present", None): 2.0,
    }
    gauges = frozenset({"alarms_present"})
    return ObjectTree(load("rfc1628-ups"), lambda: values, ABOUT, gauges=gauges)


def test_scalars_are_scaled_and_coded() -> None:
    ups = (1, 3, 6, 1, 2, 1, 33, 1)
    served = tree()
    assert served.get((*ups, 2, 5, 0)) == Item(Syntax.INTEGER, 2720)
    assert served.get((*ups, 2, 1, 0)) == Item(Syntax.INTEGER, 3)
    assert served.get((*ups, 2, 3, 0)) == Item(Syntax.INTEGER, 10)
    assert served.get((*ups, 6, 1, 0)) == Item(Syntax.GAUGE, 2)
    assert served.get((1, 3, 6, 1, 2, 1, 1, 3, 0)) == Item(Syntax.TICKS, 1234)


def test_what_the_device_does_not_say_is_not_there() -> None:
    assert tree().get((1, 3, 6, 1, 2, 1, 33, 1, 2, 7, 0)) is None


def test_a_walk_visits_everything_once_in_order() -> None:
    served, seen = tree(), []
    place: tuple[int, ...] = (1,)
    while (following := served.after(place)) is not None:
        place = following[0]
        seen.append(place)
    assert seen == sorted(set(seen))
    column = (1, 3, 6, 1, 2, 1, 33, 1, 4, 4, 1, 5)
    assert [oid[-1] for oid in seen if oid[: len(column)] == column] == [1, 2]


def test_an_alarm_is_a_row_while_it_lasts() -> None:
    table = (1, 3, 6, 1, 2, 1, 33, 1, 6, 2, 1, 2)
    rows = []
    for low, empty in ((False, False), (True, False), (True, True)):
        values: Said = {("alarm", "battery_low"): low, ("alarm", "battery_depleted"): empty}
        served = ObjectTree(load("rfc1628-ups"), values.copy, ABOUT)
        rows.append([item and item.value for n in (1, 2) if (item := served.get((*table, n)))])
    alarm = (1, 3, 6, 1, 2, 1, 33, 1, 6, 3)
    assert rows == [[], [(*alarm, 3)], [(*alarm, 3), (*alarm, 4)]]


def test_only_the_tree_of_the_card_is_served() -> None:
    values: Said = {("state_of_charge", None): 0.5, ("battery_status", None): "low"}
    root = (1, 3, 6, 1, 4, 1, 318)
    served = ObjectTree(load("apc-powernet"), lambda: values, ABOUT, root=root)
    after_system = served.after((1, 3, 6, 1, 2, 1, 1, 9))
    assert after_system is not None
    assert after_system[0][: len(root)] == root


def test_dates_are_written_as_the_mib_has_them() -> None:
    values: Said = {("battery_install_date", None): 1767225600.0}
    served = ObjectTree(load("apc-powernet"), lambda: values, ABOUT)
    oid = (1, 3, 6, 1, 4, 1, 318, 1, 1, 1, 2, 1, 3, 0)
    assert served.get(oid) == Item(Syntax.TEXT, "01/01/2026")
