"""The Debian package on a node without network: a rack for the length of a test.

The tests go in the order of a node's life on one machine; the last takes the package away.
"""

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.end_to_end.bench import Page
from tests.package.machine import SPARE, Machine, until

UNITS = {"a-1", "a-2", "b-1", "ups-1", "ups-2"}
SCENARIO = """
name: rack
about: A serial line, a gateway and two UPSs.
buses:
  line: {serial: 115200}
  gate: {modbus_tcp: 5020}
units:
  - {name: "a-{n}", count: 2, model: hpr, bus: line, unit_id: 48, rack: r1, shelf: a}
  - {name: "b-{n}", count: 1, model: classic, bus: gate, unit_id: 64, rack: r1, shelf: b}
ups:
  - {name: ups-1, model: ups, version: 2, port: 1161, rack: r1}
  - {name: ups-2, model: apc-ups, version: 3, port: 1162, auth: sha256, privacy: aes256, rack: r1}
"""
RACK = """
[Unit]
Before=bbu-agent.service

[Service]
RuntimeDirectory=rack
ExecStart=/usr/bin/bbu-sim run /etc/rack/scenario.yaml --run-dir /run/rack
ExecStartPost=/bin/sh /etc/rack/connect

[Install]
WantedBy=multi-user.target
"""
# What the technician does: wire the line to a port of the node, type the secrets in.
CONNECT = """
until [ -e /run/rack/agent.yaml ]; do sleep 0.1; done
port=$(readlink -f /run/rack/tty-line)
chgrp dialout $port && chmod 660 $port
for name in ups-1-community ups-2-auth.key ups-2-privacy.key; do
  install -m 600 /run/rack/$name /etc/bbu-agent/secrets/$name
done
"""
CONFIG = "/etc/bbu-agent/agent.yaml"
STATE = "/var/lib/private/bbu-agent"


@dataclass(frozen=True)
class Learnt:
    """Discharges from their start to their end; of each cell the growth of its resistance.

    ``width`` is that of the interval around it.
    """

    discharges: list[tuple[Any, Any]]
    basis: list[str]
    growth: list[float]
    width: list[float]


@dataclass
class Node:
    """A machine with the package and a rack, and what was on it before."""

    machine: Machine
    before: dict[str, str]
    document: dict[str, Any]

    def page(self) -> Page | None:
        """Scrape the agent, if it answers."""
        text = self.machine.get("/metrics")
        return None if text is None else Page(text)

    def up(self) -> set[str]:
        """Give the units that are up."""
        page = self.page()
        return set() if page is None else page.up()

    def all_up(self, units: set[str] = UNITS) -> None:
        """Wait until every unit is up."""
        until(lambda: self.up() == units, "every unit is up")

    def configure(self, text: str) -> None:
        """Write the configuration."""
        self.machine.write(CONFIG, text)

    def discharges(self) -> list[tuple[Any, Any]]:
        """Give start and end of what the first unit has been through."""
        text = self.machine.get("/api/v1/events?unit=a-1&kind=discharge")
        events = [] if text is None else json.loads(text)["events"]
        return [(event["start"], event["end"]) for event in events]

    def learnt(self) -> "Learnt":
        """Give what was learnt of the first unit."""
        text = self.machine.get("/api/v1/units/a-1")
        assert text is not None
        cells = json.loads(text)["health"]["cells"]
        growth = [cell["resistance_growth"] for cell in cells]
        return Learnt(
            self.discharges(),
            [cell["basis"] for cell in cells],
            [interval["estimate"] for interval in growth],
            [interval["upper"] - interval["lower"] for interval in growth],
        )

    def keeps(self, learnt: "Learnt") -> None:
        """Expect what was learnt, but for what minutes move."""
        now = self.learnt()
        assert (now.discharges, now.basis) == (learnt.discharges, learnt.basis)
        assert now.growth == pytest.approx(learnt.growth, abs=0.02)
        assert now.width == pytest.approx(learnt.width, rel=0.1)

    def restarts(self) -> int:
        """Count the times that systemd has started it again by itself."""
        return int(self.machine.property("NRestarts"))


