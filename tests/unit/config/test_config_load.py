"""A sound file becomes exactly this Config."""

from pathlib import Path

import pytest

from agent.config.load import load
from agent.config.types import Bus, Config, Poll, Unit
from agent.errors import ConfigError
from agent.model import Chemistry, Location, Shelf
from agent.targets import (
    AuthProtocol,
    Framer,
    ModbusHost,
    Parity,
    PrivacyProtocol,
    Secret,
    SerialLine,
    SnmpHost,
    UserSecurity,
)

PROFILES = {"orv3-bbu": "modbus", "orv3-hpr-bbu": "modbus", "rfc1628-ups": "snmp"}
DOCS = Path(__file__).parents[3] / "docs/configure.md"
EXAMPLE = Path(__file__).parents[3] / "deploy/examples/agent.yaml"

USER = UserSecurity(
    "monitor",
    AuthProtocol.SHA256,
    Secret("authenticate"),
    PrivacyProtocol.AES256,
    Secret("keep-private"),
)


def read(folder: Path, text: str) -> Config:
    path = folder / "agent.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, profiles=PROFILES, environ={})


def test_the_file_that_the_docs_show(folder: Path) -> None:
    path = folder / "agent.yaml"
    shown = DOCS.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    assert read(folder, shown) == Config(
        path=path,
        listen=(("127.0.0.1", 9877),),
        state_dir=Path("/var/lib/bbu-agent"),
        poll=Poll(10.0, 1.0, 1.0, 30.0),
        buses=(
            Bus("shelf-a", SerialLine("/dev/ttyUSB0", 115200, Parity.EVEN)),
            Bus("row-3", ModbusHost("10.1.3.5", 502)),
        ),
        units=(
            Unit("r12-a-1", "orv3-hpr-bbu", Location("r12", "a", "1"), "shelf-a", 48),
            Unit("ups-7", "auto", snmp=SnmpHost("10.1.3.20", USER)),
        ),
        shelves=(Shelf("r12", "a", 1, 5500.0, 90.0),),
        warnings=(f"{path}:8: buses.row-3: no unit uses it",),
    )


def test_the_example_is_sound_and_warns_of_nothing(folder: Path) -> None:
    config = read(folder, EXAMPLE.read_text(encoding="utf-8"))
    assert config.warnings == ()
    assert [(unit.name, unit.profile, unit.bus, unit.unit_id) for unit in config.units] == [
        ("r12-a-1", "orv3-hpr-bbu", "shelf-a", 48),
        ("r12-a-2", "orv3-hpr-bbu", "shelf-a", 49),
        ("r12-a-3", "orv3-hpr-bbu", "shelf-a", 50),
        ("r14-b-1", "orv3-bbu", "row-3", 64),
        ("cabinet-2", "auto", "10.1.3.9:502", 1),
        ("ups-7", "auto", None, None),
        ("ups-8", "rfc1628-ups", None, None),
    ]
    assert config.units[4].battery == {
        "chemistry": Chemistry.LFP,
        "series": 16,
        "rated_capacity_ah": 50.0,
        "rated_power_w": 3000.0,
        "required_seconds": 300.0,
    }


def test_what_is_not_given_has_its_default(folder: Path) -> None:
    path = folder / "agent.yaml"
    assert read(folder, "units: []") == Config(
        path,
        (("127.0.0.1", 9877),),
        Path("/var/lib/bbu-agent"),
        Poll(),
        (),
        (),
        (),
        (f"{path}:1: units: has no units; nothing will be read",),
    )


def test_every_key_of_a_battery(folder: Path) -> None:
    config = read(
        folder,
        """\
        units:
          - name: u
            modbus_tcp: h
            unit_id: 1
            battery: {chemistry: NCA, series: 11, parallel: 6, rated_capacity: 15.3 Ah,
                      rated_power: 3 kW, required_seconds: 240, cell_cutoff: 2.7 V,
                      cell_float: 4.07 V, cell_max: 4.2 V, resistance: 2.5 mOhm,
                      commissioned: 2024-05-01}
        """,
    )
    assert config.units[0].battery == {
        "chemistry": Chemistry.NCA,
        "series": 11,
        "parallel": 6,
        "rated_capacity_ah": 15.3,
        "rated_power_w": 3000.0,
        "required_seconds": 240.0,
        "cell_cutoff_v": 2.7,
        "cell_float_v": 4.07,
        "cell_max_v": 4.2,
        "resistance_ohm": 0.0025,
        "commissioned_s": 1714521600.0,
    }


