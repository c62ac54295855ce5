import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.export.webconfig.load import load

Errors = Callable[[str], list[str]]
HASH = "$2y$05$VZQXLGSMiCGl5bvzSzR0eu3uhMtP2WYcYlUt9m3TNVYC4pUW1mv3a"
PAIR = "cert_file: server.crt, key_file: server.key"
ASKING = "client_auth_type: RequireAndVerifyClientCert"


def test_what_prometheus_takes_is_taken(certificates: Path) -> None:
    path = certificates / "sound.yml"
    path.write_text(
        "tls_server_config:\n"
        "  cert_file: server.crt\n"
        "  key_file: server.key\n"
        "  client_ca_file: other.crt\n"
        "  client_auth_type: RequireAndVerifyClientCert\n"
        "  min_version: TLS13\n"
        "http_server_config: {headers: {Strict-Transport-Security: max-age=9}}\n"
        f'basic_auth_users: {{alice: "{HASH}"}}\n'
    )
    found = load(path, environ={})
    assert found.context is not None
    assert found.context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert found.context.verify_mode is ssl.CERT_REQUIRED
    assert [each["subject"] for each in found.context.get_ca_certs()] == [
        ((("commonName", "other"),),)
    ]
    assert found.headers == {"Strict-Transport-Security": "max-age=9"}
    assert {name: each.reveal() for name, each in found.users.items()} == {"alice": HASH}
    assert [each.name for each in found.files] == [
        *("sound.yml", "server.crt", "server.key", "other.crt")
    ]
    assert HASH not in repr(found)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "basic_auth_users:\n"])
def test_a_file_may_say_nothing(errors: Errors, certificates: Path, text: str) -> None:
    assert errors(text) == []
    assert load(certificates / "web.yml", environ={}).context is None


def test_passwords_in_clear_are_warned_of(certificates: Path) -> None:
    path = certificates / "clear.yml"
    path.write_text(f'basic_auth_users: {{alice: "{HASH}"}}\n')
    (warning,) = load(path, environ={}).warnings
    assert warning.startswith(f"{path}:1: basic_auth_users: are asked for their passwords in clear")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("tls: {}", "1: tls: is not a key of the web configuration; its keys are"),
        ("tls_server_config: {cert_file: server.crt}", '1: tls_server_config: needs "key_file"'),
        (
            "tls_server_config:\n  cert_file: gone.crt\n  key_file: server.key",
            '2: tls_server_config.cert_file: the file "gone.crt" cannot be read: No such file',
        ),
        (
            "tls_server_config:\n  cert_file: text.pem\n  key_file: server.key",
            '2: tls_server_config.cert_file: the file "text.pem" holds no certificate',
        ),
        (
            "tls_server_config:\n  cert_file: server.crt\n  key_file: text.pem",
            '3: tls_server_config.key_file: the file "text.pem" is not in PEM form',
        ),
        (
            "tls_server_config:\n  cert_file: server.crt\n  key_file: other.key",
            '3: tls_server_config.key_file: the file "other.key" is not the key of the certificate',
        ),
        (
            "tls_server_config:\n  cert_file: server.crt\n  key_file: locked.key",
            '3: tls_server_config.key_file: the file "locked.key" is protected by a password',
        ),
        (
            f"tls_server_config: {{{PAIR}, {ASKING}, client_ca_file: text.pem}}",
            '1: tls_server_config.client_ca_file: the file "text.pem" holds no certificate',
        ),
        (
            f"tls_server_config: {{{PAIR}, {ASKING}}}",
            "1: tls_server_config.client_auth_type: needs client_ca_file",
        ),
        (
            f"tls_server_config: {{{PAIR}, client_ca_file: other.crt}}",
            "1: tls_server_config.client_ca_file: has no effect without client_auth_type",
        ),
        (
            f"tls_server_config: {{{PAIR}, client_auth_type: RequestClientCert}}",
            '1: tls_server_config.client_auth_type: "RequestClientCert" is none of NoClientCert',
        ),
        (
            f"tls_server_config: {{{PAIR}, min_version: TLS10}}",
            '1: tls_server_config.min_version: "TLS10" is none of TLS12, TLS13',
        ),
        (
            f"tls_server_config: {{{PAIR}, min_version: TLS13, max_version: TLS12}}",
            "1: tls_server_config.min_version: is newer than max_version",
        ),
        (
            f"tls_server_config: {{{PAIR}, cipher_suites: [x]}}",
            "1: tls_server_config.cipher_suites: is left to OpenSSL",
        ),
        (
            "http_server_config: {headers: {Server: none}}",
            "1: http_server_config.headers.Server: is not a key of the headers",
        ),
        (
            "basic_auth_users:\n  alice: hunter2hunter2",
            "2: basic_auth_users.alice: the value is not a bcrypt hash",
        ),
        (
            f'basic_auth_users:\n  alice: "{HASH.replace("$05$", "$31$")}"',
            "2: basic_auth_users.alice: the value is a hash of cost 31; 4 to 16 are taken",
        ),
    ],
)
def test_every_mistake_has_its_line_and_reason(errors: Errors, text: str, wanted: str) -> None:
    found = errors(text)
    assert len(found) == 1, found
    assert found[0].startswith(wanted)
    assert "hunter2" not in found[0]
    assert HASH[8:] not in found[0]


def test_a_key_that_all_may_read_is_warned_of(certificates: Path) -> None:
    path = certificates / "open.yml"
    (certificates / "open.key").write_bytes((certificates / "server.key").read_bytes())
    (certificates / "open.key").chmod(0o644)
    path.write_text("tls_server_config: {cert_file: server.crt, key_file: open.key}\n")
    (warning,) = load(path, environ={}).warnings
    assert "can be read by every user" in warning
