"""``bbu-agent check`` for people, editors and programs."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli.check import check

DOCS = Path(__file__).parents[3] / "docs/configure.md"
SOUND = "units: [{name: u, modbus_tcp: h, unit_id: 1}]\nbuses: {b: {serial: /dev/a}}\n"
WRONG = "units: []\nlistn: x\n"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(check, arguments)


def files(folder: Path) -> tuple[str, str]:
    sound, wrong = folder / "sound.yaml", folder / "wrong.yaml"
    sound.write_text(SOUND)
    wrong.write_text(WRONG)
    return str(sound), str(wrong)


def test_a_sound_file_gets_a_summary(folder: Path) -> None:
    sound, _ = files(folder)
    result = run(sound)
    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        f"{sound}: ok: 1 unit (0 over SNMP), 2 buses, 0 shelves, 1 warning\n",
        f"{sound}:2: buses.b: warning: no unit uses it\n",
    )


def test_one_wrong_file_of_several_exits_2(folder: Path) -> None:
    sound, wrong = files(folder)
    result = run(wrong, sound)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"{wrong}:1: units: warning: has no units; nothing will be read",
        f'{wrong}:2: listn: is not a key of the configuration; did you mean "listen"?',
        f"{sound}:2: buses.b: warning: no unit uses it",
    ]


def test_json_for_programs(folder: Path) -> None:
    sound, wrong = files(folder)
    result = run("--format", "json", sound, wrong)
    assert result.exit_code == 2
    assert json.loads(result.stdout) == [
        {
            "file": sound,
            "ok": True,
            "errors": [],
            "warnings": [{"line": 2, "path": "buses.b", "message": "no unit uses it"}],
            "units": ["u"],
            "buses": ["b", "h:502"],
            "shard": None,
        },
        {
            "file": wrong,
            "ok": False,
            "errors": [
                {
                    "line": 2,
                    "path": "listn",
                    "message": 'is not a key of the configuration; did you mean "listen"?',
                }
            ],
            "warnings": [
                {
                    "line": 1,
                    "path": "units",
                    "message": "has no units; nothing will be read",
                }
            ],
            "units": None,
            "buses": None,
            "shard": None,
        },
    ]


def test_no_file_is_a_usage_error() -> None:
    assert run().exit_code == 2


def test_a_missing_file_is_an_error_like_the_others(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    result = run(str(path))
    assert (result.exit_code, result.stderr) == (2, f"{path}:1: file: does not exist\n")


def test_the_answer_that_the_docs_show(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = DOCS.read_text(encoding="utf-8")
    sound = page.split("```yaml\n")[1].split("```")[0]
    console = page.split("```console\n")[1].split("```")[0].splitlines()
    monkeypatch.chdir(folder)
    wrong = sound.replace("baudrate:", "baudrat:").replace("orv3-hpr-bbu", "orv3-hpr-bub")
    Path("agent.yaml").write_text(wrong, encoding="utf-8")
    result = run("agent.yaml")
    assert console == [
        "$ bbu-agent check agent.yaml",
        *result.stderr.splitlines(),
        "$ echo $?",
        str(result.exit_code),
    ]


SHARED = """
units:
  - {name: one, modbus_tcp: h1, unit_id: 1}
  - {name: two, modbus_tcp: h1, unit_id: 2}
  - {name: three, modbus_tcp: h2, unit_id: 1}
"""


def test_the_size_of_each_share_is_told(folder: Path) -> None:
    path = folder / "shared.yaml"
    path.write_text(SHARED, encoding="utf-8")
    result = run("--shard", "0/1", str(path))
    assert result.stdout == (
        f"{path}: ok: 3 units (0 over SNMP), 2 buses, 0 shelves, 0 warnings, "
        "this is the share 0/1, units by share 0: 3\n"
    )
    parts = [
        json.loads(run("--format", "json", "--shard", f"{i}/2", str(path)).stdout) for i in (0, 1)
    ]
    shares = [part[0]["shard"] for part in parts]
    assert sorted(name for share in shares for name in share["units"]) == ["one", "three", "two"]
    assert [len(share["units"]) for share in shares] == shares[0]["sizes"] == shares[1]["sizes"]


def test_a_wrong_share_is_a_mistake_in_the_call(folder: Path) -> None:
    sound, _ = files(folder)
    result = run("--shard", "2/2", sound)
    assert result.exit_code == 2
    assert "2/2 is none of 2; the last one is 1" in result.stderr
