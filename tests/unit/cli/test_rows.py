"""What the tables of the commands say: lengths, notes, shares, and which options go together."""

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from agent.cli import status
from agent.cli.connect import Connection
from agent.cli.events import _ago, length, notes
from agent.cli.fleet_rows import Row
from agent.cli.main import cli
from agent.cli.output import counted, duration


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.963, "0.963 s"),
        (89.0, "89 s"),
        (90.0, "1.5 min"),
        (5399.0, "90 min"),
        (5400.0, "1.5 h"),
        (172799.0, "48 h"),
        (172800.0, "2 d"),
    ],
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("90min", 5400), ("12 h", 43200), ("7d", 604800)]
)
def test_a_time_back_has_its_unit(text: str, seconds: float) -> None:
    command = click.Command("events")
    assert _ago(click.Context(command), click.Option(["--since"]), text) == seconds


@pytest.mark.parametrize(
    ("kind", "end_s", "detail", "long", "noted"),
    [
        ("discharge", None, {"duration_s": 10.0}, "10 s", "under way"),
        ("flicker", None, {"count": 3}, "3 times", ""),
        ("flicker", None, {}, "1 time", ""),
        ("discharge", 9.0, {"duration_s": 9.0, "start_uncertainty_s": 0.2}, "9 s (±0.2 s)", ""),
        (
            "outage",
            9.0,
            {"unseen_s": 120.0, "lost": True},
            "",
            "lost under load; not seen for 2 min",
        ),
    ],
)
def test_an_event_says_its_length_and_what_is_not_known_of_it(
    kind: str, end_s: float | None, detail: dict[str, object], long: str, noted: str
) -> None:
    event = {"unit": "u", "kind": kind, "start_s": 0.0, "end_s": end_s, "detail": detail}
    assert (length(event), notes(event)) == (long, noted)


def test_units_are_listed_the_worst_first_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    soh = {"estimate": 0.783, "lower": 0.761, "upper": 0.8}
    ride = {"estimate": 270.6, "lower": 80.0, "upper": 304.0}
    unit = {"location": {"rack": "r1", "slot": None}, "state_of_health": soh, "reasons": []}
    verdicts = ["ok", "watch", "unknown", "degraded", "replace"]
    status.print_units([unit | {"name": v, "verdict": v, "ride_through_s": ride} for v in verdicts])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:6]] == verdicts[::-1]
    assert re.split(" {2,}", lines[1]) == [
        *("replace", "r1", "replace", "78 % (76 to 80)", "4.51 min (at least 80 s)")
    ]
    assert lines[-1] == "5 units: 1 replace, 1 degraded, 1 unknown, 1 watch, 1 ok"
    assert [counted(n, "bus", "buses") for n in (0, 1, 2)] == ["0 buses", "1 bus", "2 buses"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--v3-user", "u", "--v3-auth", "sha256"], "--v3-auth and --v3-auth-file go together"),
        (["--v3-user", "u", "--v3-priv-file", "x"], "--v3-priv and --v3-priv-file go together"),
        (["--snmp-version", "3"], "SNMP version 3 needs --v3-user"),
        ([], "--snmp needs --community"),
    ],
)
def test_half_a_sign_in_is_refused(options: list[str], said: str) -> None:
    result = CliRunner().invoke(cli, ["read", "--snmp", "h", *options])
    assert (result.exit_code, said in result.stderr) == (2, True)


def test_a_whole_sign_in_is_taken(tmp_path: Path) -> None:
    key = tmp_path / "auth.key"
    key.write_text("secret-enough\n")
    link = Connection(snmp="h", v3_user="u", v3_auth="sha256", v3_auth_file=key)
    assert (link.snmp_target().host, link.snmp_target().port) == ("h", 161)
    assert Connection(modbus="h").modbus_target().port == 502  # type: ignore[union-attr]


def test_a_margin_and_a_place_in_the_order_need_what_they_are_made_of() -> None:
    row = Row("u", None, ride_through_lower_s=80.0, required_s=90.0, end_of_life_s=1.0)
    assert row.margin_s == -10.0
    assert Row("u", None, ride_through_lower_s=80.0).margin_s is None
    assert Row("u", None, required_s=90.0).margin_s is None
    assert row.order < Row("u", None).order
