"""The fast SNMP engine: v2c and v3 on gufo-snmp. Its only importer.

gufo gives bare Python values: every integer kind comes as ``INTEGER`` and Opaque as
``OCTETS``. It hides the error-status of an answer, so an answer without any value is
reported as ``UNTOLD_ERROR``, and a walk ends at a page that has only NULLs. Its GETNEXT
panics on some answers and is not used; that leaves version 1 to the other engine, and so
are named contexts, which gufo lacks.
"""

import asyncio
import errno
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gufo.snmp import (
    Aes128Key,
    Aes192Key,
    Aes256Key,
    DesKey,
    KeyExpansion,
    Md5Key,
    Sha1Key,
    Sha224Key,
    Sha256Key,
    Sha384Key,
    Sha512Key,
    SnmpAuthError,
    SnmpError,
    SnmpVersion,
    User,
)
from gufo.snmp._fast import GetIter
from gufo.snmp.aio import SnmpSession

from agent.errors import AuthFailed, BadAnswer, Unreachable
from agent.model import Oid, SnmpKind, SnmpValue
from agent.targets import AuthProtocol, Community, PrivacyProtocol, SnmpHost, UserSecurity
from agent.transport.advice import advise
from agent.transport.snmp_batch import UNTOLD_ERROR, Answer, Page, Step, dotted
from agent.transport.snmp_engine import Engine, auth_failed_text, resolve, silence

AUTH = {
    AuthProtocol.MD5: Md5Key,
    AuthProtocol.SHA1: Sha1Key,
    AuthProtocol.SHA224: Sha224Key,
    AuthProtocol.SHA256: Sha256Key,
    AuthProtocol.SHA384: Sha384Key,
    AuthProtocol.SHA512: Sha512Key,
}
PRIVACY = {
    PrivacyProtocol.DES: DesKey,
    PrivacyProtocol.AES128: Aes128Key,
    PrivacyProtocol.AES192: Aes192Key,
    PrivacyProtocol.AES256: Aes256Key,
    PrivacyProtocol.AES192C: Aes192Key,
    PrivacyProtocol.AES256C: Aes256Key,
}
REEDER = {PrivacyProtocol.AES192C, PrivacyProtocol.AES256C}
ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
LARGEST_OCTET = 255
DAY_S = 86_400.0
MOST_BATCHES = 32
PANIC = "PanicException"

T = TypeVar("T")


def supports(host: SnmpHost) -> bool:
    """Tell whether this engine can talk to ``host``."""
    if isinstance(host.security, Community):
        return host.security.version > 1
    return host.security.context == ""


def open_engine(host: SnmpHost) -> Engine:
    """Make the engine for one agent."""
    return _Agent(host)


