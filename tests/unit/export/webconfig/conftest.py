"""A folder with certificates that are made once."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import ConfigError
from agent.export.webconfig.load import load


def certificate(folder: Path, name: str, *more: str) -> None:
    """Make a self-signed certificate NAME.crt with NAME.key, for this host."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key"),
            *("-out", f"{name}.crt", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *more,
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (folder / f"{name}.key").chmod(0o600)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("server", "other"):
        certificate(folder, name)
    (folder / "locked.key").write_bytes(
        subprocess.run(
            ["openssl", "ec", "-in", "server.key", "-aes256", "-passout", "pass:secret"],
            cwd=folder,
            check=True,
            capture_output=True,
        ).stdout
    )
    (folder / "locked.key").chmod(0o600)
    (folder / "text.pem").write_text("nothing of the sort\n")
    (folder / "text.pem").chmod(0o600)
    return folder


@pytest.fixture
def errors(certificates: Path) -> Callable[[str], list[str]]:
    """Give the errors of a text as ``line: path: message``, the folder cut off."""

    def found(text: str) -> list[str]:
        path = certificates / "web.yml"
        path.write_text(text, encoding="utf-8")
        try:
            load(path, environ={})
        except ConfigError as error:
            return str(error).replace(f"{path}:", "").replace(f"{certificates}/", "").splitlines()
        return []

    return found
