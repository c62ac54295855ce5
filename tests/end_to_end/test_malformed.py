"""Every kind of bad answer is counted under its cause, harms no neighbour, and passes.

One agent lives through all of them: what one kind leaves behind would spoil the next.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from tests.end_to_end.bench import POLL, UNITS, Agent, Page, Rack, until

LINE, GATE, RTU = VICTIMS = "a-2", "b-2", "c-2"
QUICK = POLL | {"interval": "450ms", "discharge_interval": "450ms", "timeout": "400ms"}


class Case(NamedTuple):
    """A fault of the wire, the cause it is counted under, and whom it can reach."""

    kind: str
    cause: str
    says: str
    units: tuple[str, ...] = VICTIMS
    value: float = 0.0


CASES = (
    Case("silent", "NoAnswer", "silent for 0.4 s"),
    Case("delay", "NoAnswer", "silent for 0.4 s", value=0.56),
    Case("bad-crc", "BadAnswer", "checksum", (LINE, RTU)),
    Case("truncated", "BadAnswer", ""),
    Case("wrong-unit", "BadAnswer", "the answer is from unit"),
    Case("wrong-function", "BadAnswer", "the answer has function code 4, asked was 3"),
    Case("wrong-transaction", "BadAnswer", "the answer is to transaction", (GATE,)),
    Case("exception", "Refused", "exception 4 (device failure)", value=4),
    Case("exception", "Refused", "exception 2 (illegal data address)", value=2),
    Case("exception", "NoAnswer", "the gateway did not reach", value=11),
)


def errors(page: Page, unit: str) -> dict[str, float]:
    found = page.of("bbu_poll_errors_total", unit=unit).items()
    return {dict(labels)["cause"]: count for labels, count in found}


def without(counts: dict[str, float], cause: str = "NoAnswer") -> dict[str, float]:
    return {key: count for key, count in counts.items() if key != cause}


def polls(page: Page) -> dict[str, float]:
    return {unit: page.one("bbu_polls_total", unit=unit) or 0 for unit in UNITS}


def suffered(before: Page, case: Case) -> Callable[[Page], bool]:
    """Tell a page on which every victim is down after two or more failures of the cause."""

    def tell(page: Page) -> bool:
        return all(
            errors(page, unit).get(case.cause, 0) >= errors(before, unit).get(case.cause, 0) + 2
            and page.one("bbu_up", unit=unit) == 0
            and not page.of("bbu_cell_voltage_volts", unit=unit)
            for unit in case.units
        )

    return tell


def seen_up(wanted: set[str], before: Page | None = None) -> Callable[[Page], bool]:
    """Tell when each of ``wanted`` has been up, and polled since ``before``.

    Not all of them at once: a busy machine lets now this answer come late and now that.
    """
    seen: set[str] = set()

    def tell(page: Page) -> bool:
        again = {
            unit for unit in wanted if before is None or polls(page)[unit] > polls(before)[unit]
        }
        seen.update(page.up() & again)
        return seen >= wanted

    return tell


async def see_up(agent: Agent, wanted: set[str], what: str, before: Page | None = None) -> None:
    accept = seen_up(wanted, before)

    async def look() -> bool:
        return accept(await agent.scrape())

    await until(look, what)


async def says(agent: Agent, unit: str, words: str) -> bool:
    return words in ((await agent.unit(unit))["last_error"] or "")


async def live_through(rack: Rack, agent: Agent, case: Case) -> None:
    before = await agent.scrape()
    for unit in VICTIMS:
        rack.fault(unit, case.kind, case.value)
    during = await agent.when(suffered(before, case), f"{case} is counted")
    for unit in case.units:
        await until(partial(says, agent, unit, case.says), f"{unit} tells of {case}")
        assert set(errors(during, unit)) - set(errors(before, unit)) <= {case.cause}, case
    others = {*UNITS} - {*case.units}
    for unit in others:
        # A busy machine may let any answer come late; only the victims' are wrong.
        assert without(errors(during, unit)) == without(errors(before, unit)), (case, unit)
    await see_up(agent, others, f"the others are up beside {case}", before)
    for unit in VICTIMS:
        rack.heal(unit)
    await see_up(agent, {*UNITS}, f"everything is back after {case}")


async def test_every_kind_of_bad_answer(rack: Rack) -> None:
    agent = await rack.agent(rack.document() | {"poll": QUICK})
    await see_up(agent, {*UNITS}, "all units are up")
    for case in CASES:
        await live_through(rack, agent, case)
    after = await agent.scrape()
    assert not after.of("bbu_poll_errors_total", cause="InternalError")
    assert agent.lines("level=error") == []
    for unit in VICTIMS:
        # One line each way; a busy machine may add a silence of its own.
        gone = agent.lines("level=warning", f"unit {unit} ")
        assert len(gone) >= sum(unit in case.units for case in CASES), gone
        assert len(agent.lines("level=info", f"unit {unit} ")) == len(gone)
