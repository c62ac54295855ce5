"""What holds of every command: examples, exit codes, a manual, completion, formats."""

import csv
import importlib.util
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError, URLError

import click
import pytest
from click.testing import CliRunner

from agent.cli import access, output, remote, status
from agent.cli.connect import Connection, explained
from agent.cli.main import cli
from agent.errors import BadAnswer, NoAnswer, TransportError
from simulators.inject import inject

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
UNIT = {
    "name": "r1-1",
    "location": {"rack": "r1", "shelf": "a", "slot": "1"},
    "verdict": "ok",
    "up": True,
    "last_success": "2026-11-22T09:00:00Z",
    "state_of_health": {"estimate": 0.9, "lower": 0.8, "upper": 1.0},
    "ride_through_s": None,
    "reasons": [{"text": "=1+1"}],
}


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        yield (*words, name)


@pytest.mark.parametrize("words", [*commands(cli)], ids=" ".join)
def test_every_command_shows_examples_and_exit_codes(words: tuple[str, ...]) -> None:
    said = CliRunner().invoke(cli, [*words, "--help"])
    assert said.exit_code == 0
    assert "Example" in said.output
    assert f"bbu-agent {' '.join(words)}" in said.output
    assert "Exit codes: 0 " in said.output


def test_the_help_tells_what_each_command_does_as_a_whole() -> None:
    for words in ((), ("chemistries",), ("profiles",), ("self-test",)):
        told = CliRunner().invoke(cli, [*words, "--help"]).output.partition("Commands:")[2]
        assert told
        assert "..." not in told


def test_every_command_is_in_the_docs() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for words in commands(cli):
        assert f"`{' '.join(words)}`" in text, words


def test_the_manual_holds_every_command() -> None:
    path = ROOT / "deploy" / "debian" / "manuals.py"
    spec = importlib.util.spec_from_file_location("manuals", path)
    assert spec is not None
    assert spec.loader is not None
    manuals = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(manuals)
    page = manuals.page("bbu-agent", cli, "1", "2026-11-22").replace("\\-", "-")
    for words in commands(cli):
        assert f"\n.SS bbu-agent {' '.join(words)}" in page, words


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_for_each_shell(shell: str) -> None:
    said = CliRunner().invoke(cli, ["completion", shell])
    assert said.exit_code == 0
    assert f"{shell}_complete" in said.output
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=said.output, text=True, check=True)


def test_the_tab_key_completes_commands_and_choices() -> None:
    def tab(line: str) -> str:
        number = str(len(line.split(" ")) - 1)
        told = {"_BBU_AGENT_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": number}
        done = subprocess.run(
            [BIN / "bbu-agent"], env=os.environ | told, capture_output=True, text=True, check=False
        )
        return done.stdout

    assert "plain,status" in tab("bbu-agent sta")
    assert "plain,csv" in tab("bbu-agent status --format c")


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "fetch", lambda _base, _path: {"units": [UNIT]})


@pytest.mark.usefixtures("fleet")
def test_status_as_csv_has_an_empty_cell_for_what_is_not_known_and_no_formula() -> None:
    said = CliRunner().invoke(cli, ["status", "--format", "csv"])
    (row,) = csv.DictReader(io.StringIO(said.output))
    assert (row["unit"], row["state_of_health_lower"]) == ("r1-1", "0.8")
    assert row["ride_through_s_estimate"] == ""
    assert row["reasons"] == "'=1+1"


@pytest.mark.usefixtures("fleet")
def test_status_as_table_has_no_colour_in_a_pipe() -> None:
    said = CliRunner().invoke(cli, ["status"])
    assert "\x1b" not in said.output
    assert "r1/a/1" in said.output


