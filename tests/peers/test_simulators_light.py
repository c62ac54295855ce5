"""The light SNMP agent: net-snmp reads its truth, and the agent counts each of its faults."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from shutil import which

import numpy as np
import pytest

from agent.errors import BadAnswer, NoAnswer, TransportError
from agent.model import Oid
from agent.profiles.load import load
from agent.targets import (
    AuthProtocol,
    Community,
    PrivacyProtocol,
    Secret,
    SnmpHost,
    UserSecurity,
)
from agent.transport.base import SnmpClient
from agent.transport.snmp import open_snmp
from simulators.device.hardware import UPS
from simulators.device.ups import Ups, ups_values
from simulators.maps.objects import About, ObjectTree
from simulators.wire.agent_faults import AgentWire, FaultyTree
from simulators.wire.faults import WireFault, WireFaultKind
from simulators.wire.snmp import Access, SnmpAgent
from simulators.wire.snmp_light import LightAgent

pytestmark = pytest.mark.skipif(which("snmpget") is None, reason="net-snmp is not installed")

BATTERY: Oid = (1, 3, 6, 1, 2, 1, 33, 1, 2)
CHARGE: Oid = (*BATTERY, 4, 0)
NOWHERE: Oid = (*BATTERY, 99, 0)
PATIENCE_S = 0.3
# A first exchange of SNMPv3 makes keys and meets the engine; the machine may be busy as well.
FIRST_S = 5.0


@dataclass
class Card:
    """A served UPS, and the faults that a test puts in."""

    port: int
    tree: ObjectTree
    faults: list[WireFault] = field(default_factory=list)
    agent: SnmpAgent | None = None

    async def tool(self, name: str, *arguments: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            name,
            *("-cpublic", "-On", "-Oe", "-t5", "-r0"),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        text, _ = await process.communicate()
        return process.returncode or 0, text.decode()


def tree() -> ObjectTree:
    random = np.random.default_rng(1)
    ups = Ups("u", "S1", UPS, random, now_s=1.767e9, installed_s=1.67e9, load_w=3500.0)
    about = About("Simulated UPS", UPS.sys_object_id, "u", lambda: 12.0)
    return ObjectTree(load(UPS.profile), lambda: ups_values(ups), about, root=UPS.root)


@pytest.fixture
async def card() -> AsyncIterator[Card]:
    loop = asyncio.get_running_loop()
    served = Card(0, tree())
    wire = AgentWire(served.faults, loop.time, loop.call_later)
    agent = LightAgent(FaultyTree(served.tree, served.faults, loop.time), "public", wire)
    served.port = await agent.start()
    yield served
    agent.stop()


@pytest.fixture
async def client(card: Card) -> AsyncIterator[SnmpClient]:
    host = SnmpHost("127.0.0.1", Community(Secret("public")), card.port)
    opened = open_snmp(host)
    yield opened
    await opened.close()


@pytest.mark.parametrize("version", ["-v1", "-v2c"])
async def test_snmpget_reads_the_truth(card: Card, version: str) -> None:
    where = f"127.0.0.1:{card.port}"
    oids = ("1.3.6.1.2.1.1.1.0", ".".join(map(str, CHARGE)), "1.3.6.1.2.1.33.1.4.4.1.4.1")
    code, text = await card.tool("snmpget", version, where, *oids)
    assert code == 0
    assert "Simulated UPS" in text
    assert re.findall(r"INTEGER: (\d+)", text) == ["100", "3500"]


@pytest.mark.parametrize(
    "how",
    [
        ("snmpwalk", "-v1"),
        ("snmpwalk", "-v2c"),
        ("snmpbulkwalk", "-v2c", "-Cr50"),
        ("snmpbulkwalk", "-v2c", "-Cr3"),
    ],
    ids=" ".join,
)
async def test_a_walk_finds_everything_once(card: Card, how: tuple[str, ...]) -> None:
    code, text = await card.tool(*how, f"127.0.0.1:{card.port}", "1.3.6.1")
    rows = re.findall(r"^\.([\d.]+) = (?!No more)", text, re.MULTILINE)
    wanted: list[str] = []
    place: Oid = (1,)
    while (following := card.tree.after(place)) is not None:
        place = following[0]
        wanted.append(".".join(map(str, place)))
    assert code == 0
    assert rows == wanted


@pytest.mark.parametrize("version", ["-v1", "-v2c"])
async def test_what_is_not_there_is_said_not_to_be(card: Card, version: str) -> None:
    where = f"127.0.0.1:{card.port}"
    _, text = await card.tool("snmpget", version, where, ".".join(map(str, NOWHERE)))
    assert ("noSuchName" if version == "-v1" else "No Such Instance") in text


async def test_another_community_gets_silence(card: Card) -> None:
    _, text = await card.tool(
        "snmpget", "-v2c", "-t1", "-cother", f"127.0.0.1:{card.port}", "1.3.6.1.2.1.1.1.0"
    )
    assert "Timeout" in text


async def read(client: SnmpClient, timeout_s: float = FIRST_S) -> object:
    found = (await client.get([CHARGE], timeout_s=timeout_s))[CHARGE]
    return None if found is None else found.value


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (WireFaultKind.SILENT, NoAnswer),
        (WireFaultKind.DELAY, NoAnswer),
        (WireFaultKind.TRUNCATED, (BadAnswer, NoAnswer)),
        (WireFaultKind.WRONG_TRANSACTION, (BadAnswer, NoAnswer)),
    ],
)
async def test_a_fault_is_counted_under_its_cause_and_passes(
    card: Card,
    client: SnmpClient,
    kind: WireFaultKind,
    cause: type[TransportError] | tuple[type[TransportError], ...],
) -> None:
    assert await read(client) == 100
    card.faults.append(WireFault(kind, value=2 * PATIENCE_S))
    with pytest.raises(cause):
        await read(client, PATIENCE_S)
    card.faults.clear()
    await asyncio.sleep(PATIENCE_S)
    assert await read(client) == 100


@pytest.mark.parametrize("kind", [WireFaultKind.TOO_BIG, WireFaultKind.GEN_ERR])
async def test_an_error_of_the_device_is_absence_and_passes(
    card: Card, client: SnmpClient, kind: WireFaultKind
) -> None:
    card.faults.append(WireFault(kind))
    assert await read(client) is None
    card.faults.clear()
    assert await read(client) == 100


@pytest.mark.parametrize("kind", [WireFaultKind.DUPLICATE, WireFaultKind.JITTER])
async def test_twice_or_trembling_is_still_read(
    card: Card, client: SnmpClient, kind: WireFaultKind
) -> None:
    card.faults.append(WireFault(kind, value=PATIENCE_S / 3))
    for _ in range(5):
        assert await read(client) == 100


async def test_missing_objects_are_absent_not_zero(card: Card, client: SnmpClient) -> None:
    card.faults.append(WireFault(WireFaultKind.MISSING))
    assert await read(client) is None
    assert await client.walk(BATTERY, timeout_s=PATIENCE_S) == {}


async def test_a_looping_agent_does_not_hold_the_walker(card: Card, client: SnmpClient) -> None:
    card.faults.append(WireFault(WireFaultKind.LOOPING))
    async with asyncio.timeout(10):
        try:
            found = await client.walk((1, 3, 6, 1, 2, 1, 33), timeout_s=PATIENCE_S)
        except TransportError as error:
            assert isinstance(error, BadAnswer)  # noqa: PT017 - either way is sound
        else:
            assert len(found) < 3


@pytest.fixture
async def v3() -> AsyncIterator[Card]:
    loop = asyncio.get_running_loop()
    served = Card(0, tree())
    wire = AgentWire(served.faults, loop.time, loop.call_later)
    access = Access(None, "monitor", "sha256", "correct-auth", "aes128", "correct-priv")
    objects = FaultyTree(served.tree, served.faults, loop.time)
    served.agent = SnmpAgent(objects, access, engine_octets=b"u", boots=7, wire=wire)
    served.port = await served.agent.start()
    yield served
    served.agent.stop()


def user(port: int) -> SnmpHost:
    auth = (AuthProtocol("sha256"), Secret("correct-auth"))
    return SnmpHost(
        "127.0.0.1",
        UserSecurity("monitor", *auth, PrivacyProtocol("aes128"), Secret("correct-priv")),
        port,
    )


@pytest.mark.parametrize("engine", ["pysnmp", "gufo"])
@pytest.mark.parametrize("kind", [WireFaultKind.ENGINE_REBOOT, WireFaultKind.TIME_JUMP])
async def test_an_engine_that_rebooted_or_jumped_is_met_again(
    v3: Card, engine: str, kind: WireFaultKind
) -> None:
    client = open_snmp(user(v3.port), engine)
    assert v3.agent is not None
    try:
        assert await read(client) == 100
        v3.faults.append(WireFault(kind))
        v3.agent.follow_faults()
        answers = []
        for timeout_s in (PATIENCE_S, PATIENCE_S, FIRST_S, FIRST_S):
            try:
                answers.append(await read(client, timeout_s))
            except TransportError as error:
                answers.append(type(error).__name__)
        assert answers[-1] == 100, answers
    finally:
        await client.close()


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (WireFaultKind.SILENT, NoAnswer),
        (WireFaultKind.DELAY, NoAnswer),
    ],
)
async def test_a_fault_of_a_v3_agent_is_counted_under_its_cause(
    v3: Card, kind: WireFaultKind, cause: type[TransportError]
) -> None:
    client = open_snmp(user(v3.port))
    try:
        assert await read(client) == 100
        v3.faults.append(WireFault(kind, value=2 * PATIENCE_S))
        with pytest.raises(cause):
            await read(client, PATIENCE_S)
        v3.faults.clear()
        await asyncio.sleep(PATIENCE_S)
        assert await read(client) == 100
        for error in (WireFaultKind.TOO_BIG, WireFaultKind.GEN_ERR):
            v3.faults[:] = [WireFault(error)]
            assert await read(client) is None
    finally:
        await client.close()
