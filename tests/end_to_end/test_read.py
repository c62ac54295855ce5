"""``bbu-agent read``: every transport, every family, every exit code, one JSON."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.bench import Ended, Rack, as_json, command

READING = {"quantity", "index", "value", "unit", "source"}


def words(rack: Rack, unit: str) -> list[str]:
    """Give the options that name the device of ``unit``."""
    where = rack.service.endpoints
    if unit.startswith("ups"):
        options = ["--snmp", str(where[unit]["snmp"])]
        folder = rack.folder
        if unit == "ups-2":
            options += ["--v3-user", "monitor"]
            options += ["--v3-auth", "sha256", "--v3-auth-file", str(folder / "ups-2-auth.key")]
            options += ["--v3-priv", "aes256"]
            return [*options, "--v3-priv-file", str(folder / "ups-2-privacy.key")]
        secret = (folder / f"{unit}-community").read_text(encoding="ascii").strip()
        return [*options, "--community", secret]
    site = rack.service.fleet.sites[unit]
    bus = where[site.bus]
    number = ["--unit-id", str(site.unit_id)]
    if site.bus == "line":
        return ["--serial", str(bus["serial"]), "--baudrate", "115200", "--parity", "N", *number]
    framer = ["--framer", "rtu"] if site.bus == "rtu" else []
    return ["--modbus", str(bus["modbus_tcp"]), *framer, *number]


async def read(*options: str) -> Ended:
    return await command("bbu-agent", "read", "--format", "json", *options)


def values(document: Any, quantity: str) -> dict[str | None, Any]:
    return {
        row["index"]: row["value"] for row in document["readings"] if row["quantity"] == quantity
    }


FAMILIES = {
    "a-1": ("orv3-hpr-bbu", "holding"),
    "b-1": ("orv3-bbu", "holding"),
    "c-1": ("orv3-bbu", "holding"),
    "ups-1": ("rfc1628-ups", "1.3.6.1.2.1.33."),
    "ups-2": ("apc-powernet", "1.3.6.1.4.1.318."),
}


@pytest.mark.parametrize("unit", FAMILIES)
async def test_the_family_is_found_and_every_value_is_true(rack: Rack, unit: str) -> None:
    profile, source = FAMILIES[unit]
    ended = await read(*words(rack, unit))
    assert (ended.code, ended.err) == (0, "")
    document = as_json(ended.out)
    assert list(document) == ["profile", "identity", "readings", "faults"]
    assert document["profile"] == profile
    assert document["identity"]["model"]
    assert all(set(row) - {"text"} == READING for row in document["readings"])
    assert any(row["source"].startswith(source) for row in document["readings"])
    (volts,) = values(document, "battery_voltage").values()
    (charge,) = values(document, "state_of_charge").values()
    if unit.startswith("ups"):
        ups = rack.service.fleet.upses[unit]
        assert 0.9 <= charge <= 1
        assert volts > 0
        assert values(document, "on_battery") in ({None: not ups.mains}, {})
        return
    module = rack.service.fleet.modules[unit]
    cells = values(document, "cell_voltage")
    assert cells == {
        str(n): pytest.approx(float(cell_v), abs=0.01)
        for n, cell_v in enumerate(module.measure().volts, 1)
    }
    assert volts == pytest.approx(sum(cells.values()), abs=0.1)
    assert 0.9 <= charge <= 1


@pytest.mark.parametrize(("unit", "version"), [("ups-1", "1"), ("ups-1", "2c"), ("ups-2", "3")])
async def test_every_version_of_snmp(rack: Rack, unit: str, version: str) -> None:
    ended = await read(*words(rack, unit), "--snmp-version", version)
    assert ended.code == 0
    assert len(as_json(ended.out)["readings"]) > 5


async def test_a_named_profile_is_not_looked_for(rack: Rack) -> None:
    before = rack.requests("b-1")
    ended = await read(*words(rack, "b-1"), "--profile", "orv3-bbu")
    assert as_json(ended.out)["profile"] == "orv3-bbu"
    named = rack.requests("b-1") - before
    await read(*words(rack, "b-1"))
    assert rack.requests("b-1") - before > 2 * named


async def test_a_table_for_people(rack: Rack) -> None:
    ended = await command("bbu-agent", "read", *words(rack, "a-1"))
    assert ended.code == 0
    assert "cell_voltage" in ended.out
    assert "orv3-hpr-bbu" in ended.out


WRONG_USE = {
    "no device": [],
    "two devices": ["--snmp", "h", "--community", "x", "--modbus", "h"],
    "no unit id": ["--modbus", "127.0.0.1"],
    "no secret": ["--snmp", "127.0.0.1"],
    "a profile that is none": ["--modbus", "h", "--unit-id", "1", "--profile", "x"],
    "a profile of the other protocol": [
        *("--modbus", "127.0.0.1", "--unit-id", "1", "--profile", "rfc1628-ups"),
    ],
    "a port that is none": ["--modbus", "h:99999", "--unit-id", "1"],
    "a secret file that is not there": [
        *("--snmp", "h", "--v3-user", "u", "--v3-auth", "sha256", "--v3-auth-file", "/nowhere"),
    ],
}


async def test_wrong_use_is_2() -> None:
    for ended in await asyncio.gather(*(read(*options) for options in WRONG_USE.values())):
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.splitlines()[-1].startswith("Error: ")


async def test_no_answer_is_3(rack: Rack, tmp_path: Path) -> None:
    rack.fault("a-2", "silent")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        wrong = ["--snmp", str(rack.service.endpoints["ups-1"]["snmp"]), "--community", "wrong"]
        told = {
            "silent": (words(rack, "a-2"), "silent for 0.3 s"),
            "refused": (["--modbus", f"127.0.0.1:{port}", "--unit-id", "1"], "was refused"),
            "no line": (
                ["--serial", str(tmp_path / "none"), "--unit-id", "1"],
                "there is no such serial line",
            ),
            "community": (wrong, "the community is wrong"),
        }
        # What is refused must not pass for silence on a busy machine.
        patience_s = {"silent": "0.3", "community": "0.3"}
        asked = [
            read(*options, "--timeout", patience_s.get(name, "5"))
            for name, (options, _) in told.items()
        ]
        for ended, (_, sentence) in zip(await asyncio.gather(*asked), told.values(), strict=True):
            assert (ended.code, ended.out) == (3, "")
            assert sentence in ended.err
            assert len(ended.err.splitlines()) == 1


async def test_nothing_that_fits_is_4(rack: Rack) -> None:
    rack.fault("b-2", "exception", 2)
    for options in ([], ["--profile", "orv3-bbu"]):
        ended = await read(*words(rack, "b-2"), *options)
        assert (ended.code, ended.out) == (4, ""), options
        assert len(ended.err.splitlines()) == 1


async def test_secrets_do_not_show(rack: Rack) -> None:
    secret = (rack.folder / "ups-2-auth.key").read_text(encoding="ascii").strip()
    wrong = rack.folder / "wrong.key"
    wrong.write_text("another-secret\n", encoding="utf-8")
    options = words(rack, "ups-2")
    options[options.index("--v3-auth-file") + 1] = str(wrong)
    ended = await read(*options)
    assert ended.code == 3
    assert "check user, protocols and passwords" in ended.err
    assert secret not in ended.err
    assert "another-secret" not in ended.err
