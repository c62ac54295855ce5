"""Serve a device's objects by SNMP v1, v2c and v3."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.entity.rfc3413 import cmdrsp, context
from pysnmp.proto.api import v2c
from pysnmp.proto.rfc1905 import endOfMibView, noSuchInstance
from pysnmp.smi import error as smi_error
from pysnmp.smi.instrum import AbstractMibInstrumController

from simulators.maps.objects import Item, Syntax
from simulators.wire.agent_faults import AgentWire, Tree, TreeError
from simulators.wire.faults import WireFaultKind

_AUTH = {
    "md5": config.USM_AUTH_HMAC96_MD5,
    "sha1": config.USM_AUTH_HMAC96_SHA,
    "sha224": config.USM_AUTH_HMAC128_SHA224,
    "sha256": config.USM_AUTH_HMAC192_SHA256,
    "sha384": config.USM_AUTH_HMAC256_SHA384,
    "sha512": config.USM_AUTH_HMAC384_SHA512,
}
_PRIVACY = {
    "des": config.USM_PRIV_CBC56_DES,
    "aes128": config.USM_PRIV_CFB128_AES,
    "aes192": config.USM_PRIV_CFB192_AES_BLUMENTHAL,
    "aes256": config.USM_PRIV_CFB256_AES_BLUMENTHAL,
    "aes192c": config.USM_PRIV_CFB192_AES,
    "aes256c": config.USM_PRIV_CFB256_AES,
}
_EVERYTHING = (1, 3, 6)
_SYNTAXES = {
    Syntax.INTEGER: v2c.Integer32,
    Syntax.GAUGE: v2c.Gauge32,
    Syntax.TICKS: v2c.TimeTicks,
    Syntax.TEXT: v2c.OctetString,
    Syntax.OID: v2c.ObjectIdentifier,
    Syntax.COUNTER: v2c.Counter32,
    Syntax.COUNTER64: v2c.Counter64,
    Syntax.ADDRESS: v2c.IpAddress,
    Syntax.OPAQUE: v2c.Opaque,
    Syntax.NULL: v2c.Null,
}


@dataclass(frozen=True, slots=True, repr=False)
class Access:
    """Who may read: a community (v1 and v2c), or a user with passwords (v3)."""

    community: str | None = None
    user: str | None = None
    auth: str | None = None
    auth_key: str | None = None
    privacy: str | None = None
    privacy_key: str | None = None


class _Instrumentation(AbstractMibInstrumController):  # type: ignore[misc] # untyped library
    """Answers pysnmp's reads from an object tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def read_variables(self, *var_binds: Any, **context: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401 - pysnmp
        """Read each name as it is."""
        with _errors_told():
            return self._read(var_binds, context)

    def _read(self, var_binds: Any, context: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401 - pysnmp
        found = []
        for name, value in var_binds:
            context["acFun"]("read", (name, value), **context)
            item = self._tree.get(tuple(name))
            found.append((name, noSuchInstance if item is None else _wire(item)))
        return found

    def read_next_variables(self, *var_binds: Any, **context: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401 - pysnmp
        """Read what follows each name."""
        with _errors_told():
            return self._read_next(var_binds, context)

    def _read_next(self, var_binds: Any, context: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401 - pysnmp
        found = []
        for name, value in var_binds:
            context["acFun"]("read", (name, value), **context)
            following = self._tree.after(tuple(name))
            if following is None:
                found.append((name, endOfMibView))
            else:
                oid, item = following
                found.append((v2c.ObjectIdentifier(oid), _wire(item)))
        return found


@contextlib.contextmanager
def _errors_told() -> Iterator[None]:
    """Tell an agent's error as pysnmp knows it."""
    try:
        yield
    except TreeError as error:
        kind = smi_error.TooBigError if error.too_big else smi_error.GenError
        raise kind(idx=0) from error


class _Transport(udp.UdpTransport):  # type: ignore[misc] # untyped library
    """A UDP port whose datagrams go wrong as ``wire`` says."""

    wire: AgentWire | None = None

    def datagram_received(self, datagram: bytes, address: Any) -> None:  # noqa: ANN401 - pysnmp
        """Hear a request, or not."""
        if self.wire is None or WireFaultKind.SILENT not in self.wire.hit():
            super().datagram_received(datagram, address)

    def send_message(self, message: bytes, address: Any) -> None:  # noqa: ANN401 - pysnmp
        """Send an answer, late or spoilt."""
        send = super().send_message
        if self.wire is None:
            send(message, address)
        else:
            self.wire.send(self.wire.hit(), message, lambda sent: send(sent, address))


def _wire(item: Item) -> object:
    value = item.value.encode("utf-8") if isinstance(item.value, str) else item.value
    result: object = _SYNTAXES[item.syntax](value)
    return result


class SnmpAgent:
    """One device on a UDP port of its own. ``engine_octets`` makes its engine id unique.

    ``boots`` must grow from start to start, or v3 masters that remember the device would
    take it for a replay. ``wire`` holds what goes wrong on its way.
    """

    def __init__(
        self,
        tree: Tree,
        access: Access,
        *,
        engine_octets: bytes,
        boots: int,
        wire: AgentWire | None = None,
    ) -> None:
        self._wire = wire
        self._tree = tree
        self._access = access
        self._engine_octets = engine_octets
        self._boots = boots
        self._engine: Any = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen, and give the port (``port`` 0 takes a free one)."""
        engine = self._engine = SnmpEngine()
        self._name(engine)
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind((host, port))
        listener.settimeout(0)
        transport = _Transport().open_server_mode(sock=listener)
        transport.wire = self._wire
        config.add_transport(engine, udp.DOMAIN_NAME, transport)
        self._admit(engine)
        where = context.SnmpContext(engine)
        where.unregister_context_name(v2c.OctetString(b""))
        where.register_context_name(v2c.OctetString(b""), _Instrumentation(self._tree))
        for responder in (
            cmdrsp.GetCommandResponder,
            cmdrsp.NextCommandResponder,
            cmdrsp.BulkCommandResponder,
        ):
            responder(engine, where)
        await asyncio.sleep(0)
        return int(listener.getsockname()[1])

    def stop(self) -> None:
        """Close the port."""
        if self._engine is not None:
            self._engine.close_dispatcher()
            self._engine = None

    def follow_faults(self) -> None:
        """Reboot the engine, or let its time jump, when that has come due."""
        if self._wire is None or self._engine is None:
            return
        reboots, jump_s = self._wire.engine_step()
        boots, clock = self._engine.get_mib_builder().import_symbols(
            "__SNMP-FRAMEWORK-MIB", "snmpEngineBoots", "snmpEngineTime"
        )
        if reboots:
            self._boots += reboots
            boots.syntax = boots.syntax.clone(self._boots)
            clock.syntax = clock.syntax.clone(int(time.time()))
        if jump_s:
            # The library keeps the unix time of the engine's start.
            clock.syntax = clock.syntax.clone(int(clock.syntax) - int(jump_s))

    def _name(self, engine: Any) -> None:  # noqa: ANN401 - untyped library
        # Giving the id to SnmpEngine would leave a file in the temporary folder.
        builder = engine.get_mib_builder()
        identity, boots = builder.import_symbols(
            "__SNMP-FRAMEWORK-MIB", "snmpEngineID", "snmpEngineBoots"
        )
        # RFC 3411: enterprise number with the top bit set (net-snmp's, 8072), format 5: octets.
        octets = (0x80000000 | 8072).to_bytes(4) + b"\x05" + self._engine_octets
        identity.syntax = identity.syntax.clone(octets)
        engine.snmpEngineID = identity.syntax
        boots.syntax = boots.syntax.clone(self._boots)

    def _admit(self, engine: Any) -> None:  # noqa: ANN401 - untyped library
        access = self._access
        if access.community is not None:
            config.add_v1_system(engine, "reader", access.community)
            for model in (1, 2):
                config.add_vacm_user(engine, model, "reader", "noAuthNoPriv", _EVERYTHING)
        if access.user is not None:
            level = "noAuthNoPriv"
            if access.auth is not None:
                level = "authNoPriv" if access.privacy is None else "authPriv"
            config.add_v3_user(
                engine,
                access.user,
                _AUTH[access.auth] if access.auth else config.USM_AUTH_NONE,
                access.auth_key,
                _PRIVACY[access.privacy] if access.privacy else config.USM_PRIV_NONE,
                access.privacy_key,
            )
            config.add_vacm_user(engine, 3, access.user, level, _EVERYTHING)
