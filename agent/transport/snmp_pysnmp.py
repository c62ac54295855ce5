"""The reference SNMP engine: every version and protocol, on pysnmp.

One pysnmp engine serves all agents that share a sign-in (``snmp_shared``). MIB lookup is off.
"""

import asyncio
import dataclasses
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from pyasn1.codec.ber import decoder
from pysnmp.entity import config
from pysnmp.entity.rfc3413 import cmdgen
from pysnmp.error import PySnmpError
from pysnmp.hlapi.v3arch.asyncio import (
    CommunityData,
    Udp6TransportTarget,
    UdpTransportTarget,
    UsmUserData,
)
from pysnmp.hlapi.v3arch.asyncio.lcd import CommandGeneratorLcdConfigurator
from pysnmp.proto import errind, rfc1902, rfc1905
from pysnmp.proto.api import v1, v2c
from pysnmp.proto.mpmod.rfc3412 import SNMPv3Message

from agent.errors import AuthFailed, BadAnswer, Refused, TransportError, Unreachable
from agent.model import Oid, SnmpKind, SnmpValue
from agent.targets import AuthProtocol, Community, PrivacyProtocol, SnmpHost, UserSecurity
from agent.transport.base import SnmpWriter
from agent.transport.snmp_batch import NO_SUCH_NAME, Answer, Page, Step, is_under
from agent.transport.snmp_engine import Engine, auth_failed_text, resolve, silence
from agent.transport.snmp_shared import HOSTILE, Foreign, Hearing, Shared, join

AUTH = {
    AuthProtocol.MD5: config.USM_AUTH_HMAC96_MD5,
    AuthProtocol.SHA1: config.USM_AUTH_HMAC96_SHA,
    AuthProtocol.SHA224: config.USM_AUTH_HMAC128_SHA224,
    AuthProtocol.SHA256: config.USM_AUTH_HMAC192_SHA256,
    AuthProtocol.SHA384: config.USM_AUTH_HMAC256_SHA384,
    AuthProtocol.SHA512: config.USM_AUTH_HMAC384_SHA512,
}
PRIVACY = {
    PrivacyProtocol.DES: config.USM_PRIV_CBC56_DES,
    PrivacyProtocol.AES128: config.USM_PRIV_CFB128_AES,
    PrivacyProtocol.AES192: config.USM_PRIV_CFB192_AES_BLUMENTHAL,
    PrivacyProtocol.AES256: config.USM_PRIV_CFB256_AES_BLUMENTHAL,
    PrivacyProtocol.AES192C: config.USM_PRIV_CFB192_AES,
    PrivacyProtocol.AES256C: config.USM_PRIV_CFB256_AES,
}
KINDS = {
    rfc1902.Integer32.tagSet: SnmpKind.INTEGER,
    rfc1902.Gauge32.tagSet: SnmpKind.UNSIGNED,
    rfc1902.Counter32.tagSet: SnmpKind.COUNTER,
    rfc1902.Counter64.tagSet: SnmpKind.COUNTER,
    rfc1902.TimeTicks.tagSet: SnmpKind.TICKS,
    rfc1902.OctetString.tagSet: SnmpKind.OCTETS,
    rfc1902.ObjectIdentifier.tagSet: SnmpKind.OID,
    rfc1902.IpAddress.tagSet: SnmpKind.ADDRESS,
    rfc1902.Opaque.tagSet: SnmpKind.OPAQUE,
}
ABSENT = (rfc1905.NoSuchObject, rfc1905.NoSuchInstance, rfc1905.EndOfMibView, v2c.Null)
REJECTIONS = (
    errind.AuthenticationError,
    errind.AuthenticationFailure,
    errind.DecryptionError,
    errind.UnknownSecurityName,
    errind.UnknownUserName,
    errind.UnsupportedAuthProtocol,
    errind.UnsupportedPrivProtocol,
    errind.UnsupportedSecurityLevel,
    errind.WrongDigest,
)
NULL = v2c.Null("")
LCD = CommandGeneratorLcdConfigurator()


def supports(host: SnmpHost) -> bool:
    """Tell whether this engine can talk to ``host``: always."""
    _ = host
    return True


def open_engine(host: SnmpHost) -> Engine:
    """Make the engine for one agent."""
    return _Agent(host)


