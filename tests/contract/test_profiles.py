"""What every profile owes: a source, a way to be recognised, a recording that it reads right."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from agent.decode.sample import decode
from agent.errors import NoAnswer, Refused
from agent.export.json import fault_json, reading_json
from agent.model import Oid, Register, SnmpKind, SnmpValue, Table
from agent.poll.chain import settled
from agent.poll.identify import identify_modbus, identify_snmp
from agent.poll.modbus_reader import ModbusReader
from agent.poll.reader import Pass
from agent.poll.snmp_reader import SnmpReader
from agent.profiles.load import load, load_all, names
from agent.profiles.schema import Object, Profile, Protocol, Words
from agent.quantities import IDENTITY, QUANTITIES
from agent.transport.plan import plan

RECORDINGS = Path(__file__).parents[1] / "recordings"
DATA = Path(__file__).parents[2] / "agent" / "profiles" / "data"
UNIT_ID = 48
TAGS = {
    "2": SnmpKind.INTEGER,
    "4": SnmpKind.OCTETS,
    "5": SnmpKind.NULL,
    "6": SnmpKind.OID,
    "64": SnmpKind.ADDRESS,
    "65": SnmpKind.COUNTER,
    "66": SnmpKind.UNSIGNED,
    "67": SnmpKind.TICKS,
    "68": SnmpKind.OPAQUE,
    "70": SnmpKind.COUNTER,
}
"""The tags of an snmprec line: the ASN.1 tags of the SNMP types (RFC 2578)."""

each_profile = pytest.mark.parametrize("name", names())
each_recording = pytest.mark.parametrize(
    "path",
    sorted([*RECORDINGS.glob("*/*.modbus.yaml"), *RECORDINGS.glob("*/*.snmprec")]),
    ids=lambda path: f"{path.parent.name}/{path.name.split('.')[0]}",
)


@dataclass(frozen=True)
class RecordedModbus:
    """A unit that answers what was recorded and refuses the rest."""

    words: Mapping[Register, int]
    silent: frozenset[Register]
    max_words: int

    async def read(
        self, unit_id: int, table: Table, address: int, count: int, *, timeout_s: float
    ) -> list[int]:
        assert (unit_id, timeout_s) == (UNIT_ID, 1.0)
        assert count <= self.max_words
        asked = [Register(table, address + n) for n in range(count)]
        if not self.silent.isdisjoint(asked):
            raise NoAnswer("silent")
        if not self.words.keys() >= set(asked):
            raise Refused("illegal data address", 2)
        return [self.words[register] for register in asked]

    async def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class RecordedAgent:
    """An SNMP agent that has what was recorded."""

    values: Mapping[Oid, SnmpValue]

    async def get(self, oids: Sequence[Oid], *, timeout_s: float) -> Mapping[Oid, SnmpValue | None]:
        assert timeout_s == 1.0
        return {oid: self.values.get(oid) for oid in oids}

    async def walk(self, root: Oid, *, timeout_s: float) -> Mapping[Oid, SnmpValue]:
        assert timeout_s == 1.0
        return {oid: value for oid, value in self.values.items() if oid[: len(root)] == root}

    async def close(self) -> None:
        """Nothing is open."""


def recorded_modbus(path: Path) -> RecordedModbus:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    silent = document.pop("silent", {})
    words: dict[Register, int] = {}
    for table, blocks in document.items():
        for first, block in blocks.items():
            for n, word in enumerate(_block(block)):
                assert Register(Table(table), first + n) not in words, f"{first + n} is there twice"
                words[Register(Table(table), first + n)] = word
    return RecordedModbus(
        words,
        frozenset(Register(Table(table), at) for table, places in silent.items() for at in places),
        load(path.parent.name).limits.max_words,
    )


def _block(block: str | list[int]) -> list[int]:
    if isinstance(block, str):
        data = block.encode("latin-1")
        assert len(data) % 2 == 0, f"{block!r} does not fill its words"
        return [int.from_bytes(data[n : n + 2], "big") for n in range(0, len(data), 2)]
    return block


def recorded_agent(path: Path) -> RecordedAgent:
    values: dict[Oid, SnmpValue] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            oid, tag, text = line.split("|", 2)
            values[tuple(map(int, oid.split(".")))] = _varbind(tag, text)
    return RecordedAgent(values)


def _varbind(tag: str, text: str) -> SnmpValue:
    kind = TAGS[tag.removesuffix("x")]
    if tag.endswith("x"):
        return SnmpValue(kind, bytes.fromhex(text))
    if kind in (SnmpKind.OCTETS, SnmpKind.NULL, SnmpKind.OPAQUE):
        return SnmpValue(kind, text.encode())
    if kind is SnmpKind.OID:
        return SnmpValue(kind, tuple(map(int, text.split("."))))
    if kind is SnmpKind.ADDRESS:
        return SnmpValue(kind, bytes(map(int, text.split("."))))
    return SnmpValue(kind, int(text))


async def identified(path: Path) -> Profile:
    if path.suffix == ".snmprec":
        return await identify_snmp(recorded_agent(path), load_all(), timeout_s=1.0)
    return await identify_modbus(recorded_modbus(path), UNIT_ID, load_all(), timeout_s=1.0)


async def placed(path: Path) -> Profile:
    """Give the profile of a recording, its fields where the device has them."""
    profile = load(path.parent.name)
    if profile.sunspec is None:
        return profile
    return await settled(recorded_modbus(path), UNIT_ID, profile, timeout_s=1.0)


async def read(path: Path, profile: Profile) -> Pass:
    if path.suffix == ".snmprec":
        return await SnmpReader(recorded_agent(path), 1.0).read(profile.fields)
    reader = ModbusReader(recorded_modbus(path), UNIT_ID, profile.limits, 1.0)
    return await reader.read(profile.fields)


def text_of(document: dict[str, object]) -> str:
    """Write the expected reading with one line for each value."""
    parts = []
    for key, value in document.items():
        shown = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list):
            rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in value)
            shown = f"[\n{rows}\n]"
        parts.append(f'"{key}": {shown}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def document(profile: Profile, result: Pass) -> dict[str, object]:
    """Show a pass as ``bbu-agent read --format json`` does."""
    sample = decode("", result.fields, result.raw)
    readings = {row.quantity: row.value for row in sample.readings if row.index is None}
    return {
        "profile": profile.name,
        "identity": {key: value for key, value in readings.items() if key in IDENTITY},
        "readings": [reading_json(row) for row in sample.readings],
        "faults": [fault_json(fault) for fault in sample.faults],
    }


def registers(profile: Profile) -> Iterator[Register]:
    for field in profile.fields:
        if isinstance(field.where, Words):
            yield from field.where.registers


@each_profile
def test_every_quantity_is_one_of_the_vocabulary(name: str) -> None:
    assert {field.quantity for field in load(name).fields} <= QUANTITIES.keys()


@each_profile
def test_a_profile_names_its_sources(name: str) -> None:
    profile = load(name)
    assert profile.title
    assert profile.sources
    assert all(len(source) > 10 for source in profile.sources)


@each_profile
def test_what_is_unconfirmed_is_said_in_words(name: str) -> None:
    profile = load(name)
    assert all(len(note.split()) > 1 for note in profile.unconfirmed)
    notes = {field.unconfirmed for field in profile.fields} - {None}
    assert all(note and note.strip() for note in notes)


@each_profile
def test_a_profile_lies_in_the_folder_of_its_protocol(name: str) -> None:
    assert (DATA / load(name).protocol / f"{name}.yaml").is_file()


@each_profile
def test_a_device_of_the_family_can_be_recognised_or_has_to_be_named(name: str) -> None:
    profile = load(name)
    rule = profile.identify
    named = any("name this profile" in note for note in profile.unconfirmed)
    assert rule.probes or rule.sys_object_ids or rule.sys_descr or named


@each_profile
def test_requests_cover_every_field_whole_and_within_the_limits(name: str) -> None:
    profile = load(name)
    places = [field.where for field in profile.fields if isinstance(field.where, Words)]
    spans = plan(places, profile.limits)
    wanted = set(registers(profile))
    read = [register for span in spans for register in span.registers]
    assert len(read) == len(set(read))
    assert wanted <= set(read)
    if profile.limits.max_gap == 0:
        crossed = {register.address for register in set(read) - wanted}
        assert crossed <= profile.limits.documented
    for place in places:
        assert sum(set(place.registers) <= set(span.registers) for span in spans) == 1
    assert all(span.count <= profile.limits.max_words for span in spans)
    assert bool(spans) == (profile.protocol is Protocol.MODBUS and profile.sunspec is None)


@each_profile
def test_a_profile_has_a_recording(name: str) -> None:
    kind = "*.snmprec" if load(name).protocol is Protocol.SNMP else "*.modbus.yaml"
    assert list((RECORDINGS / name).glob(kind)), f"no recording in tests/recordings/{name}"


@each_profile
def test_every_scalar_has_a_place_of_its_own_kind(name: str) -> None:
    for field in load(name).fields:
        if isinstance(field.where, Object) and not field.where.column:
            assert field.where.oid[-1] == 0, f"{field.where} lacks its instance .0"


@each_recording
async def test_a_recorded_device_is_recognised_among_all_families(path: Path) -> None:
    assert (await identified(path)).name == path.parent.name


@each_recording
async def test_a_recorded_device_reads_as_expected(path: Path) -> None:
    profile = await placed(path)
    result = await read(path, profile)
    assert result.error is None
    read_now = document(profile, result)
    expected = path.with_name(path.name.split(".")[0] + ".expected.json")
    if "ACCEPT" in os.environ:
        expected.write_text(text_of(read_now), "utf-8")
        pytest.fail(f"{expected.name} is written; check each line of it against the device")
    assert read_now == json.loads(expected.read_text(encoding="utf-8"))
