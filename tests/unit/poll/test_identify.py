"""Which family a device is of; the recordings in tests/contract prove it for real ones."""

import pytest

from agent.errors import AuthFailed, NoAnswer, Refused, TransportError, Unidentified
from agent.model import Oid, SnmpKind, SnmpValue
from agent.poll.identify import SYS_DESCR, SYS_OBJECT_ID, identify_modbus, identify_snmp
from agent.profiles.load import load, parse
from agent.profiles.schema import Profile
from tests.unit.poll.scripted import TIMEOUT_S, UNIT_ID, ScriptedAgent, ScriptedLink, integer

NET_SNMP: Oid = (1, 3, 6, 1, 4, 1, 8072, 3, 2, 10)
ACME: Oid = (1, 3, 6, 1, 4, 1, 99999)
PROBE: Oid = (*ACME, 1, 0)
STANDARD_PROBE: Oid = (1, 3, 6, 1, 2, 1, 33, 1, 2, 1, 0)


def family(name: str, identify: str) -> Profile:
    return parse(
        f"name: {name}\ntitle: Family {name}\nprotocol: snmp\nsources: [a MIB]\n"
        f"identify: {identify}\n"
        "fields: [{quantity: battery_voltage, unit: V, oid: 1.3.6.1.9.0}]\n",
        f"{name}.yaml",
    )


MAKER = family("maker", "{sys_object_id: [1.3.6.1.4.1.99999]}")
SERIES = family(
    "series",
    "{sys_object_id: [1.3.6.1.4.1.99999.7], probes: [{oid: 1.3.6.1.4.1.99999.1.0, type: number}]}",
)
DESCRIBED = family("described", "{sys_descr: acme powerwall}")
STANDARD = family("standard", "{probes: [{oid: 1.3.6.1.2.1.33.1.2.1.0, type: number}], order: 900}")
EARLY = family("early", "{probes: [{oid: 1.3.6.1.2.1.33.1.2.1.0, type: number}], order: 5}")
NAMED = family("named", "{probes: [{oid: 1.3.6.1.4.1.99999.1.0, matches: 'wall \\d'}]}")
FAMILIES = [STANDARD, MAKER, SERIES, DESCRIBED, load("orv3-bbu")]


def agent(object_id: SnmpValue | None, described: str = "", **probes: SnmpValue) -> ScriptedAgent:
    values = {SYS_DESCR: SnmpValue(SnmpKind.OCTETS, described.encode())}
    if object_id is not None:
        values[SYS_OBJECT_ID] = object_id
    for name, value in probes.items():
        values[{"acme": PROBE, "standard": STANDARD_PROBE}[name]] = value
    return ScriptedAgent(values)


def oid(value: Oid) -> SnmpValue:
    return SnmpValue(SnmpKind.OID, value)


def text(value: str) -> SnmpValue:
    return SnmpValue(SnmpKind.OCTETS, value.encode())


@pytest.mark.parametrize(
    ("device", "name"),
    [
        pytest.param(agent(oid((*ACME, 1))), "maker", id="by its object id"),
        pytest.param(
            agent(oid((*ACME, 7, 3)), acme=integer(1)), "series", id="the longest prefix wins"
        ),
        pytest.param(
            agent(oid((*ACME, 7, 3))), "maker", id="unless the probe of that family fails"
        ),
        pytest.param(agent(text(".1.3.6.1.4.1.99999.1")), "maker", id="an object id as text"),
        pytest.param(agent(text("1.3.6.1.4.1.99999.1\0")), "maker", id="without the leading dot"),
        pytest.param(
            agent(oid(NET_SNMP), standard=integer(2)), "standard", id="a generic one: by probes"
        ),
        pytest.param(agent(None, standard=integer(2)), "standard", id="none at all: by probes"),
        pytest.param(
            agent(oid(NET_SNMP), "ACME Powerwall 3"), "described", id="by its description"
        ),
        pytest.param(
            agent(oid((*ACME, 1)), standard=integer(2)), "maker", id="the maker's own comes first"
        ),
    ],
)
async def test_a_family_is_found(device: ScriptedAgent, name: str) -> None:
    assert (await identify_snmp(device, FAMILIES, timeout_s=TIMEOUT_S)).name == name


async def test_of_two_that_fit_the_lower_order_wins() -> None:
    device = agent(None, standard=integer(2))
    assert (await identify_snmp(device, [STANDARD, EARLY], timeout_s=TIMEOUT_S)) is EARLY


@pytest.mark.parametrize(("model", "fits"), [("Wall 3", True), ("Wall", False), ("\xff", False)])
async def test_a_probe_must_match(model: str, fits: bool) -> None:  # noqa: FBT001 - of the case
    device = agent(None, acme=text(model), standard=integer(2))
    found = await identify_snmp(device, [NAMED, STANDARD], timeout_s=TIMEOUT_S)
    assert (found is NAMED) == fits


@pytest.mark.parametrize(
    "value",
    [text("N/A"), SnmpValue(SnmpKind.NULL, b""), oid((1, 3)), text("")],
    ids=["a text", "NULL", "an object id", "an empty text"],
)
async def test_a_probe_of_another_type_does_not_hold(value: SnmpValue) -> None:
    device = agent(None, standard=value)
    with pytest.raises(Unidentified):
        await identify_snmp(device, [STANDARD], timeout_s=TIMEOUT_S)


