"""Asks a running agent over its HTTP API and follows its stream of changes."""

import json
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import aiohttp

from agent.errors import AgentError
from agent.targets import Secret

Shown = dict[str, Any]
SILENT_S = 20.0
"""The stream has a heartbeat every 5 s; four of them missing mean that nobody is there."""
_ANSWER_S = 15.0
_LONGEST = 64 * 2**20
"""Bytes that one message of the stream may have; the summaries of 2,000 units have 2 MB."""


class AgentGoneError(AgentError):
    """The agent does not answer as one does. The text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Where:
    """A running agent: its URL, who we are to it, and what it is trusted by."""

    url: str
    user: str | None = None
    password: Secret | None = field(default=None, repr=False)
    trust: ssl.SSLContext | None = None


class Client:
    """One agent. Use it inside ``connected``."""

    def __init__(self, where: Where, session: aiohttp.ClientSession) -> None:
        self._where = where
        self._session = session

    async def units(self) -> list[Shown]:
        """Give all units in short."""
        found: list[Shown] = (await self._get("/api/v1/units"))["units"]
        return found

    async def unit(self, name: str) -> Shown:
        """Give everything known of one unit."""
        return await self._get(f"/api/v1/units/{quote(name, safe='')}")

    async def events(self, limit: int, unit: str | None = None) -> list[Shown]:
        """Give the last events, newest first."""
        only = "" if unit is None else f"&unit={quote(unit, safe='')}"
        found: list[Shown] = (await self._get(f"/api/v1/events?limit={limit}{only}"))["events"]
        return found

    async def news(self) -> AsyncIterator[tuple[str, Shown]]:
        """Give each message of the stream, its kind and its content; raises where it ends."""
        patience = aiohttp.ClientTimeout(total=None, sock_connect=_ANSWER_S, sock_read=SILENT_S)
        held = b""
        async with self._asked("/api/v1/stream", patience) as answer:
            async for part in answer.content.iter_any():
                held += part
                *whole, held = held.split(b"\n\n")
                for message in whole:
                    yield _message(message)
                if len(held) > _LONGEST:
                    raise AgentGoneError("it sends a message without an end")
        raise AgentGoneError("it has closed the connection")

    async def _get(self, path: str) -> Shown:
        patience = aiohttp.ClientTimeout(total=_ANSWER_S)
        async with self._asked(path, patience) as answer:
            found: Shown = await answer.json(content_type=None)
            return found

    @asynccontextmanager
    async def _asked(
        self, path: str, patience: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            url = self._where.url.rstrip("/") + path
            async with self._session.get(url, timeout=patience) as answer:
                if answer.status != HTTPStatus.OK:
                    raise AgentGoneError(_refusal(answer.status, answer.reason))
                yield answer
        except aiohttp.ClientConnectorCertificateError as error:
            raise AgentGoneError(
                "its certificate is not trusted; --ca-file names the one that vouches for it"
            ) from error
        except aiohttp.ClientConnectorError as error:
            raise AgentGoneError(_words(error.os_error)) from error
        except TimeoutError as error:
            raise AgentGoneError("it is silent") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise AgentGoneError(str(error) or type(error).__name__) from error


def _words(error: OSError) -> str:
    # asyncio puts a text of its own, with the address once more, where the system's was.
    return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error)


def _refusal(status: int, reason: str | None) -> str:
    if status == HTTPStatus.UNAUTHORIZED:
        return "it asks who you are: --auth-file names a file with USER:PASSWORD"
    if status == HTTPStatus.NOT_FOUND:
        return "it knows no such unit (any more)"
    return f"it answers {status} {reason or ''}".rstrip()


def _message(text: bytes) -> tuple[str, Shown]:
    fields = dict(line.partition(b": ")[::2] for line in text.split(b"\n"))
    content: Shown = json.loads(fields.get(b"data", b"{}"))
    return fields.get(b"event", b"message").decode(), content


@asynccontextmanager
async def connected(where: Where) -> AsyncIterator[Client]:
    """Give a client of the agent at ``where``; a proxy is never asked."""
    auth = None
    if where.user is not None and where.password is not None:
        auth = aiohttp.BasicAuth(where.user, where.password.reveal(), encoding="utf-8")
    trust = True if where.trust is None else where.trust
    async with aiohttp.ClientSession(
        auth=auth, connector=aiohttp.TCPConnector(ssl=trust), read_bufsize=2**20
    ) as session:
        yield Client(where, session)
