"""Recorded agents of real vendors, served by snmpsim, come back whole through both engines."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.model import Oid, SnmpKind
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

pytestmark = pytest.mark.shared
Foreign = Any  # the fixtures' classes live in conftest, which tests do not import

TIMEOUT_S = 5.0
ROOTS: list[Oid] = [(1, 3, 6, 1, 2, 1, 33), (1, 3, 6, 1, 4, 1)]
MOST_RECORDINGS = 12
INTEGERS = {"2", "65", "66", "67", "70"}


def rows_of(recording: Path, root: Oid) -> dict[Oid, tuple[str, str]]:
    """Read what a recording has under ``root``: tag and text of each row."""
    rows: dict[Oid, tuple[str, str]] = {}
    for line in recording.read_text(encoding="latin-1").splitlines():
        name, _, rest = line.partition("|")
        tag, _, text = rest.partition("|")
        with contextlib.suppress(ValueError):
            oid = tuple(map(int, name.strip(".").split(".")))
            if oid[: len(root)] == root:
                rows[oid] = tag, text
    return rows


@contextlib.asynccontextmanager
async def opened(
    port: int, security: Community | UserSecurity, engine: str
) -> AsyncIterator[SnmpClient]:
    client = open_snmp(SnmpHost("127.0.0.1", security, port), engine)
    try:
        yield client
    finally:
        await client.close()
        await asyncio.sleep(0)


def smallest(recordings: list[Path]) -> list[Path]:
    return sorted(recordings, key=lambda path: path.stat().st_size)[:MOST_RECORDINGS]


@pytest.mark.parametrize("engine", ["pysnmp", "gufo"])
async def test_recordings_come_back_whole(snmpsim: Foreign, engine: str) -> None:
    for recording in smallest(snmpsim.recordings):
        async with opened(snmpsim.port, Community(Secret(recording.stem)), engine) as client:
            for root in ROOTS:
                expected = rows_of(recording, root)
                got = await client.walk(root, timeout_s=TIMEOUT_S)
                # NULL rows carry nothing; gufo leaves them out.
                assert got.keys() == {oid for oid, (tag, _) in expected.items() if tag != "5"}, (
                    recording.stem
                )
                for oid, value in got.items():
                    tag, text = expected[oid]
                    if tag in INTEGERS:
                        assert value.value == int(text), (recording.stem, oid)
                    elif tag == "4x":
                        assert value.value == bytes.fromhex(text), (recording.stem, oid)
                    elif tag == "6":
                        assert value.kind is SnmpKind.OID, (recording.stem, oid)


async def test_both_engines_agree_on_every_value(snmpsim: Foreign) -> None:
    for recording in smallest(snmpsim.recordings)[:6]:
        security = Community(Secret(recording.stem))
        oids = [oid for root in ROOTS for oid in rows_of(recording, root)]
        answers = []
        for engine in ("pysnmp", "gufo"):
            async with opened(snmpsim.port, security, engine) as client:
                got = await client.get(oids, timeout_s=TIMEOUT_S)
                answers.append({oid: value and value.value for oid, value in got.items()})
        assert answers[0] == answers[1], recording.stem


async def test_version_1_walks_by_single_steps(snmpsim: Foreign) -> None:
    recording = smallest(snmpsim.recordings)[0]
    security = Community(Secret(recording.stem), 1)
    async with opened(snmpsim.port, security, "auto") as client:
        got = await client.walk(ROOTS[1], timeout_s=TIMEOUT_S)
    assert got.keys() <= rows_of(recording, ROOTS[1]).keys()
    assert got


async def test_a_v3_context_selects_the_device(snmpsim: Foreign) -> None:
    first, second = smallest(snmpsim.recordings)[:2]
    for recording in (first, second, first):
        security = UserSecurity(
            "simv3",
            AuthProtocol.SHA256,
            Secret("authpass12"),
            PrivacyProtocol.AES256,
            Secret("privpass12"),
            recording.stem,
        )
        async with opened(snmpsim.port, security, "auto") as client:
            got = await client.walk(ROOTS[1], timeout_s=TIMEOUT_S)
        assert got.keys() == {
            oid for oid, (tag, _) in rows_of(recording, ROOTS[1]).items() if tag != "5"
        }
