"""What ``bbu-agent outage --export`` asks for, and where it puts the answers."""

import io
import json
import re
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner

from agent.cli import events
from agent.cli.access import Access
from agent.cli.main import cli

OUTAGE = {"unit": "rack:r1", "kind": "outage", "start_s": 1.7e9, "end_s": 1.7e9 + 60, "detail": {}}
PART = {"unit": "r1-a-1", "kind": "discharge", "start_s": 1.7e9, "end_s": 1.7e9 + 60, "detail": {}}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    paths: list[str] = []

    def fetch(_base: str, path: str) -> object:
        paths.append(path)
        return {"events": [OUTAGE if "kind=outage" in path else PART]}

    def fetch_file(_base: str, path: str) -> bytes:
        paths.append(path)
        return b"time_s\n"

    monkeypatch.setattr(events, "fetch", fetch)
    monkeypatch.setattr(events, "fetch_file", fetch_file)
    monkeypatch.setattr(events, "fetch_part", fetch_file)
    return paths


def test_the_readings_of_an_outage_go_into_a_folder(asked: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "outage"
    said = CliRunner().invoke(cli, ["outage", "last", "--export", str(folder), "--as", "parquet"])
    assert said.exit_code == 0, said.output
    assert [path.name for path in folder.iterdir()] == ["r1-a-1-1700000000.parquet"]
    (query,) = [parse_qs(urlsplit(path).query) for path in asked if "/telemetry?" in path]
    assert query == {"unit": ["r1-a-1"], "start": ["1700000000.0"], "format": ["parquet"]}


class Opener:
    """An agent that cannot give the readings of ``r1-a-1``."""

    def open(self, url: str, *, timeout: float) -> io.BytesIO:
        assert timeout > 0
        if "kind=outage" in url:
            return io.BytesIO(json.dumps({"events": [OUTAGE]}).encode())
        if "kind=discharge" in url:
            parts = [PART | {"unit": f"r1-a-{n}"} for n in (1, 2)]
            return io.BytesIO(json.dumps({"events": parts}).encode())
        if "unit=r1-a-1" in url:
            told = io.BytesIO(b'{"detail": "the event is too large for one table; ask for parts"}')
            raise HTTPError(url, 413, "Too Large", Message(), told)
        return io.BytesIO(b"time_s\n")


def test_what_cannot_be_exported_is_named_and_the_others_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Access, "opener", lambda _self: Opener())
    said = CliRunner().invoke(
        cli, ["outage", "last", "--format", "json", "--export", str(tmp_path)]
    )
    assert said.exit_code == 1
    assert "bbu-agent: r1-a-1: the event is too large for one table; ask for parts" in said.stderr
    assert f"1 file in {tmp_path}; 1 of 2 could not be had" in said.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["r1-a-2-1700000000.csv"]
    assert len(json.loads(said.stdout)[0]["units"]) == 2


def test_events_as_csv_keep_their_filters(asked: list[str]) -> None:
    said = CliRunner().invoke(cli, ["events", "--format", "csv", "--group", "row-3"])
    assert (said.exit_code, said.output) == (0, "time_s\n")
    query = parse_qs(urlsplit(asked[0]).query)
    assert (query["group"], query["format"]) == (["row-3"], ["csv"])


def test_that_nothing_fits_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "fetch", lambda _base, _path: {"events": []})
    said = CliRunner().invoke(cli, ["events", "--unit", "nope"])
    assert (said.exit_code, said.stdout.split()[:2]) == (0, ["start", "unit"])
    assert "no event fits" in said.stderr
    assert CliRunner().invoke(cli, ["events", "--format", "json"]).stderr == ""


@pytest.mark.parametrize("name", ["../../outside", "/nowhere/x", "a\\..\\b", "n" * 300])
def test_no_name_of_a_unit_leads_out_of_the_folder(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(PART, "unit", name)
    folder = tmp_path / "deep" / "outage"
    said = CliRunner().invoke(cli, ["outage", "last", "--export", str(folder)])
    assert said.exit_code == 0, said.output
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert path.parent == folder
    assert re.fullmatch(r"[\w.-]{1,120}-1700000000\.csv", path.name)
    (query,) = [parse_qs(urlsplit(path).query) for path in asked if "/telemetry?" in path]
    assert query["unit"] == [name]
