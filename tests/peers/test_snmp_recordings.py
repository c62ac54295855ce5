"""Recordings of real devices, replayed: what ``bbu-agent read --profile auto`` makes of them.

The recordings are development data beside the checkout. ``expected.csv`` holds for each
object what its value means; rows noted ``doubtful`` need not match, ``none`` means that there
must be no value. A card that tells one thing in several trees gives one reading: then the
object that was not chosen must agree with it, or be counted as disagreeing.
"""

import asyncio
import csv
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.decode.sample import decode
from agent.errors import Unidentified
from agent.export.json import reading_json
from agent.model import FaultReason, Oid, Reading, Sample, SnmpKind, SnmpValue
from agent.poll.identify import SYS_DESCR, SYS_OBJECT_ID, identify_snmp
from agent.poll.snmp_reader import SnmpReader
from agent.profiles.load import load_all
from agent.targets import AuthProtocol, Community, PrivacyProtocol, Secret, SnmpHost, UserSecurity
from agent.transport.base import SnmpClient
from agent.transport.snmp import open_snmp

Foreign = Any  # the fixtures' classes live in conftest, which tests do not import

SHARED = Path(__file__).parents[2] / ".." / "shared" / "devices" / "snmp" / "recordings"
TIMEOUT_S = 5.0
QUANTITIES = {
    "soc": ("state_of_charge", None),
    "string_soc": ("state_of_charge", "string:1"),
    "pack_voltage": ("battery_voltage", None),
    "pack_voltage_positive": ("battery_voltage", "positive"),
    "pack_current": ("battery_current", None),
    "charge_current_positive": ("battery_current", "positive"),
    "bank_current": ("battery_current", "bank:1.1"),
    "soh": ("reported_state_of_health", None),
    "output_status": ("output_source", None),
    "system_voltage": ("busbar_voltage", None),
    "discharge_cycles": ("discharge_events", None),
    "capacity_total": ("capacity_full", None),
    "battery_low": ("alarm", "battery_low"),
    "charger_fault": ("alarm", "charger_fault"),
    "self_test_result_text": ("self_test_result", None),
}
"""The names of ``expected.csv`` that are not those of the vocabulary, or need an index."""
FACTORS = {"%": 0.01, "years": 31557600.0}
NOTHING_TO_READ = {
    "imcopower-big": "no public MIB; nothing expected",
    "mts-com": "no public MIB; nothing expected",
    "siteboss550": "no battery monitor in the recording; nothing expected",
}


@dataclass(frozen=True)
class Row:
    """One line of ``expected.csv``."""

    oid: str
    quantity: str
    index: str | None
    expected: str
    unit: str

    def __str__(self) -> str:
        return f"{self.quantity} at {self.oid}: {self.expected} {self.unit}".strip()

    def fits(self, reading: Reading) -> bool:
        """Say whether a reading has the value expected, in the vocabulary's unit."""
        if self.unit == "date":
            return reading_json(reading)["value"] == self.expected
        if isinstance(reading.value, str):
            return self.expected in (reading.value, reading.text)
        number = float(self.expected) * FACTORS.get(self.unit, 1.0)
        return math.isclose(float(reading.value), number, rel_tol=1e-6, abs_tol=1e-9)


def rows(*, strict: bool = True) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    path = SHARED / "expected.csv"
    if not path.is_file():
        return found
    with path.open(encoding="utf-8", newline="") as text:
        for line in csv.DictReader(text):
            if strict == ("doubtful" in line["note"]):
                continue
            name = line["canonical_quantity"]
            quantity, index = QUANTITIES.get(name, (name, None))
            row = Row(line["oid"], quantity, index, line["expected_value"], line["unit"])
            found[line["file"].removesuffix(".snmprec")].append(row)
    return found


STRICT = dict(rows())
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not STRICT, reason="no recordings beside the checkout (../shared)"),
]


async def read_as_the_command_does(host: SnmpHost, engine: str) -> Sample:
    return await read(open_snmp(host, engine))


async def read(client: SnmpClient) -> Sample:
    try:
        profile = await identify_snmp(client, load_all(), timeout_s=TIMEOUT_S)
        result = await SnmpReader(client, TIMEOUT_S).read(profile.fields)
    finally:
        await client.close()
    assert result.error is None
    return decode(profile.name, result.fields, result.raw)


def broken(expected: list[Row], sample: Sample) -> Iterator[str]:
    """Give the rows that do not hold, each with what was read instead."""
    by_source = defaultdict(list)
    for reading in sample.readings:
        by_source[reading.source].append(reading)
    counted = {row.source for row in sample.faults if row.reason is FaultReason.DISAGREES}
    for row in expected:
        here = [reading for reading in by_source[row.oid] if reading.quantity == row.quantity]
        if row.expected == "none":
            if here:
                yield f"{row}: read {here}"
            continue
        if here:
            if not any(row.fits(reading) for reading in here):
                yield f"{row}: read {here}"
            continue
        others = [reading for reading in sample.readings if reading.quantity == row.quantity]
        if row.oid in counted or any(agrees(row, reading) for reading in others):
            continue
        yield f"{row}: not read; others {others}"


