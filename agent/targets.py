"""Where devices are and how to sign in: addresses and credentials, without any I/O."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A text that never shows itself in a repr, a log line or an error."""

    text: str

    def __repr__(self) -> str:
        return "Secret(***)"

    def reveal(self) -> str:
        """Give the plain text, for handing to a protocol library and nothing else."""
        return self.text


class Parity(StrEnum):
    """Parity of a serial line."""

    NONE = "none"
    EVEN = "even"
    ODD = "odd"


class Framer(StrEnum):
    """How Modbus frames travel over TCP: with the TCP header, or as serial frames."""

    TCP = "tcp"
    RTU = "rtu"


@dataclass(frozen=True, slots=True)
class SerialLine:
    """A Modbus RTU line. ``path`` is the device file."""

    path: str
    baudrate: int = 19200
    parity: Parity = Parity.EVEN
    stop_bits: int = 1

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True)
class ModbusHost:
    """A Modbus TCP device or gateway."""

    host: str
    port: int = 502
    framer: Framer = Framer.TCP

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class AuthProtocol(StrEnum):
    """SNMPv3 authentication (RFC 3414, RFC 7860)."""

    MD5 = "md5"
    SHA1 = "sha1"
    SHA224 = "sha224"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


class PrivacyProtocol(StrEnum):
    """SNMPv3 privacy.

    Plain AES-192 and AES-256 use the Blumenthal key extension, the default of net-snmp;
    the ``c`` forms use Reeder's (Cisco's). They differ only where the authentication hash
    is shorter than the key.
    """

    DES = "des"
    AES128 = "aes128"
    AES192 = "aes192"
    AES256 = "aes256"
    AES192C = "aes192c"
    AES256C = "aes256c"


@dataclass(frozen=True, slots=True)
class Community:
    """SNMP v1 (``version`` 1) or v2c (2) sign-in."""

    community: Secret
    version: int = 2


@dataclass(frozen=True, slots=True)
class UserSecurity:
    """SNMPv3 sign-in. Without ``auth`` it is noAuthNoPriv, without ``privacy`` authNoPriv."""

    user: str
    auth: AuthProtocol | None = None
    auth_key: Secret | None = None
    privacy: PrivacyProtocol | None = None
    privacy_key: Secret | None = None
    context: str = ""


@dataclass(frozen=True, slots=True)
class SnmpHost:
    """An SNMP agent."""

    host: str
    security: Community | UserSecurity
    port: int = 161

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