class _Agent:
    """See ``Engine``. A new session is opened after silence: the agent may have changed."""

    def __init__(self, host: SnmpHost) -> None:
        self._host = host
        self._session: SnmpSession | None = None
        self._walk: tuple[Step, GetIter] | None = None
        self._batches: dict[tuple[Oid, ...], dict[str, Oid]] = {}

    async def get(self, batch: tuple[Oid, ...], timeout_s: float) -> Answer:
        """See ``Engine.get``."""
        oids = self._oids_by_name(batch)
        names = list(oids)

        async def ask(session: SnmpSession) -> dict[str, object]:
            return dict(await session.get_many(names))

        found = await self._ask(ask, timeout_s)
        if not found:
            return Answer({}, UNTOLD_ERROR)
        return Answer(
            {oids.get(name) or _oid(name): self._value(value) for name, value in found.items()}
        )

    async def page(self, step: Step, timeout_s: float) -> Page:
        """See ``Engine.page``.

        gufo keeps the place of a walk in its own iterator, so a step either begins at the
        root or goes on where the last page ended. Only its sockets give single pages.
        """
        if self._walk is not None and self._walk[0] == step:
            iterator = self._walk[1]
        else:
            iterator = GetIter(dotted(step.root), step.rows)

        def receive(session: SnmpSession) -> list[tuple[str, object] | None]:
            try:
                return list(session._sock.recv_get_bulk(iterator))  # noqa: SLF001 - see above
            except StopAsyncIteration:
                return []

        async def ask(session: SnmpSession) -> list[tuple[str, object] | None]:
            await session._send(lambda: session._sock.send_get_bulk(iterator))  # noqa: SLF001
            return await session._recv(lambda: receive(session))  # noqa: SLF001

        self._walk = None
        found = await self._ask(ask, timeout_s)
        if not found and step.cursor == step.root:
            await self.get((step.root,), timeout_s)  # emptiness may hide a rejected sign-in
        rows = [(_oid(row[0]), self._value(row[1])) for row in found if row is not None]
        ended = not found or found[-1] is None
        if rows:
            self._walk = (Step(step.root, rows[-1][0], step.rows), iterator)
        return Page(rows, ended)

    async def close(self) -> None:
        """See ``Engine.close``. The socket closes with the last reference to the session."""
        self._session = self._walk = None

    async def _ask(self, ask: Callable[[SnmpSession], Awaitable[T]], timeout_s: float) -> T:
        """Send one request and translate what goes wrong."""
        try:
            async with asyncio.timeout(timeout_s) as limit:
                return await self._signed_in(ask)
        except TimeoutError:
            self._session = None
            if limit.expired():
                raise silence(self._host, timeout_s) from None
            refusal = ConnectionRefusedError(errno.ECONNREFUSED, "refused")  # as gufo says it
            raise Unreachable(advise(self._host, refusal)) from None
        except SnmpAuthError as error:
            self._session = None
            raise AuthFailed(auth_failed_text(self._host, str(error))) from error
        except (SnmpError, RuntimeError) as error:
            self._session = None
            raise BadAnswer(f"{self._host}: the answer is not SNMP ({error})") from error
        except OSError as error:
            self._session = None
            raise Unreachable(advise(self._host, error)) from error
        except BaseException as error:
            # Some damaged answers make gufo's Rust code panic. Its exception cannot be
            # imported and is no Exception; uncaught it would end the whole agent.
            if type(error).__name__ != PANIC:
                raise
            self._session = None
            raise BadAnswer(f"{self._host}: the answer is damaged SNMP ({error})") from error

    async def _signed_in(self, ask: Callable[[SnmpSession], Awaitable[T]]) -> T:
        fresh = self._session is None
        session = self._session or await self._open()
        try:
            return await ask(session)
        except SnmpAuthError:
            if fresh:
                raise
        # An agent that has rebooted rejects what was in order before: sign in anew, once.
        return await ask(await self._open())

    async def _open(self) -> SnmpSession:
        address, _ = await resolve(self._host)
        security = self._host.security
        if isinstance(security, Community):
            session = SnmpSession(
                address,
                port=self._host.port,
                community=security.community.reveal(),
                version=SnmpVersion.v2c,
                timeout=DAY_S,  # time is kept here
            )
        else:
            session = SnmpSession(
                address,
                port=self._host.port,
                user=_user(security),
                version=SnmpVersion.v3,
                timeout=DAY_S,
            )
        await session.refresh()
        self._session = session
        return session

    def _oids_by_name(self, batch: tuple[Oid, ...]) -> dict[str, Oid]:
        """Give the OIDs of a batch by their text; the same batches come again and again."""
        if batch not in self._batches:
            if len(self._batches) >= MOST_BATCHES:
                self._batches.clear()
            self._batches[batch] = {dotted(oid): oid for oid in batch}
        return self._batches[batch]

    def _value(self, raw: object) -> SnmpValue:
        if isinstance(raw, int):
            return SnmpValue(SnmpKind.INTEGER, raw)
        if isinstance(raw, bytes):
            return SnmpValue(SnmpKind.OCTETS, raw)
        if isinstance(raw, str):
            parts = _oid(raw)
            if ADDRESS.fullmatch(raw) and max(parts) <= LARGEST_OCTET:
                return SnmpValue(SnmpKind.ADDRESS, bytes(parts))
            return SnmpValue(SnmpKind.OID, parts)
        raise BadAnswer(f"{self._host}: a value of unknown type {type(raw).__name__}")


def _oid(text: str) -> Oid:
    return tuple(map(int, text.split(".")))


def _user(security: UserSecurity) -> User:
    auth = privacy = None
    if security.auth is not None and security.auth_key is not None:
        auth = AUTH[security.auth](security.auth_key.reveal().encode())
    if security.privacy is not None and security.privacy_key is not None:
        privacy = PRIVACY[security.privacy](security.privacy_key.reveal().encode())
    expansion = KeyExpansion.Cisco if security.privacy in REEDER else KeyExpansion.Blumenthal
    return User(security.user, auth_key=auth, priv_key=privacy, key_expansion=expansion)
