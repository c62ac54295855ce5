"""Find the units on a line, behind a gateway or in a network. Reads only, never writes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.decode.sample import decode
from agent.errors import BadAnswer, NoAnswer, Refused, TransportError, Unidentified, Unreachable
from agent.model import Value
from agent.poll.identify import identify_modbus, identify_snmp
from agent.poll.modbus_reader import ModbusReader, unreached
from agent.poll.reader import Reader
from agent.poll.scan_plan import ALIVE, Setting
from agent.poll.snmp_reader import SnmpReader
from agent.profiles.schema import Cadence, Profile, Words
from agent.targets import Community, ModbusHost, SerialLine, SnmpHost, UserSecurity
from agent.transport.base import ModbusLink
from agent.transport.modbus import open_modbus
from agent.transport.snmp import open_snmp

CONCURRENCY = 16
"""Hosts that are asked at one time."""
PACE_S = 0.02
"""Between the first questions to two hosts: at most 50 new hosts a second."""
_ONE_DEVICE = 8


@dataclass(frozen=True, slots=True)
class FoundUnit:
    """A unit that answered. ``profile`` is None where no family fits; ``note`` says more."""

    target: SerialLine | ModbusHost | SnmpHost
    unit_id: int | None
    profile: str | None
    identity: Mapping[str, Value] = field(default_factory=dict)
    note: str = ""


@dataclass(slots=True)
class ModbusScan:
    """Asks unit ids on one line or behind one gateway, one after another."""

    target: SerialLine | ModbusHost
    families: Sequence[Profile]
    timeout_s: float
    watch: Callable[[int, int], None]

    async def run(
        self, questions: Sequence[tuple[int, Words]], wait_s: Callable[[Words], float]
    ) -> tuple[FoundUnit, ...]:
        """Ask ``questions``, each for as long as ``wait_s`` says; identify who answers.

        Raises:
            Unreachable: there is no such line, or the gateway cannot be reached.
        """
        link = open_modbus(self.target)
        found: dict[int, FoundUnit] = {}
        asked = set()
        try:
            for done, (unit_id, where) in enumerate(questions):
                self.watch(done, len(questions))
                asked.add(unit_id)
                if unit_id in found:
                    continue
                unit = await self.ask(link, unit_id, where, wait_s(where))
                if unit is not None:
                    found[unit_id] = unit
        finally:
            await link.close()
        self.watch(len(questions), len(questions))
        return _one_device(tuple(found.values()), len(asked))

    async def ask(
        self, link: ModbusLink, unit_id: int, where: Words, timeout_s: float
    ) -> FoundUnit | None:
        """Ask one unit id one question; identify the unit if there is one."""
        if not await self._lives(link, unit_id, where, timeout_s):
            return None
        return await self._identified(link, unit_id)

    async def _lives(self, link: ModbusLink, unit_id: int, where: Words, timeout_s: float) -> bool:
        try:
            table, address = where.register
            await link.read(unit_id, table, address, where.count, timeout_s=timeout_s)
        except Refused as refusal:
            return unreached(unit_id, refusal) is None
        except NoAnswer:
            return False
        except BadAnswer:
            # Two units at one address speak at once: something is there.
            return True
        return True

    async def _identified(self, link: ModbusLink, unit_id: int) -> FoundUnit:
        try:
            profile = await identify_modbus(
                link, unit_id, self.families, timeout_s=self.timeout_s, patience=2
            )
            reader = ModbusReader(link, unit_id, profile.limits, self.timeout_s)
            identity = await _identity(reader, profile)
        except Unidentified as reason:
            return FoundUnit(self.target, unit_id, None, note=str(reason))
        except TransportError as error:
            return FoundUnit(self.target, unit_id, None, note=f"answers badly: {error}")
        return FoundUnit(self.target, unit_id, profile.name, identity)


def _one_device(found: tuple[FoundUnit, ...], asked: int) -> tuple[FoundUnit, ...]:
    """Take a device that answers to every unit id for what it is."""
    alike = {(unit.profile, tuple(sorted(unit.identity.items()))) for unit in found}
    if len(found) == asked >= _ONE_DEVICE and len(alike) == 1:
        first = found[0]
        note = f"answers to every unit id that was asked ({asked}); taken for one device"
        return (FoundUnit(first.target, first.unit_id, first.profile, first.identity, note),)
    return found


async def _identity(reader: Reader, profile: Profile) -> dict[str, Value]:
    fields = [row for row in profile.fields if row.cadence is Cadence.ONCE]
    result = await reader.read(fields)
    sample = decode("", result.fields, result.raw)
    return {row.quantity: row.value for row in sample.readings if row.index is None}


async def scan_line(
    path: str,
    plan: Sequence[Setting],
    families: Sequence[Profile],
    *,
    timeout_s: float,
    answer_s: float,
    watch: Callable[[int, int], None],
) -> tuple[FoundUnit, ...]:
    """Scan a serial line in every setting of ``plan``.

    Raises:
        Unreachable: the line can be opened in none of them.
    """
    total = sum(len(setting.questions) for setting in plan)
    done, failures = 0, []
    found: list[FoundUnit] = []
    for setting in plan:
        line = SerialLine(path, setting.baudrate, setting.parity)
        before = done

        def step(count: int, _total: int, before: int = before) -> None:
            watch(before + count, total)

        def wait_s(where: Words, setting: Setting = setting) -> float:
            return setting.wait_s(where, answer_s)

        scan = ModbusScan(line, families, timeout_s, step)
        try:
            found += await scan.run(setting.questions, wait_s)
        except Unreachable as error:
            failures.append(error)
        done += len(setting.questions)
    if failures and len(failures) == len(plan):
        raise failures[0]
    return tuple(found)


@dataclass(slots=True)
class HostScan:
    """Asks hosts for SNMP (with ``security``) and Modbus TCP (with ``port``), some at a time."""

    families: Sequence[Profile]
    timeout_s: float
    security: Community | UserSecurity | None
    snmp_port: int = 161
    port: int | None = 502
    unit_ids: Sequence[int] = (1, 255)

    async def run(self, hosts: Sequence[str]) -> AsyncIterator[tuple[str, tuple[FoundUnit, ...]]]:
        """Give each host with what was found there, in the order in which they finish."""
        limit = asyncio.Semaphore(CONCURRENCY)
        tasks = []
        for number, host in enumerate(hosts):
            tasks.append(asyncio.create_task(self._host(host, limit, number * PACE_S)))
        try:
            for task in asyncio.as_completed(tasks):
                yield await task
        finally:
            for left in tasks:
                left.cancel()

    async def _host(
        self, host: str, limit: asyncio.Semaphore, delay_s: float
    ) -> tuple[str, tuple[FoundUnit, ...]]:
        await asyncio.sleep(delay_s)
        async with limit:
            found: list[FoundUnit] = []
            if self.security is not None:
                found += await self._snmp(SnmpHost(host, self.security, self.snmp_port))
            if self.port is not None:
                found += await self._modbus(ModbusHost(host, self.port))
            return host, tuple(found)

    async def _snmp(self, target: SnmpHost) -> list[FoundUnit]:
        client = open_snmp(target)
        try:
            profile = await identify_snmp(client, self.families, timeout_s=self.timeout_s)
            identity = await _identity(SnmpReader(client, self.timeout_s), profile)
        except Unidentified as reason:
            return [FoundUnit(target, None, None, note=str(reason))]
        except TransportError:
            return []
        finally:
            await client.close()
        return [FoundUnit(target, None, profile.name, identity)]

    async def _modbus(self, target: ModbusHost) -> list[FoundUnit]:
        scan = ModbusScan(target, self.families, self.timeout_s, lambda _done, _total: None)
        link = open_modbus(target)
        try:
            for unit_id in self.unit_ids:
                unit = await scan.ask(link, unit_id, ALIVE, self.timeout_s)
                if unit is not None:
                    return [unit]
        except Unreachable:
            return []
        finally:
            await link.close()
        return []
