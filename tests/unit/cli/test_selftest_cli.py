"""``bbu-agent self-test start``: what it refuses, what it writes, and what stays on record."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli import selftest
from agent.cli.main import cli
from agent.errors import NoAnswer, Refused
from agent.model import Oid, SnmpKind, SnmpValue

UPS: Oid = (1, 3, 6, 1, 2, 1, 33, 1, 7)
TEST, LOCK, RESULT = (*UPS, 1, 0), (*UPS, 2, 0), (*UPS, 3, 0)
CONFIG = """\
state_dir: state
credentials:
  read: {snmp_version: 2c, community_env: READ}
  write: {snmp_version: 2c, community_env: WRITE}
units:
  - {name: a, snmp: 192.0.2.1, credentials: read, profile: rfc1628-ups,
     self_test_credentials: write}
  - {name: b, snmp: 192.0.2.2, credentials: read, profile: rfc1628-ups}
groups:
  feed: {units: [a, b], required: 1}
"""


@dataclass
class Device:
    written: list[dict[Oid, SnmpValue]] = field(default_factory=list)
    error: Exception | None = None

    async def get(self, oids: Sequence[Oid], *, timeout_s: float) -> Mapping[Oid, SnmpValue | None]:
        assert timeout_s > 0
        result = 5 if self.written else 6
        known = {TEST: 0, LOCK: 41, RESULT: result}
        return {o: SnmpValue(SnmpKind.INTEGER, known[o]) if o in known else None for o in oids}

    async def set(self, values: Mapping[Oid, SnmpValue], *, timeout_s: float) -> None:
        assert timeout_s > 0
        self.written.append(dict(values))
        if self.error is not None:
            raise self.error

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class Bench:
    folder: Path
    device: Device = field(default_factory=Device)
    margin: int = 0
    hosts: list[str] = field(default_factory=list)

    def run(self, *words: str) -> Result:
        path = str(self.folder / "agent.yaml")
        return CliRunner().invoke(cli, ["self-test", "start", *words, "--config.file", path])

    @property
    def log(self) -> list[dict[str, object]]:
        path = self.folder / "state" / selftest.LOG
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("READ", "public")
    monkeypatch.setenv("WRITE", "very-secret")
    (tmp_path / "state").mkdir()
    (tmp_path / "agent.yaml").write_text(CONFIG, encoding="utf-8")
    made = Bench(tmp_path)

    def fetch(_base: str, path: str) -> object:
        feed = {"group": "feed", "ready": 2, "required": 1, "on_battery": 0, "not_ready": []}
        feed["margin_after_failure"] = made.margin
        return {"groups": [feed]} if path.endswith("groups") else {"shelves": []}

    def open_writer(host: object) -> Device:
        made.hosts.append(repr(host))
        return made.device

    monkeypatch.setattr(selftest, "fetch", fetch)
    monkeypatch.setattr(selftest, "open_writer", open_writer)
    return made


def test_without_a_confirmation_nothing_is_written(bench: Bench) -> None:
    said = bench.run("a")
    assert said.exit_code == 0, said.output
    assert "1.3.6.1.2.1.33.1.7.1.0 = 1.3.6.1.2.1.33.1.7.7.4 (now 0)" in said.output
    assert "nothing was written" in said.output
    assert (bench.device.written, bench.log) == ([], [])


def test_a_confirmed_write_is_on_record_before_and_after(bench: Bench) -> None:
    said = bench.run("a", "--confirm", "a")
    assert said.exit_code == 0, said.output
    assert len(bench.device.written) == 1
    begin, end = bench.log
    assert (begin["phase"], end["phase"]) == ("begin", "end")
    assert begin["who"]
    assert begin["unit"] == "a"
    assert begin["before"] == {
        "1.3.6.1.2.1.33.1.7.1.0": "0",
        "1.3.6.1.2.1.33.1.7.2.0": "41",
        "1.3.6.1.2.1.33.1.7.3.0": "6",
    }
    assert begin["written"]
    assert end["after"] == {"1.3.6.1.2.1.33.1.7.1.0": "0", "1.3.6.1.2.1.33.1.7.3.0": "5"}
    assert "very-secret" not in said.output + json.dumps(bench.log) + "".join(bench.hosts)


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("b", "--confirm", "b"), 1, "b has no self_test_credentials"),
        (("a", "--confirm", "b"), 2, "nothing was written"),
        (("c", "--confirm", "c"), 2, "no unit is named 'c'"),
    ],
)
def test_what_is_refused(bench: Bench, words: tuple[str, ...], code: int, text: str) -> None:
    said = bench.run(*words)
    assert said.exit_code == code
    assert text in said.output
    assert (bench.device.written, bench.hosts, bench.log) == ([], [], [])


def test_a_feed_that_cannot_spare_it(bench: Bench) -> None:
    bench.margin = -1
    said = bench.run("a", "--confirm", "a")
    assert said.exit_code == 1
    assert "group feed cannot spare a unit" in said.output
    assert (bench.device.written, bench.hosts) == ([], [])


def test_what_cannot_be_recorded_is_not_done(bench: Bench) -> None:
    (bench.folder / "state").rmdir()
    said = bench.run("a", "--confirm", "a")
    assert said.exit_code == 1
    assert "a write must be on record" in said.output
    assert bench.device.written == []


@pytest.mark.parametrize(
    ("error", "said_unsure"),
    [(Refused("12 at 1", 12), 0), (NoAnswer("nothing within 1 s"), 1)],
    ids=["the device says no", "no answer"],
)
def test_a_write_that_failed_is_on_record(bench: Bench, error: Exception, said_unsure: int) -> None:
    bench.device.error = error
    said = bench.run("a", "--confirm", "a")
    assert said.exit_code == 1
    assert said.output.count("is not known") == said_unsure
    assert [line["phase"] for line in bench.log] == ["begin", "end"]
    assert bench.log[1]["error"] == str(error)


@pytest.mark.parametrize("error", [KeyError("getpwuid(): uid not found: 1001"), OSError("no name")])
def test_a_user_without_a_name_is_on_record_by_number(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def nameless() -> str:
        raise error

    monkeypatch.setattr("getpass.getuser", nameless)
    said = bench.run("a", "--confirm", "a")
    assert said.exit_code == 0, said.output
    assert [line["who"] for line in bench.log] == [f"uid {os.getuid()}"] * 2
