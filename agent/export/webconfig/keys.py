"""Every key of the web configuration file: those of Prometheus's exporter-toolkit.

https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
"""

import re
import ssl
from dataclasses import dataclass

from agent.config.document import Node
from agent.config.kinds import JsonSchema, MapOf, Place, Word, choice, text
from agent.config.sections import Key, Section
from agent.config.words import FILE
from agent.targets import Secret

_HASH = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")
_LEAST_COST, _MOST_COST = 4, 16


def _hash(value: str) -> Secret:
    found = _HASH.fullmatch(value)
    if found is None:
        raise ValueError("is not a bcrypt hash; `htpasswd -nBC 10 USER` makes one")
    if not _LEAST_COST <= int(found[1]) <= _MOST_COST:
        raise ValueError(
            f"is a hash of cost {found[1]}; {_LEAST_COST} to {_MOST_COST} are taken, "
            "beyond that one login takes many seconds"
        )
    return Secret(value)


@dataclass(frozen=True, slots=True)
class _Hashes:
    """Users and the hashes of their passwords; no message holds a value."""

    users: MapOf[Secret]
    label: str = "a mapping of users to bcrypt hashes"

    def read(self, node: Node, place: Place) -> dict[str, Secret | None] | None:
        return self.users.read(node, Place(place.path, place.problems, private=True))

    def schema(self) -> JsonSchema:
        return self.users.schema()


CERT_FILE = Key("cert_file", FILE, "Certificate of the server, with its chain, in PEM.")
KEY_FILE = Key("key_file", FILE, "Its private key in PEM, without a password.")
CLIENT_CA_FILE = Key("client_ca_file", FILE, "Certificates that vouch for clients, in PEM.")
CLIENT_AUTH_TYPE = Key(
    "client_auth_type",
    choice(
        {
            "NoClientCert": ssl.CERT_NONE,
            "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
            "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
        }
    ),
    "What is asked of clients. A certificate that is asked for is always verified.",
    default="NoClientCert",
)
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
MIN_VERSION = Key("min_version", choice(_VERSIONS), "Oldest version of TLS.", default="TLS12")
MAX_VERSION = Key("max_version", choice(_VERSIONS), "Newest version of TLS.", default="TLS13")
_LEFT = "is left to OpenSSL, which takes sound ones alone; leave it out"
TLS = Section(
    "tls_server_config",
    "the TLS section",
    (CERT_FILE, KEY_FILE, CLIENT_CA_FILE, CLIENT_AUTH_TYPE, MIN_VERSION, MAX_VERSION),
    advice=dict.fromkeys(
        ("cipher_suites", "prefer_server_cipher_suites", "curve_preferences"), _LEFT
    ),
)

HEADER = text("a text", r"[^\x00-\x1f\x7f]{1,2000}", "is not a text on one line")
HEADERS = Section(
    "headers",
    "the headers",
    tuple(
        Key(name, HEADER, "Header of every answer.")
        for name in (
            "Strict-Transport-Security",
            "X-Content-Type-Options",
            "X-Frame-Options",
            "X-XSS-Protection",
            "Content-Security-Policy",
        )
    ),
)
HTTP_HEADERS = Key("headers", HEADERS, "Headers of every answer; they overrule our own.")
HTTP = Section(
    "http_server_config",
    "the HTTP section",
    (HTTP_HEADERS,),
    advice={"http2": "has no use here, HTTP/1.1 is served; leave it out"},
)

_USER = text("a user", r"[^:\x00-\x1f\x7f]{1,64}", 'cannot be a user; 1 to 64 characters, no ":"')
TLS_SERVER_CONFIG = Key("tls_server_config", TLS, "TLS; without it plain HTTP is served.")
HTTP_SERVER_CONFIG = Key("http_server_config", HTTP, "Headers.")
BASIC_AUTH_USERS = Key(
    "basic_auth_users",
    _Hashes(MapOf(_USER, Word("a bcrypt hash", _hash), "a mapping of users to bcrypt hashes")),
    "Users and the bcrypt hashes of their passwords; without them everybody is let in.",
)
ROOT = Section(
    "web",
    "the web configuration",
    (TLS_SERVER_CONFIG, HTTP_SERVER_CONFIG, BASIC_AUTH_USERS),
)