@pytest.mark.parametrize(
    "hostile",
    [text("1..2"), text("1.x"), text("\u0661.2"), text("1." + "9" * 5000), integer(5)],
    ids=["a gap", "a letter", "another script's digit", "a number without end", "a number"],
)
async def test_an_object_id_that_is_none_names_nobody(hostile: SnmpValue) -> None:
    with pytest.raises(Unidentified):
        await identify_snmp(agent(hostile), [MAKER], timeout_s=TIMEOUT_S)


async def test_what_fits_nothing_is_told_with_what_was_tried() -> None:
    device = agent(oid((1, 3, 6, 1, 4, 1, 5)), "A printer")
    with pytest.raises(Unidentified) as caught:
        await identify_snmp(device, [MAKER, STANDARD], timeout_s=TIMEOUT_S)
    message = str(caught.value)
    assert "1.3.6.1.4.1.5" in message
    assert "'A printer'" in message
    assert "standard" in message


async def test_a_description_is_not_repeated_whole() -> None:
    with pytest.raises(Unidentified) as caught:
        await identify_snmp(agent(None, "x" * 5000), [STANDARD], timeout_s=TIMEOUT_S)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("error", [NoAnswer("silence"), AuthFailed("wrong community")])
async def test_a_silent_agent_is_not_called_unknown(error: TransportError) -> None:
    with pytest.raises(type(error)):
        await identify_snmp(ScriptedAgent(errors=[error]), FAMILIES, timeout_s=TIMEOUT_S)


EITHER = family(
    "either",
    "{sys_object_id: [1.3.6.1.4.1.99999], any_probe: true, "
    "probes: [{oid: 1.3.6.1.4.1.99999.1.0}, {oid: 1.3.6.1.4.1.99999.2.0}]}",
)


async def test_one_of_several_probes_is_enough_where_the_profile_says_so() -> None:
    device = ScriptedAgent({SYS_OBJECT_ID: oid(ACME), (*ACME, 2, 0): integer(1)})
    assert await identify_snmp(device, [STANDARD, EITHER], timeout_s=TIMEOUT_S) is EITHER


async def test_the_others_are_not_probed_where_the_named_family_fits() -> None:
    device = agent(oid(ACME), acme=integer(1), standard=integer(2))
    assert await identify_snmp(device, [EARLY, EITHER], timeout_s=TIMEOUT_S) is EITHER
    assert STANDARD_PROBE not in device.took()


async def test_a_named_family_whose_probes_fail_leaves_the_device_to_the_others() -> None:
    device = agent(oid(ACME), standard=integer(2))
    assert await identify_snmp(device, [STANDARD, EITHER], timeout_s=TIMEOUT_S) is STANDARD


async def test_errors_for_every_probe_of_a_family_are_no_silence() -> None:
    device = agent(oid(ACME), standard=integer(2))
    device.errors = [None, Refused("genErr", 5)]
    assert await identify_snmp(device, [STANDARD, EITHER], timeout_s=TIMEOUT_S) is STANDARD


MODULES = [load("orv3-bbu"), load("orv3-hpr-bbu"), STANDARD]


def module(maker: str, *registers: int) -> ScriptedLink:
    data = maker.encode().ljust(16, b"\0")
    words = {n: int.from_bytes(data[2 * n : 2 * n + 2], "big") for n in range(8)}
    return ScriptedLink({**words, **dict.fromkeys(registers, 1)})


@pytest.mark.parametrize(
    ("link", "name"),
    [
        (module("Panasonic", 90, 235), "orv3-hpr-bbu"),
        (module("DELTA", 90, 235), "orv3-hpr-bbu"),
        (module("Panasonic", 122, 128), "orv3-bbu"),
        (module("ARTESYN", 122, 128), "orv3-bbu"),
    ],
)
async def test_classic_and_high_power_modules_are_told_apart(link: ScriptedLink, name: str) -> None:
    found = await identify_modbus(link, UNIT_ID, MODULES, timeout_s=TIMEOUT_S)
    assert found.name == name


async def test_no_register_is_asked_twice() -> None:
    link = module("Panasonic", 122, 128)
    await identify_modbus(link, UNIT_ID, MODULES, timeout_s=TIMEOUT_S)
    asked = link.took()
    assert len(asked) == len(set(asked))


async def test_another_maker_fits_nothing_and_is_named() -> None:
    with pytest.raises(Unidentified, match="Sunbeam") as caught:
        await identify_modbus(module("Sunbeam"), UNIT_ID, MODULES, timeout_s=TIMEOUT_S)
    assert "orv3-bbu" in str(caught.value)
    assert str(UNIT_ID) in str(caught.value)


async def test_a_unit_that_refuses_every_probe_fits_nothing() -> None:
    with pytest.raises(Unidentified):
        await identify_modbus(ScriptedLink(), UNIT_ID, MODULES, timeout_s=TIMEOUT_S)


@pytest.mark.parametrize(
    "error", [NoAnswer("silence"), Refused("gateway path", 10), Refused("gateway target", 11)]
)
async def test_a_unit_that_is_not_reached_is_silent_and_not_unknown(error: TransportError) -> None:
    link = ScriptedLink(broken={0: error})
    with pytest.raises(NoAnswer):
        await identify_modbus(link, UNIT_ID, MODULES, timeout_s=TIMEOUT_S)
    assert link.took() == [(0, 8)]
