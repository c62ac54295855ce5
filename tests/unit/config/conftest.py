"""A configuration file in a folder of its own, with the secrets beside it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.config.load import Report, examine

PROFILES = {"orv3-bbu": "modbus", "orv3-hpr-bbu": "modbus", "rfc1628-ups": "snmp"}
SECRETS = {"auth.key": "authenticate\n", "priv.key": "keep-private\r\n", "community": "public"}

Examine = Callable[..., Report]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, secret in SECRETS.items():
        path = tmp_path / name
        path.write_text(secret, encoding="utf-8")
        path.chmod(0o600)
    return tmp_path


@pytest.fixture
def look(folder: Path) -> Examine:
    """Examine a text as agent.yaml of ``folder``."""

    def look(text: str | bytes, **environ: str) -> Report:
        path = folder / "agent.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return examine(path, profiles=PROFILES, environ=environ)

    return look


@pytest.fixture
def errors(look: Examine) -> Callable[..., list[str]]:
    """The errors of a text as ``line: path: message``."""

    def errors(text: str | bytes, **environ: str) -> list[str]:
        report = look(text, **environ)
        assert (report.config is None) == bool(report.errors)
        return [f"{error.line}: {error.path}: {error.message}" for error in report.errors]

    return errors


@pytest.fixture
def warnings(look: Examine) -> Callable[..., list[str]]:
    """The warnings of a sound text as ``line: path: message``."""

    def warnings(text: str, **environ: str) -> list[str]:
        report = look(text, **environ)
        assert report.errors == ()
        return [f"{each.line}: {each.path}: {each.message}" for each in report.warnings]

    return warnings
