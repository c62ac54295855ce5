"""Secrets come from files and the environment only, and never show."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.config.load import Report, examine
from agent.targets import AuthProtocol, Community, PrivacyProtocol, Secret, UserSecurity

Errors = Callable[..., list[str]]
Look = Callable[..., Report]

ADVICE = (
    "a secret may not stand in this file; put it into a file of its own and name that as "
    "{0}_file, or into an environment variable and name that as {0}_env"
)


def credential(keys: str) -> str:
    return f"credentials: {{c: {{{keys}}}}}\nunits: [{{name: u, snmp: h, credentials: c}}]\n"


def security(report: Report) -> object:
    assert report.config is not None
    assert report.config.units[0].snmp is not None
    return report.config.units[0].snmp.security


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("snmp_version: 1, community_file: community", Community(Secret("public"), 1)),
        ("snmp_version: 2c, community_env: READ", Community(Secret("from the air"), 2)),
        ("snmp_version: 3, user: u", UserSecurity("u")),
        (
            "snmp_version: 3, user: u, auth: md5, auth_env: READ, context: phase-b",
            UserSecurity("u", AuthProtocol.MD5, Secret("from the air"), context="phase-b"),
        ),
        (
            (
                "snmp_version: 3, user: u, auth: sha512, auth_file: auth.key, "
                "privacy: aes192c, privacy_file: priv.key"
            ),
            UserSecurity(
                "u",
                AuthProtocol.SHA512,
                Secret("authenticate"),
                PrivacyProtocol.AES192C,
                Secret("keep-private"),
            ),
        ),
    ],
)
def test_every_way_to_sign_in(look: Look, keys: str, expected: object) -> None:
    assert security(look(credential(keys), READ="from the air")) == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            "snmp_version: 2, community: hunter2-plain",
            ["1: credentials.c.community: " + ADVICE.format("community")],
        ),
        (
            "snmp_version: 3, user: u, auth: sha1, auth_password: hunter2-plain",
            ["1: credentials.c.auth_password: " + ADVICE.format("auth")],
        ),
        (
            "snmp_version: 3, user: u, auth: hunter2-plain",
            [
                "1: credentials.c.auth: needs auth_file or auth_env as well",
                (
                    "1: credentials.c.auth: the value is none of md5, sha1, sha224, sha256, "
                    "sha384, sha512"
                ),
            ],
        ),
        (
            "snmp_version: 2, community_env: hunter2-plain",
            [
                (
                    "1: credentials.c.community_env: the value is not the name of an environment "
                    "variable"
                )
            ],
        ),
        (
            "snmp_version: 2, hunter2-plain",
            [
                (
                    "1: credentials.c.?: is not a key of an entry of credentials; its keys are "
                    "snmp_version, community_file, community_env, user, auth, auth_file, "
                    "auth_env, privacy, privacy_file, privacy_env, context"
                ),
            ],
        ),
    ],
)
def test_a_secret_in_the_file_is_refused_unseen(
    errors: Errors, keys: str, expected: list[str]
) -> None:
    found = errors(credential(keys))
    assert found == expected
    assert not any("hunter2" in error for error in found)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("user: u", ['1: credentials.c: needs "snmp_version", one of 1, 2, 2c, 3']),
        ("snmp_version: 2", ["1: credentials.c: needs community_file or community_env"]),
        ("snmp_version: 3", ['1: credentials.c: needs "user", a user name']),
        (
            "snmp_version: 1, user: u, community_file: community",
            ["1: credentials.c.user: belongs to version 3; this is version 1"],
        ),
        (
            "snmp_version: 3, user: u, community_file: community",
            ["1: credentials.c.community_file: belongs to versions 1 and 2; this is version 3"],
        ),
        (
            "snmp_version: 3, user: u, auth: sha1",
            ["1: credentials.c.auth: needs auth_file or auth_env as well"],
        ),
        (
            "snmp_version: 3, user: u, auth_file: auth.key",
            ["1: credentials.c.auth_file: needs auth as well, the protocol"],
        ),
        (
            "snmp_version: 3, user: u, privacy: des, privacy_file: priv.key",
            [
                (
                    "1: credentials.c.privacy: needs auth as well; SNMPv3 has no privacy without "
                    "authentication"
                )
            ],
        ),
        (
            "snmp_version: 1, community_file: community, community_env: READ",
            ["1: credentials.c.community_env: stands beside community_file; give one of them"],
        ),
        (
            "snmp_version: 1, community_env: NONE_SUCH",
            [
                "1: credentials.c.community_env: the environment variable NONE_SUCH is not set",
            ],
        ),
        (
            "snmp_version: 1, community_env: EMPTY",
            ["1: credentials.c.community_env: the environment variable EMPTY is empty"],
        ),
        (
            "snmp_version: 3, user: u, auth: md5, auth_env: SHORT",
            [
                (
                    "1: credentials.c.auth_env: leads to a password of fewer than 8 characters; "
                    "RFC 3414 asks for at least 8"
                )
            ],
        ),
    ],
)
def test_keys_that_do_not_fit_the_version(errors: Errors, keys: str, expected: list[str]) -> None:
    assert errors(credential(keys), EMPTY="", READ="from the air", SHORT="hunter2") == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"hunter2\nand more", "holds more than one line; it should hold one secret"),
        (b"hunter2\0", "holds more than one line; it should hold one secret"),
        (b"hunter2\xff", "is not UTF-8 text"),
        (b"hunter2" * 200, "is longer than 1024 characters; it should hold one secret"),
    ],
)
def test_a_file_that_holds_no_secret(
    errors: Errors, folder: Path, content: bytes, message: str
) -> None:
    (folder / "odd").write_bytes(content)
    (folder / "odd").chmod(0o600)
    assert errors(credential("snmp_version: 2, community_file: odd")) == [
        f'1: credentials.c.community_file: the file "{shown(folder / "odd")}" {message}'
    ]


def shown(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 60 else text[:59] + "…"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", "does not exist"),
        (".", "is not a file"),
        ("x" * 300, "cannot be read: File name too long"),
    ],
)
def test_a_file_that_cannot_be_read(errors: Errors, folder: Path, name: str, message: str) -> None:
    assert errors(credential(f"snmp_version: 2, community_file: {name}")) == [
        f'1: credentials.c.community_file: the file "{shown(folder / name)}" {message}'
    ]


@pytest.fixture
def someone() -> Iterator[Path]:
    """A folder that everybody may enter; from here on the process may not read everything."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        root = os.geteuid() == 0
        yield folder
        if root:
            os.seteuid(0)


