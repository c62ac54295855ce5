"""Where the running agent is, who we are to it, and its answers; the same in every command."""

import json
import ssl
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPException, RemoteDisconnected
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.error import HTTPError, URLError

import click

from agent.cli.access import Access

F = TypeVar("F", bound=Callable[..., Any])
WRONG, EXIT_NO_AGENT = 2, 3
LOCAL = "http://127.0.0.1:9877"
_TIMEOUT_S = 10.0
_ACCESS = "agent.cli.remote"
_NO_TLS = "WRONG_VERSION_NUMBER"
_OTHER = (
    "what answers at {base} seems to be no bbu-agent ({told}); "
    "--agent names its address, behind a proxy with its path"
)
_NOT_GIVEN = (HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


class NotGiven(Exception):  # noqa: N818 - no error of ours: the agent says what it has not
    """The agent has not what was asked for, or not in one piece; another file may be had."""


def access() -> Access:
    """Give what ``--auth-file`` and ``--ca-file`` of this call say."""
    context = click.get_current_context(silent=True)
    return Access() if context is None else Access(**context.meta.get(_ACCESS, {}))


def _keep(context: click.Context, option: click.Parameter, path: Path | None) -> None:
    context.meta.setdefault(_ACCESS, {})[option.name] = path


def agent_options(command: F) -> F:
    """Add ``--agent`` (as ``base``), ``--auth-file`` and ``--ca-file`` to a command."""
    file = click.Path(path_type=Path, dir_okay=False)
    for option in (
        click.option(
            "--ca-file",
            type=file,
            envvar="BBU_AGENT_CA_FILE",
            callback=_keep,
            expose_value=False,
            help="Certificates (PEM) that vouch for the agent's own, instead of the system's.",
        ),
        click.option(
            "--auth-file",
            type=file,
            envvar="BBU_AGENT_AUTH_FILE",
            callback=_keep,
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
    try:
        return _answer(base, path, json.load)
    except NotGiven as refusal:
        _leave(str(refusal), WRONG)


def fetch_file(base: str, path: str) -> bytes:
    """Get the file ``path`` from the agent at ``base``; ends the program where that fails."""
    try:
        return fetch_part(base, path)
    except NotGiven as refusal:
        _leave(str(refusal), WRONG)


def fetch_part(base: str, path: str) -> bytes:
    """Get one file of several from the agent at ``base``; ends the program where none can be had.

    Raises:
        NotGiven: this one cannot be had.
    """
    body: bytes = _answer(base, path, lambda answer: answer.read())
    return body


def _answer(base: str, path: str, read: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - see fetch
    url, opener = checked_url(base) + path, access().opener()
    try:
        with opener.open(url, timeout=_TIMEOUT_S) as answer:
            return read(answer)
    except HTTPError as error:
        if error.code in _NOT_GIVEN:
            raise NotGiven(_refusal(error)) from None
        _leave(_refusal(error), WRONG if error.code == HTTPStatus.BAD_REQUEST else EXIT_NO_AGENT)
    except (URLError, HTTPException, OSError, ValueError) as error:
        _leave(no_agent(base, getattr(error, "reason", error)), EXIT_NO_AGENT)


def _leave(why: str, code: int) -> NoReturn:
    click.echo(f"bbu-agent: {why}", err=True)
    sys.exit(code)


def no_agent(base: str, reason: object) -> str:
    """Say that none answers at ``base``, and what to do."""
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {base} is not trusted: {reason.verify_message}. "
            "--ca-file names the certificate that vouches for it"
        )
    if isinstance(reason, ssl.SSLError) and reason.reason == _NO_TLS:
        return f"what answers at {base} speaks no TLS: --agent names it with http://"
    if isinstance(reason, RemoteDisconnected) and base.startswith("http://"):
        return (
            f"what listens at {base} ends the connection without an answer. "
            "If it speaks TLS, --agent names it with https://"
        )
    if isinstance(reason, ValueError):
        return _OTHER.format(base=base, told=f"no JSON: {reason}")
    why = getattr(reason, "strerror", None) or reason
    return (
        f"no agent answers at {base}: {why}. Is it running? "
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
        told = f"{error.code} {error.reason}"
        if error.code == HTTPStatus.NOT_FOUND:
            return _OTHER.format(base=error.url, told=told)
        return f"the agent answers {told}; its log tells why"
    unknown = error.code == HTTPStatus.NOT_FOUND
    return f"{detail} (bbu-agent status lists the units)" if unknown else detail
