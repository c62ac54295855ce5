"""Tables of present values: their columns, and what keeps their rows apart."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana.kit import DATASOURCE, steps, words
from deploy.grafana.panels import NOTHING, States, query, refs


@dataclass(frozen=True)
class Column:
    """A column with numbers. ``at`` colours the cell; ``states`` gives codes their words.

    It stands behind the labels, or before them if it is ``first``.
    """

    title: str
    expr: str
    unit: str = "short"
    decimals: int | None = None
    at: build.ThresholdsConfig | None = None
    states: States = ()
    width: int | None = None
    first: bool = False

    def properties(self) -> list[model.DynamicConfigValue]:
        """Give what its cells look like."""
        found: dict[str, object] = {"unit": self.unit}
        if self.decimals is not None:
            found["decimals"] = self.decimals
        if self.width is not None:
            found["custom.width"] = self.width
        if self.states:
            found["mappings"] = words(self.states)
        if self.at is not None:
            found["thresholds"] = self.at.build()
        if self.states or self.at is not None:
            found["custom.cellOptions"] = shared.TableColorTextCellOptions()
        return [model.DynamicConfigValue(id_val=key, value=one) for key, one in found.items()]


@dataclass(frozen=True)
class Label:
    """A column with words: the label ``name`` of the series, shown as ``title``.

    A hidden one only keeps rows apart.
    """

    name: str
    title: str = ""
    links: Sequence[dict[str, object]] = ()
    width: int | None = None
    hidden: bool = False

    @property
    def shown(self) -> str:
        """What stands above the column."""
        return self.title or self.name

    def properties(self) -> list[model.DynamicConfigValue]:
        """Give what its cells look like."""
        found: dict[str, object] = {}
        if self.links:
            found["links"] = list(self.links)
        if self.width is not None:
            found["custom.width"] = self.width
        return [model.DynamicConfigValue(id_val=key, value=one) for key, one in found.items()]


@dataclass(frozen=True)
class Sort:
    """By which column a table is sorted at first."""

    title: str
    descending: bool = field(default=True, kw_only=True)


def table(
    title: str,
    description: str,
    labels: Sequence[Label],
    columns: Sequence[Column],
    *,
    sort: Sort,
    width: int = 24,
    height: int = 8,
    empty: str = NOTHING,
) -> tables.Panel:
    """Make a table of the present values, one row for each combination of ``labels``.

    Every expression must have exactly these labels: the rows are joined by them. Units, lines and
    agents of one name at two sites, or of two agents, stay apart even where no column tells them.
    """
    labels = [*labels, *_apart({label.name for label in labels})]
    by = ", ".join(label.name for label in labels)
    made = (
        tables.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .thresholds(steps("text"))
        .color_scheme(build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .no_value(empty)
        .span(width)
        .height(height)
    )
    for ref, column in zip(refs(len(columns)), columns, strict=True):
        target = query(f"max by ({by}) ({column.expr})", ref=ref).instant()
        made.with_target(target.format(PromQueryFormat.TABLE))
        made.override_by_name(column.title, column.properties())
    for label in labels:
        if properties := label.properties():
            made.override_by_name(label.shown, properties)
    made.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    made.with_transformation(_arrange(labels, columns))
    made.sort_by([common.TableSortByFieldState().display_name(sort.title).desc(sort.descending)])
    return made


def _apart(names: AbstractSet[str]) -> list[Label]:
    if not names & {"unit", "bus", "instance"}:
        return []
    return [Label(name, hidden=True) for name in ("job", "instance", "site") if name not in names]


def _arrange(labels: Sequence[Label], columns: Sequence[Column]) -> model.DataTransformerConfig:
    """Order and name the columns. A single query's values are called differently by Grafana."""
    values = ["Value"] if len(columns) == 1 else [f"Value #{ref}" for ref in refs(len(columns))]
    both = list(zip(values, columns, strict=True))
    names = {value: column.title for value, column in both if column.first}
    names |= {label.name: label.shown for label in labels if not label.hidden}
    names |= {value: column.title for value, column in both if not column.first}
    options = {
        "excludeByName": {"Time": True} | {label.name: True for label in labels if label.hidden},
        "indexByName": {name: place for place, name in enumerate(names)},
        "renameByName": names,
    }
    return model.DataTransformerConfig(id_val="organize", options=options)
