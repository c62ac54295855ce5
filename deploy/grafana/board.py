"""A dashboard: rows of panels, and what every dashboard has besides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from deploy.grafana import kit
from deploy.grafana.panels import Panel


@dataclass(frozen=True)
class Row:
    """Panels under a common heading, in the order of reading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Board:
    """A dashboard before it is built."""

    uid: str
    title: str
    description: str
    variables: Sequence[Any]
    rows: Sequence[Row]
    time_from: str
    refresh: str = "30s"

    def build(self) -> model.Dashboard:
        """Build it, with numbered panels so that links to one of them stay valid."""
        made = (
            build.Dashboard(self.title)
            .uid(self.uid)
            .description(self.description)
            .tags(["bbu-agent", "battery"])
            .time(self.time_from, "now")
            .refresh(self.refresh)
            .tooltip(model.DashboardCursorSync.CROSSHAIR)
            .variables(list(self.variables))
            .annotations([kit.alert_marks()])
            .links([*kit.board_links(self.uid)])
            .editable()
        )
        number = 0
        for row in self.rows:
            number += 100 - number % 100
            made.with_row(build.Row(row.title).id(number))
            for panel in row.panels:
                number += 1
                made.with_panel(panel.id(number))
        return _typed(made.build())


def _typed(made: model.Dashboard) -> model.Dashboard:
    """Drop what the SDK adds to every variable and Grafana's types know of intervals only."""
    variables = made.templating.list_val if made.templating else None
    for variable in variables or []:
        variable.auto = None
        variable.auto_min = None
        variable.auto_count = None
    return made
