"""Every key of the configuration file, once; those of batteries are in ``battery_keys``."""

from agent.config import measures
from agent.config.battery_keys import BATTERY, CELL_SECTION
from agent.config.kinds import ListOf, MapOf, NameOr, Word, choice, integer, measure, one_of
from agent.config.kinds import text as text_kind
from agent.config.sections import Entry, Key, Section
from agent.config.shards import parse_shard
from agent.config.types import Shard
from agent.config.words import (
    AGE,
    DURATION,
    FILE,
    LISTEN_ADDRESS,
    MODBUS_ADDRESS,
    NAME,
    PLACE,
    SNMP_ADDRESS,
    VARIABLE,
    Intervals,
)
from agent.targets import AuthProtocol, Framer, Parity, PrivacyProtocol

INTERVAL = Key("interval", DURATION, "Time between two reads of a unit in standby.", default="10s")
DISCHARGE_INTERVAL = Key(
    "discharge_interval",
    DURATION,
    "Time between two reads of every unit of a shelf while one of them carries load.",
    default="1s",
)
TIMEOUT = Key(
    "timeout",
    measure(measures.DURATION.within(0.01, 60)),
    "How long a unit may take to answer one request.",
    default="1s",
)
STALE_AFTER: Key[float | Intervals] = Key(
    "stale_after",
    AGE,
    "Age from which a value is shown no more, as a duration or in polling intervals.",
    default="3 intervals",
)
POLL = Section("poll", "the poll section", (INTERVAL, DISCHARGE_INTERVAL, TIMEOUT, STALE_AFTER))

SNMP_VERSION = Key(
    "snmp_version",
    choice({"1": 1, "2": 2, "2c": 2, "3": 3}),
    "SNMP version: 1, 2 (that is, 2c) or 3.",
    required=True,
)
COMMUNITY_FILE = Key("community_file", FILE, "File that holds the community (versions 1, 2).")
COMMUNITY_ENV = Key(
    "community_env", VARIABLE, "Environment variable that holds the community (versions 1, 2)."
)
USER = Key(
    "user",
    text_kind("a user name", r"[^\x00-\x1f\x7f]{1,32}", "is not a user name of 1 to 32 characters"),
    "User name (version 3).",
)
AUTH = Key("auth", one_of(AuthProtocol), "Authentication protocol (version 3).")
AUTH_FILE = Key("auth_file", FILE, "File that holds the authentication password.")
AUTH_ENV = Key("auth_env", VARIABLE, "Environment variable with the authentication password.")
PRIVACY = Key("privacy", one_of(PrivacyProtocol), "Privacy protocol (version 3).")
PRIVACY_FILE = Key("privacy_file", FILE, "File that holds the privacy password.")
PRIVACY_ENV = Key("privacy_env", VARIABLE, "Environment variable with the privacy password.")
CONTEXT = Key(
    "context",
    text_kind(
        "a context name", r"[^\x00-\x1f\x7f]{0,32}", "is not a context of up to 32 characters"
    ),
    "Context name (version 3), where one agent serves several devices.",
)


def _refused(secret: str) -> str:
    return (
        f"a secret may not stand in this file; put it into a file of its own and name that as "
        f"{secret}_file, or into an environment variable and name that as {secret}_env"
    )


_SECRET_KEYS = {
    "community": ("community", "community_string"),
    "auth": ("auth_key", "auth_password", "auth_passphrase", "auth_secret", "password"),
    "privacy": ("privacy_key", "privacy_password", "privacy_passphrase", "privacy_secret"),
}
CREDENTIAL = Section(
    "credential",
    "an entry of credentials",
    (
        *(SNMP_VERSION, COMMUNITY_FILE, COMMUNITY_ENV, USER, AUTH, AUTH_FILE, AUTH_ENV),
        *(PRIVACY, PRIVACY_FILE, PRIVACY_ENV, CONTEXT),
    ),
    advice={key: _refused(secret) for secret, keys in _SECRET_KEYS.items() for key in keys},
    private=True,
    rules={
        "dependentRequired": {
            "auth_file": ["auth"],
            "auth_env": ["auth"],
            "privacy": ["auth"],
            "privacy_file": ["privacy"],
            "privacy_env": ["privacy"],
        },
    },
)

