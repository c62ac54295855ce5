"""Every wrong file gets its sentences, each at its line and place."""

from collections.abc import Callable
from textwrap import dedent

import pytest

Errors = Callable[..., list[str]]

STRUCTURE = {
    "an unknown key": (
        "listn: x\nunits: []",
        ['1: listn: is not a key of the configuration; did you mean "listen"?'],
    ),
    "an unknown key like no other": (
        "poll: {wobble: 3}\nunits: []",
        [
            (
                "1: poll.wobble: is not a key of the poll section; its keys are interval, "
                "discharge_interval, timeout, stale_after"
            )
        ],
    ),
    "a key given twice": (
        "units: []\nbuses:\n  a: {serial: /dev/a, serial: /dev/b}\nunits: []",
        [
            "3: buses.a.serial: is given twice; the first is in line 3",
            "4: units: is given twice; the first is in line 1",
        ],
    ),
    "no units key": (
        "listen: localhost:1",
        ['1: top level: needs "units", a list of units'],
    ),
    "mappings, lists and words in each other's place": (
        "units: 5\nbuses: [1]\npoll: x\nstate_dir: {}\nlisten:\n",
        [
            "1: units: must be a list of units",
            "2: buses: must be a mapping of names to buses",
            "3: poll: must be the poll section, a mapping of keys to values",
            "4: state_dir: must be a folder, not a mapping",
            "5: listen: is empty; it must be an address HOST:PORT",
        ],
    ),
    "a unit that is a word": (
        "units: [a]",
        ["1: units[0]: must be a unit, a mapping of keys to values"],
    ),
    "names with other characters": (
        'units: [{name: "a b", modbus_tcp: h, unit_id: 1}]\nbuses: {"é": {serial: /dev/a}}',
        [
            (
                '1: units[0].name: "a b" cannot be a name; it takes 1 to 64 letters, digits, '
                '".", "_" and "-"'
            ),
            (
                '2: buses."é": "é" cannot be a name; it takes 1 to 64 letters, digits, '
                '".", "_" and "-"'
            ),
        ],
    ),
    "a size without sense": (
        "poll: {interval: 5 parsecs, timeout: -1s, stale_after: 0.5 intervals}\nunits: []",
        [
            (
                '1: poll.interval: "5 parsecs" is not a duration; write a number and one of '
                "ms, s, m, min, h, d, for example 10s"
            ),
            (
                '1: poll.stale_after: "0.5 intervals" is shorter than one interval; every value '
                "would be gone at once"
            ),
            '1: poll.timeout: "-1s" is out of range; a duration here is 0.01 to 60 s',
        ],
    ),
    "a number with a leading zero": (
        "units: [{name: a, modbus_tcp: h, unit_id: 010}]",
        [
            (
                '1: units[0].unit_id: "010" has a leading zero; write it without, or as 0x10 '
                "for hexadecimal"
            )
        ],
    ),
    "a word that is none of those": (
        "buses: {a: {serial: /dev/a, parity: evn}}\nunits: []",
        ['1: buses.a.parity: "evn" is none of none, even, odd; did you mean "even"?'],
    ),
}

