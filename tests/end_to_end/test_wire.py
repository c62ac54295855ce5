"""Every fault of the wire beside a running agent: told under its cause, and no other unit's.

One agent and one simulator live through all of them at once: each fault has a line, a
gateway or an SNMP agent of its own, with a well unit beside the one that suffers.
"""

import asyncio
from statistics import median
from typing import NamedTuple

from simulators.device.faults import WireFault, WireFaultKind
from tests.end_to_end.bench import Agent, MakeRack, Page, Rack

POLL = {
    "interval": "2500ms",
    "discharge_interval": "2500ms",
    "timeout": "1200ms",
    "stale_after": "20s",
}
LATE_S = 1.6
FAILURES = 2
POLLS = 3
WITHIN_S = 40.0
TOLERANCE_V = 0.05
SILENT = "silent for 1.2 s"


class Row(NamedTuple):
    """One fault, where it acts, and how the agent tells of it.

    ``cause`` is a label value of ``bbu_poll_errors_total``; None: the polls go on well.
    ``says`` is in the unit's last error. ``field_fault`` is a reason of
    ``bbu_field_faults_total`` under which further fields are counted.
    """

    wire: str
    kind: str
    cause: str | None
    says: str = ""
    value: float = 0.0
    share: float = 1.0
    field_fault: str | None = None


ROWS = (
    Row("line", "silent", "NoAnswer", SILENT),
    Row("line", "delay", "NoAnswer", SILENT, value=LATE_S),
    Row("line", "jitter", None, value=0.1),
    Row("line", "bad-crc", "BadAnswer", "checksum"),
    Row("line", "bit-errors", None, field_fault="implausible"),
    Row("line", "truncated", "BadAnswer", "cut"),
    Row("line", "over-long", "BadAnswer", "bytes of data"),
    Row("line", "wrong-unit", "BadAnswer", "the answer is from unit"),
    Row("line", "wrong-function", "BadAnswer", "function code 4, asked was 3"),
    Row("line", "duplicate", None),
    Row("line", "stuck", None),
    Row("line", "firmware", None, field_fault="refused"),
    Row("line", "exception", "Refused", "exception 6 (device busy)", value=6),
    Row("gate", "silent", "NoAnswer", SILENT),
    Row("gate", "delay", "NoAnswer", SILENT, value=LATE_S),
    Row("gate", "jitter", None, value=0.1),
    Row("gate", "bit-errors", None, field_fault="implausible"),
    Row("gate", "truncated", "BadAnswer", "cut"),
    Row("gate", "over-long", "BadAnswer", "bytes of data"),
    Row("gate", "wrong-unit", "BadAnswer", "the answer is from unit"),
    Row("gate", "wrong-function", "BadAnswer", "function code 4, asked was 3"),
    Row("gate", "wrong-transaction", "BadAnswer", "the answer is to transaction"),
    Row("gate", "duplicate", None),
    Row("gate", "exception", "Refused", "exception 2 (illegal data address)", value=2),
    Row("gate", "exception", "Refused", "exception 4 (device failure)", value=4),
    Row("gate", "exception", "NoAnswer", "the gateway did not reach", value=11),
    Row("rtu", "bad-crc", "BadAnswer", "checksum"),
    Row("rtu", "truncated", "BadAnswer", "cut"),
    Row("one", "silent", "NoAnswer", SILENT),
    Row("cut", "dropped-connections", "Unreachable", "the connection broke", value=3),
    Row("talk", "second-master", "BadAnswer", value=0.03),
    Row("talk", "collision", "NoAnswer", SILENT, value=1.204),
    Row("v2", "silent", "NoAnswer", SILENT),
    Row("v2", "delay", "NoAnswer", SILENT, value=LATE_S),
    Row("v2", "truncated", "BadAnswer", "the answer is not SNMP"),
    Row("v2", "duplicate", None),
    Row("v2", "wrong-transaction", "NoAnswer", SILENT),
    Row("v2", "too-big", "Refused", "refuses everything"),
    Row("v2", "gen-err", "Refused", "refuses everything"),
    Row("v2", "missing", None, share=0.5, field_fault="refused"),
    Row("v2", "looping", None, field_fault="refused"),
    Row("v1", "silent", "NoAnswer", SILENT),
    Row("v1", "gen-err", "Refused", "refuses everything"),
    Row("v3", "silent", "NoAnswer", SILENT),
    Row("v3", "truncated", "BadAnswer"),
    Row("v3", "gen-err", "Refused", "refuses everything"),
    Row("v3", "engine-reboot", None),
    Row("v3", "time-jump", None, value=3600),
)
BUSES = {
    "line": "serial: 115200",
    "gate": "modbus_tcp: 0",
    "rtu": "rtu_over_tcp: 0",
    "one": "modbus_tcp: 0, one_at_a_time: true",
    "cut": "modbus_tcp: 0",
    "talk": "serial: 115200",
}
NAMED = {f"{row.wire}-{number}-{row.kind}": row for number, row in enumerate(ROWS)}
WIRES = {name: row for name, row in NAMED.items() if row.wire in BUSES}
CARDS = {name: row for name, row in NAMED.items() if row.wire not in BUSES}
WELL_CARDS = {f"{wire}-well": wire for wire in ("v1", "v2", "v3")}
TOGETHER = {"dropped-connections", "second-master", "collision"}
"""Faults that no master can keep from the units beside: they share what is spoilt."""
LACKING = 'firmware: "1.0", lacks: "182-223", '


