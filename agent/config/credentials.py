"""SNMP credentials: which keys go with which version, and the secrets behind them."""

from collections.abc import Mapping

from agent.config import keys
from agent.config.secrets import Sources, read_secret
from agent.config.sections import Entry, Key
from agent.targets import Community, Secret, UserSecurity

Security = Community | UserSecurity

# RFC 3414 section 11.2 asks for passwords of at least eight characters.
SHORTEST_V3_KEY = 8
_COMMUNITY_KEYS: tuple[Key[object], ...] = (keys.COMMUNITY_FILE, keys.COMMUNITY_ENV)
_AUTH_KEYS: tuple[Key[object], ...] = (keys.AUTH_FILE, keys.AUTH_ENV)
_PRIVACY_KEYS: tuple[Key[object], ...] = (keys.PRIVACY_FILE, keys.PRIVACY_ENV)
_USER_KEYS: tuple[Key[object], ...] = (
    *(keys.USER, keys.AUTH, *_AUTH_KEYS, keys.PRIVACY, *_PRIVACY_KEYS, keys.CONTEXT),
)


def securities(entries: Mapping[str, Entry | None], sources: Sources) -> dict[str, Security | None]:
    """Build every entry of ``credentials``; None for one with an error."""
    return {
        name: None if entry is None else _security(entry, sources)
        for name, entry in entries.items()
    }


def _security(entry: Entry, sources: Sources) -> Security | None:
    version = entry.get(keys.SNMP_VERSION)
    if version is None:
        return None
    if version < 3:  # noqa: PLR2004 - the number is SNMP's name
        _refuse(entry, _USER_KEYS, f"belongs to version 3; this is version {version}")
        return _community(entry, version, sources)
    _refuse(entry, _COMMUNITY_KEYS, "belongs to versions 1 and 2; this is version 3")
    return _user(entry, sources)


def _refuse(entry: Entry, wrong: tuple[Key[object], ...], message: str) -> None:
    for name in entry.given(*wrong):
        entry.error(message, name)


def _community(entry: Entry, version: int, sources: Sources) -> Community | None:
    secret = read_secret(entry, keys.COMMUNITY_FILE, keys.COMMUNITY_ENV, sources)
    if not entry.given(*_COMMUNITY_KEYS) and not entry.misspelt:
        entry.error("needs community_file or community_env")
    return None if secret is None else Community(secret, version)


def _user(entry: Entry, sources: Sources) -> UserSecurity | None:
    user = entry.get(keys.USER)
    if not entry.given(keys.USER):
        entry.error('needs "user", a user name')
    auth_key = _key(entry, keys.AUTH, (keys.AUTH_FILE, keys.AUTH_ENV), sources)
    privacy_key = _key(entry, keys.PRIVACY, (keys.PRIVACY_FILE, keys.PRIVACY_ENV), sources)
    if entry.given(keys.PRIVACY) and not entry.given(keys.AUTH):
        entry.error("needs auth as well; SNMPv3 has no privacy without authentication", "privacy")
    if user is None:
        return None
    return UserSecurity(
        user,
        entry.get(keys.AUTH),
        auth_key,
        entry.get(keys.PRIVACY),
        privacy_key,
        entry.get(keys.CONTEXT) or "",
    )


def _key(
    entry: Entry, protocol: Key[object], places: tuple[Key[str], Key[str]], sources: Sources
) -> Secret | None:
    """Read the password of ``protocol``: both are given, or neither."""
    given = entry.given(*places)
    if entry.given(protocol) and not given and not entry.misspelt:
        entry.error(f"needs {places[0].name} or {places[1].name} as well", protocol.name)
    if given and not entry.given(protocol):
        entry.error(f"needs {protocol.name} as well, the protocol", given[0])
    secret = read_secret(entry, *places, sources)
    if secret is not None and len(secret.reveal()) < SHORTEST_V3_KEY:
        entry.error(
            f"leads to a password of fewer than {SHORTEST_V3_KEY} characters; RFC 3414 "
            f"asks for at least {SHORTEST_V3_KEY}",
            given[0],
        )
    return secret
