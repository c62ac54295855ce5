"""Net-snmp's own tools read from a simulated UPS what is true of it."""

import asyncio
import re
from shutil import which
from typing import Self

import numpy as np
import pytest

from agent.profiles.load import load
from simulators.device.hardware import APC_UPS, UPS
from simulators.device.ups import Ups, ups_values
from simulators.maps.objects import About, ObjectTree
from simulators.wire.snmp import Access, SnmpAgent

pytestmark = pytest.mark.skipif(which("snmpget") is None, reason="net-snmp is not installed")

V3 = Access(
    user="monitor",
    auth="sha256",
    auth_key="correct-auth",
    privacy="aes256",
    privacy_key="correct-priv",
)
V3_ARGUMENTS = (
    *("-v3", "-lauthPriv", "-umonitor", "-aSHA-256", "-Acorrect-auth"),
    *("-xAES-256", "-Xcorrect-priv"),
)
UPS_MIB = "1.3.6.1.2.1.33.1"


def make_ups(design: object = UPS) -> Ups:
    assert design in (UPS, APC_UPS)
    return Ups(
        name="ups-1",
        serial="S1",
        design=APC_UPS if design is APC_UPS else UPS,
        random=np.random.default_rng(1),
        now_s=1767225600.0,
        installed_s=1672531200.0,
        load_w=3500.0,
        last_test_s=1766000000.0,
    )


class Served:
    """A UPS served on a free port for the length of a ``with``."""

    def __init__(self, ups: Ups, access: Access) -> None:
        about = About("Simulated UPS", ups.design.sys_object_id, ups.name, lambda: 12.0)
        self.tree = ObjectTree(
            load(ups.design.profile), lambda: ups_values(ups), about, root=ups.design.root
        )
        self._agent = SnmpAgent(self.tree, access, engine_octets=b"ups-1", boots=7)
        self.port = 0

    async def __aenter__(self) -> Self:
        self.port = await self._agent.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._agent.stop()

    async def ask(self, tool: str, *arguments: str, oids: tuple[str, ...]) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            tool,
            *arguments,
            *("-On", "-Oe", "-t2", "-r1", f"127.0.0.1:{self.port}"),
            *oids,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        text, _ = await process.communicate()
        return process.returncode or 0, text.decode()


@pytest.mark.parametrize("version", ["-v1", "-v2c"])
async def test_snmpget_reads_the_truth(version: str) -> None:
    ups = make_ups()
    async with Served(ups, Access(community="secret-one")) as served:
        oids = (f"{UPS_MIB}.2.4.0", f"{UPS_MIB}.4.1.0", f"{UPS_MIB}.4.4.1.4.1")
        code, text = await served.ask("snmpget", version, "-csecret-one", oids=oids)
        assert code == 0
        assert re.findall(r"INTEGER: (\d+)", text) == ["100", "3", "3500"]
        ups.mains = False
        ups.step(30.0)
        served.tree.refresh()
        _, text = await served.ask("snmpget", version, "-csecret-one", oids=oids)
        charge, source, _ = map(int, re.findall(r"INTEGER: (\d+)", text))
        assert (charge, source) == (round(ups.charge * 100), 5)


async def test_snmpbulkwalk_walks_everything_with_v3() -> None:
    async with Served(make_ups(APC_UPS), V3) as served:
        code, text = await served.ask("snmpbulkwalk", *V3_ARGUMENTS, oids=("1.3.6.1",))
    rows = [row for row in text.splitlines() if "No more variables" not in row]
    oids = [row.split(" = ")[0].removeprefix(".") for row in rows]
    system = {f"1.3.6.1.2.1.1.{n}.0" for n in (1, 2, 3, 5)}
    said = ups_values(make_ups(APC_UPS))
    mapped = {
        str(field.where)
        for field in load("apc-powernet").fields
        if (field.quantity, field.index) in said and str(field.where).startswith("1.3.6.1.4.1.318")
    }
    assert code == 0
    assert len(oids) == len(set(oids))
    assert set(oids) == system | mapped


@pytest.mark.parametrize("version", ["-v1", "-v2c"])
async def test_an_unknown_object_is_said_to_be_unknown(version: str) -> None:
    async with Served(make_ups(), Access(community="public")) as served:
        oids = (f"{UPS_MIB}.9.9.0",)
        _, text = await served.ask("snmpget", version, "-cpublic", oids=oids)
    assert ("noSuchName" if version == "-v1" else "No Such Instance") in text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-v2c", "-cwrong"), "Timeout"),
        (("-v3", "-lauthPriv", "-unobody", *V3_ARGUMENTS[3:]), "Unknown user name"),
        (
            ("-v3", "-lauthPriv", "-umonitor", "-aSHA-256", "-Awrong-auth", *V3_ARGUMENTS[5:]),
            "Authentication failure",
        ),
        (("-v3", "-lauthNoPriv", *V3_ARGUMENTS[2:5]), "Unsupported security level"),
    ],
    ids=["community", "user", "password", "without privacy"],
)
async def test_who_may_not_read_is_turned_away(arguments: tuple[str, ...], told: str) -> None:
    async with Served(make_ups(), V3) as served:
        oids = (f"{UPS_MIB}.2.1.0",)
        code, text = await served.ask("snmpget", *arguments, oids=oids)
    assert code != 0
    assert told in text


async def test_two_agents_in_one_process_are_two_engines() -> None:
    async with Served(make_ups(), V3) as first, Served(make_ups(APC_UPS), V3) as second:
        oids = ("1.3.6.1.2.1.1.2.0",)
        answers = await asyncio.gather(
            *(served.ask("snmpget", *V3_ARGUMENTS, oids=oids) for served in (first, second))
        )
    assert [code for code, _ in answers] == [0, 0]
    assert ".1.3.6.1.2.1.33" in answers[0][1]
    assert ".1.3.6.1.4.1.318.1.3.27" in answers[1][1]
