"""The fleet: is anything wrong, where, since when, and what to do."""

from itertools import pairwise

from deploy.grafana import kit
from deploy.grafana.board import Board, Row
from deploy.grafana.kit import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PLACED,
    RACK_LINK,
    RED,
    RUNBOOK_LINK,
    SITE,
    SKY,
    UNIT_LINK,
    YELLOW,
    limit,
    steps,
)
from deploy.grafana.panels import Column, Label, Line, Sort, bars, chart, states, table, tile

_EOL = limit("end_of_life_state_of_health_ratio")
_RIDE = limit("ride_through_probability_ratio")
_DISAGREES = limit("disagreement_ratio")
_ODD = limit("firmware_outlier_ratio")
_BAD_IF_ANY = steps(GREEN, (1, RED))
_HEALTH = steps(RED, (_EOL, SKY), (0.9, GREEN))
_CHANCE = steps(RED, (_RIDE, GREEN))
_AGE = steps("text", (60, ORANGE), (300, RED))
_PLACE = [
    Label("rack", links=[RACK_LINK], width=80),
    Label("shelf", width=60),
    Label("slot", width=55),
    Label("unit", links=[UNIT_LINK], width=130),
]
_AGE_OF_UNIT = f"(time() - bbu_last_success_timestamp_seconds{{{SITE}}})"

# The order of need: the verdict first, then what is known of the capacity.
_NEED = (
    f"({kit.verdict(SITE)} - on (job, instance, unit) "
    f"(bbu_state_of_health_lower_ratio{{{SITE}}} or on (job, instance, unit) 0 * bbu_up{{{SITE}}}))"
)
_WORST = f"(topk(20, {_NEED}) >= 0)"
_REASONS = f"(bbu_health_reason{{{SITE}}} and on (job, instance, unit) {_WORST}) {PLACED}{{{SITE}}}"


def _beside_reasons(expr: str) -> str:
    """Repeat a number of a unit for each reason, so that rows join."""
    return f"({_REASONS}) * on (job, instance, unit) group_left () ({expr})"


def _now() -> Row:
    verdicts = [
        tile(
            f"Units: {word}",
            f"Units whose verdict is {word!r} now. An unknown unit does not answer or has not "
            "been judged yet.",
            f'sum(bbu_health_verdict{{{SITE},bbu_health_verdict="{word}"}})',
            at=steps(GREEN if word == "ok" else GREY, *([] if word == "ok" else [(1, colour)])),
            width=3,
        )
        for word, colour in [kit.VERDICTS[i] for i in (4, 3, 1, 2, 0)]
    ]
    return Row(
        "Is anything wrong?",
        [
            tile(
                "Units not answering",
                "Units that the agents cannot read now. What they would say is not known; their "
                "runbook is BbuUnitNotAnswering.",
                f"sum(bbu_up{{{SITE}}} == bool 0)",
                at=_BAD_IF_ANY,
                width=3,
            ),
            tile(
                "Shelves below required",
                "Shelves with fewer ready units than their load needs, as configured under "
                "`shelves`. '-' where no shelf is configured.",
                f"sum(bbu_shelf_margin_units{{{SITE}}} < bool 0)",
                at=_BAD_IF_ANY,
                width=3,
            ),
            tile(
                "Racks on battery",
                "Racks of which at least one unit carries load now, self-tests excepted.",
                f"sum(rack:bbu_discharging:count{{{SITE}}} > bool 0)",
                at=_BAD_IF_ANY,
                width=3,
                links=[kit.link("Open the outage page", "bbu-outage")],
            ),
            *verdicts,
            table(
                "What is wrong, where, since when, what to do",
                "Alerts that fire now. 'since' is when the condition began, which is earlier "
                "than the page by the alert's waiting time. The name opens its runbook. Nothing "
                "here means that no alert fires, not that every agent is seen: see Agents.",
                [
                    Label("severity", hidden=True),
                    Label("alertname", "alert", links=[RUNBOOK_LINK], width=230),
                    Label("site", width=80),
                    Label("rack", links=[RACK_LINK], width=80),
                    Label("shelf", width=60),
                    Label("unit", links=[UNIT_LINK], width=130),
                    Label("cell", width=55),
                    Label("bus", width=130),
                    Label("instance", "agent"),
                ],
                [
                    Column(
                        "since",
                        f"({kit.firing()}) * 1000",
                        unit="dateTimeFromNow",
                        width=130,
                    ),
                    Column("severity", kit.urgency(), states=kit.SEVERITIES, width=85),
                ],
                sort=Sort("severity", descending=False),
                width=14,
                height=9,
                empty="No alert fires",
            ),
            states(
                "Worst verdict of each rack",
                "The worst verdict of any unit in the rack over time, from good to bad: ok, "
                "watch, unknown, degraded, replace. A change of colour says since when.",
                [
                    (
                        f"max by (rack) ({kit.verdict(SITE)} {PLACED}{{{SITE}}})",
                        "{{rack}}",
                        kit.VERDICTS,
                    )
                ],
                width=10,
                height=9,
            ),
        ],
    )


