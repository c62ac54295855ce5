"""The first screen of the fleet: is anything wrong, where, since when."""

from deploy.grafana import kit
from deploy.grafana.board import Row
from deploy.grafana.kit import (
    GREEN,
    GREY,
    PLACED,
    RACK_LINK,
    RED,
    RUNBOOK_LINK,
    SITE,
    UNIT_LINK,
    steps,
)
from deploy.grafana.panels import Panel, states, tile
from deploy.grafana.tables import Column, Label, Sort, table

_BAD_IF_ANY = steps(GREEN, (1, RED))


def now_row() -> Row:
    """Give the row 'Is anything wrong?'."""
    verdicts = [
        tile(
            f"Units: {word}",
            f"Units whose verdict is {word!r} now. An unknown unit does not answer or has not "
            "been judged yet.",
            f'sum(bbu_health_verdict{{{SITE},bbu_health_verdict="{word}"}})',
            at=steps(GREEN if word == "ok" else GREY, *([] if word == "ok" else [(1, colour)])),
            width=3 if word in ("replace", "degraded") else 2,
        )
        for word, colour in [kit.VERDICTS[i] for i in (4, 3, 1, 2, 0)]
    ]
    return Row(
        "Is anything wrong?",
        [
            _agents_not_scraped(),
            _units_not_answering(),
            _shelves_below_required(),
            _racks_on_battery(),
            *verdicts,
            _alerts(),
            _worst_verdicts(),
        ],
    )


def _agents_not_scraped() -> Panel:
    return tile(
        "Agents not scraped",
        "Agents that Prometheus cannot scrape. What they watch is missing everywhere on this "
        "page; their runbook is BbuAgentDown.",
        f"sum(up{{{SITE}}} == bool 0)",
        at=_BAD_IF_ANY,
        width=3,
        links=[kit.link("Open the agents", "bbu-agents")],
    )


def _units_not_answering() -> Panel:
    return tile(
        "Units not answering",
        "Units that the agents cannot read now. What they would say is not known; their "
        "runbook is BbuUnitNotAnswering.",
        f"sum(bbu_up{{{SITE}}} == bool 0)",
        at=_BAD_IF_ANY,
        width=3,
    )


def _shelves_below_required() -> Panel:
    return tile(
        "Shelves below required",
        "Shelves with fewer ready units than their load needs, as configured under "
        "`shelves`. '-' where no shelf is configured.",
        f"sum(bbu_shelf_margin_units{{{SITE}}} < bool 0)",
        at=_BAD_IF_ANY,
        width=3,
    )


def _racks_on_battery() -> Panel:
    return tile(
        "Racks on battery",
        "Racks of which at least one unit carries load now, self-tests excepted.",
        f"sum(rack:bbu_discharging:count{{{SITE}}} > bool 0)",
        at=_BAD_IF_ANY,
        width=3,
        links=[kit.link("Open the outage page", "bbu-outage")],
    )


def _alerts() -> Panel:
    return table(
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
            Column("severity", kit.urgency(), states=kit.SEVERITIES, width=85, first=True),
        ],
        sort=Sort("severity", descending=False),
        width=14,
        height=9,
        empty="No alert fires",
    )


def _worst_verdicts() -> Panel:
    by = "job, instance, site, unit"
    return states(
        "Worst verdict of each rack",
        "The worst verdict of any unit in the rack over time, from good to bad: ok, "
        "watch, unknown, degraded, replace. A change of colour says since when.",
        [
            (
                f"max by (site, rack) ({kit.verdict(SITE, by)} {PLACED}{{{SITE}}})",
                "{{rack}} {{site}}",
                kit.VERDICTS,
            )
        ],
        width=10,
        height=9,
    )