def test_a_bus_takes_every_key_of_its_kind(folder: Path) -> None:
    config = read(
        folder,
        """\
        buses:
          line: {serial: /dev/ttyS1, baudrate: 9600, parity: none, stop_bits: 2}
          gate: {modbus_tcp: "[2001:db8::7]:1502"}
          odd: {modbus_tcp: gate.example, framer: rtu}
          wide: {modbus_tcp: gate.example:503, framer: tcp, max_in_flight: 16}
        units:
          - {name: a, bus: line, unit_id: 0x30}
          - {name: b, bus: gate, unit_id: 2}
          - {name: c, bus: odd, unit_id: 3}
          - {name: d, bus: wide, unit_id: 4}
        """,
    )
    assert config.buses == (
        Bus("line", SerialLine("/dev/ttyS1", 9600, Parity.NONE, 2)),
        Bus("gate", ModbusHost("2001:db8::7", 1502, Framer.TCP)),
        Bus("odd", ModbusHost("gate.example", 502, Framer.RTU)),
        Bus("wide", ModbusHost("gate.example", 503, Framer.TCP), max_in_flight=16),
    )
    assert [unit.unit_id for unit in config.units] == [48, 2, 3, 4]


def test_units_behind_one_address_share_an_anonymous_bus(folder: Path) -> None:
    config = read(
        folder,
        "units:\n"
        "  - {name: a, modbus_tcp: 10.0.0.1, unit_id: 1}\n"
        "  - {name: b, modbus_tcp: 10.0.0.1:502, unit_id: 2}\n"
        "  - {name: c, modbus_tcp: 10.0.0.2, unit_id: 255, framer: tcp}\n",
    )
    assert config.buses == (
        Bus("10.0.0.1:502", ModbusHost("10.0.0.1"), anonymous=True),
        Bus("10.0.0.2:502", ModbusHost("10.0.0.2"), anonymous=True),
    )
    assert [unit.bus for unit in config.units] == ["10.0.0.1:502", "10.0.0.1:502", "10.0.0.2:502"]


def test_places_keep_the_text_as_it_was_written(folder: Path) -> None:
    config = read(
        folder,
        "units: [{name: 007, modbus_tcp: h, unit_id: 1, "
        'location: {rack: 1e3, shelf: no, slot: "0x1"}}]',
    )
    assert config.units[0].name == "007"
    assert config.units[0].location == Location("1e3", "no", "0x1")


@pytest.mark.parametrize(
    ("written", "listen"),
    [
        (":9877", (("", 9877),)),
        ("[0.0.0.0:1, '[::1]:2']", (("0.0.0.0", 1), ("::1", 2))),
        ("localhost:0", (("localhost", 0),)),
    ],
)
def test_listen_is_an_address_or_a_list(
    folder: Path, written: str, listen: tuple[tuple[str, int], ...]
) -> None:
    assert read(folder, f"listen: {written}\nunits: []").listen == listen


@pytest.mark.parametrize(
    ("written", "poll"),
    [
        ("interval: 2m", Poll(120.0, 1.0, 1.0, 360.0)),
        ("stale_after: 45", Poll(10.0, 1.0, 1.0, 45.0)),
        ("interval: 500ms, discharge_interval: 0.5, timeout: 100ms", Poll(0.5, 0.5, 0.1, 1.5)),
        ("stale_after: 2.5 intervals", Poll(10.0, 1.0, 1.0, 25.0)),
    ],
)
def test_poll_times(folder: Path, written: str, poll: Poll) -> None:
    assert read(folder, f"poll: {{{written}}}\nunits: []").poll == poll


def test_sections_whose_entries_are_all_commented_out_are_empty(folder: Path) -> None:
    config = read(folder, "units:\nbuses:\ncredentials:\nbatteries:\nshelves:\n")
    assert (config.units, config.buses, config.shelves) == ((), (), ())


def test_a_relative_state_dir_is_beside_the_file(folder: Path) -> None:
    assert read(folder, "state_dir: state\nunits: []").state_dir == folder / "state"


def test_merge_keys_and_anchors(folder: Path) -> None:
    config = read(
        folder,
        """\
        x-first: &first {profile: orv3-bbu, unit_id: 1}
        x-second: &second {profile: rfc1628-ups, location: &place {rack: r1}}
        units:
          - {<<: [*first, *second], name: a, modbus_tcp: h1}
          - {<<: *second, name: b, modbus_tcp: h2, unit_id: 7, profile: auto}
        """,
    )
    place = Location("r1")
    assert config.units == (
        Unit("a", "orv3-bbu", place, "h1:502", 1),
        Unit("b", "auto", place, "h2:502", 7),
    )


def test_wrong_files_raise_every_error_sorted_by_line(folder: Path) -> None:
    path = folder / "agent.yaml"
    with pytest.raises(ConfigError) as caught:
        read(folder, "shelves: 3\nlisten: [x]\nunits: [{}]\n")
    assert str(caught.value).splitlines() == [
        f"{path}:1: shelves: must be a list of shelves",
        f'{path}:2: listen[0]: "x" has no port; write HOST:PORT, for example 127.0.0.1:9877',
        f'{path}:3: units[0]: needs "name", a name',
        f"{path}:3: units[0]: needs bus, modbus_tcp or snmp, to say how it is reached",
    ]