class _Agent:
    """See ``Engine``."""

    def __init__(self, host: SnmpHost) -> None:
        self._host = host
        self._auth = _auth_data(host.security)
        self._context = host.security.context if isinstance(host.security, UserSecurity) else ""
        self._bulk = not isinstance(host.security, Community) or host.security.version > 1
        self._key = (
            dataclasses.replace(host.security, context="")
            if isinstance(host.security, UserSecurity)
            else None
        )
        self._shared: Shared | None = None
        self._busy = False
        self._address: tuple[str, socket.AddressFamily] | None = None
        self._targets: dict[float, Any] = {}

    async def get(self, batch: tuple[Oid, ...], timeout_s: float) -> Answer:
        """See ``Engine.get``."""
        status, index, rows = await self._ask(
            cmdgen.GetCommandGenerator(), (), _named(batch), timeout_s
        )
        if status:
            return Answer({}, status, index)
        if len(rows) != len(batch):
            raise BadAnswer(f"{self._host}: {len(rows)} values came, asked were {len(batch)}")
        return Answer({tuple(name): self._value(value) for name, value in rows})

    async def set(self, values: Mapping[Oid, SnmpValue], timeout_s: float) -> None:
        """See ``SnmpWriter.set``."""
        varbinds = [(rfc1902.ObjectName(oid), _foreign(value)) for oid, value in values.items()]
        status, index, _ = await self._ask(cmdgen.SetCommandGenerator(), (), varbinds, timeout_s)
        if status:
            raise Refused(f"{self._host}: refuses to be written: {status} at {index}", status)

    async def page(self, step: Step, timeout_s: float) -> Page:
        """See ``Engine.page``."""
        if self._bulk:
            generator: Any = cmdgen.BulkCommandGeneratorSingleRun()
            counts: tuple[int, ...] = (0, step.rows)
        else:
            generator, counts = cmdgen.NextCommandGeneratorSingleRun(), ()
        status, _, rows = await self._ask(generator, counts, _named((step.cursor,)), timeout_s)
        if status == NO_SUCH_NAME:
            return Page([], ended=True)  # how version 1 says that there is nothing further
        if status:
            return Page([], ended=False, status=status)
        found: list[tuple[Oid, SnmpValue | None]] = []
        for name, raw in rows:
            if isinstance(raw, rfc1905.EndOfMibView) or not is_under(tuple(name), step.root):
                return Page(found, ended=True)
            found.append((tuple(name), self._value(raw)))
        return Page(found, ended=False)

    async def close(self) -> None:
        """See ``Engine.close``."""
        self._address = None
        self._leave()

    def step_aside(self) -> None:
        """Leave the shared engine, unless a request is under way: then at its end."""
        if not self._busy:
            self._leave()

    def _leave(self) -> None:
        shared, self._shared = self._shared, None
        self._targets.clear()
        if shared is not None:
            shared.leave(self)

    async def _ask(
        self, generator: Foreign, counts: tuple[int, ...], varbinds: list[Any], timeout_s: float
    ) -> tuple[int, int, list[Any]]:
        self._busy = True
        try:
            return await self._asked(generator, counts, varbinds, timeout_s)
        finally:
            self._busy = False
            if self._shared is not None:
                self._shared.renew()
            if self._shared is not None and self._shared.retired:
                self._leave()

    async def _asked(
        self, generator: Foreign, counts: tuple[int, ...], varbinds: list[Any], timeout_s: float
    ) -> tuple[int, int, list[Any]]:
        shared, target, hearing = await self._ready(timeout_s)
        address = (target.transport_address[0], target.transport_address[1])
        answered: asyncio.Future[tuple[Any, ...]] = asyncio.get_running_loop().create_future()

        def on_answer(_engine: Foreign, _handle: Foreign, *result: Foreign) -> None:
            if not answered.done():
                answered.set_result(result)

        hearing.last[address] = b""
        try:
            async with asyncio.timeout(timeout_s):
                name, _ = LCD.configure(shared.engine, self._auth, target, self._context)
                generator.send_varbinds(
                    shared.engine, name, None, self._context, *counts, varbinds, on_answer
                )
                indication, status, index, rows, _ = await answered
        except TimeoutError:
            self._address = None
            shared.forget_engine_id(hearing.domain, address)
            raise self._silence(hearing.last[address], timeout_s) from None
        except PySnmpError as error:
            raise Unreachable(f"{self._host}: the request cannot be sent ({error})") from error
        finally:
            heard = hearing.last.pop(address, b"")
        if indication:
            raise self._failure(indication, heard, timeout_s)
        return int(status), int(index), list(rows)

    async def _ready(self, timeout_s: float) -> tuple[Shared, Any, Hearing]:
        if self._shared is None:
            self._shared = join(self._key, self)
        if self._address is None:
            try:
                async with asyncio.timeout(timeout_s):
                    self._address = await resolve(self._host)
            except TimeoutError:
                raise Unreachable(
                    f"{self._host}: no name server answers within {timeout_s:.3g} s; "
                    "check DNS, or give the address"
                ) from None
            self._targets.clear()
        address, family = self._address
        # pysnmp's own time-out only cleans up behind ours; few values keep its tables small.
        bucket_s = 1.0
        while bucket_s < timeout_s:
            bucket_s *= 2
        if bucket_s not in self._targets:
            kind = Udp6TransportTarget if family == socket.AF_INET6 else UdpTransportTarget
            self._targets[bucket_s] = await kind.create(
                (address, self._host.port), timeout=bucket_s, retries=0
            )
        return self._shared, self._targets[bucket_s], self._shared.hearing(family)

    def _silence(self, heard: bytes, timeout_s: float) -> TransportError:
        if heard and not _is_snmp(heard):
            return BadAnswer(f"{self._host}: the answer is not SNMP", heard)
        return silence(self._host, timeout_s)

    def _failure(self, indication: Foreign, heard: bytes, timeout_s: float) -> TransportError:
        if isinstance(indication, REJECTIONS):
            return AuthFailed(auth_failed_text(self._host, str(indication)))
        if isinstance(indication, errind.RequestTimedOut):
            return self._silence(heard, timeout_s)
        return BadAnswer(f"{self._host}: {indication}", heard)

    def _value(self, raw: Foreign) -> SnmpValue | None:
        if isinstance(raw, ABSENT):
            return None
        kind = KINDS.get(raw.tagSet)
        if kind is None:
            raise BadAnswer(f"{self._host}: a value of unknown type {type(raw).__name__}")
        if kind is SnmpKind.OID:
            return SnmpValue(kind, tuple(raw))
        if kind in {SnmpKind.OCTETS, SnmpKind.ADDRESS, SnmpKind.OPAQUE}:
            return SnmpValue(kind, bytes(raw))
        return SnmpValue(kind, int(raw))


