"""What ``record`` saves of a device serves it back: the same reading, without its secrets."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.decode.sample import decode
from agent.errors import NoAnswer
from agent.model import Register, Table
from agent.poll.identify import identify_snmp
from agent.poll.record import Recorder, record_modbus
from agent.poll.recording import modbus_text, scrub_modbus, scrub_snmp, snmp_text
from agent.poll.snmp_reader import SnmpReader
from agent.profiles.load import load, load_all
from agent.profiles.schema import Profile, Protocol
from agent.targets import Community, ModbusHost, Secret, SnmpHost
from agent.transport.modbus import open_modbus
from agent.transport.plan import Span
from agent.transport.snmp import open_snmp
from simulators.playback import read_objects, read_registers, recorded_line
from simulators.wire.modbus import ModbusServer
from simulators.wire.snmp import Access, SnmpAgent

RECORDINGS = Path(__file__).parents[1] / "recordings"
MODBUS = sorted(RECORDINGS.glob("*/*.modbus.yaml"))
FAMILIES = [profile for profile in load_all() if profile.protocol is Protocol.MODBUS]
UNIT_ID = 5


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.name.split('.')[0]}"


@asynccontextmanager
async def recorder(path: Path) -> AsyncIterator[Recorder]:
    server = ModbusServer(recorded_line(path, UNIT_ID))
    link = open_modbus(ModbusHost("127.0.0.1", await server.start()))
    yield Recorder(link, UNIT_ID, 1.0, lambda _done, _total: None)
    await link.close()
    await server.stop()


@pytest.mark.parametrize("path", MODBUS, ids=named)
async def test_a_recording_of_a_recording_says_the_same(path: Path, tmp_path: Path) -> None:
    async with recorder(path) as tape:
        profile = await record_modbus(tape, FAMILIES, None)
    assert profile is not None
    assert profile.name == path.parent.name
    copy = tmp_path / "copy.modbus.yaml"
    copy.write_text(modbus_text(tape.recording), "utf-8")
    original, again = read_registers(path), read_registers(copy)
    needed = {
        (str(register.table), register.address)
        for row in profile.fields
        for place in row.places
        for register in getattr(place, "registers", ())
    }
    assert {key: word for key, word in again.words.items() if key in needed} == {
        key: word for key, word in original.words.items() if key in needed
    }
    assert again.words.items() <= original.words.items()


async def test_a_sunspec_device_is_recorded_with_the_models_that_nobody_knows(
    tmp_path: Path,
) -> None:
    path = RECORDINGS / "sunspec-battery" / "twenty-cells.modbus.yaml"
    async with recorder(path) as tape:
        await record_modbus(tape, FAMILIES, None)
    copy = tmp_path / "copy.modbus.yaml"
    copy.write_text(modbus_text(tape.recording), "utf-8")
    assert read_registers(copy) == read_registers(path)


async def test_all_registers_of_a_small_device(tmp_path: Path) -> None:
    path = tmp_path / "small.modbus.yaml"
    path.write_text("input:\n  300: [7, 8, 9]\n  65535: [1]\nholding:\n  12: [5]\n", "utf-8")
    async with recorder(path) as tape:
        spans = [
            Span(Table.INPUT, 0, 1000),
            Span(Table.INPUT, 65500, 36),
            Span(Table.COIL, 0, 2000),
        ]
        assert await record_modbus(tape, FAMILIES, spans) is None
    assert tape.recording.words == {
        Register(Table.INPUT, 300): 7,
        Register(Table.INPUT, 301): 8,
        Register(Table.INPUT, 302): 9,
        Register(Table.INPUT, 65535): 1,
    }
    assert set(tape.recording.refused) == {2}


async def test_nobody_there() -> None:
    path = MODBUS[0]
    async with recorder(path) as tape:
        tape.unit_id, tape.timeout_s = 99, 0.05
        with pytest.raises(NoAnswer, match="unit 99"):
            await record_modbus(tape, FAMILIES, None)


async def test_a_serial_number_is_blanked_and_the_rest_reads_the_same() -> None:
    path = RECORDINGS / "orv3-hpr-bbu" / "standby.modbus.yaml"
    async with recorder(path) as tape:
        profile = await record_modbus(tape, FAMILIES, None)
    before = dict(tape.recording.words)
    serial = [Register(Table.HOLDING, at) for at in range(64, 80)]
    assert scrub_modbus(tape.recording, profile) >= 1
    changed = {
        register for register, word in tape.recording.words.items() if word != before[register]
    }
    assert changed <= set(serial)
    data = b"".join(tape.recording.words[register].to_bytes(2) for register in serial)
    assert set(data.decode()) <= set("x0 \0-")


SECRETS = """\
1.3.6.1.2.1.1.1.0|4|UPS card at 10.1.2.3
1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.318.1.3.27
1.3.6.1.2.1.1.3.0|67|540600
1.3.6.1.2.1.1.4.0|4|alice@example.org
1.3.6.1.2.1.1.5.0|4|ups-row-7
1.3.6.1.2.1.2.2.1.6.1|4x|00c0b7123456
1.3.6.1.2.1.4.20.1.1.10.1.2.3|64|10.1.2.3
1.3.6.1.4.1.318.1.1.1.1.2.3.0|4|AS0912345678
1.3.6.1.4.1.318.1.1.1.2.2.4.0|2|1
1.3.6.1.4.1.318.2.1.2.1.0|64|10.1.2.9
1.3.6.1.4.1.318.2.1.2.2.0|4|readers-only
1.3.6.1.4.1.318.9.1.0|4|host ups-row-7 mac 00:c0:b7:12:34:56
1.3.6.1.6.3.18.1.1.1.2.1|4|readers-only
"""


async def recorded_snmp(path: Path, scrub: Callable[..., object] | None) -> tuple[str, Profile]:
    agent = SnmpAgent(
        read_objects(path), Access(community="readers-only"), engine_octets=b"rec", boots=1
    )
    host = SnmpHost("127.0.0.1", Community(Secret("readers-only")), await agent.start())
    client = open_snmp(host, engine="pysnmp")
    families = [profile for profile in load_all() if profile.protocol is Protocol.SNMP]
    profile = await identify_snmp(client, families, timeout_s=2.0)
    varbinds = await client.walk((1, 3, 6, 1), timeout_s=2.0)
    await client.close()
    agent.stop()
    await asyncio.sleep(0.01)  # its socket closes in a later turn of the loop
    if scrub is not None:
        varbinds = scrub_snmp(varbinds, profile, ["readers-only"])
    return snmp_text(varbinds), profile


async def test_an_agent_is_recorded_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "card.snmprec"
    path.write_text(SECRETS, "utf-8")
    text, _ = await recorded_snmp(path, None)
    assert text == SECRETS


async def test_a_scrubbed_agent_names_nobody(tmp_path: Path) -> None:
    path = tmp_path / "card.snmprec"
    path.write_text(SECRETS, "utf-8")
    text, profile = await recorded_snmp(path, scrub_snmp)
    assert profile.name == "apc-powernet"
    for secret in ("10.1.2", "alice", "row-7", "AS09", "readers", "00c0b7", "00:c0", "1.3.6.1.6"):
        assert secret not in text
    assert "1.3.6.1.2.1.1.3.0|67|540600\n" in text
    assert "1.3.6.1.4.1.318.1.1.1.2.2.4.0|2|1\n" in text


async def test_a_recorded_ups_reads_the_same(tmp_path: Path) -> None:
    path = RECORDINGS / "rfc1628-ups" / "three-phase.snmprec"
    text, profile = await recorded_snmp(path, None)
    copy = tmp_path / "copy.snmprec"
    copy.write_text(text, "utf-8")
    samples = []
    for source in (path, copy):
        agent = SnmpAgent(read_objects(source), Access(community="c"), engine_octets=b"r", boots=1)
        host = SnmpHost("127.0.0.1", Community(Secret("c")), await agent.start())
        client = open_snmp(host, engine="pysnmp")
        result = await SnmpReader(client, 2.0).read(load(profile.name).fields)
        sample = decode("", result.fields, result.raw)
        samples.append({(row.quantity, row.index): row.value for row in sample.readings})
        await client.close()
        agent.stop()
    await asyncio.sleep(0.01)
    assert samples[0] == samples[1]
    assert samples[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--unit-id", "1"], "name one device"),
        (["--modbus", "127.0.0.1:9"], "need --unit-id"),
        (["--modbus", "127.0.0.1:9", "--unit-id", "1", "--range", "holding:5-3"], "holding:0-199"),
    ],
    ids=["no device", "no unit id", "a range upside down"],
)
def test_wrong_usage(arguments: list[str], told: str) -> None:
    command = [str(Path(sys.executable).parent / "bbu-agent"), "record", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert told in done.stderr