def ill(name: str) -> str:
    return f"{name}.ill"


def well(name: str) -> str:
    return f"{name}.well"


def scenario() -> str:
    parts = ["name: wires", "about: One fault a wire.", "buses:"]
    parts += [f"  {name}: {{{BUSES[row.wire]}}}" for name, row in WIRES.items()]
    parts.append("units:")
    for name, row in WIRES.items():
        model = "classic" if row.wire in ("gate", "rtu") else "hpr"
        lacks = LACKING if row.kind == "firmware" else ""
        rest = f"model: {model}, bus: {name}, rack: r, shelf: {name}"
        parts.append(f"  - {{name: {ill(name)}, unit_id: 64, {lacks}{rest}}}")
        parts.append(f"  - {{name: {well(name)}, unit_id: 65, {rest}}}")
    parts.append("ups:")
    parts += [card(ill(name), row.wire, row.kind) for name, row in CARDS.items()]
    parts += [card(name, wire, "") for name, wire in WELL_CARDS.items()]
    return "\n".join([*parts, ""])


def card(name: str, wire: str, kind: str) -> str:
    model = "ups" if kind == "looping" else "apc-ups"
    keys = ", auth: sha256, privacy: aes128" if wire == "v3" else ""
    return f"  - {{name: {name}, model: {model}, version: {wire[1]}{keys}, rack: r}}"


def put_in(rack: Rack) -> None:
    for name, row in NAMED.items():
        if row.kind != "firmware":
            kind = WireFaultKind(row.kind)
            target = name if row.kind in ("second-master", "dropped-connections") else ill(name)
            fault = WireFault(kind, value=row.value, share=row.share)
            rack.service.fleet.wire_faults[target].append(fault)


def changed(page: Page, unit: str) -> float:
    return page.one("bbu_measurements_changed_timestamp_seconds", unit=unit) or 0.0


def errors(page: Page, unit: str) -> dict[str, float]:
    found = page.of("bbu_poll_errors_total", unit=unit).items()
    return {dict(labels)["cause"]: count for labels, count in found}


def fields(page: Page, unit: str, reason: str) -> set[str]:
    found = page.of("bbu_field_faults_total", unit=unit, reason=reason).items()
    return {dict(labels)["quantity"] for labels, count in found if count > 0}