MEANING = {
    "one name twice": (
        (
            "units:\n"
            "  - {name: a, modbus_tcp: h1, unit_id: 1}\n"
            "  - {name: a, modbus_tcp: h2, unit_id: 1}\n"
        ),
        ['3: units[1].name: "a" is the name of the unit in line 2 already'],
    ),
    "one address twice on one bus": (
        (
            "buses: {b: {serial: /dev/a}}\n"
            "units:\n"
            "  - {name: a, bus: b, unit_id: 5}\n"
            "  - {name: c, bus: b, unit_id: 0x5}\n"
        ),
        ["4: units[1].unit_id: unit_id 5 on b is the address of a already"],
    ),
    "one SNMP agent twice": (
        (
            "credentials: {c: {snmp_version: 1, community_file: community}}\n"
            "units:\n"
            "  - {name: a, snmp: h, credentials: c}\n"
            "  - {name: b, snmp: h:161, credentials: c}\n"
        ),
        ["4: units[1].snmp: h:161 with credentials c is the address of a already"],
    ),
    "a unit without a way": (
        "units: [{name: a}]",
        ["1: units[0]: needs bus, modbus_tcp or snmp, to say how it is reached"],
    ),
    "a unit with two ways": (
        "units: [{name: a, snmp: h, modbus_tcp: h}]",
        ["1: units[0]: has modbus_tcp and snmp; a unit is reached in one way"],
    ),
    "a misspelt way is told once": (
        "units: [{name: a, buss: b, unit_id: 1}]",
        ['1: units[0].buss: is not a key of a unit; did you mean "bus"?'],
    ),
    "keys of another way": (
        (
            "credentials: {c: {snmp_version: 1, community_file: community}}\n"
            "units:\n"
            "  - {name: a, snmp: h, credentials: c, unit_id: 1}\n"
            "  - {name: b, modbus_tcp: h, unit_id: 1, credentials: c}\n"
        ),
        [
            "3: units[0].unit_id: belongs to bus or modbus_tcp; this unit has snmp",
            "4: units[1].credentials: belongs to snmp; this unit has modbus_tcp",
        ],
    ),
    "companions that are missing": (
        "units:\n  - {name: a, snmp: h}\n  - {name: b, modbus_tcp: h}\n",
        [
            '2: units[0]: needs "credentials", the name of the credentials to sign in with',
            '3: units[1]: needs "unit_id", its Modbus address; it has modbus_tcp',
        ],
    ),
    "names of nothing": (
        (
            "buses: {shelf-a: {serial: /dev/a}}\n"
            "units:\n"
            "  - {name: a, bus: shelf-b, unit_id: 1, profile: orv3-hpr-bub}\n"
            "  - {name: b, snmp: h, credentials: dc, battery: big}\n"
        ),
        [
            '3: units[0].bus: no bus is named "shelf-b"; did you mean "shelf-a"?',
            '3: units[0].profile: no profile is named "orv3-hpr-bub"; did you mean "orv3-hpr-bbu"?',
            '4: units[1].battery: no battery is named "big"',
            '4: units[1].credentials: no credentials are named "dc"',
        ],
    ),
    "profiles of the other protocol": (
        (
            "credentials: {dc: {snmp_version: 2, community_file: community}}\n"
            "units:\n"
            "  - {name: a, modbus_tcp: h, unit_id: 1, profile: rfc1628-ups}\n"
            "  - {name: b, snmp: h, credentials: dc, profile: orv3-bbu}\n"
        ),
        [
            (
                '3: units[0].profile: "rfc1628-ups" is for units over snmp; this unit has '
                "modbus_tcp. Leave profile out to let the agent find it"
            ),
            (
                '4: units[1].profile: "orv3-bbu" is for units over modbus; this unit has snmp. '
                "Leave profile out to let the agent find it"
            ),
        ],
    ),
    "a bus with an error keeps its name": (
        "buses: {a: {serial: tty}}\nunits: [{name: u, bus: a, unit_id: 1}]",
        ['1: buses.a.serial: "tty" is not an absolute path'],
    ),
    "a bus of no kind or of two": (
        "buses:\n  a: {}\n  b: {serial: /dev/a, modbus_tcp: h}\nunits: []",
        [
            "2: buses.a: needs serial or modbus_tcp",
            "3: buses.b: has serial and modbus_tcp; a bus is one of them",
        ],
    ),
    "keys of the other kind of bus": (
        "buses:\n  a: {serial: /dev/a, framer: tcp}\n  b: {modbus_tcp: h, parity: odd}\nunits: []",
        [
            "2: buses.a.framer: belongs to modbus_tcp; this is a serial line",
            "3: buses.b.parity: belongs to a serial line; this is modbus_tcp",
        ],
    ),
    "several requests in flight where frames have no number": (
        (
            "buses:\n"
            "  a: {serial: /dev/a, max_in_flight: 2}\n"
            "  b: {modbus_tcp: h, framer: rtu, max_in_flight: 1}\n"
            "  c: {modbus_tcp: i, max_in_flight: 17}\n"
            "  d: {modbus_tcp: j, max_in_flight: 0}\n"
            "units: []"
        ),
        [
            "2: buses.a.max_in_flight: belongs to modbus_tcp; this is a serial line",
            "3: buses.b.max_in_flight: needs framer: tcp; serial frames go one at a time",
            '4: buses.c.max_in_flight: "17" is out of range; it may be 1 to 16',
            '5: buses.d.max_in_flight: "0" is out of range; it may be 1 to 16',
        ],
    ),
    "two buses on one line or gateway": (
        (
            "buses:\n"
            "  a: {serial: /dev/ttyX}\n"
            "  b: {serial: /dev/../dev/ttyX}\n"
            "  c: {modbus_tcp: Gate}\n"
            "  d: {modbus_tcp: gate:502}\n"
            "units: []"
        ),
        [
            (
                "3: buses.b.serial: /dev/../dev/ttyX is the line of the bus a already; put its "
                "units on that bus"
            ),
            (
                "5: buses.d.modbus_tcp: gate:502 is the gateway of the bus c already; put its "
                "units on that bus"
            ),
        ],
    ),
    "a unit at the address of a bus": (
        (
            "buses: {a: {modbus_tcp: h}}\n"
            "units:\n"
            "  - {name: b, bus: a, unit_id: 1}\n"
            "  - {name: c, modbus_tcp: h, unit_id: 2}\n"
        ),
        ["4: units[1].modbus_tcp: h:502 is the bus a; write bus: a"],
    ),
    "units at one address with two framers": (
        (
            "units:\n"
            "  - {name: b, modbus_tcp: h, unit_id: 1}\n"
            "  - {name: c, modbus_tcp: h, unit_id: 2, framer: rtu}\n"
        ),
        ["3: units[1].framer: another unit at h:502 has framer: tcp"],
    ),
    "reserved Modbus addresses": (
        (
            "buses: {a: {serial: /dev/a}, g: {modbus_tcp: h}}\n"
            "units:\n"
            "  - {name: a, bus: a, unit_id: 248}\n"
            "  - {name: b, bus: a, unit_id: 255}\n"
            "  - {name: c, bus: g, unit_id: 254}\n"
            "  - {name: d, bus: g, unit_id: 256}\n"
        ),
        [
            "3: units[0].unit_id: 248 is out of range; Modbus addresses are 1 to 247",
            "4: units[1].unit_id: 255 is out of range; Modbus addresses are 1 to 247",
            "5: units[2].unit_id: 254 is out of range; Modbus addresses are 1 to 247",
            '6: units[3].unit_id: "256" is out of range; Modbus addresses are 1 to 247',
        ],
    ),
    "a shelf that requires more than it has": (
        (
            "units: [{name: a, modbus_tcp: h, unit_id: 1, location: {rack: r, shelf: s}}]\n"
            "shelves: [{rack: r, shelf: s, required: 2}]"
        ),
        ['2: shelves[0].required: is 2, more than the 1 with the location rack "r", shelf "s"'],
    ),
    "a shelf whose units are in doubt is not counted": (
        (
            "units: [{name: a, modbus_tcp: h, unit_id: 1, location: {rak: r, shelf: s}}]\n"
            "shelves: [{rack: r, shelf: s, required: 1}]"
        ),
        ['1: units[0].location.rak: is not a key of a location; did you mean "rack"?'],
    ),
    "shelves without a sound list of units": (
        "units: [3]\nshelves: [{rack: r, shelf: s, required: 1}, 5]",
        [
            "1: units[0]: must be a unit, a mapping of keys to values",
            "2: shelves[1]: must be a shelf, a mapping of keys to values",
        ],
    ),
    "a word where a list or a mapping of an entry belongs": (
        "units: [{name: [], location: here, battery: [], bus: b, unit_id: }]\nbuses: {b: }",
        [
            "1: units[0].battery: must be a battery, a mapping of keys to values",
            "1: units[0].location: must be a location, a mapping of keys to values",
            "1: units[0].name: must be a name, not a list",
            "1: units[0].unit_id: is empty; it must be a whole number from 0 to 255",
            "2: buses.b: is empty; it must be a bus, a mapping of keys to values",
        ],
    ),
    "one shelf twice": (
        (
            "units: [{name: a, modbus_tcp: h, unit_id: 1, location: {rack: r, shelf: s}}]\n"
            "shelves:\n"
            "  - {rack: r, shelf: s, required: 1}\n"
            "  - {rack: r, shelf: s, required: 1}\n"
        ),
        ['4: shelves[1]: is the shelf "s" of rack "r" of line 3 again'],
    ),
    "times that contradict each other": (
        "poll: {interval: 1s, timeout: 2s, discharge_interval: 3s, stale_after: 0.5s}\nunits: []",
        [
            "1: poll.discharge_interval: is longer than interval; reads would slow down on battery",
            "1: poll.interval: is shorter than timeout; one silent unit would delay every read",
            "1: poll.stale_after: is shorter than interval; values would vanish between reads",
        ],
    ),
    "cell voltages in the wrong order": (
        "batteries: {b: {cell_cutoff: 4 V, cell_float: 3500 mV, cell_max: 3.6}}\nunits: []",
        [
            "1: batteries.b.cell_float: must be above cell_cutoff",
            "1: batteries.b.cell_max: must be above cell_cutoff",
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), STRUCTURE.values(), ids=STRUCTURE.keys())
def test_a_wrong_structure(errors: Errors, text: str, expected: list[str]) -> None:
    assert errors(text) == expected


@pytest.mark.parametrize(("text", "expected"), MEANING.values(), ids=MEANING.keys())
def test_a_wrong_meaning(errors: Errors, text: str, expected: list[str]) -> None:
    assert errors(text) == expected


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("10.1.1.300", "is not an IPv4 address; it takes four numbers 0 to 255"),
        ("10.1.1", "is not an IPv4 address; it takes four numbers 0 to 255"),
        ("tcp://h:502", "is a URL; write HOST or HOST:PORT without a scheme"),
        ("h:0", "has port 0; ports are 1 to 65535"),
        ("h:65536", "has port 65536; ports are 1 to 65535"),
        ("fe80::zz", "is not an IPv6 address; with a port write [::1]:502"),
        ("h:", "is not an address; write HOST or HOST:PORT, IPv6 as [::1]:502"),
        ("-h", "is not a host name; it takes letters, digits, dots and dashes"),
        ("a" * 64, "is not a host name; it takes letters, digits, dots and dashes"),
    ],
)
def test_a_wrong_address(errors: Errors, address: str, message: str) -> None:
    shown = address if len(address) <= 60 else address[:59] + "…"
    assert errors(f'units: [{{name: a, modbus_tcp: "{address}", unit_id: 1}}]') == [
        f'1: units[0].modbus_tcp: "{shown}" {message}'
    ]


