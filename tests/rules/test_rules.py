"""The rules hold what they promise: every alert tested, explained, and fed by what we export."""

import pkgutil
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from agent.cli.main import cli
from agent.export.metrics.catalogue import everything
from agent.export.metrics.families import PARTS, Family, Shape, quantity_family
from agent.quantities import QUANTITIES, Kind

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RUNBOOKS = ROOT / "docs" / "runbooks"
TESTS = sorted(Path(__file__).parent.glob("*.test.yaml"))
SEVERITIES = {"critical", "warning", "info"}
# Labels that the scrape gives every series.
TARGET_LABELS = {"job", "instance", "site"}
# Families of Prometheus' own.
FOREIGN = {"up": {"job", "instance", "site"}}
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Action", "Safety"]

Rule = dict[str, Any]


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def run(*words: object) -> str:
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules(kind: str) -> list[Rule]:
    content = read(DEPLOY / "prometheus" / f"{kind}.rules.yaml")
    return [rule for group in content["groups"] for rule in group["rules"]]


ALERTS, RECORDS = rules("alerts"), rules("recording")
NAMES = sorted({rule["alert"] for rule in ALERTS})


@cache
def exported() -> dict[str, set[str]]:
    """Every series name that we can export, with its labels."""
    parts = [
        quantity_family(quantity.key, (part,))
        for quantity in QUANTITIES.values()
        if quantity.kind is not Kind.TEXT
        for part in (*PARTS, "part")
    ]
    return {family.name: labels_of(family) for family in [*everything(), *parts]}


def labels_of(family: Family) -> set[str]:
    own = {family.name} if family.shape is Shape.STATESET else set()
    return {*family.labels, *own, *TARGET_LABELS}


def expressions(rule: Rule) -> Iterator[str]:
    """The expression of a rule, and those that its texts ask."""
    yield rule["expr"]
    for text in rule.get("annotations", {}).values():
        for query in re.findall(r'printf "([^"]*\{job=[^"]*)"', text):
            yield query.replace("%q", '"x"')