def _units() -> Row:
    return Row(
        "Which units",
        [
            table(
                "Worst 20 units, with the reasons",
                "The 20 units that need attention most, by verdict and then by the lower end of "
                "their state of health; one row for each reason. A unit without any reason is "
                "not listed. 'last answer' is the age of what stands in the row. `bbu-agent "
                "explain UNIT` says the reasons in words.",
                [*_PLACE, Label("reason"), Label("cell", width=55)],
                [
                    Column(
                        "verdict", _beside_reasons(kit.verdict(SITE)), states=kit.VERDICTS, width=90
                    ),
                    Column(
                        "state of health",
                        _beside_reasons(f"bbu_state_of_health_ratio{{{SITE}}}"),
                        "percentunit",
                        0,
                        at=_HEALTH,
                    ),
                    Column(
                        "at least",
                        _beside_reasons(f"bbu_state_of_health_lower_ratio{{{SITE}}}"),
                        "percentunit",
                        0,
                        at=_HEALTH,
                    ),
                    Column(
                        "ride-through, at least",
                        _beside_reasons(f"bbu_ride_through_lower_seconds{{{SITE}}}"),
                        "s",
                        0,
                    ),
                    Column(
                        "chance to ride through",
                        _beside_reasons(f"bbu_ride_through_probability_ratio{{{SITE}}}"),
                        "percentunit",
                        0,
                        at=_CHANCE,
                    ),
                    Column("last answer", _beside_reasons(_AGE_OF_UNIT), "s", 0, at=_AGE),
                ],
                sort=Sort("verdict"),
                height=10,
                empty="No unit has anything against it",
            ),
            table(
                "Racks: least ride-through",
                "For each rack the unit that lasts shortest at rated power from its present "
                "charge (lower end of the 90 % interval), the smallest chance that a unit rides "
                "through, the lowest charge, and the age of the oldest answer.",
                [Label("site", width=80), Label("rack", links=[RACK_LINK])],
                [
                    Column("units", f"rack:bbu_units:count{{{SITE}}}", decimals=0),
                    Column("answering", f"rack:bbu_up:count{{{SITE}}}", decimals=0),
                    Column(
                        "ride-through, at least",
                        f"rack:bbu_ride_through_lower_seconds:min{{{SITE}}}",
                        "s",
                        0,
                    ),
                    Column(
                        "least chance",
                        f"min by (site, rack) (bbu_ride_through_probability_ratio{{{SITE}}} "
                        f"{PLACED}{{{SITE}}})",
                        "percentunit",
                        0,
                        at=_CHANCE,
                    ),
                    Column(
                        "lowest charge",
                        f"rack:bbu_state_of_charge_ratio:min{{{SITE}}}",
                        "percentunit",
                        0,
                        at=steps(RED, (limit("charged_state_of_charge_ratio"), GREEN)),
                    ),
                    Column("oldest answer", f"{_AGE_OF_UNIT} {PLACED}{{{SITE}}}", "s", 0, at=_AGE),
                ],
                sort=Sort("ride-through, at least", descending=False),
                width=14,
                height=9,
            ),
            bars(
                "Units by state of health",
                "How many units have a state of health (capacity over rated capacity, our "
                f"estimate) in each class. Below {_EOL:.0%} a battery is at its end of life.",
                _classes(),
                width=10,
                height=9,
                decimals=0,
            ),
        ],
    )


def _classes() -> list[tuple[str, str]]:
    """Count units in classes of their state of health."""
    edges = [0, _EOL - 0.1, _EOL, _EOL + 0.1, _EOL + 0.15, 10]
    health = f"bbu_state_of_health_ratio{{{SITE}}}"
    found = []
    for low, high in pairwise(edges):
        name = f"{low:.0%} to {high:.0%}"
        if low == 0:
            name = f"below {high:.0%}"
        if high == edges[-1]:
            name = f"from {low:.0%}"
        inside = f"({health} >= bool {low:g}) * ({health} < bool {high:g})"
        found.append((f"sum({inside})", name))
    return found


