"""A web configuration file to what it says, or every error in it at once."""

import ssl
import stat
from collections.abc import Mapping
from pathlib import Path

from agent.config import document
from agent.config.kinds import Place
from agent.config.load import text_of
from agent.config.problems import InvalidConfig, Problems
from agent.config.secrets import Sources
from agent.config.sections import Entry, Key
from agent.export.webconfig import keys
from agent.export.webconfig.types import WebConfig

_REASONS = {
    "KEY_VALUES_MISMATCH": "is not the key of the certificate in cert_file",
    "NO_CERTIFICATE_OR_CRL_FOUND": "holds no certificate in PEM form",
}


def load(path: Path, *, environ: Mapping[str, str]) -> WebConfig:
    """Read ``path`` and the files that it names, relative to its folder.

    Raises:
        ConfigError: an ``InvalidConfig`` with one ``file:line: path: message`` a line.
    """
    problems = Problems()
    found = _read(path, problems, Sources(path.parent, environ))
    if problems.errors:
        errors, warnings = sorted(problems.errors), sorted(problems.warnings)
        raise InvalidConfig(path, tuple(errors), tuple(warnings))
    return found


def _read(path: Path, problems: Problems, sources: Sources) -> WebConfig:
    text = text_of(path, problems)
    node = None if text is None else document.compose(text, problems)
    if node is None or (isinstance(node, document.Scalar) and node.is_null):
        return WebConfig(files=(path,))
    root = keys.ROOT.read(node, Place("", problems))
    if root is None:
        return WebConfig(files=(path,))
    tls, http = root.get(keys.TLS_SERVER_CONFIG), root.get(keys.HTTP_SERVER_CONFIG)
    users = root.get(keys.BASIC_AUTH_USERS) or {}
    files = [path]
    context = None if tls is None else _context(tls, sources, files)
    if users and context is None and not problems.errors:
        root.warn("are asked for their passwords in clear; tls_server_config is missing", _USERS)
    return WebConfig(
        context,
        {user: secret for user, secret in users.items() if secret is not None},
        {} if http is None else _headers(http),
        tuple(files),
        tuple(warning.located(path) for warning in sorted(problems.warnings)),
    )


_USERS = keys.BASIC_AUTH_USERS.name


def _headers(http: Entry) -> dict[str, str]:
    entry = http.get(keys.HTTP_HEADERS)
    given = {} if entry is None else {key.name: entry.get(key) for key in keys.HEADERS.keys}
    return {name: str(value) for name, value in given.items() if value is not None}


def _context(tls: Entry, sources: Sources, files: list[Path]) -> ssl.SSLContext | None:
    cert = _path(tls, keys.CERT_FILE, sources, files)
    key = _path(tls, keys.KEY_FILE, sources, files)
    authority = _path(tls, keys.CLIENT_CA_FILE, sources, files, needed=False)
    verify = tls.get(keys.CLIENT_AUTH_TYPE)
    least, most = tls.get(keys.MIN_VERSION), tls.get(keys.MAX_VERSION)
    if verify is None or least is None or most is None or tls.suspect:
        return None
    if least > most:
        tls.error("is newer than max_version", keys.MIN_VERSION.name)
    if verify is not ssl.CERT_NONE and not tls.given(keys.CLIENT_CA_FILE):
        tls.error("needs client_ca_file, to know who vouches for clients", "client_auth_type")
    if verify is ssl.CERT_NONE and tls.given(keys.CLIENT_CA_FILE):
        tls.error("has no effect without client_auth_type; nobody would be asked", "client_ca_file")
    if cert is None or key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = least, most
    context.verify_mode = verify
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    _load_chain(tls, context, cert, key)
    if authority is not None:
        _load_authority(tls, context, authority)
    return context


def _path(
    tls: Entry, key: Key[str], sources: Sources, files: list[Path], *, needed: bool = True
) -> Path | None:
    name = tls.get(key)
    if name is None:
        if needed and not tls.given(key) and not tls.misspelt:
            tls.error(f'needs "{key.name}"')
        return None
    path = sources.find(name)
    files.append(path)
    try:
        status = path.stat()
        with path.open("rb"):
            pass
    except OSError as error:
        tls.error(f'the file "{path}" cannot be read: {error.strerror}', key.name)
        return None
    if key is keys.KEY_FILE and status.st_mode & stat.S_IROTH:
        tls.warn(f'the file "{path}" can be read by every user; chmod o= it', key.name)
    return path


def _no_password() -> str:
    raise ValueError("is protected by a password, which nobody is here to type")


def _load_chain(tls: Entry, context: ssl.SSLContext, cert: Path, key: Path) -> None:
    # The certificate alone first, so that the error stands where the fault is.
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cafile=cert)
    except (ssl.SSLError, OSError, ValueError) as error:
        tls.error(f'the file "{cert}" {_reason(error)}', keys.CERT_FILE.name)
        return
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        tls.error(f'the file "{key}" {_reason(error)}', keys.KEY_FILE.name)


def _load_authority(tls: Entry, context: ssl.SSLContext, authority: Path) -> None:
    try:
        context.load_verify_locations(cafile=authority)
    except (ssl.SSLError, OSError, ValueError) as error:
        where = f'the file "{authority}"'
        tls.error(f"{where} {_reason(error)}", keys.CLIENT_CA_FILE.name)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return _REASONS.get(error.reason or "", "is not in PEM form, or not what is meant here")
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror}"
    return str(error)
