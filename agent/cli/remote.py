"""Where the running agent is, who we are to it, and its answers; the same in every command."""

import json
import ssl
import sys
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

import click

from agent.targets import Secret

F = TypeVar("F", bound=Callable[..., Any])
WRONG, EXIT_NO_AGENT = 2, 3
LOCAL = "http://127.0.0.1:9877"
_TIMEOUT_S = 10.0
_ACCESS = "agent.cli.remote"


@dataclass(slots=True)
class Access:
    """Who we are to the agent, and what its certificate is verified with."""

    user: str | None = None
    password: Secret | None = None
    trust: ssl.SSLContext | None = None


def access() -> Access:
    """Give what ``--auth-file`` and ``--ca-file`` of this call say."""
    context = click.get_current_context(silent=True)
    held: Access = Access() if context is None else context.meta.setdefault(_ACCESS, Access())
    return held


def _auth(context: click.Context, _option: click.Parameter, path: Path | None) -> None:
    if path is None:
        return
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"cannot read {path}: {error}") from None
    user, colon, password = text.partition(":")
    if not (user and colon) or "\n" in text:
        raise click.BadParameter(f"{path} does not hold one line USER:PASSWORD")
    held = context.meta.setdefault(_ACCESS, Access())
    held.user, held.password = user, Secret(password)


def _trust(context: click.Context, _option: click.Parameter, path: Path | None) -> None:
    if path is None:
        return
    try:
        trust = ssl.create_default_context(cafile=str(path))
    except OSError as error:
        raise click.BadParameter(f"{path} holds no certificate in PEM: {error}") from None
    context.meta.setdefault(_ACCESS, Access()).trust = trust


def agent_options(command: F) -> F:
    """Add ``--agent`` (as ``base``), ``--auth-file`` and ``--ca-file`` to a command."""
    file = click.Path(path_type=Path, dir_okay=False)
    for option in (
        click.option(
            "--ca-file",
            type=file,
            envvar="BBU_AGENT_CA_FILE",
            callback=_trust,
            expose_value=False,
            help="Certificates (PEM) that vouch for the agent's own, instead of the system's.",
        ),
        click.option(
            "--auth-file",
            type=file,
            envvar="BBU_AGENT_AUTH_FILE",
            callback=_auth,
            expose_value=False,
            help="File with USER:PASSWORD, where the agent asks for it.",
        ),
        click.option(
            *("--agent", "--url", "base"),
            metavar="URL",
            default=LOCAL,
            show_default=True,
            envvar="BBU_AGENT_URL",
            help="Address of the running agent.",
        ),
    ):
        command = option(command)
    return command


def checked_url(base: str) -> str:
    """Give ``base`` if it is a URL that an agent can have."""
    if not base.startswith(("http://", "https://")):
        raise click.UsageError(f"--agent is a URL such as {LOCAL}, not {base}")
    return base.rstrip("/")


def fetch(base: str, path: str) -> Any:  # noqa: ANN401 - JSON of the agent's API
    """Get ``path`` from the agent at ``base``; ends the program where that fails."""
    return _answer(base, path, json.load)


def fetch_file(base: str, path: str) -> bytes:
    """Get the file ``path`` from the agent at ``base``; ends the program where that fails."""
    body: bytes = _answer(base, path, lambda answer: answer.read())
    return body


def _answer(base: str, path: str, read: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - see fetch
    who = access()
    request = Request(checked_url(base) + path)  # noqa: S310 - checked to be http or https
    if who.user is not None and who.password is not None:
        told = b64encode(f"{who.user}:{who.password.reveal()}".encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {told}")
    try:
        # A proxy for the world outside knows no agent on this node or beside it.
        opener = build_opener(ProxyHandler({}), HTTPSHandler(context=who.trust))
        with opener.open(request, timeout=_TIMEOUT_S) as answer:
            return read(answer)
    except HTTPError as error:
        click.echo(f"bbu-agent: {_refusal(error)}", err=True)
        sys.exit(WRONG if error.code in (400, 404) else EXIT_NO_AGENT)
    except (URLError, HTTPException, OSError, ValueError) as error:
        click.echo(f"bbu-agent: {no_agent(base, getattr(error, 'reason', error))}", err=True)
        sys.exit(EXIT_NO_AGENT)


def no_agent(base: str, reason: object) -> str:
    """Say that none answers at ``base``, and what to do."""
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {base} is not trusted: {reason.verify_message}. "
            "--ca-file names the certificate that vouches for it"
        )
    return (
        f"no agent answers at {base}: {reason}. Is it running? "
        "bbu-agent run --config.file agent.yaml starts one; --agent names another address"
    )


def _refusal(error: HTTPError) -> str:
    if error.code == HTTPStatus.UNAUTHORIZED:
        return (
            "the agent asks who you are, or does not know you: --auth-file names a file with "
            "USER:PASSWORD, one of the agent's basic_auth_users"
        )
    try:
        detail = str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the agent answers {error.code} {error.reason}; its log tells why"
    return f"{detail}. bbu-agent status lists the units" if error.code == 404 else detail  # noqa: PLR2004 - HTTP
