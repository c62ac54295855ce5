"""Whatever stands in the file, the answer is a Config or a ConfigError, and one line an error."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.config.keys import SECTIONS
from agent.config.load import load
from agent.config.types import Config
from agent.errors import ConfigError

WORDS = sorted({key.name for section in SECTIONS for key in section.keys} | {"x-a", "a", "<<"})
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["a", "/dev/a", "h:1", "[::1]:5", "3 intervals", "1 kW", "2c", "sha1", "/"]),
    st.sampled_from([0, 1, 3, 48, 255, 9600]),
    st.dates(),
    st.binary(max_size=4),
)
TREES: st.SearchStrategy[Any] = st.recursive(
    VALUES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=40,
)


def near(section: str) -> st.SearchStrategy[Any]:
    """Mappings with the right keys of a section, and values of any sort."""
    keys = next(each.keys for each in SECTIONS if each.name == section)
    return st.dictionaries(st.sampled_from([key.name for key in keys]), VALUES, max_size=6)


NAMES = st.sampled_from(["a", "b", "c"])
ROOTS = st.fixed_dictionaries(
    {"units": st.lists(near("unit"), max_size=4)},
    optional={
        "listen": VALUES,
        "state_dir": VALUES,
        "poll": near("poll"),
        "credentials": st.dictionaries(NAMES, near("credential"), max_size=3),
        "buses": st.dictionaries(NAMES, near("bus"), max_size=3),
        "batteries": st.dictionaries(NAMES, near("battery"), max_size=3),
        "shelves": st.lists(near("shelf"), max_size=2),
    },
)
few = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.yaml"


def answer(path: Path, data: bytes) -> Config | None:
    """Load ``data``; every line of an error has its file, line, path and message."""
    path.write_bytes(data)
    try:
        return load(path, profiles={"a": "modbus", "b": "snmp"}, environ={"a": "a"})
    except ConfigError as error:
        lines = str(error).split("\n")
        starts = [line.removeprefix(f"{path}:").split(":", 1)[0] for line in lines]
        assert starts == sorted(starts, key=int)
        assert all(line.count(": ") >= 2 for line in lines)
        assert all(line.isprintable() for line in lines)
        return None


@few
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes(path: Path, data: bytes) -> None:
    answer(path, data)


@few
@given(text=st.text(alphabet="ab-:,[]{}&*!|>'\"%@# \n\t?<~", max_size=80))
def test_any_punctuation(path: Path, text: str) -> None:
    answer(path, text.encode())


@few
@given(tree=TREES)
def test_any_tree(path: Path, tree: object) -> None:
    answer(path, yaml.safe_dump(tree, allow_unicode=True).encode())


@few
@given(root=ROOTS)
def test_any_values_under_the_right_keys(path: Path, root: object) -> None:
    config = answer(path, yaml.safe_dump(root).encode())
    if config is not None:
        reached = [(unit.bus is None) != (unit.snmp is None) for unit in config.units]
        assert all(reached)
        assert len({unit.name for unit in config.units}) == len(config.units)
        assert {unit.bus for unit in config.units} - {None} <= {bus.name for bus in config.buses}