def _over_time() -> Row:
    health = f"bbu_state_of_health_ratio{{{SITE}}}"
    return Row(
        "How the fleet ages",
        [
            chart(
                "State of health over time",
                "The median of the fleet and the units between which nine tenths of it lie. The "
                f"dashed line is the end of life ({_EOL:.0%}). Look at months, not hours.",
                [
                    Line(f"quantile(0.95, {health})", "best twentieth", SKY, below="median"),
                    Line(f"quantile(0.5, {health})", "median", BLUE, below="worst twentieth"),
                    Line(f"quantile(0.05, {health})", "worst twentieth", ORANGE),
                ],
                unit="percentunit",
                at=steps("transparent", (_EOL, RED)),
                width=12,
            ),
            table(
                "Where the device's word and our estimate differ most",
                "Units by the distance between the state of health that the device reports and "
                f"our 90 % interval. Beyond {_DISAGREES:.0%} BbuDeviceDisagrees fires: many "
                "devices count years and do not measure. Empty where no device reports one.",
                [Label("unit", links=[UNIT_LINK])],
                [
                    Column(
                        "outside by",
                        f"topk(20, clamp_min(bbu_reported_state_of_health_ratio{{{SITE}}} "
                        f"- on (job, instance, unit) bbu_state_of_health_upper_ratio{{{SITE}}}, 0) "
                        f"+ on (job, instance, unit) clamp_min("
                        f"bbu_state_of_health_lower_ratio{{{SITE}}} "
                        f"- on (job, instance, unit) "
                        f"bbu_reported_state_of_health_ratio{{{SITE}}}, 0))",
                        "percentunit",
                        1,
                        at=steps("text", (_DISAGREES, ORANGE)),
                    ),
                    *(
                        Column(title, _disagreeing(metric), "percentunit", 0)
                        for title, metric in (
                            ("device", "bbu_reported_state_of_health_ratio"),
                            ("ours", "bbu_state_of_health_ratio"),
                            ("at least", "bbu_state_of_health_lower_ratio"),
                            ("at most", "bbu_state_of_health_upper_ratio"),
                        )
                    ),
                ],
                sort=Sort("outside by"),
                width=12,
            ),
            table(
                "Firmware",
                "Units by model and firmware with what their batteries look like. A firmware "
                f"below {_ODD:.0%} of a model's units is an outlier (BbuFirmwareOutlier).",
                [Label("model"), Label("firmware")],
                [
                    Column(
                        "units",
                        f'count by (model, firmware) (bbu_unit_info{{{SITE},model!=""}})',
                        decimals=0,
                    ),
                    Column(
                        "share of the model",
                        f'count by (model, firmware) (bbu_unit_info{{{SITE},model!=""}}) '
                        f"/ on (model) group_left () count by (model) (bbu_unit_info{{{SITE}}})",
                        "percentunit",
                        0,
                        at=steps(ORANGE, (_ODD, "text")),
                    ),
                    Column(
                        "mean state of health",
                        f"avg by (model, firmware) ({health} * on (job, instance, unit) "
                        f'group_left (model, firmware) bbu_unit_info{{{SITE},model!=""}})',
                        "percentunit",
                        0,
                        at=_HEALTH,
                    ),
                    Column(
                        "mean resistance growth",
                        "avg by (model, firmware) (bbu_cell_resistance_growth_ratio"
                        f"{{{SITE}}} * on (job, instance, unit) "
                        f'group_left (model, firmware) bbu_unit_info{{{SITE},model!=""}})',
                        decimals=2,
                        at=steps("text", (limit("resistance_growth_ratio"), ORANGE)),
                    ),
                ],
                sort=Sort("units"),
                width=12,
            ),
            table(
                "Next to be replaced",
                "The 20 units that reach their end of life first: our forecast with the early "
                "end of its 90 % interval, and the date that the device itself names.",
                [Label("unit", links=[UNIT_LINK])],
                [
                    Column(
                        "end of life",
                        f"bottomk(20, bbu_end_of_life_timestamp_seconds{{{SITE}}}) * 1000",
                        "dateTimeAsIso",
                    ),
                    Column(
                        "not before",
                        "(bbu_end_of_life_lower_timestamp_seconds and on (job, instance, unit) "
                        f"bottomk(20, bbu_end_of_life_timestamp_seconds{{{SITE}}})) * 1000",
                        "dateTimeAsIso",
                    ),
                    Column(
                        "months left",
                        f"(bottomk(20, bbu_end_of_life_timestamp_seconds{{{SITE}}}) - time()) "
                        "/ 2629800",
                        decimals=0,
                        at=steps(
                            RED,
                            (0.01, ORANGE),
                            (limit("end_of_life_near_seconds") / 2629800, YELLOW),
                            (12, "text"),
                        ),
                    ),
                ],
                sort=Sort("end of life", descending=False),
                width=12,
            ),
        ],
    )


def _disagreeing(metric: str) -> str:
    """Give a number of the units whose device reports a state of health."""
    return (
        f"{metric}{{{SITE}}} and on (job, instance, unit) "
        f"bbu_reported_state_of_health_ratio{{{SITE}}} and on (job, instance, unit) "
        f"bbu_state_of_health_ratio{{{SITE}}}"
    )


BOARD = Board(
    "bbu-fleet",
    "BBU fleet",
    "Is anything wrong in any rack, where, since when, and what to do.",
    kit.variables("site"),
    [_now(), _units(), _over_time()],
    time_from="now-6h",
)