class Span:
    """What happened between two scrapes."""

    def __init__(self, before: Page, after: Page) -> None:
        self.before, self.after = before, after

    def polls(self, unit: str) -> float:
        """Count the polls of a unit."""
        name = "bbu_polls_total"
        return (self.after.one(name, unit=unit) or 0) - (self.before.one(name, unit=unit) or 0)

    def failed(self, unit: str) -> dict[str, float]:
        """Count the failures of a unit by cause, as far as there are any."""
        old, new = errors(self.before, unit), errors(self.after, unit)
        return {key: new[key] - old.get(key, 0) for key in new if new[key] > old.get(key, 0)}

    def faulty(self, name: str, row: Row) -> set[str]:
        """Give the quantities that are newly counted under the row's reason."""
        reason = str(row.field_fault)
        before = set() if row.kind == "firmware" else fields(self.before, ill(name), reason)
        return fields(self.after, ill(name), reason) - before

    def shown(self, name: str, row: Row) -> bool:
        """Say whether the fault of a row has shown itself for long enough."""
        if row.field_fault is not None and not self.faulty(name, row):
            return False
        if row.cause is None:
            return self.polls(ill(name)) >= POLLS
        if row.kind in TOGETHER:
            return any(self.failed(unit).get(row.cause) for unit in (ill(name), well(name)))
        return self.failed(ill(name)).get(row.cause, 0) >= FAILURES

    def allowed(self) -> float:
        """Give the failures that a well unit may have: what a busy machine does to most."""
        every = [sum(self.failed(well(name)).values()) for name in WIRES]
        return 1 + 2 * median(every)


def misread(rack: Rack, page: Page) -> list[str]:
    """Name the units whose cell voltages on the page are not those of the cells."""
    wrong = set()
    for key, volts in page.of("bbu_cell_voltage_volts").items():
        labels = dict(key)
        cells = rack.service.fleet.modules[labels["unit"]].pack.volts
        if abs(float(cells[int(labels["cell"]) - 1]) - volts) > TOLERANCE_V:
            wrong.add(labels["unit"])
    return sorted(unit for unit in wrong if "bit-errors.ill" not in unit)


async def mistold(agent: Agent, span: Span) -> list[str]:
    """Say which faults the agent does not tell as the rows say."""
    found = []
    for name, row in NAMED.items():
        failed = span.failed(ill(name))
        others = sum(count for cause, count in failed.items() if cause != row.cause)
        if not span.shown(name, row):
            found.append(f"{name} does not show: {failed}, {span.polls(ill(name))} polls")
        if row.kind in TOGETHER:
            continue
        if others > span.allowed():
            found.append(f"{name} counts {failed}")
        if row.cause is None and span.after.one("bbu_up", unit=ill(name)) != 1:
            found.append(f"{name} is not up")
        told = (await agent.unit(ill(name)))["last_error"] or ""
        if row.says not in told and others == 0:
            found.append(f"{name} says {told!r}")
        if row.kind == "stuck" and changed(span.after, ill(name)) >= changed(
            span.after, well(name)
        ):
            found.append(f"{name} is taken for alive")
    return found


def harmed(rack: Rack, span: Span, asked: dict[str, int]) -> list[str]:
    """Say which faults reach further than the unit that they are of."""
    found = [f"{unit} is misread" for unit in misread(rack, span.after)]
    for name, row in WIRES.items():
        failed = span.failed(well(name))
        if row.kind not in TOGETHER and sum(failed.values()) > span.allowed():
            found.append(f"{name} harms its neighbour: {failed}")
        pair = (ill(name), well(name)) if row.kind in TOGETHER else (well(name),)
        if all(span.polls(unit) <= sum(span.failed(unit).values()) for unit in pair):
            found.append(f"{name} holds its neighbour: {failed} of {span.polls(well(name))}")
        # One more may be on its way.
        sent = rack.requests(ill(name)) - asked[name]
        if row.kind == "silent" and sent > span.polls(ill(name)) + 1:
            found.append(f"{name} costs more than one time-out a turn")
    return found


async def test_every_fault_of_the_wire_is_told_and_kept_to_itself(make_rack: MakeRack) -> None:
    rack = await make_rack(scenario())
    agent = await rack.agent(rack.document() | {"poll": POLL})
    units = 2 * len(WIRES) + len(CARDS) + len(WELL_CARDS)
    before = await agent.when(lambda page: len(page.up()) == units, "all units are up")
    asked = {name: rack.requests(ill(name)) for name in WIRES}
    put_in(rack)
    clock = asyncio.get_running_loop().time
    end_s = clock() + WITHIN_S
    span = Span(before, before)
    while clock() < end_s and not all(span.shown(*row) for row in NAMED.items()):
        await asyncio.sleep(0.5)
        span = Span(before, await agent.scrape())
    problems = [*harmed(rack, span, asked), *await mistold(agent, span)]
    assert problems == []
    assert not span.after.of("bbu_poll_errors_total", cause="InternalError")
    assert agent.lines("level=error") == []
