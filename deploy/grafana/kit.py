"""What all dashboards share: thresholds, colours, selectors, variables and links.

Thresholds and the place of the runbooks come from ``deploy/prometheus/thresholds.yaml``, as
those of the alert rules do, so that a panel turns red when its alert fires.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

_CONSTANTS = yaml.safe_load(
    (Path(__file__).parents[1] / "prometheus" / "thresholds.yaml").read_text("utf-8")
)
RUNBOOKS = str(_CONSTANTS["settings"]["runbooks"])

# Okabe and Ito's colours, which people with any colour vision tell apart (Nature Methods 8,
# 441, 2011). No panel rests on colour alone: states are words, numbers stand beside bars.
GREEN, YELLOW, ORANGE, RED = "#009E73", "#F0E442", "#E69F00", "#D55E00"
BLUE, SKY, PURPLE, GREY = "#0072B2", "#56B4E9", "#CC79A7", "#8E8E8E"

DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")

JOB = 'job=~"$job"'
SITE = 'job=~"$job",site=~"$site"'
UNIT = 'job=~"$job",site=~"$site",unit=~"$unit"'
SAME_UNIT = "on (job, instance, site, unit)"
"""What makes a unit one: sites may have racks, units and agents' addresses of equal names."""

PLACED = f"* {SAME_UNIT} group_left (bus, rack, shelf, slot) bbu_unit_info"
"""Joins the place of a unit to its series."""

AGENT = 'job=~"$job",site=~"$site",instance=~"$instance"'


def limit(name: str) -> float:
    """Give a threshold by its name, in the unit that the name ends with."""
    return float(_CONSTANTS["thresholds"][name]["value"])


Step = tuple[float, str]


def steps(base: str, *rest: Step) -> build.ThresholdsConfig:
    """Colour values: ``base`` below the first of ``rest``, then each from its value on."""
    made = [model.Threshold(value=None, color=base)]
    made += [model.Threshold(value=value, color=color) for value, color in rest]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(made)


EOL = limit("end_of_life_state_of_health_ratio")
HEALTH = steps(RED, (EOL, SKY), (0.9, GREEN))
"""Colours of a state of health, 0 to 1."""


def age(base: str) -> build.ThresholdsConfig:
    """Colour the age of an answer in seconds; after 300 s BbuUnitNotAnswering fires."""
    return steps(base, (60, ORANGE), (300, RED))


def words(states: Sequence[tuple[str, str]]) -> list[model.ValueMapping]:
    """Give each code 0, 1, 2 ... its word and colour."""
    options = {
        str(code): model.ValueMappingResult(text=text, color=color, index=code)
        for code, (text, color) in enumerate(states)
    }
    return [model.ValueMap(options=options)]


def coded(metric: str, selector: str, states: Sequence[str], by: str) -> str:
    """Give a state set as one number for each of ``by``: the place in ``states``, 0 first.

    Where several units fall together the last of their states in the order given holds.
    """
    parts = " or ".join(
        f'{code} * {metric}{{{selector},{metric}="{state}"}}' for code, state in enumerate(states)
    )
    return f"max by ({by}) ({parts})"


# From good to bad; what is not known may hide anything, but it is no known defect.
VERDICTS = [
    ("ok", GREEN),
    ("watch", SKY),
    ("unknown", PURPLE),
    ("degraded", ORANGE),
    ("replace", RED),
]


def verdict(selector: str, by: str = "job, instance, site, unit") -> str:
    """Give the verdict of each unit as its place in ``VERDICTS``."""
    return coded("bbu_health_verdict", selector, [word for word, _ in VERDICTS], by)


def firing(*selectors: str) -> str:
    """Give each firing alert with the unix time (seconds) since which its condition holds."""
    chosen = ",".join(['alertname=~"Bbu.+"', 'job=~"$job|"', *selectors])
    return (
        f"ALERTS_FOR_STATE{{{chosen}}} and ignoring (alertstate) "
        f'ALERTS{{alertstate="firing",{chosen}}}'
    )