def installed(machine: Machine, package: Path, *options: str) -> str:
    """Install as the documentation says."""
    return machine.run("apt-get", "install", "--yes", "--quiet", *options, package)


@pytest.fixture(scope="module")
def node(machine: Machine) -> Node:
    """Install the package as it comes."""
    before = machine.files()
    said = installed(machine, SPARE / "bbu-agent.deb")
    assert "0 newly installed" not in said
    return Node(machine, before, {})


def test_it_serves_as_it_comes_and_is_hardened(node: Node) -> None:
    machine = node.machine
    assert machine.property("ActiveState") == "active", machine.run("journalctl", "-u", "bbu-agent")
    assert machine.run("systemctl", "is-enabled", "bbu-agent") == "enabled"
    assert machine.get("/-/ready") is not None
    assert node.up() == set()
    assert ": ok: 0 units" in machine.run("bbu-agent", "check", CONFIG)
    # It exits 0 on keys that it does not know: anything said is a fault.
    assert machine.run("systemd-analyze", "verify", "--man=no", "bbu-agent.service") == ""
    machine.run("systemd-analyze", "security", "--threshold=20", "bbu-agent.service")
    for path in ("/usr/share/man/man1/bbu-sim.1.gz", "/usr/share/doc/bbu-agent/copyright"):
        machine.run("test", "-s", path)
    assert "_bbu_agent_completion" in machine.run(
        "cat", "/usr/share/bash-completion/completions/bbu-agent"
    )


def test_it_runs_the_rack_from_boot(node: Node) -> None:
    machine = node.machine
    machine.write("/etc/rack/scenario.yaml", SCENARIO)
    machine.write("/etc/rack/connect", CONNECT)
    machine.write("/etc/systemd/system/rack.service", RACK)
    machine.run("systemctl", "enable", "--now", "rack.service")
    document = yaml.safe_load(machine.run("cat", "/run/rack/agent.yaml"))
    document |= {"state_dir": "/var/lib/bbu-agent", "listen": "127.0.0.1:9877"}
    document["poll"] = {"interval": "1s", "discharge_interval": "1s", "timeout": "900ms"}
    for entry in document["credentials"].values():
        for key in [key for key in entry if key.endswith("_file")]:
            entry[key] = f"secrets/{Path(entry[key]).name}"
    node.document = document
    node.configure(yaml.safe_dump(document))
    machine.run("bbu-agent", "check", CONFIG)
    machine.power_off()
    machine.boot()
    node.all_up()
    # Nobody but root could read the secrets, and the service is not root.
    assert machine.run("stat", "-c", "%a %U", "/etc/bbu-agent/secrets") == "700 root"
    assert machine.run("stat", "-c", "%U", f"/proc/{machine.property('MainPID')}") != "root"
    machine.run("bbu-sim", "inject", "r1", "outage", "--run-dir", "/run/rack", "--for", "14 s")
    until(lambda: [end for _, end in node.discharges() if end], "a discharge is recorded")


def test_a_reload_takes_what_is_right_and_refuses_what_is_wrong(node: Node) -> None:
    machine, pid = node.machine, node.machine.property("MainPID")
    fewer = node.document | {"units": [u for u in node.document["units"] if u["name"] != "b-1"]}
    node.configure(yaml.safe_dump(fewer))
    machine.run("systemctl", "reload", "bbu-agent")
    node.all_up(UNITS - {"b-1"})

    node.configure("units: none of your business")
    try:
        said = machine.run("systemctl", "reload", "bbu-agent", status=1)
        assert "failed" in said
        assert "units: must be a list of units" in machine.run("journalctl", "-u", "bbu-agent")

        def refused() -> bool:
            page = node.page()
            return page is not None and page.one("bbu_agent_config_last_reload_successful") == 0

        until(refused, "the metric says so")
        assert node.up() == UNITS - {"b-1"}
    finally:
        node.configure(yaml.safe_dump(node.document))
    machine.run("systemctl", "reload", "bbu-agent")
    node.all_up()
    assert machine.property("MainPID") == pid


