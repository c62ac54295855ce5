"""An SNMP agent behind the best engine for it: the client that pollers hold."""

import asyncio
import importlib
import importlib.util
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from typing import TypeVar, cast

from agent.errors import BadAnswer, ConfigError, NoAnswer
from agent.model import Oid, SnmpValue
from agent.targets import SnmpHost
from agent.transport.base import SnmpClient, SnmpWriter
from agent.transport.snmp_batch import Manners, collect, dotted, gather
from agent.transport.snmp_engine import Engine

LONGEST_WALK_S = 120.0
"""Each page of a walk may take a time-out; a table of 4,096 rows is 410 pages."""
FAST, COMPLETE = "gufo", "pysnmp"

Ask = TypeVar("Ask")
Got = TypeVar("Got")
Result = TypeVar("Result")


def open_snmp(host: SnmpHost, engine: str = "auto") -> SnmpClient:
    """Make a client of ``host``. It sends nothing before the first request.

    ``engine`` is ``pysnmp`` (complete), ``gufo`` (fast; a ``ConfigError`` where it is not
    installed or cannot do what the host needs) or ``auto``: the fast one where it can.
    """
    if engine not in {"auto", FAST, COMPLETE}:
        raise ConfigError(f"SNMP engine {engine!r} is unknown; use auto, {FAST} or {COMPLETE}")
    if engine != COMPLETE:
        opened = _open_fast(host)
        if opened is not None:
            return _Client(host, opened)
        if engine == FAST:
            raise ConfigError(
                f"{host}: the SNMP engine {FAST} is not installed or cannot do version 1 and "
                f"contexts; use {COMPLETE} or auto"
            )
    module = importlib.import_module("agent.transport.snmp_pysnmp")
    return _Client(host, cast("Engine", module.open_engine(host)))


def open_writer(host: SnmpHost) -> SnmpWriter:
    """Make a writer of ``host``, for the one command that may write."""
    module = importlib.import_module("agent.transport.snmp_pysnmp")
    return cast("SnmpWriter", module.open_writer(host))


def _open_fast(host: SnmpHost) -> Engine | None:
    # Imported late: the wheel does not exist for every machine, and either costs start-up.
    if importlib.util.find_spec("gufo") is None:
        return None
    module = importlib.import_module("agent.transport.snmp_gufo")
    return cast("Engine", module.open_engine(host)) if module.supports(host) else None


class _Client:
    """See ``SnmpClient``. ``timeout_s`` is for each request; one is in flight at a time."""

    def __init__(self, host: SnmpHost, engine: Engine) -> None:
        self._engine = engine
        self._manners = Manners(str(host))
        self._lock = asyncio.Lock()

    async def get(self, oids: Sequence[Oid], *, timeout_s: float) -> Mapping[Oid, SnmpValue | None]:
        """See ``SnmpClient.get``."""
        async with self._lock:
            return await _drive(
                gather(oids, self._manners), lambda batch: self._engine.get(batch, timeout_s)
            )

    async def walk(self, root: Oid, *, timeout_s: float) -> Mapping[Oid, SnmpValue]:
        """See ``SnmpClient.walk``."""
        async with self._lock:
            try:
                async with asyncio.timeout(LONGEST_WALK_S):
                    return await _drive(
                        collect(root, self._manners),
                        lambda step: self._engine.page(step, timeout_s),
                    )
            except TimeoutError:
                raise BadAnswer(
                    f"{self._manners.agent}: the walk of {dotted(root)} does not end within "
                    f"{LONGEST_WALK_S:.0f} s"
                ) from None

    async def close(self) -> None:
        """See ``SnmpClient.close``."""
        async with self._lock:
            await self._engine.close()


async def _drive(
    policy: Generator[Ask, Got, Result], send: Callable[[Ask], Awaitable[Got]]
) -> Result:
    """Send what ``policy`` asks for until it has its result."""
    try:
        request = next(policy)
        while True:
            try:
                answer = await send(request)
            except NoAnswer as error:
                request = policy.throw(error)
            else:
                request = policy.send(answer)
    except StopIteration as end:
        return cast("Result", end.value)