def _variable(name: str, label: str, query: str) -> build.QueryVariable:
    return (
        build.QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(DATASOURCE)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.NATURAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .current(model.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def variables(*names: str) -> list[Any]:
    """Give the data source, the job and those named of ``site``, ``rack``, ``unit`` ..."""
    source = build.DatasourceVariable("datasource").label("Data source").type("prometheus")
    job = _variable("job", "Job", 'label_values({__name__=~"bbu_up|bbu_agent_build_info"}, job)')
    known = {
        # A site is a label that the scrape gives, and not everybody has more than one.
        "site": _variable("site", "Site", f"label_values(bbu_up{{{JOB}}}, site)").all_value(".*"),
        "rack": _variable("rack", "Rack", f"label_values(bbu_unit_info{{{SITE}}}, rack)"),
        # Thousands of names would make a query too long.
        "unit": _variable("unit", "Unit", f"label_values(bbu_unit_info{{{SITE}}}, unit)"),
        "instance": _variable("instance", "Agent", f"label_values(bbu_up{{{SITE}}}, instance)"),
    }
    for name in ("rack", "unit", "instance"):
        known[name].all_value(".*" if name == "rack" else ".+")
    return [source, job, *(known[name] for name in names), _runbooks()]


class _Hidden(build.ConstantVariable):
    """A constant that the page does not show; its builder has no method for that."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._internal.hide = model.VariableHide.HIDE_VARIABLE


def _runbooks() -> build.ConstantVariable:
    return _Hidden("runbooks").label("Runbooks").value(RUNBOOKS)


class AlertAnnotation(model.AnnotationQuery):
    """An annotation of the Prometheus data source, whose own keys the SDK does not know."""

    def to_json(self) -> dict[str, object]:
        """Give the annotation as Grafana stores it."""
        return super().to_json() | {
            "titleFormat": "{{alertname}}",
            "textFormat": "{{severity}} {{rack}} {{unit}} {{cell}}",
            "tagKeys": "severity",
            "useValueForTime": False,
        }


class _Alerts(build.AnnotationQuery):
    def __init__(self) -> None:
        super().__init__()
        self._internal = AlertAnnotation()


def alert_marks(selector: str = "") -> build.AnnotationQuery:
    """Mark on every time axis when alerts fired."""
    chosen = ",".join(part for part in ('alertname=~"Bbu.+"', 'job=~"$job|"', selector) if part)
    return (
        _Alerts()
        .name("Alerts")
        .datasource(DATASOURCE)
        .enable(enable=True)
        .icon_color(RED)
        .expr(f'ALERTS{{alertstate="firing",severity=~"critical|warning",{chosen}}}')
    )


SEVERITIES = [("critical", RED), ("warning", ORANGE), ("info", SKY)]


def urgency(*selectors: str) -> str:
    """Give each firing alert its severity as its place in ``SEVERITIES``, to sort by."""
    parts = [
        "0 * (" + firing(f'severity="{word}"', *selectors) + f") + {place}"
        for place, (word, _) in enumerate(SEVERITIES)
    ]
    return " or ".join(parts)


BOARDS = {
    "bbu-fleet": "Fleet",
    "bbu-unit": "Unit",
    "bbu-outage": "Outage",
    "bbu-agents": "Agents",
}


def board_links(here: str) -> list[build.DashboardLink]:
    """Link to the other dashboards, keeping time and variables, and to the runbooks."""
    others = [
        build.DashboardLink(title)
        .type(model.DashboardLinkType.LINK)
        .url(f"/d/{uid}")
        .icon("dashboard")
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
        for uid, title in BOARDS.items()
        if uid != here
    ]
    runbooks = (
        build.DashboardLink("Runbooks")
        .type(model.DashboardLinkType.LINK)
        .url("${runbooks}")
        .icon("doc")
        .target_blank(target_blank=True)
    )
    return [*others, runbooks]


def link(title: str, uid: str, **values: str) -> dict[str, object]:
    """Give a data link to another dashboard that keeps the time range and the choice made."""
    chosen = "".join(f"&var-{name}={value}" for name, value in values.items())
    kept = "${datasource:queryparam}&${job:queryparam}&${site:queryparam}&${__url_time_range}"
    return {"title": title, "url": f"/d/{uid}?{kept}{chosen}", "targetBlank": False}


UNIT_LINK = link("Open the unit", "bbu-unit", unit="${__data.fields.unit}")
RACK_LINK = link("Open the rack's outage page", "bbu-outage", rack="${__data.fields.rack}")
RUNBOOK_LINK: dict[str, object] = {
    "title": "What to do: open the runbook",
    "url": "${runbooks}${__data.fields.alert}.md",
    "targetBlank": True,
}
