"""The first configuration, where parts of the network are signed in to in different ways."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli import init
from agent.cli.main import cli
from agent.cli.snippet import configuration
from agent.config.load import examine
from agent.poll.scan import FoundUnit
from agent.profiles.load import protocols
from agent.targets import (
    AuthProtocol,
    Community,
    Framer,
    ModbusHost,
    PrivacyProtocol,
    Secret,
    SnmpHost,
    UserSecurity,
)

OLD, NEW = Community(Secret("old-secret"), 1), Community(Secret("new-secret"))
USER = UserSecurity(
    *("monitor", AuthProtocol.SHA256, Secret("auth-secret")),
    *(PrivacyProtocol.AES128, Secret("priv-secret")),
)


def test_every_unit_keeps_its_own_way_to_sign_in(tmp_path: Path) -> None:
    ways: tuple[Community | UserSecurity, ...] = (OLD, NEW, USER, OLD)
    found = [
        FoundUnit(SnmpHost(f"10.1.{n}.1", way), None, "apc-powernet")
        for n, way in enumerate(ways, start=1)
    ]
    text = configuration(found)
    assert "secret" not in text.replace("privacy", "")
    for name, secret in init._secrets(found).items():
        (tmp_path / name).write_text(secret + "\n", "utf-8")
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "agent.yaml"
    path.write_text(text + "state_dir: state\n", "utf-8")
    report = examine(path, profiles=protocols(), environ={})
    assert (report.errors, report.warnings) == ((), ())
    assert report.config is not None
    units = [unit.snmp for unit in report.config.units]
    assert tuple(host.security for host in units if host is not None) == ways


@pytest.mark.parametrize("framer", [*Framer])
def test_a_gateway_is_configured_with_the_frames_that_it_was_found_by(
    tmp_path: Path, framer: Framer
) -> None:
    found = [FoundUnit(ModbusHost("10.1.3.5", 502, framer), 64, "orv3-bbu")]
    path = tmp_path / "agent.yaml"
    path.write_text(configuration(found) + "state_dir: state\n", "utf-8")
    report = examine(path, profiles=protocols(), environ={})
    assert report.config is not None, report.errors
    assert [bus.target for bus in report.config.buses] == [found[0].target]


def test_a_template_says_that_it_reads_nothing_yet_as_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    said = CliRunner().invoke(cli, ["init", "--yes", str(path)])
    assert said.exit_code == 0
    assert "units: warning: has no units; nothing will be read" in said.stderr
    assert "written and checked, 0 units." in said.stdout
