"""Which fields tell of a discharge, and so are read at every turn of one. Pure."""

from collections.abc import Iterable

from agent.model import Register
from agent.profiles.schema import Cadence, Field, Profile, Words

VITAL = frozenset(
    {
        *("battery_current", "battery_voltage", "battery_power", "cell_voltage"),
        *("on_battery", "seconds_on_battery", "output_source"),
        *("charging", "discharging", "self_test_running"),
    }
)
COUNTERS = frozenset({"discharge_events", "discharge_throughput", "self_test_count"})
"""The device's own counts, by which discharges between two polls are seen."""


_GLANCE = ("battery_voltage", "battery_current")
_GLANCE_WORDS = 8


def vital_fields(profile: Profile) -> tuple[Field, ...]:
    """Give the fast fields of ``profile`` that tell of a discharge.

    With them come the fields that lie in the same words and so cost nothing. A family that
    has no vital field gives all of its fast ones.
    """
    fast = [row for row in profile.fields if row.cadence is Cadence.FAST]
    wanted = [row for row in fast if row.quantity in VITAL]
    words = {register for row in wanted for register in _registers(row.places)}
    chosen = [
        row
        for row in fast
        if row.quantity in VITAL
        or (_registers(row.places) and words.issuperset(_registers(row.places)))
    ]
    return tuple(chosen or fast)


def counter_fields(profile: Profile) -> tuple[Field, ...]:
    """Give the slow fields of ``profile`` that count discharges and tests."""
    return tuple(
        row
        for row in profile.fields
        if row.quantity in COUNTERS and row.cadence is Cadence.SLOW and row.index is None
    )


def glance_fields(profile: Profile) -> tuple[Field, ...]:
    """Give current and voltage of the pack where one short request brings them; () where not.

    Read between two passes they tell to some hundredths of a second when a load comes or goes.
    """
    found = {
        row.quantity: row
        for row in profile.fields
        if row.quantity in _GLANCE
        and row.cadence is Cadence.FAST
        and (row.index, row.scale_from) == (None, None)
        and isinstance(row.where, Words)
    }
    registers = sorted(register for row in found.values() for register in _registers([row.where]))
    together = len({at.table for at in registers}) == 1 and (
        registers[-1].address - registers[0].address < _GLANCE_WORDS
    )
    return tuple(found.values()) if len(found) == len(_GLANCE) and together else ()


def _registers(places: Iterable[object]) -> set[Register]:
    return {
        register for place in places if isinstance(place, Words) for register in place.registers
    }
