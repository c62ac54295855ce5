"""What to do about a unit, in words for the person beside the rack."""

from collections.abc import Iterable

from agent.model import Reason, Verdict

_CODES = {
    "cell_weak": "Plan the exchange of this module: its weak cell ends every discharge early.",
    "cell_resistance": "Check the module's connectors for heat at the next visit; if its "
    "resistance goes on rising, exchange it.",
    "cell_short": "Exchange the module now and keep it away from others: a cell with an inner "
    "short discharges itself and can overheat.",
    "cell_imbalance": "Watch it: if the voltages still spread after the next full charge, let "
    "the maker's tool look at the balancing.",
    "cell_sensor": "Do not trust this cell's voltage; compare it with a meter at the next visit.",
    "current_sensor": "Do not trust this unit's current and charge; compare with the shelf.",
    "cell_stuck": "Do not trust this cell's voltage: its reading stands still. Restart the "
    "module's electronics at the next visit.",
    "cell_unread": "Look at the module's sense wires at the next visit: this cell is not read, "
    "and could be in any state.",
    "cell_swapped": "Find out who changed the wiring or the firmware: the cells are numbered in "
    "another order than before.",
    "current_sign": "Nothing for now: the sign of its current is turned round. Tell the maker, or "
    "correct the profile.",
    "current_offset": "Let the maker's tool set the current sensor to zero; currents are corrected "
    "until then.",
    "temperature_sensor": "Do not trust this temperature; it is left out. Exchange the sensor at "
    "the next visit.",
    "telemetry_frozen": "Restart the unit's controller or the gateway: it repeats old numbers, and "
    "nobody knows how the battery is now.",
    "module_replaced": "Nothing: another module sits there and is learnt anew. Give its age with "
    "commissioned.",
    "peer_outlier": "Compare it with its peers: place and air flow for a temperature, the next "
    "test for the rest.",
    "ride_through_short": "It may not carry the load for the required time: exchange it, or "
    "lower the load of its shelf.",
    "end_of_life_near": "Order a replacement now, while there is time.",
    "device_replace": "Exchange the battery: the device itself asks for it.",
    "device_end_of_life": "Exchange the battery: the device says that its life is over.",
    "device_fault": "Read the device's own log for the cause of the fault.",
    "device_bad_packs": "Find the bad pack in the device's own interface and exchange it.",
    "device_low": "Find out why it is not charged: charger, fuse, or a discharge just before.",
    "device_health_low": "Compare with our estimate below; plan the exchange if both agree.",
    "battery_absent": "Put a battery in: the device finds none.",
    "self_test_failed": "Repeat the self-test when the shelf can spare the unit; exchange it if "
    "it fails again.",
    "self_test_warning": "Repeat the self-test when the shelf can spare the unit.",
    "not_answering": "Check its power, its line and its address. The agent goes on asking and "
    "shows it here as soon as it answers.",
    "nothing_known": "Give this unit a way to tell: a self-test, or a profile that reads its "
    "cells.",
}
_BY_VERDICT = {
    (
        "cell_weak",
        Verdict.WATCH,
    ): "Look again after the next test: one of its cells ages faster than the others.",
    (
        "end_of_life_near",
        Verdict.DEGRADED,
    ): "Plan its exchange: its weakest cell is past its end of life.",
}
"""What a code asks for where its verdict makes another matter of it."""
_EXPLAINED_BY = {"cell_resistance": "cell_weak"}
"""What asks for nothing more where the same cell has the other reason, too."""
_VERDICTS = {
    Verdict.OK: "Nothing. It is expected to carry its load.",
    Verdict.WATCH: "Nothing yet; look again after the next self-test.",
    Verdict.DEGRADED: "Plan its exchange; it still carries load.",
    Verdict.REPLACE: "Exchange it. Until then count on one unit less on its shelf.",
    Verdict.UNKNOWN: "Wait for its first answers and evidence; a self-test gives the best.",
}
MEANINGS = {
    Verdict.REPLACE: "exchange now",
    Verdict.DEGRADED: "plan its exchange",
    Verdict.WATCH: "look again soon",
    Verdict.UNKNOWN: "not known now",
    Verdict.OK: "will carry its load",
}
"""Each verdict in a few words, from bad to good."""


def advice(verdict: Verdict, reasons: Iterable[Reason]) -> tuple[str, ...]:
    """Give what to do, for the worst reasons first, each thing once."""
    reasons, urgency = tuple(reasons), list(MEANINGS)
    given = {(reason.code, reason.cell) for reason in reasons}
    found: dict[str, Verdict] = {}
    for reason in sorted(reasons, key=lambda one: urgency.index(one.verdict)):
        if (_EXPLAINED_BY.get(reason.code), reason.cell) not in given:
            found.setdefault(reason.code, reason.verdict)
    order = list(_CODES)
    told = sorted(found.keys() & _CODES.keys(), key=order.index)
    told.sort(key=lambda code: urgency.index(found[code]))
    said = [_BY_VERDICT.get((code, found[code]), _CODES[code]) for code in told]
    return tuple(said) or (_VERDICTS[verdict],)
