"""The light SNMP agent without sockets: octets, requests, errors, faults."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.maps.objects import Item, Oid, Syntax
from simulators.wire import ber
from simulators.wire.agent_faults import AgentWire, FaultyTree, TreeError
from simulators.wire.faults import WireFault, WireFaultKind
from simulators.wire.snmp_light import LightAgent, encode_item

ROOT: Oid = (1, 3, 6, 1, 2, 1, 33)
ITEMS: dict[Oid, Item] = {(*ROOT, n): Item(Syntax.INTEGER, n) for n in range(1, 41)}
arcs = st.lists(st.integers(0, 0xFFFFFFFF), min_size=1, max_size=12)


class Forty:
    """Forty objects under the root."""

    def get(self, oid: Oid) -> Item | None:
        return ITEMS.get(oid)

    def after(self, oid: Oid) -> tuple[Oid, Item] | None:
        return next(((place, ITEMS[place]) for place in sorted(ITEMS) if place > oid), None)


def tree(*faults: WireFault) -> FaultyTree:
    return FaultyTree(Forty(), faults, lambda: 1.0)


@given(st.integers(-(2**63), 2**64 - 1))
def test_integers_come_back(value: int) -> None:
    tag, body, end = ber.take(ber.integer(value))
    assert (tag, ber.to_integer(body), end) == (ber.INTEGER, value, len(ber.integer(value)))


@given(st.integers(0, 2), st.integers(0, 39), arcs)
def test_object_identifiers_come_back(first: int, second: int, rest: list[int]) -> None:
    name = (first, second, *rest)
    assert ber.to_oid(ber.take(ber.oid(name))[1]) == name


@given(st.binary(max_size=600))
def test_elements_come_back(body: bytes) -> None:
    assert list(ber.elements(ber.wrap(4, body) + ber.wrap(4, b""))) == [(4, body), (4, b"")]


@given(st.binary(max_size=80))
def test_nothing_but_a_value_error_comes_of_noise(noise: bytes) -> None:
    def deeper(data: bytes) -> None:
        for tag, body in ber.elements(data):
            if tag == ber.OID:
                ber.to_oid(body)
            elif tag & 0x20:
                deeper(body)

    try:
        deeper(noise)
    except ValueError:
        return


def test_the_octets_are_those_of_the_standard() -> None:
    # X.690: 8.3 (integers need a leading zero above 127).
    assert ber.integer(128) == bytes((2, 2, 0, 128))
    assert ber.wrap(4, bytes(200))[:3] == bytes((4, 0x81, 200))
    assert encode_item(Item(Syntax.TICKS, 300)) == bytes((0x43, 2, 1, 44))


def test_a_faulty_tree_is_the_tree_while_nothing_is_wrong() -> None:
    later = WireFault(WireFaultKind.MISSING, start_s=5.0)
    assert [tree(later).get(place) for place in ITEMS] == list(ITEMS.values())


@pytest.mark.parametrize("kind", [WireFaultKind.TOO_BIG, WireFaultKind.GEN_ERR])
def test_an_agent_in_error_reads_nothing(kind: WireFaultKind) -> None:
    with pytest.raises(TreeError) as error:
        tree(WireFault(kind)).get((*ROOT, 1))
    assert error.value.too_big is (kind is WireFaultKind.TOO_BIG)


def test_missing_objects_are_missing_from_every_way_of_asking() -> None:
    poor = tree(WireFault(WireFaultKind.MISSING, share=0.5))
    there = [place for place in ITEMS if poor.get(place) is not None]
    walked: list[Oid] = []
    place = ROOT
    while (following := poor.after(place)) is not None:
        place = following[0]
        walked.append(place)
    assert walked == there
    assert 0 < len(there) < len(ITEMS)


def test_a_looping_agent_says_the_same_for_ever() -> None:
    endless = tree(WireFault(WireFaultKind.LOOPING))
    place, seen = ROOT, set()
    for _ in range(12):
        following = endless.after(place)
        assert following is not None
        place = following[0]
        seen.add(place[-1])
    assert seen == {1}


def test_an_engine_reboots_once() -> None:
    now = [0.0]

    def soon(_delay_s: float, _act: Callable[[], None]) -> None:
        """Nothing is sent here."""

    faults = [
        WireFault(WireFaultKind.ENGINE_REBOOT, 5.0),
        WireFault(WireFaultKind.TIME_JUMP, 7.0, value=90.0),
    ]
    wire = AgentWire(faults, lambda: now[0], soon)
    steps = []
    for at_s in (0.0, 5.0, 6.0, 7.0, 8.0):
        now[0] = at_s
        steps.append(wire.engine_step())
    assert steps == [(0, 0.0), (1, 0.0), (0, 0.0), (0, 90.0), (0, 0.0)]


@given(st.binary(max_size=120))
def test_noise_gets_no_answer(noise: bytes) -> None:
    class Transport:
        sent = 0

        def is_closing(self) -> bool:
            return False

        def sendto(self, _data: bytes, _addr: object) -> None:
            self.sent += 1

    agent, transport = LightAgent(Forty(), "public"), Transport()
    agent._transport = transport  # type: ignore[assignment]
    agent.datagram_received(noise, ("127.0.0.1", 1))
    assert transport.sent == 0
