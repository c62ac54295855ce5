"""No text of a device is a formula of a spreadsheet, and no name is a path."""

import pytest

from agent.export.harmless import disarmed, file_name


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_formula_is_disarmed(text: str) -> None:
    assert disarmed(text) == f"'{text}"


@pytest.mark.parametrize("value", ["", "normal", "a=b", -1.5, True, None])
def test_all_else_stays_as_it_is(value: object) -> None:
    assert disarmed(value) == value


@pytest.mark.parametrize(
    ("text", "name"),
    [("r12-a_1.b", "r12-a_1.b"), ("../a/b\\c", ".._a_b_c"), ('x"\r\ny', "x___y"), ("ä \0", "___")],
)
def test_a_name_of_a_file_has_plain_characters_alone(text: str, name: str) -> None:
    assert file_name(text) == name


def test_a_name_of_a_file_is_never_too_long() -> None:
    assert file_name("n" * 300) == "n" * 120