class _Writer:
    """See ``SnmpWriter``."""

    def __init__(self, host: SnmpHost) -> None:
        self._agent = _Agent(host)

    async def get(self, oids: Sequence[Oid], *, timeout_s: float) -> Mapping[Oid, SnmpValue | None]:
        """See ``SnmpWriter.get``."""
        found: dict[Oid, SnmpValue | None] = {}
        for oid in oids:
            # One by one: version 1 answers for a whole request that one object is missing.
            answer = await self._agent.get((oid,), timeout_s)
            found[oid] = answer.values.get(oid)
        return found

    async def set(self, values: Mapping[Oid, SnmpValue], *, timeout_s: float) -> None:
        """See ``SnmpWriter.set``."""
        await self._agent.set(values, timeout_s)

    async def close(self) -> None:
        """See ``SnmpWriter.close``."""
        await self._agent.close()


def open_writer(host: SnmpHost) -> SnmpWriter:
    """Make the writer for one agent."""
    return _Writer(host)


def _foreign(value: SnmpValue) -> Foreign:
    if value.kind is SnmpKind.OID:
        return rfc1902.ObjectIdentifier(value.value)
    if value.kind is SnmpKind.INTEGER:
        return rfc1902.Integer32(value.value)
    raise ValueError(f"{value.kind} is nothing that is written")


def _named(oids: tuple[Oid, ...]) -> list[tuple[Any, Any]]:
    return [(rfc1902.ObjectName(oid), NULL) for oid in oids]


def _auth_data(security: Community | UserSecurity) -> CommunityData | UsmUserData:
    if isinstance(security, Community):
        return CommunityData(security.community.reveal(), mpModel=security.version - 1)
    auth = privacy = None
    if security.auth is not None and security.auth_key is not None:
        auth = (security.auth_key.reveal(), AUTH[security.auth])
    if security.privacy is not None and security.privacy_key is not None:
        privacy = (security.privacy_key.reveal(), PRIVACY[security.privacy])
    return UsmUserData(
        security.user,
        authKey=auth and auth[0],
        authProtocol=auth and auth[1],
        privKey=privacy and privacy[0],
        privProtocol=privacy and privacy[1],
    )


def _is_snmp(datagram: bytes) -> bool:
    """Tell whether ``datagram`` is a whole SNMP message of any version."""
    for message in (v2c.Message(), v1.Message(), SNMPv3Message()):
        try:
            _, rest = decoder.decode(datagram, asn1Spec=message)
        except HOSTILE:
            continue
        if not rest:
            return True
    return False
