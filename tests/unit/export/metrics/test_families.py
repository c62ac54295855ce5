import re
from pathlib import Path

import pytest

from agent.export.metrics.catalogue import everything, markdown
from agent.export.metrics.families import PARTS, SUFFIXES, Family, Shape, locate, quantity_family
from agent.quantities import QUANTITIES, Kind

PARTS_OF_UNITS = [(), *((part,) for part in (*PARTS, "part"))]
ALL = [
    *everything(),
    *(
        quantity_family(quantity.key, parts)
        for quantity in QUANTITIES.values()
        if quantity.kind is not Kind.TEXT
        for parts in PARTS_OF_UNITS[1:]
    ),
]
# They clash with the labels that operators give their targets.
FORBIDDEN_LABELS = {"type", "region", "zone", "cluster", "datacenter", "env", "job", "instance"}
ABBREVIATED = {"volt", "percent", "ms", "minutes", "hours", "days", "kelvin", "temp", "pct", "amps"}


def by_name(family: Family) -> str:
    return family.name


def test_names_are_unique() -> None:
    names = [family.name for family in ALL]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("family", ALL, ids=by_name)
def test_a_name_follows_the_rules_of_prometheus(family: Family) -> None:
    assert re.fullmatch(r"bbu_[a-z0-9]+(_[a-z0-9]+)*", family.name)
    assert not ABBREVIATED & set(family.name.split("_"))
    assert (family.shape is Shape.COUNTER) == family.name.endswith("_total")
    assert (family.shape is Shape.INFO) == family.name.endswith("_info")
    assert family.name.removesuffix("_total").endswith(family.unit)
    assert family.unit in {*SUFFIXES.values(), "joules"}
    assert not family.name.endswith(("_count", "_sum", "_bucket", "_created"))


@pytest.mark.parametrize("family", ALL, ids=by_name)
def test_labels_clash_with_nobody(family: Family) -> None:
    labels = (*family.labels, *([family.name] if family.shape is Shape.STATESET else []))
    assert not FORBIDDEN_LABELS & set(labels)
    assert len(labels) == len(set(labels))
    if not family.name.startswith(("bbu_agent_", "bbu_shelf_", "bbu_rack_", "bbu_group_")):
        assert labels[0] == "unit"


@pytest.mark.parametrize("family", ALL, ids=by_name)
def test_help_is_a_sentence(family: Family) -> None:
    assert re.fullmatch(r"\S.*\.", family.help)


def test_the_names_that_others_build_on() -> None:
    fixed = {
        *("bbu_unit_info", "bbu_up", "bbu_last_success_timestamp_seconds"),
        *("bbu_battery_voltage_volts", "bbu_battery_current_amperes"),
        *("bbu_state_of_charge_ratio", "bbu_reported_state_of_health_ratio"),
        *("bbu_temperature_celsius", "bbu_cell_voltage_volts"),
        *("bbu_state_of_health_ratio", "bbu_state_of_health_lower_ratio"),
        *("bbu_state_of_health_upper_ratio", "bbu_cell_state_of_health_ratio"),
        *("bbu_cell_state_of_health_lower_ratio", "bbu_cell_state_of_health_upper_ratio"),
        *("bbu_cell_resistance_growth_ratio", "bbu_ride_through_seconds"),
        *("bbu_ride_through_lower_seconds", "bbu_end_of_life_timestamp_seconds"),
        *("bbu_health_verdict", "bbu_health_reason", "bbu_polls_total"),
        *("bbu_poll_errors_total", "bbu_discharges_total"),
        *("bbu_shelf_ready_units", "bbu_shelf_required_units"),
        "bbu_agent_config_last_reload_successful",
        "bbu_agent_config_last_reload_success_timestamp_seconds",
    }
    assert fixed <= {family.name for family in everything()}


@pytest.mark.parametrize(
    ("key", "parts", "name", "labels"),
    [
        ("battery_voltage", (), "bbu_battery_voltage_volts", ("unit",)),
        ("battery_voltage", ("module",), "bbu_module_battery_voltage_volts", ("unit", "module")),
        ("cell_voltage", ("string",), "bbu_string_cell_voltage_volts", ("unit", "string", "cell")),
        ("temperature", (), "bbu_temperature_celsius", ("unit", "sensor")),
        ("capacity_full", (), "bbu_capacity_full_amperehours", ("unit",)),
        ("seconds_on_battery", (), "bbu_on_battery_seconds", ("unit",)),
        ("cycle_count", (), "bbu_cycles_total", ("unit",)),
        ("self_test_time", (), "bbu_self_test_timestamp_seconds", ("unit",)),
        ("battery_install_date", (), "bbu_battery_install_timestamp_seconds", ("unit",)),
        ("alarm", (), "bbu_alarm", ("unit", "alarm")),
        ("load", ("phase",), "bbu_phase_load_ratio", ("unit", "phase")),
    ],
)
def test_names_from_the_vocabulary(
    key: str, parts: tuple[str, ...], name: str, labels: tuple[str, ...]
) -> None:
    family = quantity_family(key, parts)
    assert (family.name, family.labels) == (name, labels)


@pytest.mark.parametrize(
    ("key", "index", "kinds", "values"),
    [
        ("battery_voltage", None, (), ()),
        ("battery_voltage", "module:3", ("module",), ("3",)),
        ("battery_voltage", "string:1/module:3", ("string", "module"), ("1", "3")),
        ("battery_voltage", "3", ("part",), ("3",)),
        ("battery_voltage", "crate:3", ("part",), ("crate:3",)),
        ("battery_voltage", "module:1/module:2", ("module", "part"), ("1", "module:2")),
        ("cell_voltage", "7", (), ("7",)),
        ("cell_voltage", "module:3/7", ("module",), ("3", "7")),
        ("temperature", None, (), ("",)),
        ("temperature", "module:3", ("module",), ("3", "")),
        ("temperature", "inlet/left: 1", (), ("inlet/left: 1",)),
        ("load", "phase:2", ("phase",), ("2",)),
        ("load", "2", ("phase",), ("2",)),
        ("alarm", "module:", (), ("module:",)),
    ],
)
def test_an_index_says_which_part(
    key: str, index: str | None, kinds: tuple[str, ...], values: tuple[str, ...]
) -> None:
    assert locate(QUANTITIES[key], index) == (kinds, values)


def test_the_document_is_current() -> None:
    document = Path(__file__).parents[4] / "docs" / "metrics.md"
    assert document.read_text("utf-8") == markdown(), (
        "run: python -m agent.export.metrics.catalogue docs/metrics.md"
    )