def test_everything_wrong_is_told_in_one_run(errors: Errors) -> None:
    text = """\
        poll: {interval: x}
        buses:
          a: {serial: /dev/a, baudrat: 9600}
        units:
          - {name: u, bus: b, unit_id: 300}
          - {name: u, bus: a, unit_id: 3, profile: none-such}
        shelves:
          - {rack: r, shelf: s, required: 0}
        """
    assert [error.split(": ")[:2] for error in errors(dedent(text))] == [
        ["1", "poll.interval"],
        ["3", "buses.a.baudrat"],
        ["5", "units[0].bus"],
        ["5", "units[0].unit_id"],
        ["6", "units[1].name"],
        ["6", "units[1].profile"],
        ["8", "shelves[0].required"],
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            (
                "buses: {a: {serial: /dev/a}}\n"
                "batteries: {b: {series: 4}}\n"
                "credentials: {c: {snmp_version: 1, community_file: community}}\n"
                "units: []\n"
            ),
            [
                "1: buses.a: no unit uses it",
                "2: batteries.b: no unit uses it",
                "3: credentials.c: no unit uses it",
                "4: units: has no units; nothing will be read",
            ],
        ),
        (
            (
                "buses: {a: {serial: /dev/a, baudrate: 11520}}\n"
                "units: [{name: u, bus: a, unit_id: 0}]\n"
            ),
            [
                "1: buses.a.baudrate: 11520 is an unusual baud rate",
                "2: units[0].unit_id: 0 is the broadcast address; few units answer to it",
            ],
        ),
        (
            (
                "units:\n"
                "  - {name: u, modbus_tcp: h, unit_id: 0, location: {rack: r, slot: 1}}\n"
                "  - {name: v, modbus_tcp: i, unit_id: 255, location: {rack: r, slot: 1}}\n"
            ),
            ["3: units[1].location: is the place of u as well"],
        ),
        (
            "poll: {timeout: 2s}\nunits: [{name: u, modbus_tcp: h, unit_id: 1}]\n",
            [
                (
                    "1: poll.discharge_interval: is shorter than timeout; a silent unit delays its "
                    "neighbours"
                )
            ],
        ),
    ],
    ids=["nothing uses it", "a line with odd settings", "one slot twice", "a long timeout"],
)
def test_a_warning(warnings: Errors, text: str, expected: list[str]) -> None:
    assert warnings(text) == expected
