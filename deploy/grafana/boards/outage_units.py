"""Which unit of the racks on battery is the weakest."""

from deploy.grafana import kit
from deploy.grafana.board import Row
from deploy.grafana.boards.outage_parts import EVENT, IN_RACK, RACK, TIME_LEFT
from deploy.grafana.kit import (
    GREEN,
    ORANGE,
    RACK_LINK,
    RED,
    SAME_UNIT,
    SITE,
    UNIT_LINK,
)
from deploy.grafana.panels import Line, Panel, bars, chart, states
from deploy.grafana.tables import Column, Label, Sort, table

_SITE_RACK = [Label("site", width=80), Label("rack", links=[RACK_LINK], width=90)]

_READY = [("below required", RED), ("no spare", ORANGE), ("spare", GREEN)]


def units_row() -> Row:
    """Give the row 'Which unit is the weakest?'."""
    return Row(
        "Which unit is the weakest?",
        [
            _racks(),
            _spare_units(),
            _last_discharges(),
            _deepest_sag(),
            _power(),
            _lowest_cells(),
        ],
    )


def _last(name: str) -> str:
    return f"bbu_last_event_{name}{{{SITE},{EVENT}}} {IN_RACK}"


def _racks() -> Panel:
    return table(
        "Racks",
        "Each rack with what it can count on now and what it has given.",
        _SITE_RACK,
        [
            Column("units", f"rack:bbu_units:count{{{RACK}}}", decimals=0),
            Column("carry load", f"rack:bbu_discharging:count{{{RACK}}}", decimals=0),
            Column(
                "lowest charge",
                f"rack:bbu_state_of_charge_ratio:min{{{RACK}}}",
                "percentunit",
                0,
            ),
            Column(
                "time left, at least",
                f"bbu_rack_time_left_lower_seconds{{{RACK}}}",
                "s",
                0,
                at=TIME_LEFT,
            ),
            Column(
                "outages in range",
                f"increase(bbu_rack_outages_total{{{RACK}}}[$__range])",
                decimals=0,
            ),
            Column(
                "energy given",
                f"bbu_rack_outage_energy_joules_total{{{RACK}}}",
                "joule",
                1,
            ),
        ],
        sort=Sort("time left, at least", descending=False),
        width=14,
        height=7,
    )


def _spare_units() -> Panel:
    return states(
        "Spare units of each shelf",
        "Whether a shelf has more ready units than it needs, just enough, or too few.",
        [
            (
                f"clamp(bbu_shelf_margin_units{{{RACK}}}, -1, 1) + 1",
                "{{rack}}/{{shelf}}",
                _READY,
            )
        ],
        width=10,
        height=7,
        empty="No shelf is configured",
    )


def _last_discharges() -> Panel:
    return table(
        "Units: what the last discharge has shown",
        "The last discharge of each unit, the deepest sag first. A unit that sags more "
        "than its neighbours under the same load is the one to look at.",
        [
            Label("site", width=80),
            Label("rack", width=80),
            Label("shelf", width=60),
            Label("slot", width=55),
            Label("unit", links=[UNIT_LINK], width=130),
        ],
        [
            Column(
                "began",
                f"({_last('start_timestamp_seconds')}) * 1000",
                "dateTimeAsIso",
                width=160,
            ),
            Column("took", _last("duration_seconds"), "s", 0),
            Column("peak power", _last("peak_power_watts"), "watt", 2),
            Column("energy", _last("energy_joules"), "joule", 1),
            Column("sag, 1 s", _last("sag_1s_volts"), "volt", 2),
            Column("sag, 10 s", _last("sag_10s_volts"), "volt", 2),
            Column("lowest cell", _last("lowest_cell_voltage_volts"), "volt", 3),
            Column("temperature rise", _last("temperature_rise_celsius"), "celsius", 1),
            Column(
                "last answer",
                f"(time() - bbu_last_success_timestamp_seconds{{{SITE}}}) {IN_RACK} "
                f"and {SAME_UNIT} bbu_last_event_start_timestamp_seconds"
                f"{{{SITE},{EVENT}}}",
                "s",
                0,
            ),
        ],
        sort=Sort("sag, 1 s"),
        width=24,
        height=9,
        empty="No unit has discharged",
    )


def _deepest_sag() -> Panel:
    return bars(
        "Deepest sag",
        "Loss of voltage 1 s into the load in the last discharge, the ten largest. Compare "
        "units of one model under the same load.",
        [(f"sort_desc(topk(10, {_last('sag_1s_volts')}))", "{{rack}} {{unit}}")],
        unit="volt",
        decimals=2,
        width=8,
        height=9,
        empty="No unit has discharged",
        links=[
            kit.link("Open the unit", "bbu-unit", unit="${__field.labels.unit}"),
        ],
    )


def _power() -> Panel:
    return chart(
        "Power",
        "What the batteries of each rack give, from current times voltage.",
        [
            Line(
                "sum by (site, rack) (clamp_min("
                f"-bbu_battery_current_amperes{{{SITE}}} * {SAME_UNIT} "
                f"bbu_battery_voltage_volts{{{SITE}}}, 0) {IN_RACK})",
                "{{rack}} {{site}}",
            )
        ],
        unit="watt",
        width=8,
        height=9,
        least=0,
    )


def _lowest_cells() -> Panel:
    return chart(
        "Lowest cell of each unit",
        "The lowest cell voltage of the eight weakest units in the racks chosen.",
        [
            Line(
                "bottomk(8, min by (job, instance, site, unit) "
                f"(bbu_cell_voltage_volts{{{SITE}}}) {IN_RACK})",
                "{{rack}} {{unit}}",
            )
        ],
        unit="volt",
        width=8,
        height=9,
    )
