"""Network addresses as people write them: ``10.1.3.5``, ``ups7.example:1161``, ``[::1]:502``.

Every function raises ValueError with a predicate for a sentence that begins with the text.
"""

import ipaddress
import re

HOST_PORT_PATTERN = r"^(\[[^\]\s]+\]|[^\s/\[\]]+)(:[0-9]{1,5})?$"
_BRACKETED = re.compile(r"\[(?P<host>[^\]]*)\](?::(?P<port>[0-9]{1,5}))?")
_PLAIN = re.compile(r"(?P<host>[^:\[\]]*)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_LONGEST_NAME = 253
_HIGHEST_PORT = 65535


def host_port(text: str, default_port: int) -> tuple[str, int]:
    """Split ``HOST`` or ``HOST:PORT`` of a device."""
    host, port = _split(text, "HOST or HOST:PORT")
    if port == 0:
        raise ValueError("has port 0; ports are 1 to 65535")
    return _host(host), default_port if port is None else port


def listen_address(text: str) -> tuple[str, int]:
    """Split ``HOST:PORT`` to listen on. No host means every interface, port 0 a free one."""
    host, port = _split(text, "HOST:PORT")
    if port is None:
        raise ValueError("has no port; write HOST:PORT, for example 127.0.0.1:9877")
    return _host(host) if host else "", port


def _split(text: str, wanted: str) -> tuple[str, int | None]:
    if "://" in text:
        raise ValueError(f"is a URL; write {wanted} without a scheme")
    if text.count(":") > 1 and "[" not in text:
        return text, None
    found = _BRACKETED.fullmatch(text) or _PLAIN.fullmatch(text)
    if found is None:
        raise ValueError(f"is not an address; write {wanted}, IPv6 as [::1]:502")
    port = None if found["port"] is None else int(found["port"])
    if port is not None and port > _HIGHEST_PORT:
        raise ValueError(f"has port {port}; ports are 1 to {_HIGHEST_PORT}")
    return found["host"], port


def _host(host: str) -> str:
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError("is not an IPv6 address; with a port write [::1]:502") from None
    elif re.fullmatch(r"[0-9.]+", host):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise ValueError("is not an IPv4 address; it takes four numbers 0 to 255") from None
    elif len(host) > _LONGEST_NAME or not _NAME.fullmatch(host):
        raise ValueError("is not a host name; it takes letters, digits, dots and dashes")
    return host