SERIAL = Key(
    "serial",
    text_kind("a device file", r"/[^\x00-\x1f\x7f]{1,1023}", "is not an absolute path"),
    "Device file of a serial line, such as /dev/ttyUSB0.",
)
BAUDRATE = Key("baudrate", integer(300, 12_000_000), "Bits per second.", default="19200")
PARITY = Key("parity", one_of(Parity), "Parity of the serial line.", default="even")
STOP_BITS = Key("stop_bits", integer(1, 2), "Stop bits of the serial line.", default="1")
MODBUS_TCP = Key(
    "modbus_tcp", MODBUS_ADDRESS, "Address of a Modbus TCP device or gateway; port 502 if none."
)
FRAMER = Key(
    "framer",
    one_of(Framer),
    "Frames on the connection: tcp, or rtu for serial frames over TCP.",
    default="tcp",
)
MAX_IN_FLIGHT = Key(
    "max_in_flight",
    integer(1, 16),
    "Requests, each of another unit, that may be under way at once on a connection of Modbus TCP.",
    default="1",
)
BUS = Section(
    "bus",
    "a bus",
    (SERIAL, BAUDRATE, PARITY, STOP_BITS, MODBUS_TCP, FRAMER, MAX_IN_FLIGHT),
    rules={
        "oneOf": [{"required": ["serial"]}, {"required": ["modbus_tcp"]}],
        "dependentRequired": {
            "baudrate": ["serial"],
            "parity": ["serial"],
            "stop_bits": ["serial"],
            "framer": ["modbus_tcp"],
            "max_in_flight": ["modbus_tcp"],
        },
        "not": {
            "required": ["framer", "max_in_flight"],
            "properties": {"framer": {"const": "rtu"}},
        },
    },
)

RACK = Key("rack", PLACE, "Rack. Any text; numbers are texts here.")
SHELF_NAME = Key("shelf", PLACE, "Shelf within the rack.")
SLOT = Key("slot", PLACE, "Slot within the shelf.")
LOCATION = Section("location", "a location", (RACK, SHELF_NAME, SLOT))

UNIT_NAME = Key("name", NAME, "Name of the unit, the label `unit` of its metrics.", required=True)
UNIT_BUS = Key("bus", NAME, "Name of the bus that the unit is on.")
UNIT_ID = Key(
    "unit_id",
    integer(0, 255, "Modbus addresses are 1 to 247"),
    "Modbus address: 1 to 247 on a serial line.",
)
SNMP = Key("snmp", SNMP_ADDRESS, "Address of an SNMP agent; port 161 if none is given.")
CREDENTIALS_NAME = Key("credentials", NAME, "Name of the SNMP credentials to sign in with.")
SELF_TEST_CREDENTIALS = Key(
    "self_test_credentials",
    NAME,
    "Name of the SNMP credentials to start a self-test with; without it none can be started.",
)
PROFILE = Key(
    "profile",
    NAME,
    "Name of the device family (`bbu-agent profiles` lists them); auto finds out by asking.",
    default="auto",
)
UNIT_LOCATION = Key("location", LOCATION, "Where the unit sits.")
UNIT_BATTERY: Key[str | Entry] = Key(
    "battery",
    NameOr(NAME, BATTERY, "the name of a battery, or a battery"),
    "What is known of its battery beyond the profile: a name under batteries, or the keys.",
)
UNIT = Section(
    "unit",
    "a unit",
    (
        *(UNIT_NAME, UNIT_BUS, UNIT_ID, MODBUS_TCP, FRAMER, SNMP, CREDENTIALS_NAME),
        SELF_TEST_CREDENTIALS,
        *(PROFILE, UNIT_LOCATION, UNIT_BATTERY),
    ),
    rules={
        "oneOf": [{"required": ["bus"]}, {"required": ["modbus_tcp"]}, {"required": ["snmp"]}],
        "dependentRequired": {
            "bus": ["unit_id"],
            "modbus_tcp": ["unit_id"],
            "snmp": ["credentials"],
            "credentials": ["snmp"],
            "self_test_credentials": ["snmp"],
            "framer": ["modbus_tcp"],
        },
    },
)

