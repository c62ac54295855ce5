"""What is deployed passes the checkers that its users have: images, manifests, units, scripts."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from agent.app import DISK_AT_STOP_S
from agent.export.web import LAST_ANSWERS_S
from tests.deploy.kustomize import Manifest, manifests
from tests.deploy.operator_kinds import KINDS, misfits

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
FOLDERS = [DEPLOY / "kubernetes" / "base", DEPLOY / "kubernetes" / "serial", DEPLOY / "grafana"]
KUBERNETES = ("1.29", "1.37")
SCRIPTS = sorted(
    path
    for path in [*DEPLOY.rglob("*"), *(ROOT / ".ci").iterdir()]
    if path.is_file() and re.match(rb"#!.*\b(ba|da)?sh\b", path.read_bytes()[:64])
)


def run(*words: object) -> str:
    """Run a checker; it must succeed. Give all that it has said."""
    done = subprocess.run([*map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def of_kind(folder: Path, kind: str) -> list[Manifest]:
    return [made for made in manifests(folder) if made["kind"] == kind]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
@pytest.mark.parametrize("version", KUBERNETES)
def test_manifests_are_of_kubernetes_schemas(folder: Path, version: str) -> None:
    found = [made for made in manifests(folder) if made["kind"] not in KINDS]
    assert found
    for made in found:
        kubernetes_validate.validate(made, version, strict=True)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_kustomize_gives_the_same(folder: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    theirs = list(yaml.safe_load_all(run("kubectl", "kustomize", folder)))

    def plain(made: Manifest) -> str:
        # The hash of a generated name, also where the name is used.
        return re.sub(r"(bbu-agent(?:-nodes)?)-[a-z0-9]{10}\b", r"\1", json.dumps(made))

    ours = [json.dumps(made, sort_keys=True) for made in manifests(folder)]
    assert sorted(ours) == sorted(
        json.dumps(json.loads(plain(made)), sort_keys=True) for made in theirs
    )


@pytest.mark.parametrize(
    ("folder", "kind"), [(FOLDERS[0], "Deployment"), (FOLDERS[1], "DaemonSet")], ids=str
)
def test_pods_keep_to_the_restricted_standard(folder: Path, kind: str) -> None:
    (made,) = of_kind(folder, kind)
    pod = made["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    written = {one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")}
    assert written == {"/var/lib/bbu-agent"}
    labels = made["spec"]["selector"]["matchLabels"]
    assert labels.items() <= made["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("folder", FOLDERS[:2], ids=lambda folder: folder.name)
def test_everything_named_is_there(folder: Path) -> None:
    made = list(manifests(folder))
    names = {(one["kind"], one["metadata"]["name"]) for one in made}
    (pods,) = [one for one in made if one["kind"] in {"Deployment", "DaemonSet"}]
    pod = pods["spec"]["template"]["spec"]
    for volume in pod["volumes"]:
        if "configMap" in volume:
            assert ("ConfigMap", volume["configMap"]["name"]) in names
        if "persistentVolumeClaim" in volume:
            claim = volume["persistentVolumeClaim"]["claimName"]
            assert ("PersistentVolumeClaim", claim) in names
    assert ("ServiceAccount", pod["serviceAccountName"]) in names
    labels = pods["spec"]["template"]["metadata"]["labels"]
    for one in made:
        spec = one.get("spec", {})
        selector = {"NetworkPolicy": spec.get("podSelector"), "PodMonitor": spec.get("selector")}
        chosen = (selector.get(one["kind"]) or {}).get("matchLabels")
        if one["kind"] == "Service":
            chosen = spec["selector"]
        if chosen is not None:
            assert chosen.items() <= labels.items(), one["kind"]


def test_the_prometheus_rule_is_current_and_good(tmp_path: Path) -> None:
    run(sys.executable, DEPLOY / "kubernetes" / "build.py", "--check")
    (rule,) = of_kind(FOLDERS[0], "PrometheusRule")
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(rule["spec"]), "utf-8")
    shipped = [
        one["name"]
        for name in ("recording", "alerts")
        for one in yaml.safe_load(
            (DEPLOY / "prometheus" / f"{name}.rules.yaml").read_text("utf-8")
        )["groups"]
    ]
    assert [group["name"] for group in rule["spec"]["groups"]] == shipped
    run("promtool", "check", "rules", path)


@pytest.mark.parametrize("folder", FOLDERS[:2], ids=lambda folder: folder.name)
def test_the_operator_s_kinds_hold_what_the_operator_knows(folder: Path) -> None:
    made = [one for one in manifests(folder) if one["kind"] in KINDS]
    assert "PodMonitor" in {one["kind"] for one in made}
    for one in made:
        assert list(misfits(one, KINDS[one["kind"]])) == []
        # Groups are a map by their names, and a rule is either of the two.
        groups = one["spec"].get("groups", [])
        assert len({group["name"] for group in groups}) == len(groups)
        assert all(("alert" in rule) != ("record" in rule) for g in groups for rule in g["rules"])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"selector": {}, "podMetricsEndpoint": []}, ".spec.podMetricsEndpoint: unknown"),
        ({"podMetricsEndpoints": []}, ".spec.selector: missing"),
        ({"selector": {}, "podMetricsEndpoints": [{"interval": "15 s"}]}, "[0].interval: '15 s'"),
        ({"selector": {}, "podMetricsEndpoints": [{"port": 9877}]}, "[0].port: 9877"),
    ],
)
def test_what_the_operator_would_drop_or_refuse_is_found(wrong: Manifest, told: str) -> None:
    head = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor"}
    made = {**head, "metadata": {"name": "x"}, "spec": wrong}
    (found,) = misfits(made, KINDS["PodMonitor"])
    assert found.endswith(told)


@pytest.mark.parametrize("folder", FOLDERS[:2], ids=lambda folder: folder.name)
def test_the_pod_monitor_scrapes_a_port_that_pods_have(folder: Path) -> None:
    (monitor,) = of_kind(folder, "PodMonitor")
    (pods,) = [one for one in manifests(folder) if one["kind"] in {"Deployment", "DaemonSet"}]
    ports = {
        port["name"]
        for container in pods["spec"]["template"]["spec"]["containers"]
        for port in container["ports"]
    }
    assert {one["port"] for one in monitor["spec"]["podMetricsEndpoints"]} <= ports
    # PodMonitors name the job NAMESPACE/NAME; the rules must know it.
    job = f"{monitor['metadata']['namespace']}/{monitor['metadata']['name']}"
    settings = yaml.safe_load((DEPLOY / "prometheus" / "thresholds.yaml").read_text("utf-8"))
    assert re.fullmatch(settings["settings"]["job"], job)


@pytest.mark.parametrize("path", ["base/agent.yaml", "serial/node-1.yaml"])
def test_the_agent_takes_the_configurations(path: str) -> None:
    run(BIN / "bbu-agent", "check", DEPLOY / "kubernetes" / path)


def test_hadolint_has_nothing_to_say() -> None:
    assert run(BIN / "hadolint", DEPLOY / "container" / "Containerfile") == ""


def test_the_image_is_made_of_locked_wheels_and_runs_without_root() -> None:
    text = (DEPLOY / "container" / "Containerfile").read_text("utf-8")
    final = text[text.rindex("FROM ") :]
    assert "--require-hashes" in text
    assert "--only-binary=:all:" in text
    assert re.search(r"^USER 10001:10001$", final, re.MULTILINE)
    assert "HEALTHCHECK" in final
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for name in source.split():
            assert (ROOT / name).exists(), name
    ignored = (DEPLOY / "container" / "Containerfile.dockerignore").read_text("utf-8").splitlines()
    assert ignored[0] == "*"
    assert all((ROOT / line[1:]).exists() for line in ignored if line.startswith("!"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_shellcheck_has_nothing_to_say(path: Path) -> None:
    assert run("shellcheck", path) == ""


def test_systemd_has_nothing_to_say_of_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    text = (DEPLOY / "systemd" / "bbu-agent.service").read_text("utf-8")
    # The program and the manual are not where the package would put them.
    text = re.sub(r"^(Exec\w+=)/(?!bin/)\S+", r"\1/bin/true", text, flags=re.MULTILINE)
    unit = tmp_path / "bbu-agent.service"
    unit.write_text(text, "utf-8")
    # It ends with 0 whatever it finds; all that counts is that it has nothing to say.
    assert run("systemd-analyze", "verify", "--man=no", unit) == ""


def test_who_stops_the_agent_waits_until_it_has_given_up_the_disk() -> None:
    unit = (DEPLOY / "systemd" / "bbu-agent.service").read_text("utf-8")
    (systemd_s,) = re.findall(r"^TimeoutStopSec=(\d+)s$", unit, flags=re.MULTILINE)
    compose_s = compose()["services"]["agent"]["stop_grace_period"].removesuffix("s")
    pods = [
        manifest["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        for folder, kind in (("base", "Deployment"), ("serial", "DaemonSet"))
        for manifest in of_kind(DEPLOY / "kubernetes" / folder, kind)
    ]
    assert len(pods) == 2
    for waits_s in (systemd_s, compose_s, *pods):
        assert int(waits_s) >= DISK_AT_STOP_S + LAST_ANSWERS_S + 5


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text("utf-8"))


def test_compose_takes_the_file() -> None:
    if shutil.which("docker-compose") is None:
        pytest.skip("docker-compose is not installed; deploy/scripts/peers.sh does it")
    run("docker-compose", "-f", DEPLOY / "compose" / "compose.yaml", "config", "--quiet")


def test_compose_mounts_what_exists_and_locks_every_service_down() -> None:
    content = compose()
    for name, service in content["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (DEPLOY / "compose" / source).exists(), volume
            else:
                assert source in content["volumes"], volume


def test_prometheus_of_compose_has_the_rules(tmp_path: Path) -> None:
    for name in ("alerts.rules.yaml", "recording.rules.yaml"):
        shutil.copy(DEPLOY / "prometheus" / name, tmp_path)
    shutil.copy(DEPLOY / "compose" / "prometheus.yml", tmp_path)
    run("promtool", "check", "config", tmp_path / "prometheus.yml")


def test_grafana_is_given_the_folder_that_compose_mounts() -> None:
    provider = yaml.safe_load(
        (DEPLOY / "grafana" / "provisioning" / "dashboards" / "bbu-agent.yaml").read_text("utf-8")
    )["providers"][0]
    mounts = dict(volume.split(":")[:2] for volume in compose()["services"]["grafana"]["volumes"])
    assert mounts["../grafana/dashboards"] == provider["options"]["path"]
    assert mounts["../grafana/provisioning"] == "/etc/grafana/provisioning"


def test_the_fleet_of_compose_is_on_the_network_only() -> None:
    scenario = yaml.safe_load((DEPLOY / "compose" / "fleet.yaml").read_text("utf-8"))
    assert all("modbus_tcp" in bus for bus in scenario["buses"].values())