def agrees(row: Row, chosen: Reading) -> bool:
    """Say whether the object of a tree that was not chosen agrees with what was."""
    if isinstance(chosen.value, str):
        return row.fits(chosen) or (row.expected == "normal" and chosen.value == "floating")
    if row.unit in ("", "bool", "date"):
        return row.fits(chosen)
    number = float(row.expected) * FACTORS.get(row.unit, 1.0)
    return math.isclose(float(chosen.value), number, rel_tol=0.1, abs_tol=0.5)


@pytest.mark.parametrize(("engine", "version"), [("gufo", 2), ("pysnmp", 2), ("pysnmp", 1)])
async def test_the_strict_rows_hold_over_snmpsim(
    snmpsim: Foreign, engine: str, version: int
) -> None:
    wrong: dict[str, list[str]] = {}
    nothing: set[str] = set()
    for path in snmpsim.recordings:
        host = SnmpHost("127.0.0.1", Community(Secret(path.stem), version), snmpsim.port)
        try:
            sample = await read_as_the_command_does(host, engine)
        except Unidentified:
            nothing.add(path.stem)
            continue
        problems = list(broken(STRICT.get(path.stem, []), sample))
        if problems:
            wrong[path.stem] = problems
    assert wrong == {}
    assert nothing <= NOTHING_TO_READ.keys()


@dataclass(frozen=True)
class Disguised:
    """An agent that names itself as plain net-snmp does, as many cards do."""

    client: SnmpClient

    async def get(self, oids: Sequence[Oid], *, timeout_s: float) -> Mapping[Oid, SnmpValue | None]:
        answers = dict(await self.client.get(oids, timeout_s=timeout_s))
        return answers | {oid: value for oid, value in PLAIN.items() if oid in answers}

    async def walk(self, root: Oid, *, timeout_s: float) -> Mapping[Oid, SnmpValue]:
        return await self.client.walk(root, timeout_s=timeout_s)

    async def close(self) -> None:
        await self.client.close()


PLAIN: dict[Oid, SnmpValue] = {
    SYS_OBJECT_ID: SnmpValue(SnmpKind.OID, (1, 3, 6, 1, 4, 1, 8072, 3, 2, 10)),
    SYS_DESCR: SnmpValue(SnmpKind.OCTETS, b"Linux\0"),
}


async def test_a_generic_object_id_hides_no_family(snmpsim: Foreign) -> None:
    wrong: dict[str, list[str]] = {}
    for name, expected in STRICT.items():
        host = SnmpHost("127.0.0.1", Community(Secret(name), 2), snmpsim.port)
        sample = await read(Disguised(open_snmp(host)))
        problems = list(broken(expected, sample))
        if problems:
            wrong[name] = problems
    assert wrong == {}


def overrides(path: Path) -> str:
    """Give the battery trees of a recording as lines of snmpd.conf; duplicates end there."""
    kinds = {
        "2": "integer",
        "4": "octet_str",
        "6": "object_id",
        "65": "counter",
        "66": "uinteger",
        "67": "timeticks",
    }
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        oid, tag, text = line.split("|", 2)
        if oid == "1.3.6.1.2.1.1.2.0":
            lines.append(f"sysObjectID {text.lstrip('.')}")
        if not oid.startswith(("1.3.6.1.2.1.33.", "1.3.6.1.4.1.")) or oid.startswith(
            ("1.3.6.1.4.1.8072.", "1.3.6.1.4.1.2021.")
        ):
            continue
        if tag == "4x":
            lines.append(f"override -rw {oid} octet_str 0x{text}")
        elif tag in kinds and text:
            value = f'"{text}"' if tag == "4" else text
            lines.append(f"override -rw {oid} {kinds[tag]} {value}")
    return "\n".join(lines)


@pytest.mark.parametrize("engine", ["gufo", "pysnmp"])
@pytest.mark.parametrize(
    "name",
    [
        "apc_smart1500",
        "eaton-mgeups_5px",
        "dell-ups_tower1000w",
        "enexus_smartpacks",
        "huawei-smu",
        "poweralert_2",
    ],
)
async def test_the_strict_rows_hold_through_a_real_agent_with_version_3(
    start_snmpd: Callable[..., Foreign], name: str, engine: str
) -> None:
    peer = start_snmpd(overrides(SHARED / f"{name}.snmprec"), "rouser v3sha256aes256 priv\n")
    user = UserSecurity(
        user="v3sha256aes256",
        auth=AuthProtocol.SHA256,
        auth_key=Secret("authpass12"),
        privacy=PrivacyProtocol.AES256,
        privacy_key=Secret("privpass12"),
    )
    async with asyncio.timeout(60):
        sample = await read_as_the_command_does(SnmpHost("127.0.0.1", user, peer.port), engine)
    assert list(broken(STRICT[name], sample)) == []