SHELF_RACK = Key("rack", PLACE, "Rack, as in the units' location.", required=True)
SHELF_SHELF = Key("shelf", PLACE, "Shelf, as in the units' location.", required=True)
REQUIRED = Key("required", integer(1, 1000), "How many of its units must be ready.", required=True)
SHELF_POWER = Key("rated_power", measure(measures.POWER), "Load that the shelf must carry.")
SHELF_SECONDS = Key("required_seconds", DURATION, "How long it must carry that load.")
SHELF = Section("shelf", "a shelf", (SHELF_RACK, SHELF_SHELF, REQUIRED, SHELF_POWER, SHELF_SECONDS))

GROUP_RACKS = Key(
    "racks", ListOf(PLACE, "a list of racks"), "Racks whose units all belong to the group."
)
GROUP_UNITS = Key("units", ListOf(NAME, "a list of units"), "Units that belong to it, by name.")
GROUP_REQUIRED = Key(
    "required", integer(1, 100_000), "How many of its units must be ready.", required=True
)
GROUP = Section("group", "a group", (GROUP_RACKS, GROUP_UNITS, GROUP_REQUIRED))

LISTEN = Key(
    "listen",
    ListOf(LISTEN_ADDRESS, "an address or a list of them", single=True),
    "Address of the HTTP server, or a list; :9877 is every interface, port 0 a free port.",
    default="127.0.0.1:9877",
)
STATE_DIR = Key(
    "state_dir",
    text_kind("a folder", r"[^\x00-\x1f\x7f]{1,1024}", "is not the name of a folder"),
    "Folder for history and learnt state; relative to the folder of this file.",
    default="/var/lib/bbu-agent",
)
SHARD: Key[Shard] = Key(
    "shard",
    Word(
        "a share such as 0/2",
        parse_shard,
        {"type": "string", "pattern": "^[0-9]{1,4}/[0-9]{1,4}$"},
    ),
    "Share of the units that this agent reads, i/n with i from 0, where n agents with the same "
    "file share a fleet; the option --shard of `run` overrules it.",
)
POLL_SECTION = Key("poll", POLL, "How often units are read.", default=None)
CREDENTIALS = Key(
    "credentials",
    MapOf(NAME, CREDENTIAL, "a mapping of names to credentials"),
    "SNMP credentials by name.",
)
BUSES = Key("buses", MapOf(NAME, BUS, "a mapping of names to buses"), "Buses by name.")
CELLS = Key(
    "cells",
    MapOf(NAME, CELL_SECTION, "a mapping of names to types of cells"),
    "Types of cells by name, from a data sheet or a commissioning discharge.",
)
BATTERIES = Key(
    "batteries",
    MapOf(NAME, BATTERY, "a mapping of names to batteries"),
    "Batteries by name, for units to share.",
)
UNITS = Key("units", ListOf(UNIT, "a list of units"), "The units.", required=True)
SHELVES = Key("shelves", ListOf(SHELF, "a list of shelves"), "Shelves and what they need.")
GROUPS = Key(
    "groups",
    MapOf(NAME, GROUP, "a mapping of names to groups"),
    "Groups beyond shelves by name, such as a rack, a row or a feed, and what they need.",
)
ROOT = Section(
    "root",
    "the configuration",
    (
        *(LISTEN, STATE_DIR, SHARD, POLL_SECTION, CREDENTIALS, BUSES, CELLS, BATTERIES),
        *(UNITS, SHELVES, GROUPS),
    ),
    free_prefix="x-",
)

SECTIONS = (ROOT, POLL, CREDENTIAL, BUS, CELL_SECTION, BATTERY, LOCATION, UNIT, SHELF, GROUP)
"""Every section, the whole file first."""
