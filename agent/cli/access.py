"""How a command gets through TLS and a login to an HTTP server. Secrets come from files."""

import base64
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.request import (
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

import click

from agent.targets import Secret


class _Stay(HTTPRedirectHandler):
    """Follows no redirect: the password is for the server that was named and for no other."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Give None, so that the redirect itself is the answer."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a server may ask of us before it answers; the files are read when it is used.

    ``auth_file`` holds ``USER:PASSWORD``, ``token_file`` a bearer token, the others PEM.
    """

    auth_file: Path | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def opener(self) -> OpenerDirector:
        """Give what opens addresses; a ``click.UsageError`` where a file cannot be used.

        A proxy for the world outside knows no server in here: none is used.
        """
        made = build_opener(ProxyHandler({}), _Stay(), HTTPSHandler(context=self.trust()))
        login = self._authorization()
        if login is not None:
            made.addheaders = [*made.addheaders, ("Authorization", login)]
        return made

    def trust(self) -> ssl.SSLContext | None:
        """Give what the server's certificate is verified with; None is what the system has."""
        if (self.ca_file, self.cert_file, self.key_file) == (None, None, None):
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except (OSError, ValueError) as error:
            given = ", ".join(
                str(path) for path in (self.ca_file, self.cert_file, self.key_file) if path
            )
            reason = getattr(error, "strerror", None) or "not a certificate, or its key, in PEM"
            raise click.UsageError(f"cannot use {given}: {reason}") from None
        return context

    def login(self) -> tuple[str, Secret] | None:
        """Give the user and the password of ``auth_file``; None where none is named."""
        if self.auth_file is None:
            return None
        user, colon, password = read_secret(self.auth_file).reveal().partition(":")
        if not (user and colon):
            raise click.UsageError(
                f"{self.auth_file} does not hold one line USER:PASSWORD; write that and no more"
            )
        return user, Secret(password)

    def _authorization(self) -> str | None:
        if self.token_file is not None:
            return f"Bearer {read_secret(self.token_file).reveal()}"
        login = self.login()
        if login is None:
            return None
        pair = f"{login[0]}:{login[1].reveal()}"
        return "Basic " + base64.b64encode(pair.encode()).decode()


def read_secret(path: Path) -> Secret:
    """Read the one line of ``path``; a ``click.UsageError`` where that cannot be done."""
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise click.UsageError(f"cannot read the secret in {path}: {reason}") from None
    if not text or not text.isprintable():
        raise click.UsageError(
            f"{path} holds no secret on one line; write it there and nothing else"
        )
    return Secret(text)


def access_options(prefix: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options of an ``Access``; environment variables begin with ``prefix``."""
    names = {
        "auth_file": "File with USER:PASSWORD, where the server asks for it.",
        "token_file": "File with a bearer token, instead of that.",
        "ca_file": "Certificates that vouch for the server, instead of the system's.",
        "cert_file": "Our own certificate, where the server wants one.",
        "key_file": "Its private key.",
    }

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for name, text in reversed(names.items()):
            option, variable = "--" + name.replace("_", "-"), f"{prefix}_{name.upper()}"
            file = click.Path(path_type=Path, dir_okay=False)
            command = click.option(option, name, type=file, envvar=variable, help=text)(command)
        return command

    return add