def drop_root() -> None:
    if os.geteuid() == 0:
        os.seteuid(65534)


def test_a_file_of_someone_else(someone: Path) -> None:
    (someone / "s").write_text("hunter2")
    (someone / "s").chmod(0o000)
    path = someone / "a.yaml"
    path.write_text(credential("snmp_version: 2, community_file: s"))
    drop_root()
    report = examine(path, profiles={}, environ={})
    assert [(error.path, error.message) for error in report.errors] == [
        ("credentials.c.community_file", f'the file "{someone / "s"}" may not be read by this user')
    ]


def test_the_folder_of_systemd_serves_where_the_own_file_is_of_someone_else(someone: Path) -> None:
    (someone / "s").write_text("of-root")
    (someone / "s").chmod(0o000)
    (someone / "given").mkdir()
    (someone / "given" / "s").write_text("of-systemd")
    path = someone / "a.yaml"
    path.write_text(
        "credentials: {c: {snmp_version: 2, community_file: s}}\n"
        "units: [{name: u, snmp: 192.0.2.1, credentials: c}]\n"
    )
    drop_root()
    report = examine(path, profiles={}, environ={"CREDENTIALS_DIRECTORY": str(someone / "given")})
    assert report.errors == ()
    assert security(report) == Community(Secret("of-systemd"), 2)


def test_a_configuration_of_someone_else(someone: Path) -> None:
    path = someone / "a.yaml"
    path.write_text("units: []")
    path.chmod(0o000)
    drop_root()
    report = examine(path, profiles={}, environ={})
    assert [(error.path, error.message) for error in report.errors] == [
        ("file", "may not be read by this user")
    ]


def test_a_file_that_everybody_may_read_is_a_warning(warnings: Errors, folder: Path) -> None:
    (folder / "community").chmod(0o644)
    assert warnings(credential("snmp_version: 2, community_file: community")) == [
        (
            f'1: credentials.c.community_file: the file "{shown(folder / "community")}" can be '
            "read by every user; chmod o= it"
        )
    ]


def test_the_folder_of_systemd_serves_where_the_own_has_no_such_file(
    look: Look, tmp_path_factory: pytest.TempPathFactory
) -> None:
    systemd = tmp_path_factory.mktemp("credentials")
    for name in ("community", "only-there", "secrets_in-a-folder"):
        (systemd / name).write_text("of-systemd")
        (systemd / name).chmod(0o400)
    folder = str(systemd)
    here = look(
        credential("snmp_version: 2, community_file: community"), CREDENTIALS_DIRECTORY=folder
    )
    there = look(
        credential("snmp_version: 2, community_file: only-there"), CREDENTIALS_DIRECTORY=folder
    )
    in_a_folder = look(
        credential("snmp_version: 2, community_file: secrets/in-a-folder"),
        CREDENTIALS_DIRECTORY=folder,
    )
    assert security(here) == Community(Secret("public"), 2)
    assert security(there) == Community(Secret("of-systemd"), 2)
    assert security(in_a_folder) == Community(Secret("of-systemd"), 2)


def test_a_config_never_shows_its_secrets(look: Look) -> None:
    report = look(credential("snmp_version: 2, community_file: community"))
    assert report.config is not None
    assert "public" not in repr(report)
