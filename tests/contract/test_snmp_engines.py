"""What every SNMP engine does, against Debian's snmpd, in every version and protocol."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from agent.errors import AuthFailed, ConfigError, NoAnswer, Unreachable
from agent.model import Oid, SnmpKind, SnmpValue
from agent.targets import (
    AuthProtocol,
    Community,
    PrivacyProtocol,
    Secret,
    SnmpHost,
    UserSecurity,
)
from agent.transport import snmp_shared
from agent.transport.base import SnmpClient
from agent.transport.snmp import open_snmp
from agent.transport.snmp_pysnmp import LCD

Foreign = Any  # the fixtures' classes live in conftest, which tests do not import

TIMEOUT_S = 5.0
SILENCE_S = 0.3
UPS: Oid = (1, 3, 6, 1, 2, 1, 33)
CHARGE: Oid = (*UPS, 1, 2, 4, 0)
CURRENT: Oid = (*UPS, 1, 2, 6, 0)
MODEL: Oid = (*UPS, 1, 1, 2, 0)
COUNTER: Oid = (*UPS, 1, 9, 1, 0)
GAUGE: Oid = (*UPS, 1, 9, 2, 0)
TICKS: Oid = (*UPS, 1, 9, 3, 0)
POINTER: Oid = (*UPS, 1, 9, 4, 0)
ABSENT: Oid = (*UPS, 1, 2, 99, 0)
ADDRESS: Oid = (1, 3, 6, 1, 2, 1, 4, 20, 1, 1, 127, 0, 0, 1)
OPAQUE: Oid = (1, 3, 6, 1, 4, 1, 2021, 10, 1, 6, 1)
SYS_OBJECT_ID: Oid = (1, 3, 6, 1, 2, 1, 1, 2, 0)

VALUES = {
    MODEL: SnmpValue(SnmpKind.OCTETS, b"Symmetra LX"),
    CHARGE: SnmpValue(SnmpKind.INTEGER, 97),
    CURRENT: SnmpValue(SnmpKind.INTEGER, -5),
    COUNTER: SnmpValue(SnmpKind.COUNTER, 4000000000),
    GAUGE: SnmpValue(SnmpKind.UNSIGNED, 4294967295),
    TICKS: SnmpValue(SnmpKind.TICKS, 540600),
    POINTER: SnmpValue(SnmpKind.OID, (1, 3, 6, 1, 4, 1, 318, 1, 3, 27)),
}
HINTS = {SnmpKind.COUNTER, SnmpKind.UNSIGNED, SnmpKind.TICKS}


def user(
    name: str,
    auth: AuthProtocol | None = None,
    privacy: PrivacyProtocol | None = None,
    auth_key: str = "authpass12",
    privacy_key: str = "privpass12",
) -> UserSecurity:
    return UserSecurity(
        name,
        auth,
        None if auth is None else Secret(auth_key),
        privacy,
        None if privacy is None else Secret(privacy_key),
    )


STRONG = user("v3sha256aes256", AuthProtocol.SHA256, PrivacyProtocol.AES256)
SIGN_INS: dict[str, Community | UserSecurity] = {
    "v1": Community(Secret("public"), 1),
    "v2c": Community(Secret("public"), 2),
    "v3 noauth": user("v3noauth"),
    "v3 sha512": user("v3sha512", AuthProtocol.SHA512),
    "v3 md5 des": user("v3md5des", AuthProtocol.MD5, PrivacyProtocol.DES),
    "v3 sha aes": user("v3shaaes", AuthProtocol.SHA1, PrivacyProtocol.AES128),
    "v3 sha aes256": user("v3shaaes256", AuthProtocol.SHA1, PrivacyProtocol.AES256),
    "v3 sha aes256c": user("v3shaaes256c", AuthProtocol.SHA1, PrivacyProtocol.AES256C),
    "v3 sha224 aes192": user("v3sha224aes192", AuthProtocol.SHA224, PrivacyProtocol.AES192),
    "v3 sha384 aes192c": user("v3sha384aes192c", AuthProtocol.SHA384, PrivacyProtocol.AES192C),
    "v3 sha256 aes256": STRONG,
}
ENGINES = [
    pytest.param((engine, sign_in), id=f"{engine} {name}")
    for engine in ("pysnmp", "gufo")
    for name, sign_in in SIGN_INS.items()
    if not (engine == "gufo" and name == "v1")
]


def plain(values: Mapping[Oid, SnmpValue | None], engine: str) -> Mapping[Oid, SnmpValue | None]:
    """Take away from ``values`` what an engine is allowed not to know."""
    if engine == "pysnmp":
        return values
    return {
        oid: value._replace(kind=SnmpKind.INTEGER) if value and value.kind in HINTS else value
        for oid, value in values.items()
    }


@contextlib.asynccontextmanager
async def opened(
    port: int, sign_in: Community | UserSecurity, engine: str, host: str = "127.0.0.1"
) -> AsyncIterator[SnmpClient]:
    client = open_snmp(SnmpHost(host, sign_in, port), engine)
    try:
        yield client
    finally:
        await client.close()
        await asyncio.sleep(0)  # a closed datagram transport ends in the next turn


@pytest.mark.parametrize("case", ENGINES)
async def test_values_of_every_kind(
    snmpd: Foreign, case: tuple[str, Community | UserSecurity]
) -> None:
    engine, sign_in = case
    async with opened(snmpd.port, sign_in, engine) as client:
        got = await client.get([*VALUES, ABSENT], timeout_s=TIMEOUT_S)
        assert got == {**plain(VALUES, engine), ABSENT: None}
        again = await client.get([CHARGE], timeout_s=TIMEOUT_S)
        assert again == {CHARGE: VALUES[CHARGE]}


@pytest.mark.parametrize("case", ENGINES)
async def test_walks(snmpd: Foreign, case: tuple[str, Community | UserSecurity]) -> None:
    engine, sign_in = case
    async with opened(snmpd.port, sign_in, engine) as client:
        assert await client.walk(UPS, timeout_s=TIMEOUT_S) == plain(VALUES, engine)
        assert await client.walk((*UPS, 1, 2), timeout_s=TIMEOUT_S) == {
            CHARGE: VALUES[CHARGE],
            CURRENT: VALUES[CURRENT],
        }
        assert await client.walk((*UPS, 1, 77), timeout_s=TIMEOUT_S) == {}
        end_of_mib = await client.walk((1, 3, 6, 1, 6, 3, 16), timeout_s=TIMEOUT_S)
        assert len(end_of_mib) > 20
        assert list(end_of_mib) == sorted(end_of_mib)


@pytest.mark.parametrize("engine", ["pysnmp", "gufo"])
async def test_opaque_floats_and_addresses_stay_bytes(snmpd: Foreign, engine: str) -> None:
    async with opened(snmpd.port, SIGN_INS["v2c"], engine) as client:
        got = await client.get([OPAQUE, ADDRESS], timeout_s=TIMEOUT_S)
    assert got[ADDRESS] == SnmpValue(SnmpKind.ADDRESS, bytes((127, 0, 0, 1)))
    load = got[OPAQUE]
    assert load is not None
    assert isinstance(load.value, bytes)
    assert load.value.startswith(b"\x9f\x78\x04")  # net-snmp's Opaque float and its length
    assert len(load.value) == 7


@pytest.mark.parametrize("engine", ["pysnmp", "gufo"])
@pytest.mark.parametrize("version", ["v1", "v2c"])
async def test_missing_variables_spoil_no_others(snmpd: Foreign, engine: str, version: str) -> None:
    if (engine, version) == ("gufo", "v1"):
        engine = "auto"
    missing = [(*UPS, 1, 2, place, 0) for place in range(50, 60)]
    mixed = [oid for pair in zip(missing, [*VALUES] * 2, strict=False) for oid in pair]
    async with opened(snmpd.port, SIGN_INS[version], engine) as client:
        got = await client.get(mixed, timeout_s=TIMEOUT_S)
    assert {oid for oid, value in got.items() if value is None} == set(missing)
    assert got.keys() == set(mixed)


@pytest.mark.parametrize("engine", ["pysnmp", "gufo"])
async def test_many_clients_share_what_can_be_shared(snmpd: Foreign, engine: str) -> None:
    """Users of one name with different passwords must not disturb each other."""
    sign_ins = [
        SIGN_INS["v2c"],
        STRONG,
        user("v3shaaes", AuthProtocol.SHA1, PrivacyProtocol.AES128),
    ]
    wrong = user(STRONG.user, STRONG.auth, STRONG.privacy, auth_key="authpass13")
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(opened(snmpd.port, sign_in, engine))
            for sign_in in sign_ins * 5
        ]
        stranger = await stack.enter_async_context(opened(snmpd.port, wrong, engine))
        for _ in range(3):
            reads = [client.get([CHARGE], timeout_s=TIMEOUT_S) for client in clients]
            reads.insert(7, stranger.get([CHARGE], timeout_s=TIMEOUT_S))
            results = await asyncio.gather(*reads, return_exceptions=True)
            assert isinstance(results.pop(7), AuthFailed)
            assert results == [{CHARGE: VALUES[CHARGE]}] * 15


REJECTED = {
    "wrong authentication password": user(
        STRONG.user, STRONG.auth, STRONG.privacy, auth_key="authpass13"
    ),
    "wrong authentication protocol": user(STRONG.user, AuthProtocol.SHA512, STRONG.privacy),
    "unknown user": user("nobody", STRONG.auth, STRONG.privacy),
    "less security than asked": user(STRONG.user, STRONG.auth),
}


@pytest.mark.parametrize("engine", ["pysnmp", "gufo"])
@pytest.mark.parametrize("sign_in", REJECTED.values(), ids=REJECTED.keys())
async def test_a_rejected_sign_in_fails_at_once(
    snmpd: Foreign, engine: str, sign_in: UserSecurity
) -> None:
    async with opened(snmpd.port, sign_in, engine) as client:
        for request in (client.get([CHARGE], timeout_s=30), client.walk(UPS, timeout_s=30)):
            async with asyncio.timeout(5):
                with pytest.raises(AuthFailed, match="check") as error:
                    await request
            assert "pass1" not in str(error.value)


SILENT = {
    "wrong privacy password": (
        user(STRONG.user, STRONG.auth, STRONG.privacy, privacy_key="privpass13"),
        "privacy password is wrong",
    ),
    "wrong privacy protocol": (
        user(STRONG.user, STRONG.auth, PrivacyProtocol.AES128),
        "privacy password is wrong",
    ),
    "wrong community": (Community(Secret("private")), "community is wrong"),
}


@pytest.mark.parametrize("engine", ["pysnmp", "gufo"])
@pytest.mark.parametrize(("sign_in", "hint"), SILENT.values(), ids=SILENT.keys())
async def test_silence_names_the_password_that_may_be_wrong(
    snmpd: Foreign, engine: str, sign_in: Community | UserSecurity, hint: str
) -> None:
    async with opened(snmpd.port, sign_in, engine) as client:
        begin = asyncio.get_running_loop().time()
        with pytest.raises(NoAnswer, match=hint) as error:
            await client.get([CHARGE, *VALUES], timeout_s=2 * SILENCE_S)
        assert asyncio.get_running_loop().time() - begin < 4 * SILENCE_S
    assert "priv" not in str(error.value).replace("privacy", "")


@pytest.mark.parametrize("engine", ["pysnmp", "gufo"])
@pytest.mark.parametrize("sign_in", [SIGN_INS["v2c"], STRONG], ids=["v2c", "v3"])
async def test_an_agent_that_restarts_is_read_again(
    start_snmpd: Callable[..., Foreign], engine: str, sign_in: Community | UserSecurity
) -> None:
    """Engine boots and time jump; the engine id stays."""
    peer = start_snmpd()
    async with opened(peer.port, sign_in, engine) as client:
        for _ in range(2):
            assert await client.get([CHARGE], timeout_s=TIMEOUT_S) == {CHARGE: VALUES[CHARGE]}
            peer.stop()
            with pytest.raises((NoAnswer, Unreachable)):
                await client.get([CHARGE], timeout_s=SILENCE_S)
            peer.start()
            assert await client.get([CHARGE], timeout_s=TIMEOUT_S) == {CHARGE: VALUES[CHARGE]}
            peer.stop()
            peer.start()  # this time nobody noticed
            assert await client.get([CHARGE], timeout_s=TIMEOUT_S) == {CHARGE: VALUES[CHARGE]}


@pytest.mark.parametrize("engine", ["pysnmp", "gufo"])
async def test_a_device_that_was_swapped_is_read_again(
    start_snmpd: Callable[..., Foreign], engine: str
) -> None:
    """Same address and users, another engine id: one read at most may be lost."""
    peer = start_snmpd()
    async with opened(peer.port, STRONG, engine) as client:
        assert await client.get([CHARGE], timeout_s=TIMEOUT_S) == {CHARGE: VALUES[CHARGE]}
        peer.stop()
        peer.forget()
        peer.start()
        with contextlib.suppress(NoAnswer):
            await client.get([CHARGE], timeout_s=SILENCE_S)
        assert await client.get([CHARGE], timeout_s=TIMEOUT_S) == {CHARGE: VALUES[CHARGE]}


@pytest.mark.parametrize("engine", ["pysnmp", "gufo"])
async def test_nothing_there_is_told(engine: str) -> None:
    async with opened(1, SIGN_INS["v2c"], engine) as client:
        for _ in range(3):
            with pytest.raises((NoAnswer, Unreachable)):
                await client.get(list(VALUES), timeout_s=SILENCE_S)


@pytest.mark.parametrize("engine", ["pysnmp", "gufo"])
async def test_a_silence_costs_one_request_and_its_timeout(engine: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(0)
        taken_s = []
        async with opened(silent.getsockname()[1], SIGN_INS["v2c"], engine) as client:
            for _ in range(3):
                begin = asyncio.get_running_loop().time()
                with pytest.raises(NoAnswer):
                    await client.get(list(VALUES), timeout_s=SILENCE_S)
                taken_s.append(asyncio.get_running_loop().time() - begin)
                assert silent.recv(65536)
                with pytest.raises(BlockingIOError):
                    silent.recv(65536)
        # A busy machine may be late with one of them.
        assert 0.9 * SILENCE_S < min(taken_s) < 2 * SILENCE_S


@pytest.mark.parametrize("engine", ["pysnmp", "gufo"])
async def test_host_names_are_resolved(snmpd: Foreign, engine: str) -> None:
    async with opened(snmpd.port, SIGN_INS["v2c"], engine, "localhost") as client:
        assert await client.get([CHARGE], timeout_s=TIMEOUT_S) == {CHARGE: VALUES[CHARGE]}
    async with opened(161, SIGN_INS["v2c"], engine, "ups.invalid") as client:
        with pytest.raises(Unreachable, match="host name is not known"):
            await client.get([CHARGE], timeout_s=TIMEOUT_S)


@pytest.mark.parametrize("engine", ["pysnmp", "gufo"])
async def test_a_cancelled_request_leaves_the_client_usable(snmpd: Foreign, engine: str) -> None:
    async with opened(snmpd.port, STRONG, engine) as client:
        for turns in range(10):
            task = asyncio.create_task(client.walk((1, 3, 6, 1, 2, 1), timeout_s=TIMEOUT_S))
            await asyncio.sleep(turns / 2000)
            task.cancel()
            await asyncio.wait([task])
            got = await client.get([CURRENT], timeout_s=TIMEOUT_S)
            assert got == {CURRENT: VALUES[CURRENT]}


@pytest.mark.parametrize("name", ["v2c", "v3 sha256 aes256"])
async def test_who_has_left_leaves_nothing_behind_while_others_stay(
    snmpd: Foreign, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(snmp_shared, "SETTLE_S", 0.0)
    async with opened(snmpd.port, SIGN_INS[name], "pysnmp") as stays:
        agent = stays._engine  # type: ignore[attr-defined] # only this knows what is shared
        for reload in range(3):
            assert await stays.get([CHARGE], timeout_s=TIMEOUT_S) == {CHARGE: VALUES[CHARGE]}
            shared = agent._shared
            async with opened(snmpd.port, SIGN_INS[name], "pysnmp") as leaves:
                # Each time-out makes an entry of its own, as each address would.
                await leaves.get([CHARGE], timeout_s=TIMEOUT_S * 2**reload)
                assert leaves._engine._shared is shared  # type: ignore[attr-defined]
                assert len(targets(shared)) == 1 + (reload > 0)
            await asyncio.sleep(0.001)
            assert (shared.retired, agent._shared, agent._targets) == (True, None, {})
        await stays.get([CHARGE], timeout_s=TIMEOUT_S)
        assert len(targets(agent._shared)) == 1
        assert [*snmp_shared._POOLS[asyncio.get_running_loop()].values()] == [agent._shared]
    assert snmp_shared._POOLS[asyncio.get_running_loop()] == {}


def targets(shared: Foreign) -> Foreign:
    return LCD._get_cache(shared.engine)["addr"]


async def test_an_engine_is_renewed_once_a_day_and_never_under_a_request(
    snmpd: Foreign, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        opened(snmpd.port, SIGN_INS["v2c"], "pysnmp") as one,
        opened(snmpd.port, SIGN_INS["v2c"], "pysnmp") as other,
    ):
        await other.get([CHARGE], timeout_s=TIMEOUT_S)
        monkeypatch.setattr(snmp_shared, "RENEW_S", -1.0)
        reads = [client.walk(UPS, timeout_s=TIMEOUT_S) for client in (one, other)]
        assert await asyncio.gather(*reads) == [VALUES, VALUES]
        assert other._engine._shared is None  # type: ignore[attr-defined]


async def test_the_fast_engine_is_chosen_where_it_can() -> None:
    def chosen(sign_in: Community | UserSecurity) -> str:
        client: Foreign = open_snmp(SnmpHost("127.0.0.1", sign_in))
        return str(type(client._engine).__module__)

    assert chosen(SIGN_INS["v2c"]) == "agent.transport.snmp_gufo"
    assert chosen(STRONG) == "agent.transport.snmp_gufo"
    assert chosen(SIGN_INS["v1"]) == "agent.transport.snmp_pysnmp"
    assert chosen(UserSecurity("u", context="ups2")) == "agent.transport.snmp_pysnmp"


async def test_an_engine_that_cannot_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot do version 1"):
        open_snmp(SnmpHost("127.0.0.1", SIGN_INS["v1"]), "gufo")
    with pytest.raises(ConfigError, match="use auto, gufo or pysnmp"):
        open_snmp(SnmpHost("127.0.0.1", SIGN_INS["v1"]), "net-snmp")