def series(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Each series name in ``expression``, with the labels that it is selected by."""
    bare = re.sub(r"\b(by|on|group_left|group_right|without|ignoring) *\([^)]*\)", " ", expression)
    for name, matchers in re.findall(r"([a-z_][a-z0-9_:]*)(?![a-z0-9_:]*\()(\{[^}]*\})?", bare):
        if name.startswith("bbu_") or ":" in name or name == "up":
            yield name, set(re.findall(r"([a-z_]+)\s*=?[=~!]", matchers))


def test_the_rules_are_built_from_their_sources() -> None:
    run(sys.executable, DEPLOY / "prometheus" / "build.py", "--check")


def test_prometheus_and_alertmanager_take_the_files() -> None:
    run("promtool", "check", "config", DEPLOY / "prometheus" / "prometheus.yml")
    run("amtool", "check-config", DEPLOY / "alertmanager" / "alertmanager.yml")


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name.removesuffix(".test.yaml"))
def test_the_rules_do_what_their_tests_say(path: Path) -> None:
    run("promtool", "test", "rules", path)


def test_every_threshold_is_used() -> None:
    sources = "".join(
        path.read_text("utf-8") for path in (DEPLOY / "prometheus" / "source").iterdir()
    )
    named = set(re.findall(r"@(\w+)@", sources))
    thresholds = set(read(DEPLOY / "prometheus" / "thresholds.yaml")["thresholds"])
    only_dashboards = {"resistance_growth_ratio"}
    assert thresholds - named == only_dashboards


def test_a_threshold_that_the_agent_has_too_is_the_same_there() -> None:
    thresholds = read(DEPLOY / "prometheus" / "thresholds.yaml")["thresholds"]
    shared = {name: one for name, one in thresholds.items() if "agent" in one}
    assert {"ride_through_probability_ratio", "end_of_life_near_seconds"} <= set(shared)
    for name, one in shared.items():
        assert pkgutil.resolve_name(one["agent"]) == one["value"], name


@pytest.mark.parametrize("rule", [*ALERTS, *RECORDS], ids=lambda r: r.get("alert") or r["record"])
def test_a_rule_names_only_what_is_exported(rule: Rule) -> None:
    recorded = {other["record"] for other in RECORDS}
    for expression in expressions(rule):
        found = list(series(expression))
        assert found, expression
        for name, selectors in found:
            if name in recorded:
                continue
            known = (exported() | FOREIGN).get(name)
            assert known is not None, f"nobody exports {name}"
            assert selectors <= known, (name, selectors - known)


@pytest.mark.parametrize("rule", [*ALERTS, *RECORDS], ids=lambda r: r.get("alert") or r["record"])
def test_what_has_one_name_at_two_sites_stays_two(rule: Rule) -> None:
    for words in re.findall(r"\b(?:by|on) \(([^)]*)\)", rule["expr"]):
        labels = {word.strip() for word in words.split(",")}
        assert "site" in labels or not labels & {"instance", "unit", "bus", "rack"}, words
    for query in expressions(rule):
        for matchers in re.findall(r"\{[^}]*instance=[^}]*\}", query):
            assert "site=" in matchers, query


@cache
def told() -> dict[str, list[list[tuple[str, list[Rule]]]]]:
    """By alert, for each promtool test: (time, expected alerts) in order."""
    found: defaultdict[str, list[list[tuple[str, list[Rule]]]]] = defaultdict(list)
    for path in TESTS:
        for test in read(path)["tests"]:
            by_alert: defaultdict[str, list[tuple[str, list[Rule]]]] = defaultdict(list)
            for check in test.get("alert_rule_test", []):
                by_alert[check["alertname"]].append((check["eval_time"], check["exp_alerts"]))
            for name, checks in by_alert.items():
                found[name].append(checks)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_is_tested_silent_firing_and_resolving(name: str) -> None:
    def whole(checks: list[tuple[str, list[Rule]]]) -> bool:
        fires = [bool(alerts) for _time, alerts in checks]
        return True in fires and not fires[0] and not fires[-1]

    tests = told()[name]
    assert any(whole(checks) for checks in tests)
    seen = {
        alert["exp_labels"]["severity"]
        for checks in tests
        for _time, alerts in checks
        for alert in alerts
    }
    assert seen == {rule["labels"]["severity"] for rule in ALERTS if rule["alert"] == name}


def test_every_recording_rule_is_tested() -> None:
    asked = " ".join(
        check["expr"]
        for path in TESTS
        for test in read(path)["tests"]
        for check in test.get("promql_expr_test", [])
    ).split()
    assert {rule["record"] for rule in RECORDS} - set(asked) == set()


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_all_that_it_must(rule: Rule) -> None:
    assert re.fullmatch(r"Bbu([A-Z][a-z]+)+", rule["alert"])
    assert rule["labels"]["severity"] in SEVERITIES
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert "{{" not in notes["summary"]
    assert notes["runbook_url"].endswith(f"/docs/runbooks/{rule['alert']}.md")


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert sorted(path.stem for path in RUNBOOKS.glob("*.md")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_has_its_sections(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text("utf-8")
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS


@pytest.mark.parametrize("name", NAMES)
def test_the_queries_of_a_runbook_name_what_is_exported(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text("utf-8")
    recorded = {rule["record"] for rule in RECORDS}
    for query in re.findall(r"```promql\n(.*?)```", text, re.DOTALL):
        found = {one for line in query.splitlines() for one, _ in series(line)}
        assert found, query
        assert found - recorded - set(exported()) - set(FOREIGN) == set()


def test_inhibition_and_routes_name_alerts_that_exist() -> None:
    content = read(DEPLOY / "alertmanager" / "alertmanager.yml")
    for rule in content["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            label, pattern = re.fullmatch(r'(\w+)!?=~?"(.+)"', matcher).groups()  # type: ignore[union-attr]
            values = NAMES if label == "alertname" else SEVERITIES
            for part in pattern.split("|"):
                assert any(re.fullmatch(part, value) for value in values), matcher


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_of_a_runbook_exist(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text("utf-8")
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    for line in re.findall(r"^bbu-agent .+$", blocks, re.MULTILINE):
        subcommand, *words = line.partition("#")[0].split()[1:]
        command = cli.get_command(click.Context(cli), subcommand)
        assert command is not None, line
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line