def test_the_watchdog_ends_a_hang(node: Node) -> None:
    machine, discharges = node.machine, node.discharges()
    drop_in = "/run/systemd/system/bbu-agent.service.d"
    machine.run("mkdir", "-p", drop_in)
    machine.run("sh", "-c", f"printf '[Service]\\nWatchdogSec=6s\\n' >{drop_in}/soon.conf")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "bbu-agent")
    node.all_up()
    hung = machine.property("MainPID")
    machine.run("systemctl", "kill", "--signal=STOP", "--kill-whom=main", "bbu-agent")
    until(lambda: machine.property("MainPID") not in {hung, "0"}, "systemd starts it again")
    node.all_up()
    assert "Watchdog timeout" in machine.run("journalctl", "-u", "bbu-agent")
    assert node.discharges() == discharges
    machine.run("rm", "-r", drop_in)
    machine.run("systemctl", "daemon-reload")


def test_it_survives_a_kill(node: Node) -> None:
    until(lambda: "prior only" not in node.learnt().basis, "its cells are told from new ones")
    learnt, restarts = node.learnt(), node.restarts()
    time.sleep(1.2)  # what an agent may lose is one second
    node.machine.run("systemctl", "kill", "--signal=KILL", "bbu-agent")
    until(lambda: node.restarts() > restarts, "systemd starts it again")
    node.all_up()
    node.keeps(learnt)


def test_a_backup_of_the_running_service_can_be_restored(node: Node) -> None:
    machine, learnt = node.machine, node.learnt()
    machine.run("systemctl", "kill", "--signal=STOP", "bbu-agent")
    machine.run("cp", "-a", STATE, SPARE / "backup")
    machine.run("systemctl", "kill", "--signal=CONT", "bbu-agent")

    machine.run("systemctl", "stop", "bbu-agent")
    machine.run("rm", "-r", STATE)
    machine.run("systemctl", "start", "bbu-agent")
    node.all_up()
    fresh = node.learnt()
    assert fresh.discharges == []
    assert set(fresh.basis) == {"prior only"} != set(learnt.basis)

    machine.run("systemctl", "stop", "bbu-agent")
    machine.run("rm", "-r", STATE)
    machine.run("cp", "-a", SPARE / "backup", STATE)
    machine.run("systemctl", "start", "bbu-agent")
    node.all_up()
    node.keeps(learnt)


def test_an_upgrade_and_the_way_back_keep_what_was_learnt(node: Node, newer: Path) -> None:
    machine, learnt = node.machine, node.learnt()
    configured = machine.run("cat", CONFIG)
    shutil.copy(newer, machine.outside(SPARE / "newer.deb"))
    for package, version in (("newer", "9.9.9"), ("bbu-agent", "0.")):
        pid = machine.property("MainPID")
        installed(machine, SPARE / f"{package}.deb", "--allow-downgrades")
        assert machine.property("MainPID") not in {pid, "0"}
        node.all_up()
        page = node.page()
        assert page is not None
        (series,) = page.of("bbu_agent_build_info")
        assert dict(series)["version"].startswith(version)
        node.keeps(learnt)
        assert machine.run("cat", CONFIG) == configured


def test_removal_keeps_what_was_learnt_and_purge_keeps_nothing(node: Node) -> None:
    machine = node.machine
    machine.run("systemctl", "disable", "--now", "rack.service")
    for path in ("/etc/systemd/system/rack.service", "/etc/rack"):
        machine.run("rm", "-r", path)
    pid = machine.property("MainPID")
    machine.run("apt-get", "remove", "--yes", "bbu-agent")
    machine.run("test", "-e", f"/proc/{pid}", status=1)
    machine.run("test", "-s", f"{STATE}/bbu-agent.sqlite")
    machine.run("test", "-s", CONFIG)

    machine.run("apt-get", "purge", "--yes", "bbu-agent")
    after = machine.files()
    assert sorted(after.keys() - node.before.keys()) == []
    assert sorted(node.before.keys() - after.keys()) == []
    assert [path for path in after if after[path] != node.before[path]] == []
    assert machine.run("systemctl", "list-unit-files", "bbu*", "--no-legend", status=None) == ""
    assert machine.run("getent", "passwd", "bbu-agent", status=2) == ""