def test_status_of_one_unit_tells_both_ends_of_its_life(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = {"estimate": "2031-05-02T00:00:00Z", "lower": "2029-01-02T00:00:00Z"}
    health: dict[str, object] = {
        "updated_at": "2026-01-02T03:04:05Z",
        "cells": [],
        "end_of_life": ends | {"upper": "2034-01-02T00:00:00Z"},
        "end_of_life_by_ride_through": None,
        "end_of_life_by_ride_through_unknown": "not within 10 years",
    }
    more = {"state": "up", "profile": "x", "identity": {}, "readings": [], "health": health}
    monkeypatch.setattr(status, "fetch", lambda _base, _path: UNIT | more)
    said = CliRunner().invoke(cli, ["status", "r1-1"])
    assert said.exit_code == 0
    assert "end of life by capacity (70 % of rated): 2031-05 (2029-01 to 2034-01)" in said.output
    assert "ride-through (usual charge, rated power): not within 10 years" in said.output
    health |= {"end_of_life": None, "end_of_life_unknown": "not within 20 years"}
    said = CliRunner().invoke(cli, ["status", "r1-1"])
    assert "end of life by capacity (70 % of rated): not within 20 years" in said.output
    monkeypatch.setattr(status, "fetch", lambda _base, _path: UNIT | more | {"health": None})
    assert "end of life" not in CliRunner().invoke(cli, ["status", "r1-1"]).output


def test_profiles_say_the_same_in_every_format() -> None:
    told = {
        form: CliRunner().invoke(cli, ["profiles", "list", "--format", form]).output
        for form in ("table", "json", "csv")
    }
    names = [row["profile"] for row in json.loads(told["json"])]
    assert names == [row["profile"] for row in csv.DictReader(io.StringIO(told["csv"]))]
    assert names == [line.split()[0] for line in told["table"].splitlines()[1:]]


def test_no_colour_is_respected_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def shown() -> str:
        output.table(["unit", "verdict"], [["a", "replace"]], mark=1)
        return capsys.readouterr().out

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1;31m" in shown()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "31m" not in shown()


@pytest.mark.parametrize(
    ("content", "told"),
    [("me", "one line USER:PASSWORD"), (":x", "one line"), ("a:b\nc:d", "one line")],
)
def test_a_wrong_auth_file_is_refused_without_showing_it(
    tmp_path: Path, content: str, told: str
) -> None:
    file = tmp_path / "who"
    file.write_text(content)
    said = CliRunner().invoke(cli, ["status", "--auth-file", str(file)])
    assert said.exit_code == remote.WRONG
    assert told in said.output
    assert content not in said.output.replace(str(file), "").replace("USER:PASSWORD", "")


def test_no_agent_is_exit_three_and_tells_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def open(self, *_asked: object, **_more: object) -> None:
            raise URLError(ConnectionRefusedError(111, "Connection refused"))

    monkeypatch.setattr(access, "build_opener", lambda *_handlers: Refusing())
    said = CliRunner().invoke(cli, ["status"])
    assert said.exit_code == remote.EXIT_NO_AGENT
    assert "127.0.0.1:9877: Connection refused. Is it running?" in said.output
    assert "bbu-agent run --config.file" in said.output


def test_an_unknown_unit_is_exit_two_with_names_that_are_near(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Lacking:
        def open(self, url: str, **_more: object) -> None:
            told = io.BytesIO(b'{"detail": "no unit \'r1\'; did you mean r1-1?"}')
            raise HTTPError(url, 404, "Not Found", Message(), told)

    monkeypatch.setattr(access, "build_opener", lambda *_handlers: Lacking())
    said = CliRunner().invoke(cli, ["status", "r1"])
    assert (said.exit_code, said.stderr) == (
        2,
        "bbu-agent: no unit 'r1'; did you mean r1-1? (bbu-agent status lists the units)\n",
    )


@pytest.mark.parametrize(
    "words", [("profiles", "show"), ("read", "--modbus", "h", "--unit-id", "1", "--profile")]
)
def test_a_family_that_is_almost_named_is_proposed(words: tuple[str, ...]) -> None:
    said = CliRunner().invoke(cli, [*words, "orv3-hpr-bub"])
    assert said.exit_code == 2
    assert 'no profile is named "orv3-hpr-bub"; did you mean "orv3-hpr-bbu"?' in said.stderr


@pytest.mark.parametrize(
    ("link", "next_step"),
    [
        (Connection(snmp="10.1.3.20"), "community"),
        (Connection(modbus="10.1.3.5"), "bbu-agent scan --modbus 10.1.3.5 finds"),
        (Connection(modbus="10.1.3.5", framer="rtu"), "--modbus 10.1.3.5 --framer rtu finds"),
        (Connection(serial="/dev/ttyUSB0"), "bbu-agent scan --serial /dev/ttyUSB0"),
    ],
)
@pytest.mark.parametrize("sort", [NoAnswer, BadAnswer])
def test_silence_and_nonsense_tell_what_to_look_at(
    link: Connection, next_step: str, sort: type[TransportError]
) -> None:
    told = explained(sort("unit 9: silent"), link)
    assert told.startswith(f"{sort.__name__}: unit 9: silent. ")
    assert next_step in told


def test_no_text_of_a_device_is_markup_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rich")
    texts = ["\\[/x]", "[red]7[/red]", ":x: 10", "ends in \\"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    output.table(["model"], [[text] for text in texts], mark=0)
    shown = capsys.readouterr().out
    assert all(text in shown for text in texts)


@pytest.mark.parametrize("command", ["read", "record"])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--modbus", "h", "--serial", "/dev/x", "--unit-id", "1"], "name one device"),
        (["--modbus", "h"], "need --unit-id"),
        (["--serial", "/dev/x", "--unit-id", "255"], "247 at most"),
        (["--modbus", "h", "--unit-id", "256"], "not in the range 0<=x<=255"),
    ],
)
def test_a_device_is_named_in_one_way(command: str, options: list[str], said: str) -> None:
    result = CliRunner().invoke(cli, [command, *options])
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_recording_that_could_not_be_written_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    async def made(*options: object, **more: object) -> tuple[str, str]:
        asked.append((options, more))
        return "text\n", "1 register"

    monkeypatch.setattr("agent.cli.record._record_modbus", made)
    device = ["record", "--modbus", "192.0.2.1", "--unit-id", "1", "--out"]
    said = CliRunner().invoke(cli, [*device, str(tmp_path / "none" / "x.yaml")])
    assert (said.exit_code, asked) == (2, [])
    assert "No such file or directory; --out names another file" in said.stderr
    out = tmp_path / "x.yaml"
    out.write_text("before")
    monkeypatch.setattr("agent.cli.record.Path.write_text", lambda *_a, **_k: asked.append(out))
    assert CliRunner().invoke(cli, [*device, str(out)]).exit_code == 0
    assert (len(asked), out.read_text()) == (2, "before"), "the check changes nothing"
    fresh = tmp_path / "fresh.yaml"
    assert CliRunner().invoke(cli, [*device, str(fresh)]).exit_code == 0
    assert not fresh.exists()


def test_top_without_a_terminal_names_what_needs_none() -> None:
    said = CliRunner().invoke(cli, ["top"])
    assert said.exit_code == 2
    assert "--picture writes a file, bbu-agent status a table" in said.stderr


def test_a_device_that_speaks_modbus_tcp_itself_may_have_unit_id_255() -> None:
    Connection(modbus="h").one(255)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (False, "no"),
        (13.0, "13"),
        (3.981, "3.981"),
        (-0.01, "-0.01"),
        ("normal", "normal"),
        (0, "0"),
    ],
)
def test_values_are_shown_as_people_write_them(value: object, shown: str) -> None:
    assert output.told(value) == shown


@pytest.mark.parametrize("event", ["outage", "heat"])
def test_an_event_of_the_simulator_needs_its_length(event: str, tmp_path: Path) -> None:
    said = CliRunner().invoke(inject, ["r12", event, "--run-dir", str(tmp_path)])
    assert said.exit_code == 2
    assert f"{event} needs --for" in said.stderr
