"""The kinds of panels that the dashboards are made of, each in one look.

Every panel has a title and a description; the description says what the numbers are and what
their absence means.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, statetimeline
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import statushistory as history
from grafana_foundation_sdk.builders import timeseries as lines_of
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models import dashboard as model

from deploy.grafana.kit import BLUE, DATASOURCE, steps, words

States = Sequence[tuple[str, str]]
"""The words and colours of the codes 0, 1, 2 ..."""


class Panel(Protocol):
    """A panel that is not built yet, of any kind."""

    def id(self, id_val: int) -> Builder[model.Panel]:
        """Give it the number that links to it use."""


NOTHING = "-"
_LEGEND = (
    common.VizLegendOptions()
    .show_legend(show_legend=True)
    .display_mode(shared.LegendDisplayMode.LIST)
    .placement(shared.LegendPlacement.BOTTOM)
    .calcs([])
)
_TOOLTIP = (
    common.VizTooltipOptions()
    .mode(shared.TooltipDisplayMode.MULTI)
    .sort(shared.SortOrder.DESCENDING)
)


def query(expr: str, legend: str = "", ref: str = "A") -> prometheus.Dataquery:
    """Give the question ``expr``, by which a panel refers to it as ``ref``."""
    return prometheus.Dataquery().expr(expr).legend_format(legend).ref_id(ref)


def refs(count: int) -> list[str]:
    """Give names for the questions of one panel: A, B, C ..."""
    return [chr(ord("A") + number) for number in range(count)]


def tile(
    title: str,
    description: str,
    expr: str,
    *,
    unit: str = "short",
    at: build.ThresholdsConfig | None = None,
    states: States = (),
    width: int = 4,
    decimals: int | None = None,
    empty: str = NOTHING,
    links: Sequence[dict[str, object]] = (),
) -> stat.Panel:
    """Make a tile with the present value, coloured by ``at`` or named by ``states``."""
    made = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .with_target(query(expr).instant())
        .unit(unit)
        .mappings(words(states))
        .thresholds(at or steps(BLUE))
        .color_scheme(build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .color_mode(shared.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(shared.BigValueGraphMode.NONE)
        .text_mode(shared.BigValueTextMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False))
        .no_value(empty)
        .span(width)
        .height(4)
    )
    if decimals is not None:
        made.decimals(decimals)
    if links:
        _links(made, links)
    return made


def _links(panel: Any, links: Sequence[dict[str, object]]) -> None:  # noqa: ANN401 - any panel
    panel.with_override(
        model.MatcherConfig(id_val="byRegexp", options="/.*/"),
        [model.DynamicConfigValue(id_val="links", value=list(links))],
    )


@dataclass(frozen=True)
class Line:
    """One query of a chart; ``colour`` for all its series, ``below`` the series to fill down to."""

    expr: str
    legend: str
    colour: str = ""
    dashed: bool = False
    below: str = ""

    def properties(self) -> list[model.DynamicConfigValue]:
        """Give what its lines look like."""
        found: dict[str, object] = {}
        if self.colour:
            found["color"] = {"mode": "fixed", "fixedColor": self.colour}
        if self.dashed:
            found["custom.lineStyle"] = {"fill": "dash", "dash": [6, 4]}
        if self.below:
            found |= {"custom.fillBelowTo": self.below, "custom.fillOpacity": 18}
        return [model.DynamicConfigValue(id_val=key, value=one) for key, one in found.items()]


def chart(
    title: str,
    description: str,
    lines: Sequence[Line],
    *,
    unit: str,
    at: build.ThresholdsConfig | None = None,
    width: int = 12,
    height: int = 8,
    least: float | None = None,
    empty: str = NOTHING,
) -> lines_of.Panel:
    """Make a chart over time; thresholds are lines. Gaps in the data stay gaps."""
    made = (
        lines_of.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .line_width(1.5)
        .fill_opacity(0)
        .show_points(shared.VisibilityMode.AUTO)
        .legend(_LEGEND)
        .tooltip(_TOOLTIP)
        .color_scheme(build.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC))
        .no_value(empty)
        .span(width)
        .height(height)
    )
    if least is not None:
        made.min(least)
    if at is not None:
        style = common.GraphThresholdsStyleConfig().mode(shared.GraphThresholdsStyleMode.DASHED)
        made.thresholds(at).thresholds_style(style)
    for ref, line in zip(refs(len(lines)), lines, strict=True):
        made.with_target(query(line.expr, line.legend, ref).range())
        if properties := line.properties():
            made.override_by_query(ref, properties)
    return made


def states(
    title: str,
    description: str,
    rows: Sequence[tuple[str, str, States]],
    *,
    width: int = 12,
    height: int = 6,
    empty: str = NOTHING,
) -> statetimeline.Panel:
    """Make a timeline of states in words; each row is (expression, legend, states by code)."""
    made = (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .show_value(shared.VisibilityMode.AUTO)
        .merge_values(merge_values=True)
        .align_value(shared.TimelineValueAlignment.LEFT)
        .row_height(0.85)
        .fill_opacity(75)
        .line_width(0)
        .legend(common.VizLegendOptions().show_legend(show_legend=False))
        .tooltip(common.VizTooltipOptions().mode(shared.TooltipDisplayMode.SINGLE))
        .color_scheme(build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .thresholds(steps(BLUE))
        .no_value(empty)
        .span(width)
        .height(height)
    )
    for ref, (expr, legend, named) in zip(refs(len(rows)), rows, strict=True):
        made.with_target(query(expr, legend, ref).range())
        made.override_by_query(
            ref, [model.DynamicConfigValue(id_val="mappings", value=words(named))]
        )
    return made


def heatmap(
    title: str,
    description: str,
    expr: str,
    legend: str,
    *,
    unit: str,
    span: tuple[float, float],
    width: int = 12,
    height: int = 10,
) -> history.Panel:
    """Make a map of one row for each series, coloured from blue (low) to red (high)."""
    return (
        history.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .with_target(query(expr, legend).range())
        .unit(unit)
        .min(span[0])
        .max(span[1])
        .color_scheme(build.FieldColor().mode(model.FieldColorModeId.CONTINUOUS_BL_YL_RD))
        .thresholds(steps(BLUE))
        .show_value(shared.VisibilityMode.NEVER)
        .row_height(0.9)
        .col_width(1)
        .fill_opacity(90)
        .line_width(0)
        .max_data_points(60)
        .legend(common.VizLegendOptions().show_legend(show_legend=False))
        .tooltip(common.VizTooltipOptions().mode(shared.TooltipDisplayMode.SINGLE))
        .no_value(NOTHING)
        .span(width)
        .height(height)
    )


def bars(
    title: str,
    description: str,
    queries: Sequence[tuple[str, str]],
    *,
    unit: str = "short",
    at: build.ThresholdsConfig | None = None,
    width: int = 8,
    height: int = 8,
    decimals: int | None = None,
    empty: str = NOTHING,
    links: Sequence[dict[str, object]] = (),
) -> bargauge.Panel:
    """Make horizontal bars of the present values; each query is (expression, legend)."""
    made = (
        bargauge.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .min(0)
        .thresholds(at or steps(BLUE))
        .color_scheme(build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .orientation(shared.VizOrientation.HORIZONTAL)
        .display_mode(shared.BarGaugeDisplayMode.BASIC)
        .value_mode(shared.BarGaugeValueMode.TEXT)
        .name_placement(shared.BarGaugeNamePlacement.LEFT)
        .show_unfilled(show_unfilled=True)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False))
        .no_value(empty)
        .span(width)
        .height(height)
    )
    for ref, (expr, legend) in zip(refs(len(queries)), queries, strict=True):
        made.with_target(query(expr, legend, ref).instant())
    if decimals is not None:
        made.decimals(decimals)
    if links:
        _links(made, links)
    return made
