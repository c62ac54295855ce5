"""What is not one sound, bounded YAML document is one sentence, quickly."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from agent.config import document
from agent.config.load import MAX_BYTES, examine
from agent.config.problems import Problems

Errors = Callable[..., list[str]]

UNREADABLE = {
    "nothing": ("", '1: top level: is empty; a configuration has at least "units"'),
    "only a comment": ("# x\n", '1: top level: is empty; a configuration has at least "units"'),
    "only null": ("~", '1: top level: is empty; a configuration has at least "units"'),
    "a list": (
        "- a",
        "1: top level: must be a mapping of keys to values, such as units: []",
    ),
    "a word": (
        "\n\nunits",
        "3: top level: must be a mapping of keys to values, such as units: []",
    ),
    "a tab": (
        "units:\n\t- a",
        "2: top level: is indented with a tab; YAML allows only spaces there",
    ),
    "not UTF-8": (b"a: 1\nb: \xff", "2: file: is not UTF-8 text"),
    "UTF-16": ("units: []".encode("utf-16"), "1: file: is not UTF-8 text"),
    "a control character": (
        "é: ü\nb: \x01",
        "2: top level: holds the control character U+0001",
    ),
    "a colon in a value": (
        "units: []\nlisten: a: b",
        '2: top level: is not YAML: a ":" where none can be; quote values that hold ": "',
    ),
    "a line without a colon": (
        "units: []\nlisten\npoll: 3",
        '2: top level: is not YAML: a line without ":"; each key needs ": " after it',
    ),
    "a quote left open": (
        'units: []\nlisten: "a\n\nb',
        "2: top level: is not YAML: a quote that is never closed",
    ),
    "a bracket left open": (
        "units: [\n\n",
        "2: top level: is not YAML: while parsing a flow node, did not find expected node content",
    ),
    "a brace left open": (
        "poll: {timeout: 1s\nunits: []\n",
        (
            "2: top level: is not YAML: while parsing a flow mapping, did not find expected "
            "',' or '}' (it begins in line 1)"
        ),
    ),
    "two documents": (
        "units: []\n---\nunits: []",
        "2: top level: begins a second document; one file holds one",
    ),
    "an alias of itself": (
        "units: &a [*a]",
        "1: top level: uses an alias (*) before its anchor (&) is complete",
    ),
    "deep nesting": ("[" * 100_000, "1: top level: is nested deeper than 24 levels"),
    "deep block nesting": ("- " * 100_000, "1: top level: is nested deeper than 24 levels"),
    "an alias bomb": (
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{new}: &{new} [{','.join(['*' + old] * 10)}]\n"
            for old, new in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "6: top level: holds more than 500000 values, aliases counted out",
    ),
    "a merge bomb": (
        "a: &a {x: 1}\n"
        + "".join(
            f"{new}: &{new} {{<<: [{','.join(['*' + old] * 10)}]}}\n"
            for old, new in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "7: top level: holds more than 500000 values, aliases counted out",
    ),
}


@pytest.mark.parametrize(("text", "expected"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_unreadable_text(errors: Errors, text: str | bytes, expected: str) -> None:
    assert errors(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("units: !!python/name:os.system []", []),
        ("units: !env []", ["1: units: has a tag (!); tags mean nothing here"]),
        (
            "? [a]\n: b\nunits: []",
            ["1: top level: has a key that is a list or mapping; keys are words"],
        ),
        ("x-a: {<<: 3}\nunits: []", ["1: x-a.<<: must be a mapping"]),
        ("x-a: {<<: [{b: 1}, 3]}\nunits: []", ["1: x-a.<<: must be a mapping"]),
    ],
)
def test_yaml_that_means_nothing_here(errors: Errors, text: str, expected: list[str]) -> None:
    assert errors(text) == expected


def test_a_byte_order_mark_is_no_content(errors: Errors) -> None:
    assert errors("units: []".encode("utf-8-sig")) == []


def test_both_parsers_of_yaml_give_the_same_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: &x {b: 1, 'c d': [~, \"2\", |-\n x\n]}\ne: {<<: *x, b: 3}\n".replace("|-\n x\n", "y")
    problems = Problems()
    fast = document.compose(text, problems)
    monkeypatch.setattr(document, "_PARSER", yaml.SafeLoader)
    assert document.compose(text, problems) == fast
    assert problems.errors == []


@pytest.mark.parametrize("text", ['a: "\\UFFFFFFFF"', "%YAML 1." + "9" * 5000 + "\n---\na: 1"])
def test_the_slow_parser_lets_no_other_error_out(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(document, "_PARSER", yaml.SafeLoader)
    problems = Problems()
    assert document.compose(text, problems) is None
    assert [error.message for error in problems.errors] == ["is not YAML somewhere after this line"]


def test_a_missing_file(tmp_path: Path) -> None:
    report = examine(tmp_path / "none.yaml", profiles={}, environ={})
    assert [error.message for error in report.errors] == ["does not exist"]


def test_a_folder(tmp_path: Path) -> None:
    report = examine(tmp_path, profiles={}, environ={})
    assert [error.message for error in report.errors] == ["is a folder; name the file in it"]


def test_a_name_that_no_file_has() -> None:
    report = examine(Path("a\0b"), profiles={}, environ={})
    assert [error.message for error in report.errors] == ["has a name that no file can have"]


def test_a_file_beyond_all_measure(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    with path.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    report = examine(path, profiles={}, environ={})
    assert [error.message for error in report.errors] == ["is larger than 16 MB"]
